"""The paper world of a session: our agents as the settings want them, and the venue they and the person trade on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from cli import paths
from cli.kernels import warm_in_child
from cli.settings import Settings
from engine.text import clean

if TYPE_CHECKING:
    from engine.agents.families import Families
    from engine.agents.plain import Trader
    from engine.ports import Producer
    from engine.scenario import Scenario
    from engine.session import Session

Say = Callable[[str], None]


def choose_families(settings: Settings, say: Say) -> Families:
    """The person's own agent families; those that trade are compiled in. Before a market's kernels are loaded."""
    from engine.agents.families import load, use

    families = load(paths.config_folder() / "agents")
    for problem in families.problems:
        say(f"left out: {problem}")
    known = {*settings.agents.built_in(), *families.jitted, *families.plain}
    for name in sorted(settings.agents.counts.keys() - known):
        say(f"agents.counts.{clean(name, 30)}: expected one of {', '.join(sorted(known))}")
    counts = settings.agents.of_own(families.jitted)
    use(family for name, family in sorted(families.jitted.items()) if counts[name])
    return families


class PaperWorlds:
    """Makes paper worlds for the sessions of a screen. The venue is compiled beside everything else, if need be."""

    def __init__(self, settings: Settings, families: Families, agents: bool, say: Say) -> None:
        self._settings, self._families, self._agents, self._say = settings, families, agents, say
        self._compiling = asyncio.create_task(self._compile())
        self._joining: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether `make` need not wait for the compiler."""
        return self._compiling.done()

    async def make(self) -> Producer:
        """A world of its own for one session."""
        await asyncio.shield(self._compiling)
        return await asyncio.to_thread(_made, self._settings, self._families, self._agents)

    def join(self, session: Session) -> None:
        """Our world joins a session that runs already, as soon as it can."""
        self._joining = asyncio.create_task(self._join(session))

    async def _join(self, session: Session) -> None:
        try:
            session.producers = (*session.producers, await self.make())
        except Exception as error:
            self._say(f"our agents do not trade: {error}")

    async def _compile(self) -> None:
        from engine.paper.warm import is_warm

        if not await asyncio.to_thread(is_warm):
            self._say("first start: compiling the paper venue; the market goes on meanwhile")
            await warm_in_child("engine.paper.warm", lambda line: None)
            self._say("the paper venue is compiled")


def _made(settings: Settings, families: Families, agents: bool) -> Producer:
    """In a thread of its own: loading what was compiled takes a second."""
    from engine.paper.producer import Paper
    from engine.paper.warm import warm

    warm()
    rules = settings.agents.rules()
    if not agents:
        return Paper(None, rules)
    return Paper(_scenario(settings, families), rules, plain=_plain(settings, families))


def _scenario(settings: Settings, families: Families) -> Scenario | None:
    from engine.scenario import parse

    wanted = settings.agents.built_in() | settings.agents.of_own(families.jitted)
    if not any(wanted.values()):
        return None
    text = "\n".join(["[counts]", "noise = 0", *(f"{name} = {count}" for name, count in wanted.items())])
    return parse(text, "the agents of the settings", families=families)


def _plain(settings: Settings, families: Families) -> list[Trader]:
    from engine.agents.plain import Trader

    return [
        Trader(families.plain[name], families.plain[name].params(), number, number)
        for name, count in sorted(settings.agents.of_own(families.plain).items())
        for number in range(count)
    ]
