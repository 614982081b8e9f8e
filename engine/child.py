"""A recording that goes on with somebody new in it: the market as recorded, our world on paper from here on.

The recorded market cannot be changed, so a shock or an order in a replay opens a child session. It takes the
market's own events from the parent's recording, leaves out what the parent's agents and people did on paper, and
is recorded as a session of its own that names its parent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import msgspec
import numpy as np

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, Batch, BatchBuilder
from engine.checkpoint import unpack
from engine.core import State, listed
from engine.events import Agents, FeedStatus, Kind, Listed, Said, Shock
from engine.frame.host import Transport
from engine.kernels.level_book import ASK, BID, EMPTY, KNOWN, levels_of
from engine.kernels.market import UPDATE_ID
from engine.ports import Checkpoint, Command, Jump, Seek, Source, tag_of
from engine.risk.books import RiskState
from engine.symbol import SymbolState

_OURS = (Agents, Said, Shock)


class Continued:
    """`engine.ports.Source`: what `source` has after `ts`, without what was ours on paper in it.

    `known` are the instruments by then. Where events are missing in `source` each book breaks off and comes anew.
    """

    def __init__(self, source: Source, ts: int, note: str, known: Iterable[Listed] = ()) -> None:
        self._source = source
        self._ts = ts  # of the last batch
        self._note = note
        self._known = {item.symbol: item for item in known}

    @property
    def accepts(self) -> frozenset[str]:
        return self._source.accepts & {"pause", "speed", "view"}

    @property
    def transport(self) -> Transport:
        return msgspec.structs.replace(self._source.transport, label="CHILD", note=self._note)

    async def batches(self) -> AsyncIterator[Batch | Jump]:
        await self._source.command(Seek(self._ts))
        async for item in self._source.batches():
            if isinstance(item, Jump):
                if item.checkpoint is not None and item.checkpoint.ts > self._ts:
                    self._ts = item.checkpoint.ts
                    yield over_gap(item.checkpoint, self._known)
            elif len(item) and int(item.rows[-1]["ts_recv"]) > self._ts:
                self._ts = int(item.rows[-1]["ts_recv"])
                self._known |= {note.symbol: note for note in item.notes if isinstance(note, Listed)}
                yield without_ours(item)

    async def command(self, command: Command) -> None:
        if tag_of(command) in self.accepts:
            await self._source.command(command)

    async def close(self) -> None:
        await self._source.close()


def without_ours(batch: Batch) -> Batch:
    """The market's own events: no orders, fills, shocks or agents' books of a paper world."""
    rows = batch.rows
    ours = (rows["kind"] == Kind.ORDER) | (rows["kind"] == Kind.FILL)
    for at in np.flatnonzero(rows["kind"] == Kind.NOTE).tolist():
        note = batch.notes[int(rows[at]["level_start"])]
        if isinstance(note, _OURS):
            ours[at] = True
    return Batch(rows[~ours], batch.levels, batch.notes) if ours.any() else batch


def over_gap(checkpoint: Checkpoint, known: dict[int, Listed]) -> Batch:
    """Missing events as a session can live through them: every book breaks off, and begins again as it is behind them.

    Enters what is listed there in `known`. Raises BadCheckpoint.
    """
    state, out = unpack(checkpoint.blob), BatchBuilder()
    for item in listed(state):
        symbol = state.symbols[item.symbol]
        if known.get(item.symbol) != item:
            known[item.symbol] = item
            out.add_note(item, checkpoint.ts, item.symbol)
        _say(out, symbol, "GAP", item.symbol, checkpoint.ts, "events are missing in the parent's recording")
        if symbol.doubt:  # its book is empty until the venue's next snapshot
            _say(out, symbol, "SNAPSHOT_WAIT", item.symbol, checkpoint.ts, symbol.reason)
            continue
        _snapshot(out, symbol, item.symbol, checkpoint.ts)
        _say(out, symbol, symbol.book_state, item.symbol, checkpoint.ts, symbol.reason)
    out.add(Kind.TICK, checkpoint.ts, symbol=-1)
    return out.take()


def _say(out: BatchBuilder, symbol: SymbolState, state: str, index: int, ts: int, reason: str) -> None:
    venue = symbol.instrument.venue
    out.add_note(FeedStatus(venue, state, index, reason, trading=symbol.trading), ts, index)


def _snapshot(out: BatchBuilder, symbol: SymbolState, index: int, ts: int) -> None:
    """The book as far as it was known, where there is one; then the levels that updates told of further away."""
    book, known, further, flags = symbol.market.book, [], [], 0
    for side, whole in ((BID, BIDS_WHOLE), (ASK, ASKS_WHOLE)):
        levels, furthest = levels_of(book, side), int(book.head[side, KNOWN])
        flags |= whole if furthest == EMPTY else 0
        near = (levels[:, 0] if side == ASK else -levels[:, 0]) <= furthest
        near |= furthest == EMPTY
        known.append([(int(price), int(lots)) for price, lots in levels[near].tolist()])
        further.append([(int(price), int(lots)) for price, lots in levels[~near].tolist()])
    update = int(symbol.market.now[UPDATE_ID])
    if any(known):
        out.add_levels(Kind.SNAPSHOT, ts, *known, symbol=index, last_id=update, flags=flags)
    if any(further):
        out.add_levels(Kind.DELTA, ts, *further, symbol=index, first_id=update, last_id=update)


def parted(state: State) -> State:
    """The state of the parent without what was on paper there: where a child begins."""
    state.resting.clear()
    state.agents = None
    state.profits.clear()
    state.risk = RiskState()
    return state
