"""The chart's crosshair: where it is aimed, and what it reads there."""

from __future__ import annotations

from rich.segment import Segment

from engine.frame.chart import Chart
from engine.instrument import Instrument
from tui.axis import PriceScale
from tui.canvas import Canvas, Field
from tui.format import SECOND_NS, clock, mean_price, size, size_decimals
from tui.look import Look
from tui.panels.fan import Ahead
from tui.panels.heatmap import level_size
from tui.plot import Plot


class Crosshair:
    """Aimed at a cell of the plot. `locked`: by keyboard, so that the mouse does not move it."""

    def __init__(self) -> None:
        self.at: tuple[int, int] | None = None
        self.locked = False
        self.price: float | None = None  # read at the last drawing
        self.time = ""

    def aim(self, x: int, y: int, *, locked: bool) -> None:
        self.at, self.locked = (max(0, x), max(0, y)), locked

    def move(self, right: int, down: int, width: int, height: int) -> None:
        """So many cells further, as far as the plot goes."""
        if self.at is not None:
            x, y = self.at
            self.at = (min(max(x + right, 0), width - 1), min(max(y + down, 0), height - 1))

    def leave(self) -> None:
        self.at, self.locked, self.price, self.time = None, False, None, ""

    def draw(
        self,
        canvas: Canvas,
        plot: Plot,
        scale: PriceScale,
        look: Look,
        instrument: Instrument,
        heat: Field | None,
        ahead: Ahead | None,
    ) -> list[Segment]:
        """Draw the two lines, read time and price for the axes, and return the depth, the bar or the fan there."""
        self.price, self.time = None, ""
        if self.at is None:
            return []
        x, y = self.at = min(self.at[0], canvas.width - 1), min(self.at[1], canvas.height - 1)
        palette, glyphs = look.palette, look.glyphs
        for column in range(canvas.width):
            canvas.mark(column, y, glyphs.across, palette.accent, 1)
        for row in range(canvas.height):
            canvas.mark(x, row, glyphs.down, palette.accent, 1)
        canvas.mark(x, y, "+" if glyphs.ascii else "┼", palette.title, 9)
        if y < scale.rows:
            self.price = scale.price(y + 0.5)
        if ahead is not None and x >= ahead.left:
            self.time = ahead.time(x)
            return ahead.reading(x, look, instrument)
        bar = plot.bar_at(x)
        if bar is None:
            return [Segment("nothing known so early", palette.dim)]
        ts = plot.chart.ts_open + bar * plot.chart.interval_ns
        self.time = clock(ts, look.utc, tenths=plot.chart.interval_ns < SECOND_NS)
        if heat is not None:
            return self._depth(plot.chart, max(heat[y][0][x], heat[y][1][x]), look, instrument)
        return self._bar(plot, bar, look, instrument, canvas.width)

    def _depth(self, chart: Chart, level: int, look: Look, instrument: Instrument) -> list[Segment]:
        """Resting size in the fuller half of the cell."""
        palette = look.palette
        if level == 0:
            return [Segment("nothing known to rest here", palette.dim)]
        value = level_size(chart, level)
        decimals = size_decimals(instrument, self.price)
        about = "~" if look.glyphs.ascii else "≈"
        text = look.amount(f"{about} {size(value, decimals)}")
        return [Segment(text, palette.bright), Segment(f" {instrument.base} resting here", palette.dim)]

    def _bar(self, plot: Plot, bar: int, look: Look, instrument: Instrument, room: int) -> list[Segment]:
        """Open, high, low, close and volume of the bar."""
        palette, bars = look.palette, plot.bars
        if bars.close[bar] != bars.close[bar]:
            return [Segment("no trusted book then", palette.dim)]
        parts: list[Segment] = []
        for name, prices in (("O", bars.open), ("H", bars.high), ("L", bars.low), ("C", bars.close)):
            parts += [
                Segment(f"{name} ", palette.dim),
                Segment(mean_price(instrument, prices[bar]) + "  ", palette.text),
            ]
        decimals = size_decimals(instrument, bars.close[bar])
        for glyph, volume, style in (
            (look.glyphs.rise, bars.bought, palette.bid),
            (look.glyphs.fall, bars.sold, palette.ask),
        ):
            parts.append(Segment(f"{glyph} {look.amount(size(volume[bar], decimals))} ", style))
        # Where not all of it fits, the close and the volumes say most.
        spare = sum(segment.cell_length for segment in parts) - room
        return parts if spare <= 0 else parts[6:]
