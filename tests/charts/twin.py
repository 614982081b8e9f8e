"""The charts again, slowly: dictionaries, floats' own arithmetic, and the whole history kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from engine.frame import INTERVALS_NS
from engine.kernels.charts import BUCKET_OF_PRICE, BUCKET_TIER, BUCKETS, GAP_NS, HEAT_PERIODS_NS

NAN = math.nan


@dataclass
class TwinBar:
    prices: list[float] = field(default_factory=list)
    bought: int = 0
    sold: int = 0

    def ohlc(self) -> tuple[float, float, float, float]:
        if not self.prices:
            return NAN, NAN, NAN, NAN
        return self.prices[0], max(self.prices), min(self.prices), self.prices[-1]


@dataclass
class Twin:
    """Fed one event at a time; `book` is {ticks: lots} of both sides."""

    bars: list[dict[int, TwinBar]] = field(default_factory=lambda: [{} for _ in INTERVALS_NS])
    tape: list[tuple[int, int, int, int]] = field(default_factory=list)
    heat: list[dict[int, tuple[int, dict[int, int]]]] = field(
        default_factory=lambda: [{} for _ in INTERVALS_NS]
    )
    width: int = 0
    last: tuple[int, float] | None = None

    def _bar(self, interval: int, number: int) -> TwinBar:
        return self.bars[interval].setdefault(number, TwinBar())

    def trade(self, ts: int, ticks: int, lots: int, side: int) -> None:
        self.tape.insert(0, (ts, ticks, lots, side))
        for i, span in enumerate(INTERVALS_NS):
            bar = self._bar(i, ts // span)
            if side > 0:
                bar.bought += lots
            else:
                bar.sold += lots

    def tick(self, ts: int, mid_ticks: float, book: dict[int, int]) -> None:
        """`mid_ticks` is NaN while the book is not trusted."""
        for i, span in enumerate(INTERVALS_NS):
            number = ts // span
            bar = self._bar(i, number)
            if self.last is not None and not math.isnan(self.last[1]) and ts - self.last[0] <= GAP_NS:
                for quiet in range(self.last[0] // span + 1, number):
                    self._bar(i, quiet).prices = [self.last[1]]
                if not bar.prices and not math.isnan(mid_ticks):
                    bar.prices.append(self.last[1])
            if not math.isnan(mid_ticks):
                bar.prices.append(mid_ticks)
        due = [i for i in range(1, len(INTERVALS_NS)) if self._due(i, ts)]
        self.last = (ts, mid_ticks)
        if due and not math.isnan(mid_ticks):
            self._sample(ts, mid_ticks, book, max(due))

    def _due(self, i: int, ts: int) -> bool:
        """At the first tick of each period, and where the column has no sample."""
        period = HEAT_PERIODS_NS[i]
        return (
            self.last is None
            or ts // period != self.last[0] // period
            or ts // INTERVALS_NS[i] not in self.heat[i]
        )

    def _sample(self, ts: int, mid_ticks: float, book: dict[int, int], longest: int) -> None:
        if not self.width:
            steps = [m * 10**e for e in range(18) for m in (1, 2, 5)]
            self.width = next(s for s in steps if s >= mid_ticks * BUCKET_OF_PRICE)
        for i, span in enumerate(INTERVALS_NS):
            if not 0 < i <= longest:
                continue
            width = self.width * BUCKET_TIER[i]
            low = math.floor(mid_ticks / width) - BUCKETS // 2
            sizes: dict[int, int] = {}
            for ticks, lots in book.items():
                bucket = ticks // width
                if low <= bucket < low + BUCKETS:
                    sizes[bucket] = sizes.get(bucket, 0) + lots
            self.heat[i][ts // span] = (low, sizes)
