"""`microtui sim`: a market of agents, on the screen or as JSON lines. No network, no key, no data."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.durations import Duration, Speed
from cli.headless import LinePrinter

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.core import State
    from engine.desk import Desk
    from engine.events import Derived
    from engine.frame import Frame
    from engine.frame.host import Host, Recording
    from engine.market.source import SimSource
    from engine.ports import Sink
    from engine.scenario import Planned, Scenario
    from engine.session import Session
    from store.replay import ReplaySource
    from tui.bridge import Bridge

MAX_SECONDS = 1_000_000
LOOK_EVERY_NS = 5_000_000_000
HEADLESS_START_NS = 1_767_225_600_000_000_000  # 2026-01-01 00:00 UTC: equal seeds print equal lines


@click.command()
@click.argument("scenario", required=False, default="default", metavar="[SCENARIO|FILE]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Another run of the same scenario.")
@click.option("--speed", type=Speed(), help="0.25 to 64, or max. [default: 1 on the screen, max headless]")
@click.option("--headless", is_flag=True, help="No screen: one JSON object a line on stdout.")
@click.option("--steps", type=click.IntRange(1, MAX_SECONDS), help="End after so many simulated seconds.")
@click.option(
    "--interval", "interval_s", type=Duration(), default="5s", show_default=True, help="Between lines."
)
@click.option(
    "--record/--no-record", default=None, help="Record the session (on unless the settings say not)."
)
@click.option("--shock", metavar="SHOCK", help="Such as sell:500/60s, cascade:longs:300 or halt/30s.")
@click.option(
    "--at", "at_s", type=Duration(), help="When the shock comes, since the start. [default: at once]"
)
@click.option("--list", "listing", is_flag=True, help="The scenarios that come with microtui.")
def sim(
    scenario: str,
    seed: int | None,
    speed: float | None,
    headless: bool,
    steps: int | None,
    interval_s: float,
    record: bool | None,
    shock: str | None,
    at_s: float | None,
    listing: bool,
) -> None:
    """Watch a simulated market: a built-in SCENARIO (see --list) or a scenario FILE of your own.

    Makers, informed, noise and arbitrage agents trade on two venues over one matching engine.
    """
    if listing:
        _list()
        return
    if at_s is not None and shock is None:
        raise click.UsageError("--at goes with --shock")
    path = find(scenario)
    planned = _planned(shock, at_s or 0.0)
    if headless:
        _headless(path, planned, seed, 0.0 if speed is None else speed, steps, interval_s, record)
        return
    if steps is not None:
        raise click.UsageError("--steps goes with --headless")
    from cli.export import exporters
    from cli.screen import run_screen

    current: list[Session] = []
    run_screen(
        partial(_build_desk, path, planned, seed, 1.0 if speed is None else speed, record, current),
        title=f"sim {path.stem}",
        exporters=exporters(lambda: current[0].sink.status.path if current and current[0].sink else ""),
    )


def built_in() -> dict[str, Path]:
    """The scenarios that come with microtui, by name, the default first."""
    from cli import paths
    from engine.past.story import is_story

    found = sorted(paths.built_in("replays").glob("*.toml"), key=lambda p: (p.stem != "default", p.stem))
    return {path.stem: path for path in found if not is_story(path)}


def find(name: str) -> Path:
    """The file of a scenario; the error names what there is."""
    from cli import past
    from cli.errors import UserError
    from engine.past.story import is_story

    known = built_in()
    if name in known:
        return known[name]
    story = past.find(name)
    if story is not None and is_story(story):
        raise UserError(
            f"{name[:80]} is a story of the past, not a scenario; `microtui replay {name[:80]}` plays it"
        )
    if Path(name).is_file():
        return Path(name)
    names = ", ".join(known)
    raise UserError(f"expected a scenario or a file, found {name[:80]!r}; there are {names}")


def _list() -> None:
    from engine.scenario import read

    for name, path in built_in().items():
        found = read(path)
        counts = found.counts
        agents = counts.maker + counts.informed + counts.noise + counts.arbitrage
        agents += sum(own.count for own in found.own)
        click.echo(f"{name:<10} {agents:>4} agents  {found.about}")


def read_scenario(path: Path, say: Callable[[str], None]) -> Scenario:
    """The scenario of a file, its families of one's own chosen; before a market is loaded. A fault is a UserError."""
    from cli import paths
    from cli.errors import UserError
    from engine.agents.families import load, use
    from engine.scenario import BadScenario, read

    families = load(paths.config_folder() / "agents")
    for problem in families.problems:
        say(f"left out: {problem}")
    try:
        scenario = read(path, families)
    except BadScenario as error:
        raise UserError(str(error)) from None
    use(families.jitted[own.name] for own in scenario.own)
    return scenario


def _planned(shock: str | None, at_s: float) -> tuple[Planned, ...]:
    """The shock of the command line as a scenario has it; a fault in it is a UserError."""
    from cli.errors import UserError
    from engine.scenario import Planned
    from engine.shocks import BadShock, parse

    if shock is None:
        return ()
    try:
        parse(shock)
    except BadShock as error:
        raise UserError(f"--shock: {error}") from None
    return (Planned(at_s, shock),)


def _with_shocks(scenario: Scenario, planned: tuple[Planned, ...]) -> Scenario:
    import msgspec

    return msgspec.structs.replace(scenario, shocks=(*scenario.shocks, *planned))


async def _build_desk(
    path: Path,
    planned: tuple[Planned, ...],
    seed: int | None,
    speed: float,
    record: bool | None,
    current: list[Session],
    bridge: Bridge,
) -> Desk:
    from cli.host import HostMeter
    from cli.kernels import warm_kernels
    from cli.settings import load_settings

    bridge.progress = "reading the settings"
    settings = load_settings()
    meter = HostMeter()
    scenario = _with_shocks(read_scenario(path, meter.messages.append), planned)
    await warm_kernels(lambda text: setattr(bridge, "progress", text))
    await _warm_market(lambda text: setattr(bridge, "progress", text))
    bridge.progress = "opening the market"
    from cli.recording import tidy
    from cli.sim_child import child_opener
    from engine.desk import Desk
    from engine.futures.what_if import WhatIfs
    from engine.market.source import SimSource
    from store.recording import Recording
    from store.replay import ReplaySource

    tidy(settings, meter.messages.append)

    def make_session(publish: Callable[[Frame], None], host: Callable[[Host], Host]) -> Session:
        source = _source(scenario, seed, settings, speed)
        session = _session(source, settings, record, meter.messages.append, publish=publish, host=host)
        session.observers.append(_Troubles(source, meter.messages.append))
        current.append(session)
        return session

    def open_rewind() -> ReplaySource | None:
        sink = desk.main.sink
        return ReplaySource(Recording(sink.status.path), label="REWIND", follow=True) if sink else None

    def market_at(ts: int) -> SimSource:
        source = desk.main.source
        assert isinstance(source, SimSource)  # noqa: S101  made above
        return source.rerun(ts)

    what_ifs = WhatIfs(rerun=market_at)
    say = meter.messages.append

    def make_sink(child: SimSource, parent: tuple[str, int]) -> Sink | None:
        return _sink_maker(child, settings, say, parent)() if desk.main.sink is not None else None

    open_child = child_opener(lambda: desk.main, make_sink)
    desk = Desk(bridge.publish, make_session, meter, open_rewind, say, open_child, what_ifs)
    return desk


class _Troubles:
    """An observer that tells what a person's own families did wrong, once a family."""

    def __init__(self, source: SimSource, say: Callable[[str], None]) -> None:
        self._source, self._say = source, say
        self._told: set[str] = set()
        self._looked_at = 0

    def __call__(self, state: State, derived: Sequence[Derived]) -> None:
        from engine.agents.others import troubles

        if not self._source.scenario.own or state.ts - self._looked_at < LOOK_EVERY_NS:
            return
        self._looked_at = state.ts
        market = self._source.market
        for trouble in troubles(market.family, market.memory):
            family = trouble.partition(":")[0]
            if family not in self._told:
                self._told.add(family)
                self._say(trouble)


async def _warm_market(say: Callable[[str], None]) -> None:
    """Compile the agents in a child process, whose compiler keeps no key of this one waiting."""
    from engine.futures.warm import is_warm

    if await asyncio.to_thread(is_warm):
        return
    say("first start: compiling the market, about half a minute")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "engine.futures.warm",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await child.wait()
    finally:
        if child.returncode is None:
            child.kill()


def _source(
    scenario: Scenario,
    seed: int | None,
    settings: Settings,
    speed: float,
    seconds: int | None = None,
    started: int | None = None,
) -> SimSource:
    from engine.feeds.clock import SystemClock
    from engine.market.source import SimSource

    return SimSource(
        scenario,
        scenario.seed if seed is None else seed,
        SystemClock(),
        setup=settings.setup(),
        speed=speed,
        seconds=seconds,
        started=started,
    )


def _session(
    source: SimSource,
    settings: Settings,
    record: bool | None,
    say: Callable[[str], None],
    publish: Callable[[Frame], None] | None = None,
    host: Callable[[Host], Host] = lambda host: host,
) -> Session:
    from cli.reading import synthetic
    from engine.regimes.service import Refits
    from engine.session import Session

    watched, refits = publish is not None, Refits()
    posts = [synthetic(source)] if watched or source.scenario.world.hears == "posts" else []
    make_sink = _sink_maker(source, settings, say)
    on = settings.record.on if record is None else record
    return Session(
        source,
        publish=publish,
        host=host,
        sink=make_sink() if on else None,
        make_sink=make_sink,
        # Headless, nobody reads posts but agents that listen to them; and when a fit is done is the machine's affair,
        # equal seeds print equal lines.
        producers=[*posts, refits] if watched else posts,
        beside=[refits.run] if watched else [],
    )


def _sink_maker(
    source: SimSource,
    settings: Settings,
    say: Callable[[str], None],
    parent: tuple[str, int] | None = None,
) -> Callable[[], Sink | None]:
    """Begins a recording that names scenario, seed and hash; or says why it cannot, and the session goes on.

    `parent`: the id of the session that it goes on from, and the number of the first event of its own.
    """

    def make() -> Sink | None:
        from cli.recording import catalogue_of
        from store.errors import StoreError
        from store.header import new_header
        from store.recorder import Recorder

        scenario, started = source.scenario, source.transport.end
        try:
            file = catalogue_of(settings).new_path(
                (f"sim-{scenario.name}", *(("child",) if parent else ())), started
            )
            file.parent.mkdir(parents=True, exist_ok=True)
            named = f"sim {scenario.name} seed {source.seed} {scenario.hash[:16]}"
            return Recorder(file, new_header(named, started, parent=parent))
        except (StoreError, OSError) as error:
            say(f"not recording: {error}")
            return None

    return make


class SimPrinter(LinePrinter):
    """Rows as everywhere, and one at the end for the agents, the scenario, and what was told of shocks."""

    def __init__(self, source: SimSource, interval_s: float) -> None:
        super().__init__(interval_s)
        self._source = source
        self._told: list[dict[str, Any]] = []

    def __call__(self, state: State, derived: Sequence[Derived]) -> None:
        from engine.events import Alert

        for alert in derived:
            if isinstance(alert, Alert) and alert.kind in ("SHOCK", "FILL", "SAID"):
                at_s = round((alert.ts - state.started) / 1e9, 1)
                self._told.append({"at_s": at_s, "kind": alert.kind, "text": alert.text})
        super().__call__(state, derived)

    def last(self, state: State, recording: Recording, notes: Sequence[str] = ()) -> None:
        from engine.frame import View
        from engine.picture import picture

        super().last(state, recording, notes)
        now = picture(state, View()).agents
        families = now.families if now is not None else ()
        self._print(
            {
                "scenario": self._source.scenario.name,
                "seed": self._source.seed,
                "hash": self._source.scenario.hash,
                "agents": {f.name: _family_row(f) for f in families},
                "told": self._told,
            }
        )


def _family_row(family: Any) -> dict[str, Any]:
    return {
        "n": family.count,
        "inventory": round(family.position, 6),
        "pnl": round(family.pnl, 2),
        "fees": round(family.fees, 2),
        "fills": family.fills,
    }


def _headless(
    path: Path,
    planned: tuple[Planned, ...],
    seed: int | None,
    speed: float,
    steps: int | None,
    interval_s: float,
    record: bool | None,
) -> None:
    from cli.headless import run
    from cli.recording import tidy
    from cli.settings import load_settings

    settings = load_settings()
    say = partial(click.echo, err=True)
    scenario = _with_shocks(read_scenario(path, say), planned)
    tidy(settings, say)
    source = _source(scenario, seed, settings, speed, steps, HEADLESS_START_NS)
    run(lambda: _session(source, settings, record, say), SimPrinter(source, interval_s))
