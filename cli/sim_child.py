"""A child of a simulated session: a shock or an order in a rewind goes on from there, the whole market with it.

The market is run again from its start with the same past, which is exact, and from there on it is another one. It is
recorded as a session that names its parent and the event it left it at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.desk import OpenChild
    from engine.frame import Frame
    from engine.frame.host import Host
    from engine.market.source import SimSource
    from engine.ports import Sink
    from engine.session import Session

    MakeSink = Callable[[SimSource, tuple[str, int]], Sink | None]


def child_opener(main: Callable[[], Session], make_sink: MakeSink) -> OpenChild:
    """What `engine.desk.Desk` opens a child with. `main` is the session that is simulated, and recorded."""

    async def open_child(
        front: Session, publish: Callable[[Frame], None], host: Callable[[Host], Host]
    ) -> Session | None:
        from cli.reading import synthetic
        from engine.checkpoint import pack, unpack
        from engine.market.source import SimSource
        from engine.regimes.service import Refits
        from engine.session import Session
        from store.recording import Recording

        source, sink = main().source, main().sink
        if not isinstance(source, SimSource) or sink is None:
            return None
        path = Path(sink.status.path)
        state = unpack(pack(front.state))
        parent = (Recording(path).header.id, state.seq)
        note = f"child of {path.stem}: the same market until here, another one from here on"
        child = await asyncio.to_thread(source.rerun, state.ts, note)

        refits = Refits()

        def make() -> Sink | None:
            return make_sink(child, parent)

        return Session(
            child,
            publish=publish,
            host=host,
            sink=make(),
            make_sink=make,
            state=state,
            producers=[synthetic(child), refits],
            beside=[refits.run],
        )

    return open_child
