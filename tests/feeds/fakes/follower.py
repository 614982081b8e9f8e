"""Follows a live source as the session would, with dict books held against the exchange's own.

At the end of every batch each symbol whose last status says SYNCED is compared with the oracle at the same
update id: every level inside the known range, and every level known outside it. A difference fails the test.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import namedtuple
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, MISSING, ROW, Batch
from engine.events import FeedCount, FeedStatus, Kind, Listed
from engine.feeds.fake_binance import FakeBinance
from engine.feeds.fake_book import PlainBook, to_units
from engine.feeds.hosts import Hosts
from engine.feeds.live import LiveSource
from engine.feeds.options import FeedOptions
from engine.kernels import binance_json
from engine.ports import Clock, Resync

# A fifth or less of the real thresholds, so that a fault's whole course fits in a second or two.
QUICK: dict[str, Any] = {
    "connect_timeout_s": 1.5,
    "request_timeout_s": 1.5,
    "connect_gap_s": 0.05,
    "send_gap_s": 0.25,
    "first_data_s": 1.0,
    "stale_s": 1.0,
    "unanswered_s": 0.5,
    "backoff_min_s": 0.05,
    "backoff_max_s": 0.3,
    "firewall_wait_s": 1.0,
    "hand_over_s": 2.0,
}

OVERLAPPING = [pytest.mark.overlapping, pytest.mark.asyncio(loop_scope="module")]


def overlapping(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], Coroutine[Any, Any, None]]:
    """Marks one test of a module whose others run alone."""
    for mark in OVERLAPPING:
        test = mark(test)
    return test


Row = namedtuple("Row", ROW.names)
Top = tuple[int, int, int, int, int]  # update id, bid, its size, ask, its size


@dataclass
class Followed:
    """One symbol as the batches tell it; prices and sizes in units of 1e-8."""

    symbol: str
    tick_units: int = 0
    lot_units: int = 0
    book: PlainBook = field(default_factory=lambda: PlainBook(MISSING))
    lowest_bid: float = 0.0  # the known range
    highest_ask: float = float("inf")
    state: str = "EMPTY"
    states: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    snapshots: int = 0
    deltas: int = 0
    compared: int = 0
    crossed: bool = False  # at any delta since the snapshot
    trades: list[tuple[int, int, int, int]] = field(default_factory=list)  # id, price, size, side
    tops: list[Top] = field(default_factory=list)
    bests: list[Top] = field(default_factory=list)  # of the book after each delta


class Follower:
    def __init__(self, source: LiveSource, exchange: FakeBinance | None, symbols: Sequence[str]) -> None:
        self.source = source
        self.symbols = [Followed(name) for name in symbols]
        self.statuses: list[FeedStatus] = []
        self.waits_s: list[float] = []  # every wait that was announced
        self.count = FeedCount("")
        self.resyncs_asked = 0
        self.keeps_bests = False
        self.last_ts = 0
        self.pause_s = 0.0  # how long the follower lets the next batches lie
        self._exchange = exchange
        self._told = False
        self._task = asyncio.create_task(self._run())

    def __getitem__(self, symbol: str) -> Followed:
        return next(one for one in self.symbols if one.symbol == symbol)

    @property
    def connection(self) -> list[FeedStatus]:
        return [status for status in self.statuses if status.symbol is None]

    @property
    def connection_states(self) -> list[str]:
        return [status.state for status in self.connection]

    @property
    def said(self) -> str:
        """Everything that statuses gave as a reason."""
        return " | ".join(dict.fromkeys(status.reason for status in self.statuses if status.reason))

    async def until(self, condition: Callable[[], object], what: str, within_s: float = 12.0) -> None:
        """Waits for the condition; fails with what the statuses said when it does not come about."""
        deadline = time.monotonic() + within_s
        while not condition():
            if self._task.done():
                self._told = True
                self._task.result()
                raise AssertionError(f"the source ended before: {what}")
            if time.monotonic() > deadline:
                books = {one.symbol: (one.states[-8:], one.book.update_id) for one in self.symbols}
                raise AssertionError(
                    f"not within {within_s} s: {what}; connection {self.connection_states[-8:]}, "
                    f"books {books}, said: {self.said[-600:]}, "
                    f"requests: {self._exchange and [vars(one) for one in self._exchange.requests[-4:]]}"
                )
            await asyncio.sleep(0.01)

    async def synced(self, *symbols: str, within_s: float = 12.0) -> None:
        """All of these (or every symbol) are SYNCED and were compared at least once more since now."""
        wanted = [one for one in self.symbols if not symbols or one.symbol in symbols]
        before = {one.symbol: one.compared for one in wanted}
        await self.until(
            lambda: all(one.state == "SYNCED" and one.compared > before[one.symbol] for one in wanted),
            f"{[one.symbol for one in wanted]} synced",
            within_s,
        )

    async def caught_up(self, within_s: float = 12.0) -> None:
        """All are SYNCED, and with the market at rest every book becomes the exchange's newest.

        A snapshot can be ahead of the newest diff: then the book is compared where the snapshot stands.
        """
        await self.synced(within_s=within_s)
        assert self._exchange is not None
        self._exchange.running = False
        newest = {one.symbol: self._exchange.sent[one.symbol].last_id for one in self.symbols}
        await self.until(
            lambda: all(one.book.update_id >= newest[one.symbol] for one in self.symbols),
            f"every book at the newest diff {newest}",
            within_s,
        )
        for one in self.symbols:
            self._compare(one)
        self._exchange.running = True

    def forget(self) -> None:
        """Drop what was collected of the past; the books stay."""
        self.statuses.clear()
        for one in self.symbols:
            for collected in (one.states, one.trades, one.tops, one.bests):
                collected.clear()

    async def ended(self) -> None:
        """Waits until the source has no more batches; what it raised is raised here."""
        await asyncio.wait({self._task}, timeout=12.0)
        self._told = True
        assert self._task.done(), "the source goes on"
        assert not self._task.cancelled(), "the source ended with CancelledError"
        self._task.result()

    async def close(self) -> None:
        """Ends the source. What went wrong since the last `until` is raised here."""
        await self.source.close()
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._told and not self._task.cancelled():
            self._task.result()

    async def _run(self) -> None:
        async for batch in self.source.batches():
            self.fold(batch)
            for index, one in enumerate(self.symbols):
                if one.state != "SYNCED":
                    continue
                if one.crossed:
                    self.resyncs_asked += 1
                    await self.source.command(Resync(index, "crossed"))
                elif self._exchange is not None:
                    self._compare(one)
            if self.pause_s:
                pause_s, self.pause_s = self.pause_s, 0.0
                await asyncio.sleep(pause_s)

    def fold(self, batch: Batch) -> None:
        assert batch.ends_at_tick
        for row in map(Row._make, batch.rows.tolist()):
            assert row.ts_recv >= self.last_ts, "session time stepped back"
            self.last_ts = row.ts_recv
            if row.kind == Kind.NOTE:
                self._note(batch.notes[row.level_start], row.ts_recv)
            elif row.kind in (Kind.SNAPSHOT, Kind.DELTA):
                self._levels(row, batch)
            elif row.kind in (Kind.TRADE, Kind.TOP):
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
            assert note.instrument.symbol == one.symbol
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
            one.state = note.state
            one.reasons.append(note.reason)

    def _levels(self, row: Row, batch: Batch) -> None:
        one = self.symbols[row.symbol]
        assert one.tick_units, f"rows of {one.symbol} before it was listed"
        start, bids, asks = row.level_start, row.bid_count, row.ask_count
        levels = [
            (ticks * one.tick_units, lots * one.lot_units)
            for ticks, lots in batch.levels[start : start + bids + asks].tolist()
        ]
        last_id, book = row.last_id, one.book
        if row.kind == Kind.SNAPSHOT:
            one.snapshots += 1
            one.book = book = PlainBook(last_id)
            one.crossed = False
            one.lowest_bid = 0.0 if row.flags & BIDS_WHOLE or not bids else min(p for p, _ in levels[:bids])
            one.highest_ask = (
                float("inf") if row.flags & ASKS_WHOLE or not asks else max(p for p, _ in levels[bids:])
            )
        else:
            one.deltas += 1
            assert last_id > book.update_id, f"{one.symbol} went from {book.update_id} back to {last_id}"
            assert row.first_id <= book.update_id + 1, f"{one.symbol}: a hole before {row.first_id}"
        for side, part in ((book.bids, levels[:bids]), (book.asks, levels[bids:])):
            for price, size in part:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        book.update_id = last_id
        one.crossed |= bool(book.bids and book.asks) and max(book.bids) >= min(book.asks)
        if self.keeps_bests:
            one.bests.append((last_id, *book.best()))

    def _compare(self, one: Followed) -> None:
        assert self._exchange is not None
        truth = self._exchange.oracle(one.symbol).book_at(one.book.update_id)
        wrong = []
        for name, mine, right in (("bid", one.book.bids, truth.bids), ("ask", one.book.asks, truth.asks)):
            if mine != right:
                for price in mine.keys() | right.keys():
                    known = one.lowest_bid <= price if name == "bid" else price <= one.highest_ask
                    # Old orders can be finer than today's lot; they are known to within one.
                    off = abs(mine.get(price, 0) - right.get(price, 0))
                    if off >= one.lot_units and (known or price in mine):
                        wrong.append((name, price, mine.get(price, 0), right.get(price, 0)))
        assert not wrong, (
            f"{one.symbol} at {one.book.update_id} differs in {len(wrong)} levels, "
            f"(side, price, size, true size): {sorted(wrong)[:5]}"
        )
        one.compared += 1


@cache
def _warm() -> None:
    """Compiling in the middle of a test would look like a stalled exchange."""
    binance_json.warm()


@asynccontextmanager
async def following(
    exchange: FakeBinance | None,
    *symbols: str,
    clock: Clock | None = None,
    rest: Sequence[str] = (),
    ws: Sequence[str] = (),
    **options: Any,
) -> AsyncIterator[Follower]:
    """A LiveSource on the exchange (or on other endpoints) with quick thresholds, and its follower.

    Where the exchange is None the books are followed and compared with nothing.
    """
    _warm()
    if exchange is not None:
        symbols, rest, ws = (
            symbols or tuple(exchange.market.listings),
            rest or (exchange.rest,),
            ws or (exchange.ws,),
        )
    chosen = FeedOptions(rest=tuple(rest), ws=tuple(ws), **(QUICK | options))
    follower = Follower(
        LiveSource(symbols, chosen, clock, random.Random(7), hosts=Hosts()), exchange, symbols
    )
    try:
        yield follower
    finally:
        await follower.close()
