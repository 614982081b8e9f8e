"""A recording second by second, as the sample that stylised facts are measured on: folded as every session folds.

A file of raw captured messages (`engine.feeds.capture`) is folded in the same way.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.batch import MISSING, ROW
from engine.events import Derived, Kind
from engine.frame.host import Transport
from engine.lab.calibration_data import Orders, Recorded, market_orders
from engine.lab.stylised import Sample
from engine.lab.validation import Live
from engine.ports import Command, Jump, Source
from engine.session import Session

if TYPE_CHECKING:
    from engine.batch import Batch
    from engine.core import State

TICKS_A_SECOND = 10
# bid, ask, trades so far, volume so far, order flow imbalance of the second, round trip in ticks, session time in ns,
# lots at the best bid and ask
_COLUMNS = 9
_GZIP = b"\x1f\x8b"


class _Captured:
    """A file of raw messages as a source."""

    accepts: frozenset[str] = frozenset()
    transport = Transport()

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches = batches

    async def batches(self) -> AsyncIterator[Batch | Jump]:
        for batch in self._batches:
            yield batch

    async def command(self, command: Command) -> None: ...

    async def close(self) -> None: ...


class _Tapped:
    """A source that passes on what another says up to its first gap, and remembers trades and best prices."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._begun = False
        self.prints: list[np.ndarray] = []
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
                told = (rows["kind"] == Kind.TRADE) | (rows["kind"] == Kind.TOP)
                self.prints.append(rows[told & (rows["symbol"] == 0)].copy())
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
            self.rows.append((np.nan, np.nan, traded, volume, 0.0, np.nan, state.ts, np.nan, np.nan))
            return
        ticks = np.nan if cost is None else cost * 1e-4 * 0.5 * (bid + ask)
        bids, asks = symbol.feature("best_bid_lots") or np.nan, symbol.feature("best_ask_lots") or np.nan
        self.rows.append((bid, ask, traded, volume, flow or 0.0, ticks, state.ts, bids, asks))


def sampled(path: Path) -> Live:
    """The first instrument of a recording, up to its first gap. Raises UserError where nothing can be measured."""
    return recorded(path).live


def located(name: str) -> Path:
    """The file of a recording or a capture; the error names what recordings there are."""
    from cli.replay import find

    path = Path(name)
    return path if path.is_file() and is_capture(path) else find(name)


def is_capture(path: Path) -> bool:
    """Whether a file holds raw messages rather than a recording: captures are packed."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def recorded(path: Path) -> Recorded:
    """The same with its market orders and its grid. Raises UserError."""
    from cli.errors import UserError
    from engine.feeds.errors import FeedError
    from store.errors import StoreError

    try:
        source, seconds = _Tapped(_source(path)), _Seconds()
        session = Session(source)
        session.observers.append(seconds)
        asyncio.run(session.run())
    except (StoreError, FeedError) as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    symbol = session.state.symbols.get(0)
    rows = np.array(seconds.rows).reshape(-1, _COLUMNS)
    known = np.flatnonzero(~np.isnan(rows[:, 0]))
    if symbol is None or len(known) < 2:
        raise UserError(f"expected a recording with a book in it, found none in {path.name}")
    rows = rows[known[0] :]  # the first second serves for the counts before the others
    counts = np.diff(rows[:, 2:4], axis=0)
    prints = np.concatenate(source.prints) if source.prints else np.empty(0, ROW)
    signs = prints["side"][prints["kind"] == Kind.TRADE].astype(np.float64)[
        int(rows[0, 2]) : int(rows[-1, 2])
    ]
    instrument = symbol.instrument
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
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    orders = _orders(prints, int(rows[0, 6])).part(0.0, len(counts))
    quote = session.state.setup.round_trip_quote
    return Recorded(path.name, digest, instrument, quote, sample, orders, rows[1:, 7:9])


def _source(path: Path) -> Source:
    from store.recording import Recording
    from store.replay import ReplaySource

    if is_capture(path):
        from engine.feeds.capture import capture_batches
        from engine.feeds.capture_grid import captured_instrument

        return _Captured(capture_batches(path, captured_instrument(path)))
    return ReplaySource(Recording(path), speed=0.0, hold_at_end=False)


def _orders(prints: np.ndarray, began_ns: int) -> Orders:
    """Market orders, each with how far it reached from the mid of the best prices told last before it."""
    is_trade = prints["kind"] == Kind.TRADE
    last = np.maximum.accumulate(np.where(is_trade, -1, np.arange(len(prints))))[is_trade]
    trades = prints[is_trade]
    side = trades["side"].astype(np.float64)
    mid = 0.5 * (prints["price_ticks"] + prints["ask_ticks"])[last]
    reach = np.where(last >= 0, side * (trades["price_ticks"] - mid), np.nan)
    stamped = trades["ts_event"] != MISSING
    at = np.where(stamped, trades["ts_event"], trades["ts_recv"])
    behind = np.where(stamped, trades["ts_recv"] - trades["ts_event"], 0)
    late = int(np.median(behind)) if len(trades) else 0  # the venue's clock need not agree with ours
    return market_orders(at + late - began_ns, side, trades["size_lots"].astype(np.float64), reach)
