"""A generated session: random books, trades, tops, gaps, resyncs, marks and idle stretches, from a seed.

It keeps its own dict book and is written without the engine's kernels, so that what it emits is right by
construction: the tops it states are its book's tops at that update id.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from engine.batch import Batch, BatchBuilder
from engine.events import FeedCount, FeedStatus, Kind, Listed, Mark, Setup, SignalRule
from engine.instrument import Instrument

START_NS = 1_723_161_254_000_000_000
TICK_NS = 100_000_000
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
THIN = Instrument("binance", "THINUSDT", "THIN", "USDT", "0.00000001", "1")


class _Market:
    def __init__(self, index: int, mid_ticks: int, rng: random.Random) -> None:
        self.index, self.mid, self.rng = index, mid_ticks, rng
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.update_id = rng.randrange(1, 10**11)
        self.trade_id = 1
        self.synced = False
        for distance in range(1, 200):
            self.bids[mid_ticks - distance * rng.randint(1, 3)] = rng.randint(1, 10**6)
            self.asks[mid_ticks + distance * rng.randint(1, 3)] = rng.randint(1, 10**6)

    def snapshot(self, out: BatchBuilder, ts: int) -> None:
        bids = sorted(self.bids.items(), reverse=True)
        asks = sorted(self.asks.items())
        out.add_levels(
            Kind.SNAPSHOT,
            ts,
            bids,
            asks,
            symbol=self.index,
            last_id=self.update_id,
            flags=self.rng.randint(0, 3),
        )
        out.add_note(FeedStatus("binance", "SYNCED", self.index), ts, self.index)
        self.synced = True

    def step(self, out: BatchBuilder, ts: int) -> None:
        rng = self.rng
        if not self.synced:
            return
        first = self.update_id + 1
        self.update_id += rng.randint(1, 9)
        bids, asks = self._move()
        out.add_levels(
            Kind.DELTA,
            ts,
            bids,
            asks,
            symbol=self.index,
            first_id=first,
            last_id=self.update_id,
            ts_event=ts + rng.randint(-5_000_000, 60_000_000),
        )
        if self.bids and self.asks:
            bid, ask = max(self.bids), min(self.asks)
            out.add(
                Kind.TOP,
                ts,
                symbol=self.index,
                last_id=self.update_id,
                price_ticks=bid,
                size_lots=self.bids[bid],
                ask_ticks=ask,
                ask_lots=self.asks[ask],
            )
            for _ in range(rng.choice((0, 0, 0, 1, 4))):
                side = rng.choice((-1, 1))
                self.trade_id += 1
                out.add(
                    Kind.TRADE,
                    ts,
                    symbol=self.index,
                    last_id=self.trade_id,
                    price_ticks=ask if side > 0 else bid,
                    size_lots=rng.randint(1, 5000),
                    side=side,
                    ts_event=ts,
                )

    def _move(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """A random change of the book that never leaves it crossed; sometimes one side runs dry."""
        rng = self.rng
        drift = rng.choice((0, 0, 0, 1, -1, 3, -3, 400, -400) if rng.random() < 0.02 else (0, 0, 0, 1, -1))
        self.mid = max(1000, self.mid + drift)
        changed_bids: dict[int, int] = {p: 0 for p in self.bids if p >= self.mid}
        changed_asks: dict[int, int] = {p: 0 for p in self.asks if p <= self.mid}
        for _ in range(rng.randint(0, 12)):
            changed_bids[self.mid - rng.randint(1, 300)] = rng.choice((0, rng.randint(1, 10**6)))
            changed_asks[self.mid + rng.randint(1, 300)] = rng.choice((0, rng.randint(1, 10**6)))
        if rng.random() < 0.002:
            changed_bids.update(dict.fromkeys(self.bids, 0))
        for side, changes in ((self.bids, changed_bids), (self.asks, changed_asks)):
            for price, lots in changes.items():
                if lots:
                    side[price] = lots
                else:
                    side.pop(price, None)
        return sorted(changed_bids.items(), reverse=True), sorted(changed_asks.items())


def generated_batches(seed: int, ticks: int) -> Iterator[Batch]:
    """`ticks` x 100 ms of two symbols, one batch a tick."""
    rng = random.Random(seed)
    out = BatchBuilder(16, 64)
    ts = START_NS
    markets = [_Market(0, 6_169_373, rng), _Market(1, 1234, rng)]
    out.add_note(Setup(signal=SignalRule(hold_s=5.0, gate_window_s=60)), ts)
    out.add_note(FeedStatus("binance", "CONNECTING"), ts)
    for market, instrument in zip(markets, (BTC, THIN), strict=True):
        out.add_note(Listed(market.index, instrument, 1000), ts, market.index)
    out.add_note(FeedStatus("binance", "LIVE"), ts)
    for number in range(ticks):
        for market in markets:
            if not market.synced and (number > 3) and rng.random() < 0.2:
                market.snapshot(out, ts + 1)
            elif rng.random() < 0.003:
                market.synced = False
                out.add_note(
                    FeedStatus("binance", "GAP", market.index, "an update is missing"), ts + 2, market.index
                )
            elif rng.random() < 0.9:
                market.step(out, ts + rng.randint(3, 90_000_000))
        if number % 10 == 0:
            out.add_note(FeedCount("binance", number * 7, number * 900), ts + 95_000_000)
        if rng.random() < 0.01:
            out.add_note(Mark("look", ts), ts + 95_000_000)
        ts += TICK_NS
        out.add(Kind.TICK, ts)
        yield out.take()
