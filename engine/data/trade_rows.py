"""Fetched trades and tops as a session: each trade a row, each top a book of one level a side.

No book of these days is public. Where there are tops the book is what they say and not a level more; where there are
only trades it is empty, the charts follow the trades, and the session says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np

from engine.batch import GOES_ON, MISSING, Batch, Levels, Rows
from engine.data.batches import beginning, blank, cut, in_order, tick_of
from engine.data.errors import DataError
from engine.data.exact import Ints, numbers
from engine.data.files import read
from engine.data.trades import VENUES, Trades, by_day, on_grid, read_trades
from engine.events import Kind, Setup
from engine.feeds.clock import TICK_NS
from engine.instrument import Instrument

CHUNK_NS = 600_000_000_000  # of the session at once: ten minutes of a busy day are some hundred thousand rows


@dataclass(frozen=True, slots=True)
class Tops:
    """Best bid and ask whenever they changed."""

    instrument: Instrument
    ts_ns: Ints
    ids: Ints
    bid: Ints  # ticks
    bid_lots: Ints
    ask: Ints
    ask_lots: Ints


def read_tops(paths: Sequence[Path]) -> Tops:
    """The tops of fetched bookTicker files of one symbol. Raises DataError."""
    kept = [read(path) for path in by_day(paths, ("bookTicker",))]
    instrument, ticks, lots = on_grid(kept, ("bid", "ask"), ("bid_size", "ask_size"))
    ts = np.concatenate([numbers(one.table["ts"]) for one in kept])
    ids = np.concatenate([numbers(one.table["id"]) for one in kept])
    if (np.diff(ts) < 0).any():
        raise DataError("the files of bookTicker overlap")
    return Tops(instrument, ts, ids, ticks["bid"], lots["bid_size"], ticks["ask"], lots["ask_size"])


class Tape:
    """The session of trades, tops or both, of one symbol."""

    def __init__(self, trades: Sequence[Path], tops: Sequence[Path], setup: Setup) -> None:
        self._trades, self._tops, self.instrument = _shared_grid(
            read_trades(trades) if trades else None, read_tops(tops) if tops else None
        )
        self._setup = setup
        venue = "Binance USDⓈ-M" if self.instrument.venue == VENUES["usdm"] else "Binance spot"
        what = " and ".join(
            name
            for name, there in (("trades", self._trades), ("best prices", self._tops))
            if there is not None
        )
        book = "the book beyond them is not known" if self._tops is not None else "no book is known"
        self.note = f"{self.instrument.symbol}: the {what} of {venue} as published; {book}"

    @property
    def bounds_ns(self) -> tuple[int, int]:
        """The first and the last moment."""
        both = [part.ts_ns for part in (self._trades, self._tops) if part is not None]
        return min(int(ts[0]) for ts in both), max(int(ts[-1]) for ts in both)

    def batches(self) -> Iterator[Batch]:
        first, last = self.bounds_ns
        after = int(tick_of(np.array([first]))[0]) - TICK_NS
        yield beginning(self.instrument, after, self._setup, self.note)
        while after < last:
            stop = after + CHUNK_NS
            rows, levels = self._rows(after, stop)
            for batch in cut(rows, levels, (), after, until_ts=min(stop, last)):
                after = int(batch.rows[-1]["ts_recv"])
                yield batch

    def _rows(self, after: int, stop: int) -> tuple[Rows, Levels]:
        """What came behind `after` and up to `stop`, by time: a trade before the top that it may have led to."""
        trades, tops = self._trades, self._tops
        if tops is None:
            assert trades is not None  # noqa: S101  one of both is there
            low, high = _between(trades.ts_ns, after, stop)
            return in_order([(np.arange(low, high), _trade_rows(trades, low, high))])
        low, high = _between(tops.ts_ns, after, stop)
        ts = tops.ts_ns[low:high]
        places = np.arange(high - low)
        parts: list[tuple[Ints, Rows]] = []
        if trades is not None:
            first, last = _between(trades.ts_ns, after, stop)
            traded = trades.ts_ns[first:last]
            places += np.searchsorted(traded, ts, side="right")
            own = np.arange(last - first) + np.searchsorted(ts, traded, side="left")
            parts.append((3 * own, _trade_rows(trades, first, last)))
        rows, levels = _top_rows(tops, low, high, 3 * places)
        return in_order([*parts, *rows], levels)


def _between(ts: Ints, after: int, stop: int) -> tuple[int, int]:
    low, high = np.searchsorted(ts, (after, stop), side="right").tolist()
    return low, high


def _trade_rows(trades: Trades, low: int, high: int) -> Rows:
    rows = blank(high - low, Kind.TRADE, trades.ts_ns[low:high])
    rows["last_id"] = trades.ids[low:high]
    rows["price_ticks"], rows["size_lots"] = trades.price_ticks[low:high], trades.size_lots[low:high]
    rows["side"] = trades.side[low:high]
    return rows


def _top_rows(tops: Tops, low: int, high: int, ranks: Ints) -> tuple[list[tuple[Ints, Rows]], Levels]:
    """Each top as the change of a book of one level a side, as the venue's own word, and, at the end of a tick, as
    how far the book is known: no further than that."""
    here, ts = slice(low, high), tops.ts_ns[low:high]
    before = np.maximum(np.arange(low, high) - 1, 0)
    bid, bid_lots, ask, ask_lots = (x[here] for x in (tops.bid, tops.bid_lots, tops.ask, tops.ask_lots))
    gone_bid, gone_ask = tops.bid[before] != bid, tops.ask[before] != ask
    wanted = np.column_stack((gone_bid, np.ones_like(gone_bid), gone_ask, np.ones_like(gone_ask)))
    nothing = np.zeros_like(bid)
    levels = np.stack(
        [
            np.column_stack((tops.bid[before], nothing)),
            np.column_stack((bid, bid_lots)),
            np.column_stack((tops.ask[before], nothing)),
            np.column_stack((ask, ask_lots)),
        ],
        axis=1,
    )[wanted]
    counts = wanted.sum(axis=1)
    delta = blank(high - low, Kind.DELTA, ts)
    delta["ts_event"] = MISSING  # an import has no latency, and no trade is already in the book that it moves
    delta["first_id"] = delta["last_id"] = tops.ids[here]
    delta["level_start"] = np.cumsum(counts) - counts
    delta["bid_count"], delta["ask_count"] = 1 + gone_bid, 1 + gone_ask
    top = blank(high - low, Kind.TOP, ts)
    top["last_id"] = tops.ids[here]
    top["price_ticks"], top["size_lots"], top["ask_ticks"], top["ask_lots"] = bid, bid_lots, ask, ask_lots
    ends = np.flatnonzero(np.diff(tick_of(ts), append=-1))
    known = blank(len(ends), Kind.SNAPSHOT, ts[ends])
    known["last_id"] = tops.ids[here][ends]
    known["level_start"] = len(levels) + 2 * np.arange(len(ends))
    known["bid_count"] = known["ask_count"] = 1
    known["flags"] = GOES_ON
    both = np.column_stack((bid[ends], bid_lots[ends], ask[ends], ask_lots[ends])).reshape(-1, 2)
    return [(ranks, delta), (ranks + 1, top), (ranks[ends] + 2, known)], np.concatenate([levels, both])


def _shared_grid(trades: Trades | None, tops: Tops | None) -> tuple[Trades | None, Tops | None, Instrument]:
    """Both counted in the finer of their ticks and lots."""
    if trades is None or tops is None:
        found = trades or tops
        if found is None:
            raise DataError("expected at least one file of trades or tops")
        return trades, tops, found.instrument
    one, other = trades.instrument, tops.instrument
    if one.key != other.key:
        raise DataError(f"expected trades and tops of one symbol, found {one.key} and {other.key}")
    tick = min(one.tick_size, other.tick_size, key=Decimal)
    lot = min(one.lot_size, other.lot_size, key=Decimal)
    both = msgspec.structs.replace(one, tick_size=tick, lot_size=lot)

    def times(counted: Instrument) -> tuple[int, int]:
        return int(counted.tick.value / both.tick.value), int(counted.lot.value / both.lot.value)

    (t, q), (u, r) = times(one), times(other)
    trades = replace(
        trades, instrument=both, price_ticks=trades.price_ticks * t, size_lots=trades.size_lots * q
    )
    tops = replace(
        tops, instrument=both, bid=tops.bid * u, ask=tops.ask * u, bid_lots=tops.bid_lots * r,
        ask_lots=tops.ask_lots * r,
    )  # fmt: skip
    return trades, tops, both
