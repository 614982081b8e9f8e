"""The what-if on the chart: its fans from now into the future, and its table.

The future has a clock of its own, right of the line `now`, so that a minute ahead is seen at any interval of
the bars. What of a fan's time has passed meanwhile is drawn over the bars, where the price shows how it went.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from rich.segment import Segment
from rich.style import Style

from engine.frame import Frame
from engine.frame.fan import Fan, FanRow
from engine.instrument import Instrument
from engine.text import clean
from tui.axis import PriceScale, scale_for
from tui.canvas import BOTH_FANS, FAN, PLAIN_FAN, Canvas, Field
from tui.format import MISSING, SECOND_NS, mean_price, signed
from tui.look import Look
from tui.panels.base import Row
from tui.panels.scroll import wrapped
from tui.plot import Plot

LEAST_SHARE, MOST_SHARE = (
    0.25,
    0.4,
)  # of the chart's width for the future, between which it keeps the bars' scale
NARROWEST = 8  # cells of a future that can be read
NAME_WIDTH, VALUE_WIDTH = 23, 12  # cells of the table
TABLE_WIDTH = NAME_WIDTH + 2 * VALUE_WIDTH


@dataclass(frozen=True)
class Lines:
    """5 %, 50 % and 95 % of one kind of futures, prices in quote units, the first at the fan's `ts`."""

    low: memoryview[float]
    middle: memoryview[float]
    high: memoryview[float]

    @classmethod
    def of(cls, low: bytes, middle: bytes, high: bytes) -> Lines | None:
        found = cls(*(memoryview(line).cast("d") for line in (low, middle, high)))
        whole = len(found.middle) >= 2 and len(found.low) == len(found.high) == len(found.middle)
        return found if whole else None

    def range(self) -> Iterator[float]:
        """Every price that is known of the band's edges."""
        return (price for edge in (self.low, self.high) for price in edge if price == price)


def sampled(line: memoryview[float], start: float, apart: float, count: int) -> list[float]:
    """`count` prices along a line from step `start` on, `apart` steps between two; NaN outside the line."""
    last, found = len(line) - 1, []
    for i in range(count):
        step = start + i * apart
        if 0 <= step <= last:
            first = min(int(step), last - 1)
            found.append(line[first] + (line[first + 1] - line[first]) * (step - first))
        else:
            found.append(math.nan)
    return found


@dataclass(frozen=True)
class Ahead:
    """A fan beside a chart: `left` cells of bars, then `width` cells from `now_ns` on."""

    fan: Fan
    now_ns: int
    left: int
    width: int

    @classmethod
    def of(cls, frame: Frame, room: int, cell_ns: float) -> Ahead | None:
        """The fan of this frame in `room` cells, None where there is none to be seen now."""
        fan, market = frame.host.fan, frame.market
        if fan is None or fan.symbol != market.symbol or fan.step_ns <= 0:
            return None
        span_ns = (len(fan.plain_middle) // 8 - 1) * fan.step_ns
        if span_ns <= 0 or not fan.ts - span_ns <= market.ts < fan.ts + span_ns:
            return None
        width = round(min(max(span_ns / cell_ns, LEAST_SHARE * room), MOST_SHARE * room))
        return cls(fan, market.ts, room - width, width) if width >= NARROWEST else None

    @cached_property
    def plain(self) -> Lines | None:
        fan = self.fan
        return Lines.of(fan.plain_low, fan.plain_middle, fan.plain_high)

    @cached_property
    def shocked(self) -> Lines | None:
        fan = self.fan
        return Lines.of(fan.shocked_low, fan.shocked_middle, fan.shocked_high)

    @property
    def span_ns(self) -> int:
        return (len(self.fan.plain_middle) // 8 - 1) * self.fan.step_ns

    def step(self, cells: float) -> float:
        """The fan's step at so many cells after now."""
        passed_ns = (
            self.now_ns - self.fan.ts
        )  # a difference of ints: a float holds no time of day to the microsecond
        return (passed_ns + cells / self.width * self.span_ns) / self.fan.step_ns

    def widened(self, scale: PriceScale, tick: float) -> PriceScale:
        """The scale, or a wider one that holds the fans as well."""
        prices = [p for lines in (self.plain, self.shocked) if lines is not None for p in lines.range()]
        if not prices or (min(prices) > scale.bottom and max(prices) < scale.top):
            return scale
        return scale_for(min(*prices, scale.bottom), max(*prices, scale.top), scale.rows, tick)

    # drawing

    def field(self, scale: PriceScale, height: int) -> Field:
        """The bands as fills of the future's cells, `height` rows of them."""
        halves = [bytearray(self.width) for _ in range(2 * height)]
        bands = [(self.plain, FAN if self.shocked is None else PLAIN_FAN), (self.shocked, FAN)]
        first, apart = self.step(0.5), self.step(1.0) - self.step(0.0)
        for lines, fill in bands:
            if lines is None:
                continue
            lows, highs = (sampled(edge, first, apart, self.width) for edge in (lines.low, lines.high))
            for x, (low, high) in enumerate(zip(lows, highs, strict=True)):
                if low != low or high != high:
                    continue
                top, bottom = scale.row(high, 2), scale.row(low, 2)
                for half in halves[max(top, 0) : min(bottom, 2 * scale.rows - 1) + 1]:
                    half[x] = BOTH_FANS if half[x] else fill
        return [(bytes(halves[2 * y]), bytes(halves[2 * y + 1])) for y in range(height)]

    def draw(self, canvas: Canvas, plot: Plot, scale: PriceScale, look: Look) -> None:
        """The medians into the future, the line `now`, and what has passed of the fan over the bars."""
        palette, down = look.palette, "|" if look.glyphs.ascii else "┊"
        for y in range(scale.rows):
            canvas.mark(self.left, y, down, palette.doubt, -1)
        asked = self.shocked or self.plain
        if self.plain is not None and asked is not self.plain:
            self._draw_line(canvas, plot, scale, self.plain.middle, palette.dim)
        if asked is not None:
            self._draw_line(canvas, plot, scale, asked.middle, palette.doubt)
            for edge in (asked.low, asked.high):
                self._draw_passed(canvas, plot, scale, edge, palette.doubt)

    def _draw_line(
        self, canvas: Canvas, plot: Plot, scale: PriceScale, line: memoryview[float], style: Style
    ) -> None:
        first, apart = self.step(0.25), self.step(0.5) - self.step(0.0)
        rows = _dot_rows(scale, sampled(line, first, apart, 2 * self.width))
        canvas.path(2 * self.left, rows, style, 2)
        self._draw_passed(canvas, plot, scale, line, style)

    def _draw_passed(
        self, canvas: Canvas, plot: Plot, scale: PriceScale, line: memoryview[float], style: Style
    ) -> None:
        apart = plot.cell_ns / 2 / self.fan.step_ns
        dots = min(2 * self.left, int(self.step(0.0) / apart))
        if dots > 0:
            first = self.step(0.0) - (dots - 1) * apart
            canvas.path(2 * self.left - dots, _dot_rows(scale, sampled(line, first, apart, dots)), style, 0)

    def labels(self) -> list[tuple[int, str]]:
        """(cell after `left`, text) along the future's time axis: seconds from now."""
        span_s = self.span_ns / SECOND_NS
        step = next((s for s in _STEPS_S if s / span_s * self.width >= 8), span_s)
        found = [(0, "now")]
        for k in range(1, int(span_s / step + 1e-9) + 1):
            text = _later(k * step)
            at = min(round(k * step / span_s * self.width) - len(text) // 2, self.width - len(text))
            if at > found[-1][0] + len(found[-1][1]):
                found.append((at, text))
        return found

    def time(self, x: int) -> str:
        """How far ahead a cell of the chart is."""
        return _later(round((x - self.left + 0.5) / self.width * self.span_ns / SECOND_NS, 1))

    def reading(self, x: int, look: Look, instrument: Instrument) -> list[Segment]:
        """The quantiles at a cell of the chart, for the crosshair."""
        palette, step = look.palette, self.step(x - self.left + 0.5)
        parts: list[Segment] = []
        for name, lines in (("without ", self.plain), ("with ", self.shocked)):
            if lines is None:
                continue
            low, middle, high = (
                sampled(line, step, 0.0, 1)[0] for line in (lines.low, lines.middle, lines.high)
            )
            if middle != middle:
                return [Segment("the what-if does not reach so far", palette.dim)]
            label = name if self.shocked is not None else "what if "
            text = " ".join(mean_price(instrument, price) for price in (low, middle, high))
            parts += [Segment(label, palette.dim), Segment(text + "  ", palette.text)]
        return parts


_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def _dot_rows(scale: PriceScale, prices: list[float]) -> list[int | None]:
    last, rows = 4 * scale.rows - 1, scale.row
    return [None if price != price else min(max(rows(price, 4), 0), last) for price in prices]


def _later(seconds: float) -> str:
    if seconds >= 120 and seconds % 60 == 0:
        return f"+{seconds / 60:g} min"
    return f"+{seconds:g} s"


# words and numbers


def summary(fan: Fan, look: Look) -> list[Segment]:
    """One line about a what-if: how far it is, or what it says."""
    palette, minus = look.palette, look.glyphs.minus
    if fan.state == "FAILED":
        return [Segment(f"what-if: {clean(fan.reason, 80) or 'failed'}", palette.warning)]
    if not fan.done:
        return [Segment(f"what-if: {fan.futures} futures are being made", palette.doubt)]
    count = f"{fan.done}/{fan.futures}" if fan.state == "RUNNING" else str(fan.done)
    span_s = (len(fan.plain_middle) // 8 - 1) * fan.step_ns / SECOND_NS
    parts = [Segment(f"what-if {count}", palette.doubt)]
    if span_s > 0:
        parts.append(Segment(f" × {span_s:g} s", palette.doubt))
    for name, plain, shocked in _moves(fan):
        parts.append(Segment(f"  {name} ", palette.dim))
        parts.append(Segment(signed(plain if shocked is None else shocked, 1, minus), palette.doubt))
        if shocked is not None:
            parts.append(Segment(f" ({signed(plain, 1, minus)})", palette.dim))
    return [*parts, Segment(" bp", palette.dim)] if len(parts) > 2 else parts


def _moves(fan: Fan) -> Iterator[tuple[str, float, float | None]]:
    """Median and 5 % quantile at the horizon, in bp of the price now."""
    for name, plain, shocked in (
        ("median", fan.plain_middle, fan.shocked_middle),
        ("5 %", fan.plain_low, fan.shocked_low),
    ):
        moves: list[float | None] = []
        for line in (plain, shocked):
            prices = memoryview(line).cast("d")
            known = len(prices) >= 2 and prices[0] > 0 and prices[-1] == prices[-1]
            moves.append((prices[-1] / prices[0] - 1) * 1e4 if known else None)
        if moves[0] is not None:
            yield name, moves[0], moves[1]


def table(fan: Fan, look: Look) -> list[Row]:
    """The what-if's table: a heading, a line a question, without the shock and with it, and what it rests on."""
    palette = look.palette
    answers = [row for row in fan.table if row.plain is not None or row.shocked is not None]
    if not answers:
        return []
    asked = bool(fan.shock)
    heading = [
        Segment(("what if" if asked else "what if nothing is done").ljust(NAME_WIDTH), palette.doubt),
        Segment(("without" if asked else "").rjust(VALUE_WIDTH), palette.dim),
        Segment(("with" if asked else "").rjust(VALUE_WIDTH), palette.doubt),
    ]
    basis = wrapped(clean(fan.basis, 3 * TABLE_WIDTH), TABLE_WIDTH)
    return [
        heading,
        *(_table_row(row, asked, look) for row in answers),
        *([Segment(line, palette.dim)] for line in basis if line),
    ]


def _table_row(row: FanRow, asked: bool, look: Look) -> Row:
    palette = look.palette
    cells = [
        Segment(clean(row.name, NAME_WIDTH - 1).ljust(NAME_WIDTH), palette.dim),
        Segment(_value(row.plain, row.unit, look).rjust(VALUE_WIDTH), palette.dim if asked else palette.text),
    ]
    if asked:
        cells.append(Segment(_value(row.shocked, row.unit, look).rjust(VALUE_WIDTH), palette.text))
    return cells


def _value(value: float | None, unit: str, look: Look) -> str:
    if value is None:
        return MISSING
    decimals = 0 if abs(value) >= (1000 if unit == "bp" else 10) or value == round(value) else 1
    text = f"{round(value, decimals) + 0.0:.{decimals}f}" if unit else f"{value:.6g}"  # no minus before zero
    return f"{text.replace('-', look.glyphs.minus)} {unit}".strip()
