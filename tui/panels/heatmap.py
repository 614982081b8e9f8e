"""The depth heatmap's own parts: its field of half blocks, its legend, and a size read back from a level."""

from __future__ import annotations

from rich.segment import Segment

from engine.frame import HEAT_LEVELS, Chart
from tui.axis import PriceScale
from tui.canvas import Field, heat_character
from tui.format import size
from tui.look import Look
from tui.plot import Plot


def heat_scale(chart: Chart, rows: int) -> PriceScale | None:
    """The price scale of the chart's heatmap over `rows` rows of cells, None when it has none that fits."""
    if chart.heat_rows != 2 * rows or len(chart.heat) != chart.heat_rows * chart.count:
        return None
    return PriceScale(chart.heat_top, chart.heat_bottom, rows)


def heat_field(plot: Plot) -> Field:
    """The levels of each row of cells, upper and lower half; where there is no bar yet they are empty."""
    chart, count = plot.chart, plot.chart.count
    blank = bytes(max(0, plot.width - count))
    rows = []
    for y in range(plot.height):
        at = 2 * y * count
        upper = chart.heat[at + plot.first : at + count]
        lower = chart.heat[at + count + plot.first : at + 2 * count]
        rows.append((blank + upper, blank + lower))
    return rows


def level_at(plot: Plot, bar: int, half_row: int) -> int:
    """The heat level of a bar at a half row of cells, 0 the highest price."""
    return plot.chart.heat[half_row * plot.chart.count + bar]


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
