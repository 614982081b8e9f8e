"""Holds what a live source tells against the fake exchange's own books: dicts, row by row, no kernel.

Whatever a symbol's status says is SYNCED must be the exchange's book at the moment that the last row stands for:
every level inside the known range, and every level known outside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest, nsmallest
from typing import NamedTuple
from zlib import crc32

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, CHECKED, MISSING, Batch
from engine.events import FeedCount, FeedStatus, Kind, Listed
from engine.feeds.fake_book import PlainBook, to_units
from engine.feeds.fake_exchange import FakeExchange


class Row(NamedTuple):
    """`engine.batch.ROW`, field by field."""

    ts_recv: int
    ts_event: int
    first_id: int
    last_id: int
    price_ticks: int
    size_lots: int
    ask_ticks: int
    ask_lots: int
    level_start: int
    bid_count: int
    ask_count: int
    symbol: int
    kind: int
    side: int
    flags: int
    spare: int


Top = tuple[int, int, int, int, int]  # update id, bid, its size, ask, its size


class NotTheTruth(AssertionError):
    """A book that is said to be good is not the exchange's, or rows break their own rules."""


@dataclass
class Followed:
    """One symbol as the batches tell it; prices and sizes in units of 1e-8."""

    symbol: str
    exchange: FakeExchange | None
    tick_units: int = 0
    lot_units: int = 0
    depth: int = 0  # levels a side that the venue tells of; 0: all
    book: PlainBook = field(default_factory=lambda: PlainBook(MISSING))
    true_id: int | None = None  # the exchange's own id of what the book stands for, where it can be told
    lowest_bid: float = 0.0  # the known range
    highest_ask: float = float("inf")
    state: str = "EMPTY"
    trading: str = ""
    states: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    snapshots: int = 0
    deltas: int = 0
    compared: int = 0
    changed: bool = False  # since it was compared
    doubt: str = ""  # crossed, or against the venue's checksum, at any row since the snapshot
    trades: list[tuple[int, int, int, int]] = field(default_factory=list)  # id, price, size, side
    tops: list[Top] = field(default_factory=list)

    def forget(self) -> None:
        """Drop what was collected of the past; the book stays."""
        for collected in (self.states, self.reasons, self.trades, self.tops):
            collected.clear()

    def is_at(self, update_id: int) -> bool:
        """Whether it has come so far. What lies outside of the told depth may have brought it no row."""
        if (self.true_id or 0) >= update_id:
            return True
        if self.exchange is None or not self.depth:
            return False
        truth = self.exchange.oracle(self.symbol).book_at(update_id)
        told = self.book.sorted_bids(), self.book.sorted_asks()
        return told == (truth.sorted_bids(self.depth), truth.sorted_asks(self.depth))

    def compare(self) -> None:
        """Raises NotTheTruth. Nothing is compared where nothing changed, or the row's moment cannot be told."""
        if self.exchange is None or self.true_id is None or not self.changed:
            return
        self.changed = False
        truth = self.exchange.oracle(self.symbol).book_at(self.true_id)
        bids, asks = truth.bids, truth.asks
        if self.depth:
            bids, asks = dict(truth.sorted_bids(self.depth)), dict(truth.sorted_asks(self.depth))
        wrong = []
        for name, mine, right in (("bid", self.book.bids, bids), ("ask", self.book.asks, asks)):
            if mine == right:
                continue
            for price in mine.keys() | right.keys():
                known = self.lowest_bid <= price if name == "bid" else price <= self.highest_ask
                # Old orders can be finer than today's lot; they are known to within one.
                off = abs(mine.get(price, 0) - right.get(price, 0))
                if off >= self.lot_units and (known or price in mine):
                    wrong.append((name, price, mine.get(price, 0), right.get(price, 0)))
        if wrong:
            raise NotTheTruth(
                f"{self.symbol} at {self.book.update_id} differs in {len(wrong)} levels, "
                f"(side, price, size, true size): {sorted(wrong)[:5]}"
            )
        self.compared += 1


class Witness:
    """`symbols` are those of the session in the order of their numbers, each with the exchange it trades on."""

    def __init__(self, symbols: Sequence[tuple[str, FakeExchange | None]]) -> None:
        self.symbols = [Followed(name, exchange) for name, exchange in symbols]
        self.statuses: list[FeedStatus] = []
        self.waits_s: list[float] = []  # every wait that was announced
        self.count = FeedCount("")  # the newest of any venue
        self.last_ts = 0

    def forget(self) -> None:
        self.statuses.clear()
        self.waits_s.clear()
        for one in self.symbols:
            one.forget()

    def fold(self, batch: Batch) -> None:
        """Raises NotTheTruth where rows break their own rules."""
        _expect(batch.ends_at_tick, "a batch does not end at a tick")
        for row in map(Row._make, batch.rows.tolist()):
            _expect(row.ts_recv >= self.last_ts, "session time stepped back")
            self.last_ts = row.ts_recv
            if row.kind == Kind.NOTE:
                self._note(batch.notes[row.level_start], row.ts_recv)
            elif row.kind in (Kind.SNAPSHOT, Kind.DELTA):
                self._levels(row, batch)
            elif row.kind in (Kind.TRADE, Kind.TOP):
                self._price(row)

    def compare(self) -> list[int]:
        """Compare every book that is SYNCED; returns the numbers of those that the core would not trust."""
        good = [(number, one) for number, one in enumerate(self.symbols) if one.state == "SYNCED"]
        for _, one in good:
            if not one.doubt:
                one.compare()
        return [number for number, one in good if one.doubt]

    def _price(self, row: Row) -> None:
        one = self.symbols[row.symbol]
        price, size = row.price_ticks * one.tick_units, row.size_lots * one.lot_units
        if row.kind == Kind.TRADE:
            one.trades.append((row.last_id, price, size, row.side))
        else:
            ask, ask_size = row.ask_ticks * one.tick_units, row.ask_lots * one.lot_units
            one.tops.append((row.last_id, price, size, ask, ask_size))

    def _note(self, note: object, ts: int) -> None:
        if isinstance(note, Listed):
            one = self.symbols[note.symbol]
            _expect(note.instrument.symbol == one.symbol, f"{note.instrument.symbol} is not {one.symbol}")
            one.tick_units = to_units(note.instrument.tick_size)
            one.lot_units = to_units(note.instrument.lot_size)
        elif isinstance(note, FeedCount):
            self.count = note
        elif isinstance(note, FeedStatus):
            self.statuses.append(note)
            if note.retry_at_ns is not None:
                self.waits_s.append((note.retry_at_ns - ts) / 1e9)
            if note.symbol is None:
                return
            one = self.symbols[note.symbol]
            if note.state != one.state:
                one.states.append(note.state)
            one.state, one.trading = note.state, note.trading
            one.reasons.append(note.reason)

    def _levels(self, row: Row, batch: Batch) -> None:
        one = self.symbols[row.symbol]
        _expect(one.tick_units > 0, f"rows of {one.symbol} before it was listed")
        start, bids, asks = row.level_start, row.bid_count, row.ask_count
        levels = [
            (ticks * one.tick_units, lots * one.lot_units)
            for ticks, lots in batch.levels[start : start + bids + asks].tolist()
        ]
        one.depth = row.size_lots
        if row.kind == Kind.SNAPSHOT:
            self._begin(one, row, [p for p, _ in levels[:bids]], [p for p, _ in levels[bids:]])
        else:
            one.deltas += 1
            before = one.book.update_id
            _expect(row.last_id > before, f"{one.symbol} went from {before} back to {row.last_id}")
            if one.exchange is None or one.exchange.dialect.tells_ids:
                _expect(row.first_id <= before + 1, f"{one.symbol}: a hole before {row.first_id}")
        book = one.book
        for side, part in ((book.bids, levels[:bids]), (book.asks, levels[bids:])):
            for price, size in part:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        if one.depth:
            for price in nsmallest(len(book.bids) - one.depth, book.bids):
                del book.bids[price]
            for price in nlargest(len(book.asks) - one.depth, book.asks):
                del book.asks[price]
        book.update_id = row.last_id
        one.changed = True
        if one.exchange is not None:
            one.true_id = one.exchange.id_of(one.symbol, row.last_id, row.ts_event)
        if book.bids and book.asks and max(book.bids) >= min(book.asks):
            one.doubt = "crossed"
        if row.flags & CHECKED and row.price_ticks != _checksum(one, row.ask_ticks):
            one.doubt = "not the venue's checksum"

    def _begin(self, one: Followed, row: Row, bids: Sequence[int], asks: Sequence[int]) -> None:
        one.snapshots += 1
        one.book = PlainBook(row.last_id)
        one.doubt = ""
        all_bids = one.depth or row.flags & BIDS_WHOLE or not bids
        all_asks = one.depth or row.flags & ASKS_WHOLE or not asks
        one.lowest_bid = 0.0 if all_bids else min(bids)
        one.highest_ask = float("inf") if all_asks else max(asks)


def _checksum(one: Followed, tick_digits: int) -> int:
    """Kraken's, of the ten best levels, by its text: https://docs.kraken.com/api/docs/guides/spot-ws-book-v2"""
    book = one.book
    levels = nsmallest(10, book.asks.items()) + nlargest(10, book.bids.items())
    text = "".join(f"{price // one.tick_units * tick_digits}{size}" for price, size in levels)
    return crc32(text.encode())


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NotTheTruth(otherwise)
