"""The depth heatmap's own parts: its field of half blocks, its legend, and a size read back from a level."""

from __future__ import annotations

import math

from rich.segment import Segment

from engine.frame.chart import HEAT_LEVELS, Chart
from tui.axis import PriceScale
from tui.canvas import Field, heat_character
from tui.format import size
from tui.look import Look
from tui.plot import Plot

_NEARLY = 1e-6  # of a row: what rounding may move an edge by


def heat_scale(chart: Chart, rows: int) -> PriceScale | None:
    """The price scale of the chart's heatmap over `rows` rows of cells, None when it has no heatmap."""
    if not chart.heat_rows or len(chart.heat) != chart.heat_rows * chart.count:
        return None
    if chart.heat_top <= chart.heat_bottom:
        return None
    return PriceScale(chart.heat_top, chart.heat_bottom, rows)


def heat_field(plot: Plot, scale: PriceScale) -> Field:
    """The levels of each row of cells, upper and lower half; where there is no bar yet they are empty."""
    chart, count = plot.chart, plot.chart.count
    blank = bytes(max(0, plot.width - count))
    if chart.heat_rows == 2 * plot.height and (scale.top, scale.bottom) == (
        chart.heat_top,
        chart.heat_bottom,
    ):
        rows = (chart.heat[at + plot.first : at + count] for at in range(0, len(chart.heat), count))
        halves = [blank + row for row in rows]
    else:
        halves = [blank + _levels(plot, scale, half) for half in range(2 * plot.height)]
    return list(zip(halves[::2], halves[1::2], strict=True))


def _levels(plot: Plot, scale: PriceScale, half: int) -> bytes:
    """What rests within half a row of cells, bar by bar: the deepest of the heatmap's own rows there.

    For a scale that was widened, or a panel that was just resized; else the rows are the halves.
    """
    chart, count = plot.chart, plot.chart.count
    a_row = (chart.heat_top - chart.heat_bottom) / chart.heat_rows
    high = (chart.heat_top - scale.price(half / 2)) / a_row
    low = (chart.heat_top - scale.price((half + 1) / 2)) / a_row
    first, last = math.floor(high + _NEARLY), math.ceil(low - _NEARLY)
    found = [
        chart.heat[row * count + plot.first : (row + 1) * count]
        for row in range(max(first, 0), min(last, chart.heat_rows))
    ]
    if not found:
        return bytes(count - plot.first)
    return found[0] if len(found) == 1 else bytes(map(max, *found))


def level_size(chart: Chart, level: int) -> float:
    """The size (base units a row) that a level stands for; 0 for level 0."""
    if level <= 0 or chart.heat_min <= 0:
        return 0.0
    share = (level - 1) / (HEAT_LEVELS - 1)
    return float(chart.heat_min * (chart.heat_max / chart.heat_min) ** share)


def legend(chart: Chart, look: Look, base: str) -> list[Segment]:
    """What the colours mean: the ramp between the sizes of its ends."""
    palette = look.palette
    if chart.heat_min <= 0:
        return []
    least, most = (_short(level_size(chart, level)) for level in (1, HEAT_LEVELS))
    levels = range(1, HEAT_LEVELS + 1)
    if look.glyphs.ascii:
        ramp = [Segment(heat_character(level), palette.heat_pair(level, 0)) for level in levels]
    else:
        ramp = [Segment(" ", palette.heat_pair(level, level)) for level in levels]
    return [
        Segment(look.amount(least) + " ", palette.dim),
        *ramp,
        Segment(f" {look.amount(most)} {base} a row", palette.dim),
    ]


def _short(value: float) -> str:
    return size(value, 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4)
