"""Candles from half blocks, and columns of volume from eighth blocks."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style

from tui.axis import PriceScale
from tui.canvas import Canvas
from tui.colour import mix
from tui.look import Look
from tui.plot import Plot

VOLUME_SHARE = 0.16  # of a chart's height
_FEW_ROWS = 8  # below so many rows volume would take the price's room


def volume_rows(height: int) -> int:
    """How many rows of a chart are the volume's."""
    return 0 if height < _FEW_ROWS else max(2, round(height * VOLUME_SHARE))


def draw_candles(canvas: Canvas, plot: Plot, scale: PriceScale, look: Look) -> None:
    """Bodies between open and close in half cells, wicks to high and low."""
    bars, palette = plot.bars, look.palette
    last = 2 * scale.rows - 1
    for i in plot.known:
        rises = bars.close[i] >= bars.open[i]
        style = palette.bid if rises else palette.ask
        plain = "" if not look.glyphs.ascii else look.glyphs.rise if rises else look.glyphs.fall
        prices = (
            bars.high[i],
            max(bars.open[i], bars.close[i]),
            min(bars.open[i], bars.close[i]),
            bars.low[i],
        )
        high, top, bottom, low = (min(max(scale.row(price, 2), 0), last) for price in prices)
        for y in range(high // 2, low // 2 + 1):
            halves = [top <= half <= bottom for half in (2 * y, 2 * y + 1)]
            wicks = [high <= half <= low for half in (2 * y, 2 * y + 1)]
            canvas.mark(plot.cell(i), y, _candle_cell(halves, wicks, plain), style, 1)


def _candle_cell(body: Sequence[bool], wick: Sequence[bool], plain: str) -> str:
    """One cell of a candle. A half of body beside a half of wick shows the body: it says more.

    `plain` is the body's character where there are no half blocks, else empty.
    """
    if any(body):
        return plain or ("█" if all(body) else "▀" if body[0] else "▄")
    if plain:
        return "|"
    return "│" if all(wick) else "╵" if wick[0] else "╷"


def draw_volume(canvas: Canvas, plot: Plot, look: Look, rows: int) -> None:
    """Volume at the canvas' foot, cell by cell, in the colour of the side that took more."""
    bars, columns = plot.bars, look.glyphs.columns
    by_cell: dict[int, list[float]] = {}
    for i in plot.seen:
        sums = by_cell.setdefault(plot.cell(i), [0.0, 0.0])
        sums[0] += bars.bought[i]
        sums[1] += bars.sold[i]
    most = max((bought + sold for bought, sold in by_cell.values()), default=0.0)
    if most <= 0:
        return
    bid, ask = (_softer(look, name) for name in ("bid", "ask"))
    steps = len(columns) - 1
    for cell, (bought, sold) in by_cell.items():
        filled = round((bought + sold) / most * rows * steps)
        style = bid if bought >= sold else ask
        for k in range(rows):
            part = min(max(filled - k * steps, 0), steps)
            if part:
                canvas.mark(cell, canvas.height - 1 - k, columns[part], style)


def _softer(look: Look, name: str) -> Style:
    """A side's colour, held back: volume is read after price."""
    colours = look.palette.theme.colours
    return Style(color=mix(colours["panel"], colours[name], 0.45), bgcolor=colours["panel"])
