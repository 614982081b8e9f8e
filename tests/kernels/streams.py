"""Random market data for the kernels: a book that wanders, trades, tops, resyncs, gaps and late clocks."""

from __future__ import annotations

import numpy as np

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, MISSING, Batch, BatchBuilder
from engine.events import Kind
from tests.kernels.twin import DictBook, Pairs

TICK_NS = 100_000_000


class RandomVenue:
    """An exchange that moves at random and tells the truth, unless it is asked to lie."""

    def __init__(self, seed: int, price: int, spread: int = 3) -> None:
        self.random = np.random.default_rng(seed)
        self.price, self.spread = price, spread
        self.book = DictBook()
        self.update_id = 1000
        self.now = 1_700_000_000 * 10**9
        self.out = BatchBuilder()

    def lots(self) -> int:
        return int(self.random.pareto(1.5) * 100) + 1

    def levels(self, outward: int, count: int) -> Pairs:
        """Near levels, now and then a far one; some of them empty."""
        reach = self.random.exponential(40, count).astype(int)
        reach[self.random.random(count) < 0.05] *= 400
        touch = self.price + (outward * self.spread) // 2
        return [(touch + outward * int(r), self.lots() if self.random.random() < 0.7 else 0) for r in reach]

    def uncrossed(self, bids: Pairs, asks: Pairs) -> tuple[Pairs, Pairs]:
        """Deltas that stay on their side of the price and take away what it has moved through."""
        gone_bids = [(ticks, 0) for ticks in self.book.bids if ticks >= self.price]
        gone_asks = [(ticks, 0) for ticks in self.book.asks if ticks <= self.price]
        bids = [level for level in bids if level[0] < self.price]
        asks = [level for level in asks if level[0] > self.price]
        return bids + gone_bids, asks + gone_asks

    def snapshot(self, symbol: int, flags: int = 0) -> None:
        bids, asks = self.uncrossed(self.levels(-1, 60), self.levels(1, 60))
        self.update_id += 1
        self.book.load(bids, asks, bool(flags & BIDS_WHOLE), bool(flags & ASKS_WHOLE))
        self.out.add_levels(
            Kind.SNAPSHOT, self.now, bids, asks, last_id=self.update_id, flags=flags, symbol=symbol
        )

    def delta(self, symbol: int, *, crossing: bool = False) -> None:
        bids, asks = self.uncrossed(self.levels(-1, 4), self.levels(1, 4))
        if crossing:
            bids.append((max(self.book.asks, default=self.price), 7))
        self.book.apply(bids, asks)
        first, self.update_id = self.update_id + 1, self.update_id + int(self.random.integers(1, 4))
        delay = int(self.random.exponential(3e6))
        event = self.now + 1_270_000_000 - delay if self.random.random() < 0.95 else MISSING
        self.out.add_levels(
            Kind.DELTA,
            self.now,
            bids,
            asks,
            ts_event=event,
            first_id=first,
            last_id=self.update_id,
            symbol=symbol,
        )

    def top(self, symbol: int, *, lie: bool = False, ahead: int = 0) -> None:
        bid, bid_lots, ask, ask_lots = self.book.top
        self.out.add(
            Kind.TOP,
            self.now,
            last_id=self.update_id + ahead,
            price_ticks=bid or 0,
            size_lots=bid_lots + lie,
            ask_ticks=ask or 0,
            ask_lots=ask_lots,
            symbol=symbol,
        )

    def trade(self, symbol: int) -> None:
        side = 1 if self.random.random() < 0.5 else -1
        self.out.add(
            Kind.TRADE,
            self.now,
            last_id=self.update_id,
            price_ticks=self.price + side,
            size_lots=self.lots(),
            side=side,
            symbol=symbol,
        )

    def tick(self, ticks: int = 1) -> None:
        self.now = (self.now // TICK_NS + ticks) * TICK_NS
        self.out.add(Kind.TICK, self.now, symbol=-1)

    def take(self) -> Batch:
        return self.out.take()


def stream(seed: int, ticks: int, price: int = 20_000, faults: bool = True) -> Batch:
    """A random session of symbol 0 among another symbol's rows."""
    venue = RandomVenue(seed, price)
    random = venue.random
    venue.tick()
    for number in range(ticks):
        if number == 5:
            venue.snapshot(0)
        elif faults and random.random() < 0.003:
            venue.snapshot(0, int(random.choice([0, BIDS_WHOLE, ASKS_WHOLE, BIDS_WHOLE | ASKS_WHOLE])))
        venue.price += int(random.integers(-2, 3))
        for _ in range(random.poisson(0.9)):
            venue.now += 7_000_000
            if random.random() < 0.5:
                venue.top(0, ahead=int(faults and random.random() < 0.1))
            crossing = faults and random.random() < 0.002
            venue.delta(0, crossing=crossing)
            if not faults or random.random() < 0.6:
                venue.top(0, lie=faults and random.random() < 0.005)
        for _ in range(random.poisson(0.4)):
            venue.trade(int(random.random() < 0.3))
        if random.random() < 0.1:
            venue.out.add_levels(Kind.DELTA, venue.now, [(5, 5)], [(4, 4)], last_id=venue.update_id, symbol=1)
        leap = 1 if not faults or random.random() > 0.004 else int(random.choice([2, 13, 150, 5000]))
        venue.tick(leap)
    return venue.take()
