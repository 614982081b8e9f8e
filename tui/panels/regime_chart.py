"""Factors as two lines over zero, and under them the regime of each moment, higher the graver.

Time runs to the newest point at the right edge. Columns are cut at round times, so that nothing drawn before moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from rich.segment import Segment
from rich.style import Style

from engine.frame.regime import REGIMES, RegimeNow
from tui.axis import PriceScale, nice_step, time_labels
from tui.canvas import Canvas
from tui.format import SECOND_NS, signed
from tui.look import Look
from tui.panels.base import Row

SPANS_S = (300, 900, 1800, 3600)  # a chart shows the shortest that holds what is known
AXIS = 6  # cells of its labels
LEAST_ROWS = 3  # of lines
TIMES_FROM = 5  # rows of lines from which the time of day stands below
_HEIGHTS = (1, 3, 5, 8)  # of REGIMES, in `Glyphs.columns`
_LETTERS = "ctsd"  # the same where there are no such glyphs


def regime_style(place: int, look: Look) -> Style:
    """Of a place in REGIMES."""
    palette = look.palette
    return (palette.dim, palette.accent, palette.warning, palette.warning_bright)[place]


@dataclass(frozen=True)
class RegimeChart:
    """`now`'s history on `width` cells, axis included: `rows` of lines, none where there are too few for them."""

    now: RegimeNow
    look: Look
    width: int
    rows: int

    @property
    def cells(self) -> int:
        return max(1, self.width - AXIS)

    @cached_property
    def span_ns(self) -> int:
        known_s = len(self.now.history_label) // 8 * self.now.history_ns / SECOND_NS
        return next((s for s in SPANS_S if s >= known_s), SPANS_S[-1]) * SECOND_NS

    @cached_property
    def column_ns(self) -> int:
        """Of one column of dots, two to a cell."""
        return max(1, self.span_ns // (2 * self.cells))

    @cached_property
    def first_column(self) -> int:
        """The leftmost column, counted from 1970."""
        return self.now.history_end // self.column_ns - 2 * self.cells + 1

    def _columns(self, history: bytes) -> list[float | None]:
        """The value of each column of dots; None where nothing was known."""
        now, values = self.now, memoryview(history).cast("d")
        last = len(values) - 1
        begun = now.history_end - last * now.history_ns
        found: list[float | None] = []
        for column in range(self.first_column, self.first_column + 2 * self.cells):
            at = ((column + 1) * self.column_ns - 1 - begun) // now.history_ns
            value = values[min(at, last)] if at >= 0 and last >= 0 else None
            found.append(None if value is None or value != value else value)
        return found

    @cached_property
    def _factors(self) -> tuple[list[float | None], list[float | None]]:
        return self._columns(self.now.factor_1), self._columns(self.now.factor_2)

    @property
    def has_factors(self) -> bool:
        return any(value is not None for factor in self._factors for value in factor)

    @cached_property
    def reach(self) -> float:
        """Of the axis, to each side of zero."""
        return nice_step(
            max(abs(value) for factor in self._factors for value in factor if value is not None), 1.0
        )

    def draw(self) -> list[Row]:
        """All rows: lines, regimes, and times where there is room."""
        lines = list(self._lines()) if self.has_factors and self.rows >= LEAST_ROWS else []
        rows = [*lines, self._strip()]
        if len(lines) >= TIMES_FROM:
            rows.append(self._times())
        return rows

    def _lines(self) -> Iterator[Row]:
        palette, look = self.look.palette, self.look
        scale = PriceScale(self.reach, -self.reach, self.rows)
        canvas = Canvas(look, self.cells, self.rows)
        zero, last = scale.row(0.0, 4), 4 * self.rows - 1
        for x in range(0, 2 * self.cells, 2):
            canvas.run(x, zero, zero, palette.faint, -1)
        for factor, style, rank in zip(self._factors, (palette.accent, palette.doubt), (2, 1), strict=True):
            dots = [None if v is None else min(max(scale.row(v, 4), 0), last) for v in factor]
            canvas.path(0, dots, style, rank)
        labels = {0: signed(self.reach, 0, look.glyphs.minus), self.rows // 2: "0"}
        labels[self.rows - 1] = signed(-self.reach, 0, look.glyphs.minus)
        for y in range(self.rows):
            yield [Segment(labels.get(y, "").rjust(AXIS - 1) + " ", palette.dim), *canvas.row(y)]

    def _strip(self) -> Row:
        """The graver of each cell's two columns."""
        glyphs = self.look.glyphs
        columns = self._columns(self.now.history_label)
        row: list[Segment] = [Segment(" " * AXIS, self.look.palette.dim)]
        for x in range(0, len(columns), 2):
            known = [int(value) for value in columns[x : x + 2] if value is not None]
            if not known:
                row.append(Segment(" ", self.look.palette.dim))
                continue
            place = min(max(*known, 0), len(REGIMES) - 1)
            text = _LETTERS[place] if glyphs.ascii else glyphs.columns[_HEIGHTS[place]]
            row.append(Segment(text, regime_style(place, self.look)))
        return row

    def _times(self) -> Row:
        start, text = self.first_column * self.column_ns, ""
        for cell, label in time_labels(start, 2 * self.column_ns, self.cells, self.look.utc):
            text = text.ljust(AXIS + cell) + label
        return [Segment(text, self.look.palette.dim)]
