"""Markets for the paper venue's tests: a book that random events move, and orders of the person's beside it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from engine.batch import Batch, BatchBuilder
from engine.events import FeedStatus, Kind, Listed
from engine.instrument import Instrument

COIN = Instrument("binance", "COINUSDT", "COIN", "USDT", "0.01", "0.001")
START_NS = 1_723_161_254_000_000_000
TICK_NS = 100_000_000
MID = 100_000
NEAR = 6  # levels beside the touch where everything happens


class Flow:
    """A book of small sizes around a mid that walks, so that our orders are met, passed and overtaken often."""

    def __init__(
        self,
        seed: int,
        instrument: Instrument = COIN,
        symbol: int = 0,
        *,
        scale: int = 1,
        resyncs: bool = True,
    ) -> None:
        self.rng = random.Random(seed)
        self.scale, self.resyncs = scale, resyncs
        self.symbol, self.instrument = symbol, instrument
        self.mid = MID
        self.book: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.updates = 1
        self.event = START_NS

    def begin(self, out: BatchBuilder, ts: int) -> None:
        out.add_note(Listed(self.symbol, self.instrument), ts, self.symbol)
        self.snapshot(out, ts)

    def snapshot(self, out: BatchBuilder, ts: int) -> None:
        for side in (1, -1):
            prices = (self.mid - side * (k + 1) for k in range(2 * NEAR))
            self.book[side] = {price: self._lots(60) for price in prices}
        bids, asks = sorted(self.book[1].items(), reverse=True), sorted(self.book[-1].items())
        out.add_levels(Kind.SNAPSHOT, ts, bids, asks, symbol=self.symbol, last_id=self.updates, flags=3)
        out.add_note(FeedStatus(self.instrument.venue, "SYNCED", self.symbol), ts, self.symbol)

    def _lots(self, most: int) -> int:
        return self.rng.randint(1, most * self.scale)

    def go_on(self, out: BatchBuilder, ts: int) -> None:
        """What happens until `ts`: some deltas and trades, rarely a new snapshot."""
        for _ in range(self.rng.randint(0, 4)):
            if self.rng.random() < 0.5:
                self._trade(out, ts - 1)
            else:
                self._delta(out, ts - 1)
        if self.resyncs and self.rng.random() < 0.02:
            self.snapshot(out, ts - 1)

    def _trade(self, out: BatchBuilder, ts: int) -> None:
        side = self.rng.choice((1, -1))
        prices = sorted(self.book[-side], reverse=side < 0)[:2]
        if prices:
            # Now and then one comes late: the book has shown its effect before.
            event = self.event - 1 if self.rng.random() < 0.1 else self.event + 1
            out.add(
                Kind.TRADE,
                ts,
                symbol=self.symbol,
                price_ticks=self.rng.choice(prices),
                size_lots=self._lots(40),
                side=side,
                ts_event=event,
            )

    def _delta(self, out: BatchBuilder, ts: int) -> None:
        self.mid += self.rng.choice((0, 0, 0, 0, 1, -1, 2, -3))
        changed: dict[int, dict[int, int]] = {1: {}, -1: {}}
        for side in (1, -1):
            for price in self.book[side]:
                if price * side >= self.mid * side:
                    changed[side][price] = 0
            for _ in range(self.rng.randint(0, 4)):
                price = self.mid - side * self.rng.randint(1, NEAR)
                changed[side][price] = self.rng.choice((0, self._lots(60), self._lots(60)))
            self.book[side] |= changed[side]
            self.book[side] = {price: lots for price, lots in self.book[side].items() if lots}
        self.updates += 1
        self.event += 2
        out.add_levels(
            Kind.DELTA,
            ts,
            sorted(changed[1].items(), reverse=True),
            sorted(changed[-1].items()),
            symbol=self.symbol,
            first_id=self.updates,
            last_id=self.updates,
            ts_event=self.event,
        )


def flow(seed: int, ticks: int, **how: Any) -> Iterator[tuple[Flow, Batch]]:
    """One market and each of its batches, the first one with the snapshot."""
    market = Flow(seed, **how)
    for batch in together([market], ticks):
        yield market, batch


def together(markets: Sequence[Flow], ticks: int) -> Iterator[Batch]:
    """Some markets in one session, a batch a tick."""
    for number in range(1, ticks + 1):
        out, ts = BatchBuilder(16, 64), START_NS + number * TICK_NS
        for market in markets:
            if number == 1:
                market.begin(out, ts - 2)
            else:
                market.go_on(out, ts)
        out.add(Kind.TICK, ts, symbol=-1)
        yield out.take()
