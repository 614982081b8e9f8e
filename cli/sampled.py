"""A recording second by second, as the sample that stylised facts are measured on: folded as every session folds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.events import Derived, Kind
from engine.lab.stylised import Sample
from engine.lab.validation import Live
from engine.ports import Command, Jump
from engine.session import Session

if TYPE_CHECKING:
    from engine.batch import Batch
    from engine.core import State
    from engine.frame import Transport
    from store.replay import ReplaySource

TICKS_A_SECOND = 10
_COLUMNS = (
    6  # bid, ask, trades so far, volume so far, order flow imbalance of the second, round trip in ticks
)


class _Tapped:
    """A source that passes on what another says up to its first gap, and remembers the sides of trades."""

    def __init__(self, source: ReplaySource) -> None:
        self._source = source
        self._begun = False
        self.sides: list[np.ndarray] = []
        self.accepts: frozenset[str] = frozenset()

    @property
    def transport(self) -> Transport:
        return self._source.transport

    async def batches(self) -> AsyncIterator[Batch | Jump]:
        async for item in self._source.batches():
            if isinstance(item, Jump):
                if self._begun:
                    return
            else:
                self._begun = True
                rows = item.rows
                self.sides.append(rows["side"][(rows["kind"] == Kind.TRADE) & (rows["symbol"] == 0)].copy())
            yield item

    async def command(self, command: Command) -> None:
        await self._source.command(command)

    async def close(self) -> None:
        await self._source.close()


class _Seconds:
    """Observes a session: a row every ten ticks, NaN while the book is not to be trusted."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, ...]] = []
        self._ticks = 0

    def __call__(self, state: State, derived: Sequence[Derived]) -> None:
        symbol = state.symbols.get(0)
        if symbol is None:
            return
        self._ticks += 1
        if self._ticks % TICKS_A_SECOND:
            return
        bid, ask = symbol.feature("best_bid_ticks"), symbol.feature("best_ask_ticks")
        cost, flow = symbol.feature("round_trip_bps"), symbol.feature("ofi")
        traded, volume = symbol.trade_count, symbol.feature("volume") or 0.0
        if not symbol.trusted or bid is None or ask is None:
            self.rows.append((np.nan, np.nan, traded, volume, 0.0, np.nan))
            return
        ticks = np.nan if cost is None else cost * 1e-4 * 0.5 * (bid + ask)
        self.rows.append((bid, ask, traded, volume, flow or 0.0, ticks))


def sampled(path: Path) -> Live:
    """The first instrument of a recording, up to its first gap. Raises UserError where nothing can be measured."""
    from cli.errors import UserError
    from store.errors import StoreError
    from store.recording import Recording
    from store.replay import ReplaySource

    try:
        source = _Tapped(ReplaySource(Recording(path), speed=0.0, hold_at_end=False))
        session, seconds = Session(source), _Seconds()
        session.observers.append(seconds)
        asyncio.run(session.run())
    except StoreError as error:
        raise UserError(str(error)) from None
    symbol = session.state.symbols.get(0)
    rows = np.array(seconds.rows).reshape(-1, _COLUMNS)
    known = np.flatnonzero(~np.isnan(rows[:, 0]))
    if symbol is None or len(known) < 2:
        raise UserError(f"expected a recording with a book in it, found none in {path.name}")
    rows = rows[known[0] :]  # the first second serves for the counts before the others
    counts = np.diff(rows[:, 2:4], axis=0)
    signs = np.concatenate(source.sides).astype(np.float64)[int(rows[0, 2]) : int(rows[-1, 2])]
    instrument = symbol.instrument
    price = 0.5 * (rows[0, 0] + rows[0, 1])
    sample = Sample(
        bid=rows[1:, 0],
        ask=rows[1:, 1],
        trades=counts[:, 0],
        volume=counts[:, 1] / float(instrument.lot.value),
        ofi=rows[1:, 4],
        round_trip=rows[1:, 5],
        doubt=np.full(len(counts), np.nan),
        signs=signs,
    )
    return Live(
        f"{instrument.venue}:{instrument.symbol}", 1e4 / price, session.state.setup.round_trip_quote, sample
    )
