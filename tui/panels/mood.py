"""Sentiment as a chart: its line over zero, a band for its doubt, a fainter one for what posts leave open, and posts.

Time runs from what is known, up to an hour, to the newest point at the right edge. Columns are cut at round times,
so that nothing drawn before moves when a point comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from rich.segment import Segment
from rich.style import Style

from engine.frame.sentiment import PostNow, SentimentNow
from tui.axis import PriceScale, time_labels
from tui.canvas import FAN, PLAIN_FAN, Canvas, Field
from tui.format import SECOND_NS, signed
from tui.look import Look
from tui.panels.base import Row
from tui.panels.posts import polarity_text, post_style, weight

SPANS_S = (300, 900, 1800, 3600)  # a chart shows the shortest that holds what is known
NARROW_RANGE = 0.5  # of polarity to each side of zero, while line and doubt stay inside; else 1
AXIS = 6  # cells of its labels
LEAST_ROWS = 3
HEAVY, MIDDLING = 0.7, 0.3  # weights from which a post's dot is large, small; below it is a point


@dataclass(frozen=True)
class MoodChart:
    """`mood` on `width` x `rows` cells, axis included; `posts` are those it is made of."""

    mood: SentimentNow
    posts: Sequence[PostNow]
    look: Look
    width: int
    rows: int

    @property
    def cells(self) -> int:
        return max(1, self.width - AXIS)

    @cached_property
    def span_ns(self) -> int:
        known_s = self._count * self.mood.history_ns / SECOND_NS
        return next((s for s in SPANS_S if s >= known_s), SPANS_S[-1]) * SECOND_NS

    @property
    def _count(self) -> int:
        return len(self.mood.history) // 8

    @cached_property
    def column_ns(self) -> int:
        """Of one column of dots, two to a cell."""
        return max(1, self.span_ns // (2 * self.cells))

    @cached_property
    def first_column(self) -> int:
        """The leftmost column, counted from 1970."""
        return self.mood.history_end // self.column_ns - 2 * self.cells + 1

    @cached_property
    def _points(self) -> list[tuple[float, float, float] | None]:
        """(value, doubt, aleatoric) of each column of dots, NaN where one is not known; None before the first."""
        mood = self.mood
        columns = [
            memoryview(c).cast("d") for c in (mood.history, mood.history_doubt, mood.history_aleatoric)
        ]
        last = min(len(column) for column in columns) - 1
        begun = mood.history_end - last * mood.history_ns
        found: list[tuple[float, float, float] | None] = []
        for column in range(self.first_column, self.first_column + 2 * self.cells):
            at = ((column + 1) * self.column_ns - 1 - begun) // mood.history_ns
            if at < 0 or last < 0:
                found.append(None)
                continue
            value, doubt, aleatoric = (values[min(at, last)] for values in columns)
            found.append((value, doubt, aleatoric) if value == value else None)
        return found

    @cached_property
    def reach(self) -> float:
        """Polarity at the upper edge."""
        farthest = (abs(v) + (d if d == d else 0.0) for v, d, _ in filter(None, self._points))
        return NARROW_RANGE if max(farthest, default=0.0) < NARROW_RANGE else 1.0

    @cached_property
    def scale(self) -> PriceScale:
        return PriceScale(self.reach, -self.reach, self.rows)

    def draw(self, *, times: bool) -> list[Row]:
        """`rows` rows, and with `times` one more with the time of day."""
        shaded = replace(self.look, palette=self.look.palette.of_doubt)
        canvas = Canvas(shaded, self.cells, self.rows, self._bands())
        palette, zero = shaded.palette, self.scale.row(0.0, 4)
        for x in range(0, 2 * self.cells, 2):
            canvas.run(x, zero, zero, palette.dim, -1)
        self._draw_posts(canvas)
        canvas.path(0, [self._dot(point) for point in self._points], palette.doubt, 2)
        rows: list[Row] = []
        for y, (text, style) in enumerate(self._labels()):
            rows.append([Segment(text.rjust(AXIS - 1) + " ", style), *canvas.row(y)])
        if times:
            rows.append(self._times())
        return rows

    def _dot(self, point: tuple[float, float, float] | None) -> int | None:
        return None if point is None else min(max(self.scale.row(point[0], 4), 0), 4 * self.rows - 1)

    def _bands(self) -> Field:
        """What posts leave open, then over it the doubt of the mean, as fills of half cells."""
        count, reach, points = 2 * self.rows, self.reach, self._points
        per_polarity, blank = self.rows / reach, bytes(2 * self.rows)
        columns: list[bytes] = []
        for x in range(0, 2 * self.cells, 2):
            point = points[x + 1] or points[x]
            if point is None:
                columns.append(blank)
                continue
            value, doubt, aleatoric = point
            column = bytearray(blank)
            for width, fill in ((aleatoric, PLAIN_FAN), (doubt, FAN)):
                if width == width:
                    top = min(max(int((reach - value - width) * per_polarity), 0), count)
                    end = min(max(int((reach - value + width) * per_polarity) + 1, top), count)
                    column[top:end] = bytes((fill,)) * (end - top)
            columns.append(bytes(column))
        halves = [bytes(half) for half in zip(*columns, strict=True)]
        return list(zip(halves[::2], halves[1::2], strict=True))

    def _draw_posts(self, canvas: Canvas) -> None:
        """A dot a post at its polarity, heavier ones over lighter ones; an arrow where it is beyond the scale."""
        for cell, row, glyph, style in self._dots():
            canvas.mark(cell, row, glyph, style, 1)

    def _dots(self) -> Iterator[tuple[int, int, str, Style]]:
        glyphs = self.look.glyphs
        large, small, point = ("*", "o", ".") if glyphs.ascii else ("●", "•", "·")
        begun = self.first_column * self.column_ns
        seen = [(weight(post), at, post) for at, post in enumerate(self.posts) if post.ts >= begun]
        for heavy, _, post in sorted(seen):
            if post.polarity is None:
                continue
            column = (post.ts - begun) // self.column_ns
            glyph = large if heavy >= HEAVY else small if heavy >= MIDDLING else point
            if abs(post.polarity) > self.reach:
                glyph = glyphs.rise if post.polarity > 0 else glyphs.fall
            row = min(max(self.scale.row(post.polarity), 0), self.rows - 1)
            yield min(column // 2, self.cells - 1), row, glyph, post_style(post, self.look)

    def _labels(self) -> list[tuple[str, Style]]:
        """What stands left of each row: both ends, zero, and the value now."""
        palette, minus = self.look.palette, self.look.glyphs.minus
        labels = [("", palette.dim)] * self.rows
        for row, level in ((0, self.reach), (self.rows - 1, -self.reach)):
            labels[row] = (signed(level, 1, minus), palette.dim)
        labels[min(self.scale.row(0.0), self.rows - 1)] = ("0", palette.dim)
        if self.mood.value is not None:
            row = min(max(self.scale.row(self.mood.value), 0), self.rows - 1)
            labels[row] = (polarity_text(self.mood.value, self.look), palette.doubt)
        return labels

    def _times(self) -> Row:
        palette = self.look.palette
        start = self.first_column * self.column_ns
        text = ""
        for cell, label in time_labels(start, 2 * self.column_ns, self.cells, self.look.utc):
            text = text.ljust(AXIS + cell) + label
        return [Segment(text, palette.dim)]
