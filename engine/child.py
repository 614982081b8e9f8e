"""A recording that goes on with somebody new in it: the market as recorded, our world on paper from here on.

The recorded market cannot be changed, so a shock or an order in a replay opens a child session. It takes the
market's own events from the parent's recording, leaves out what the parent's agents and people did on paper, and
is recorded as a session of its own that names its parent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import numpy as np

from engine.batch import Batch
from engine.core import State
from engine.events import Agents, Kind, Post, Said, Scored, Shock
from engine.frame import Transport
from engine.ports import Command, Jump, Seek, Source

_OURS = (Agents, Said, Shock)


class Continued:
    """`engine.ports.Source`: what `source` has after `ts`, without what was ours on paper in it."""

    def __init__(self, source: Source, ts: int, note: str) -> None:
        self._source = source
        self._ts = ts
        self._note = note

    @property
    def accepts(self) -> frozenset[str]:
        return self._source.accepts & {"pause", "speed", "view"}

    @property
    def transport(self) -> Transport:
        return msgspec.structs.replace(self._source.transport, label="CHILD", note=self._note)

    async def batches(self) -> AsyncIterator[Batch | Jump]:
        await self._source.command(Seek(self._ts))
        async for item in self._source.batches():
            if isinstance(item, Batch) and len(item) and int(item.rows[-1]["ts_recv"]) > self._ts:
                yield without_ours(item)

    async def command(self, command: Command) -> None:
        await self._source.command(command)

    async def close(self) -> None:
        await self._source.close()


def without_ours(batch: Batch) -> Batch:
    """The market's own events: no orders, fills, shocks or agents' books of a paper world."""
    rows = batch.rows
    ours = (rows["kind"] == Kind.ORDER) | (rows["kind"] == Kind.FILL)
    for at in np.flatnonzero(rows["kind"] == Kind.NOTE).tolist():
        note = batch.notes[int(rows[at]["level_start"])]
        if isinstance(note, _OURS) or (isinstance(note, Post | Scored) and note.synthetic):
            ours[at] = True
    return Batch(rows[~ours], batch.levels, batch.notes) if ours.any() else batch


def parted(state: State) -> State:
    """The state of the parent without what was on paper there: where a child begins."""
    state.resting.clear()
    state.agents = None
    state.profits.clear()
    return state
