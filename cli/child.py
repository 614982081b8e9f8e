"""A child session: a shock or an order in what is only being watched goes on from there, with a world of our own.

The market is the parent's recording; what trades in it from here on is on paper. The child is recorded as a session
that names its parent and the event it left it at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cli.settings import Settings

if TYPE_CHECKING:
    from engine.desk import OpenChild
    from engine.frame import Frame
    from engine.frame.host import Host
    from engine.ports import Producer, Sink
    from engine.session import Session
    from store.plan import Plan


class Worlds(Protocol):
    """Makes the world that trades in a child; `cli.paper.PaperWorlds` is one."""

    @property
    def ready(self) -> bool: ...

    async def make(self) -> Producer: ...


OUR_WORLD = "the market as recorded, our agents on paper"
OF_A_STORY = "· ours on paper"  # behind what must be said of it at all times
ACTING_SPEED = 8.0  # at most, where a story's pace was followed: what one does oneself wants to be watched


def child_opener(
    settings: Settings,
    parent: Callable[[], Path | None],
    worlds: Worlds,
    say: Callable[[str], None],
    *,
    follow: bool = False,
    plan: Plan | None = None,
) -> OpenChild:
    """What `engine.desk.Desk` opens a child with; `parent` names the recording that is watched, if there is one.

    `follow`: another session still writes it. `plan`: it is of a story, which goes on being told.
    """

    async def open_child(
        front: Session, publish: Callable[[Frame], None], host: Callable[[Host], Host]
    ) -> Session | None:
        from engine.checkpoint import pack, unpack
        from engine.child import Continued, parted
        from engine.core import listed
        from engine.session import Session
        from store.errors import StoreError
        from store.recording import Recording
        from store.replay import ReplaySource

        if not worlds.ready:
            say("the paper venue is still being compiled; try again in a moment")
            return None
        path = parent()
        if path is None:
            say("nothing is recorded here that a child session could go on from")
            return None
        paper = await worlds.make()
        state = parted(unpack(pack(front.state)))
        try:
            recording = Recording(path)
        except StoreError as error:
            say(f"no session could be opened from here: {error}")
            return None
        names = [symbol.instrument.symbol for symbol in state.symbols.values()]
        make_sink = _sink_maker(settings, names, state.ts, (recording.header.id, state.seq), path.stem, say)
        transport = front.source.transport
        speed = min(transport.speed, ACTING_SPEED) if transport.auto else transport.speed
        source = ReplaySource(recording, speed=speed, follow=follow, plan=plan)
        note = f"{plan.note} {OF_A_STORY}" if plan is not None else f"child of {path.stem}: {OUR_WORLD}"
        return Session(
            Continued(source, state.ts, note, listed(state)),
            publish=publish,
            host=host,
            sink=make_sink() if settings.record.on else None,
            make_sink=make_sink,
            state=state,
            producers=[paper],
        )

    return open_child


def _sink_maker(
    settings: Settings,
    symbols: Sequence[str],
    started: int,
    parent: tuple[str, int],
    name: str,
    say: Callable[[str], None],
) -> Callable[[], Sink | None]:
    def make() -> Sink | None:
        from cli.recording import catalogue_of
        from store.errors import StoreError
        from store.header import new_header
        from store.recorder import Recorder

        try:
            path = catalogue_of(settings).new_path((*symbols[:2], "child"), started)
            return Recorder(path, new_header(f"child of {name}", started, parent=parent))
        except (StoreError, OSError) as error:
            say(f"not recording: {error}")
            return None

    return make
