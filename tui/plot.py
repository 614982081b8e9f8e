"""A chart's bars laid out on cells: which bar stands where, and which price.

The newest bar is at the right edge. A bar takes `dots` columns of braille dots: one for a line, two (a whole
cell) for the heatmap, four (a cell and a gap) for candles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from engine.frame.chart import Chart
from tui.axis import PriceScale, scale_for


@dataclass(frozen=True)
class Bars:
    """The columns of a `Chart` as floats; NaN where nothing was known."""

    open: memoryview[float]
    high: memoryview[float]
    low: memoryview[float]
    close: memoryview[float]
    bought: memoryview[float]
    sold: memoryview[float]

    @classmethod
    def of(cls, chart: Chart) -> Bars:
        return cls(*(memoryview(getattr(chart, name)).cast("d") for name in _FIELDS))


_FIELDS = ("open", "high", "low", "close", "bought", "sold")


@dataclass(frozen=True)
class Plot:
    """`chart` on `width` x `height` cells."""

    chart: Chart
    width: int
    height: int
    dots: int

    @cached_property
    def bars(self) -> Bars:
        return Bars.of(self.chart)

    @cached_property
    def first(self) -> int:
        """The oldest bar in sight."""
        return max(0, self.chart.count - self.shows(self.width, self.dots))

    @staticmethod
    def shows(width: int, dots: int) -> int:
        """How many bars so many cells show."""
        return max(1, 2 * width // dots)

    @property
    def seen(self) -> range:
        return range(self.first, self.chart.count)

    def dot(self, bar: int) -> int:
        """The leftmost dot column of a bar; negative when it is out of sight."""
        return 2 * self.width - (self.chart.count - bar) * self.dots

    def cell(self, bar: int) -> int:
        return self.dot(bar) // 2

    def bar_at(self, cell: int) -> int | None:
        """The newest bar in a cell, or None where there is none."""
        bar = self.chart.count - 1 - (2 * self.width - 2 * cell - 2) // self.dots
        return bar if self.first <= bar < self.chart.count else None

    def bar_of(self, ts_ns: int) -> int | None:
        """The bar in sight that a moment falls in."""
        bar = (ts_ns - self.chart.ts_open) // self.chart.interval_ns
        return bar if self.first <= bar < self.chart.count else None

    @property
    def cell_ns(self) -> float:
        return 2 * self.chart.interval_ns / self.dots

    @property
    def start_ns(self) -> int:
        """The time at the left edge, which may lie before the oldest bar."""
        end = self.chart.ts_open + self.chart.count * self.chart.interval_ns
        return end - round(self.width * self.cell_ns)

    @cached_property
    def known(self) -> list[int]:
        """The bars in sight whose prices are known."""
        close = self.bars.close
        return [i for i in self.seen if close[i] == close[i]]

    def scale(self, tick: float, candles: bool) -> PriceScale | None:
        """A scale for the bars in sight, None when no price is known."""
        if not self.known:
            return None
        lows, highs = (self.bars.low, self.bars.high) if candles else (self.bars.close, self.bars.close)
        low = min(lows[i] for i in self.known)
        high = max(highs[i] for i in self.known)
        return scale_for(low, high, self.height, tick)

    def close_rows(self, scale: PriceScale) -> Iterator[int | None]:
        """For each dot column from the oldest bar on, the dot row of the close."""
        close, last = self.bars.close, scale.rows * 4 - 1
        for i in self.seen:
            price = close[i]
            row = None if price != price else min(max(scale.row(price, 4), 0), last)
            for _ in range(self.dots):
                yield row
