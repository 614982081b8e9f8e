"""Where the labels of a chart's axes stand, and what they say: round prices and round times."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from tui.format import SECOND_NS

# Steps of a time axis in seconds: what people count time in.
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class PriceScale:
    """Prices from `bottom` to `top` over `rows` rows of cells, at least one, row 0 on top."""

    top: float
    bottom: float
    rows: int

    def row(self, price: float, parts: int = 1) -> int:
        """The row of a price, each row cut into `parts`; outside the scale it is below 0 or too large."""
        return math.floor((self.top - price) / (self.top - self.bottom) * self.rows * parts)

    def price(self, row: float) -> float:
        """The price at a row's upper edge; `row + 0.5` is its middle."""
        return self.top - row * (self.top - self.bottom) / self.rows

    def labels(self, rows_apart: int, tick: float) -> list[tuple[int, float]]:
        """(row, price) of round prices on the tick grid, at least `rows_apart` rows from one another."""
        step = nice_step((self.top - self.bottom) / self.rows * rows_apart, tick)
        first, last = math.ceil(self.bottom / step - 1e-9), math.floor(self.top / step + 1e-9)
        found = [(self.row(k * step), k * step) for k in range(first, min(last, first + self.rows) + 1)]
        return [(row, price) for row, price in found if 0 <= row < self.rows]


def nice_step(least: float, tick: float) -> float:
    """The smallest step of 1, 2, 5, 10, 20, 50 … ticks that is not below `least`.

    >>> nice_step(3.2, 0.01), nice_step(0.0, 0.5)
    (5.0, 0.5)
    """
    wish = max(1.0, least / tick * (1 - 1e-9))
    power = 10.0 ** math.floor(math.log10(wish))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= wish * (1 - 1e-9)) * tick


def scale_for(low: float, high: float, rows: int, tick: float) -> PriceScale:
    """A scale that holds `low` to `high`, snapped so that it does not move with every tick of the price.

    A price that stands still is shown with at least four ticks of room on each side.
    """
    margin = max((high - low) * 0.06, 4 * tick)
    grid = nice_step((high - low + 2 * margin) / 16, tick)
    bottom = math.floor((low - margin) / grid) * grid
    if low > 0:
        bottom = max(bottom, 0.0)  # nothing is ever for less than nothing
    return PriceScale(math.ceil((high + margin) / grid) * grid, bottom, rows)


def interval_text(interval_ns: int) -> str:
    """An interval as a title says it.

    >>> [interval_text(i) for i in INTERVALS_NS]
    ['100 ms', '1 s', '5 s', '15 s', '1 min', '5 min', '15 min', '1 h']
    """
    if interval_ns < SECOND_NS:
        return f"{interval_ns // 1_000_000} ms"
    seconds = interval_ns // SECOND_NS
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def time_labels(start_ns: int, cell_ns: float, width: int, utc: bool) -> list[tuple[int, str]]:
    """(cell, text) of round times along `width` cells, of which the first begins at `start_ns`."""
    apart_s = 12 * cell_ns / SECOND_NS
    step = next((s for s in _TIME_STEPS if s >= apart_s), math.ceil(apart_s / _DAY_S) * _DAY_S)
    zone = 0 if utc else time.localtime(start_ns // SECOND_NS).tm_gmtoff
    end_s = (start_ns + width * cell_ns) / SECOND_NS
    labels = []
    at = -(-(start_ns // SECOND_NS + zone) // step) * step - zone
    while at < end_s:
        cell = math.floor((at * SECOND_NS - start_ns) / cell_ns)
        text = _time_text(at, step, utc)
        if cell >= 0 and cell + len(text) <= width:
            labels.append((cell, text))
        at += step
    return labels


def _time_text(at_s: int, step_s: int, utc: bool) -> str:
    moment = time.gmtime(at_s) if utc else time.localtime(at_s)
    if step_s >= _DAY_S or (moment.tm_hour == moment.tm_min == moment.tm_sec == 0 and step_s >= 3600):
        return time.strftime("%b %d", moment)
    return time.strftime("%H:%M:%S" if step_s < 60 else "%H:%M", moment)
