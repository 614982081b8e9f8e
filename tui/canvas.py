"""A small drawing board of terminal cells: braille dots, whole characters, and a field of half blocks behind.

Things are drawn in any order; where two meet in a cell the higher rank decides colour, and a character beats
dots. Braille gives 2 x 4 dots a cell. The field behind is two fills a cell, the upper and lower half of `▀`:
heat levels, or the fans of a what-if.
Only cells that hold something are kept, so that an update costs what is drawn and not what is empty.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from operator import add

from rich.segment import Segment
from rich.style import Style

from engine.frame.chart import HEAT_LEVELS
from tui.colour import mix
from tui.look import Look
from tui.theme import Palette

_BRAILLE = [chr(0x2800 + bits) for bits in range(256)]
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
# _RUNS[x][a][b]: the dots of one half of a cell from row a down to row b
_RUNS = tuple(tuple(tuple(sum(column[a : b + 1]) for b in range(4)) for a in range(4)) for column in _DOTS)
_UPPER = 0x01 | 0x02 | 0x08 | 0x10
PLAIN_FAN, FAN, BOTH_FANS = HEAT_LEVELS + 1, HEAT_LEVELS + 2, HEAT_LEVELS + 3  # fills above the heat's levels
_PAIRS = BOTH_FANS + 1
_TIMES_PAIRS = bytes(min(fill, BOTH_FANS) * _PAIRS for fill in range(256))
_FAN_SHADES = {PLAIN_FAN: "-", FAN: "=", BOTH_FANS: "%"}  # where colour must not be needed

_SHADES = " .:-=+*#%@"
_FIRST_CELL = 256  # above every pair of levels
_RUN = re.compile(r"(.)\1*", re.DOTALL)

Cell = tuple[str, Style]
Field = Sequence[tuple[bytes, bytes]]  # a row of cells: fills of the upper and of the lower halves


class Canvas:
    """`width` x `height` cells; dots are addressed from the top left, 2 `width` x 4 `height` of them.

    The field lies behind the cells from `field_from` on; left of them there is the panel's ground.
    """

    def __init__(
        self, look: Look, width: int, height: int, field: Field | None = None, field_from: int = 0
    ) -> None:
        self.width = width
        self.height = height
        self._look = look
        self._field = field
        self._field_from = width if field is None else field_from
        self._dots: list[dict[int, int]] = [{} for _ in range(height)]
        self._inks: list[dict[int, tuple[int, Style]]] = [{} for _ in range(height)]
        self._marks: list[dict[int, tuple[int, str, Style]]] = [{} for _ in range(height)]

    def run(self, x: int, first: int, last: int, style: Style, rank: int = 0) -> None:
        """Dots of column `x` from row `first` to row `last`, in either order; what is outside is cut off."""
        if first > last:
            first, last = last, first
        if not 0 <= x < 2 * self.width or last < 0 or first >= 4 * self.height:
            return
        first, last = max(first, 0), min(last, 4 * self.height - 1)
        cell, side = divmod(x, 2)
        runs = _RUNS[side]
        for y in range(first >> 2, (last >> 2) + 1):
            top = first & 3 if y == first >> 2 else 0
            end = last & 3 if y == last >> 2 else 3
            dots = self._dots[y]
            dots[cell] = dots.get(cell, 0) | runs[top][end]
            inks = self._inks[y]
            if cell not in inks or inks[cell][0] <= rank:
                inks[cell] = (rank, style)

    def path(self, x: int, rows: Sequence[int | None], style: Style, rank: int = 0) -> None:
        """One dot row for each column from `x` on, joined by vertical runs; None interrupts the line."""
        before: int | None = None
        for at, row in enumerate(rows, x):
            if row is not None:
                if before is None or abs(row - before) <= 1:
                    self.run(at, row, row, style, rank)
                else:
                    # Half the way in each of the two columns: a slope looks like one.
                    middle = (before + row) // 2
                    toward = 1 if row > before else -1
                    self.run(at - 1, before, middle, style, rank)
                    self.run(at, middle + (toward if middle != row else 0), row, style, rank)
            before = row

    def mark(self, x: int, y: int, text: str, style: Style, rank: int = 0) -> None:
        """Characters from cell (x, y) to the right; those outside the canvas are left out."""
        if not 0 <= y < self.height:
            return
        marks = self._marks[y]
        for at, character in enumerate(text, x):
            if 0 <= at < self.width and (at not in marks or marks[at][0] <= rank):
                marks[at] = (rank, character, style)

    def is_free(self, x: int, y: int) -> bool:
        """Whether nothing is drawn in this cell."""
        return x not in self._dots[y] and x not in self._marks[y]

    def row(self, y: int) -> list[Segment]:
        """The segments of one row of cells, `width` wide."""
        over, cut = self._over(y), self._field_from
        if self._field is None or not cut:
            return (
                self._row_on_panel(over, cut)
                if self._field is None
                else self._row_on_field(self._field[y], over)
            )
        left = {x: cell for x, cell in over.items() if x < cut}
        right = {x - cut: cell for x, cell in over.items() if x >= cut}
        return [*self._row_on_panel(left, cut), *self._row_on_field(self._field[y], right)]

    def _row_on_panel(self, over: dict[int, Cell], width: int) -> list[Segment]:
        blank = self._look.palette.text
        segments: list[Segment] = []
        at = 0
        for x in sorted(over):
            if x > at:
                segments.append(Segment(" " * (x - at), blank))
            segments.append(Segment(*over[x]))
            at = x + 1
        if at < width:
            segments.append(Segment(" " * (width - at), blank))
        return _joined(segments)

    def _over(self, y: int) -> dict[int, Cell]:
        """What is drawn in the cells of row `y`, before what is behind them."""
        letter = _ascii if self._look.glyphs.ascii else _BRAILLE.__getitem__
        inks = self._inks[y]
        over = {x: (letter(bits), inks[x][1]) for x, bits in self._dots[y].items()}
        for x, (rank, character, style) in self._marks[y].items():
            if x not in over or inks[x][0] <= rank:
                over[x] = (character, style)
        return over

    def _row_on_field(self, levels: tuple[bytes, bytes], over: dict[int, Cell]) -> list[Segment]:
        # Each cell is one character of a key, its two levels or a place in `cells`, so that a regular
        # expression finds the runs: half the time of going through the cells.
        palette, ascii_only = self._look.palette, self._look.glyphs.ascii
        upper, lower = levels
        key = bytes(map(add, upper.translate(_TIMES_PAIRS), lower)).decode("latin-1")
        cells: list[Cell] = []
        if over:
            characters = list(key)
            places: dict[Cell, int] = {}
            for x, (character, style) in over.items():
                fill = 0 if ascii_only else max(upper[x], lower[x])
                share = 1.0 if fill > HEAT_LEVELS else 0.4
                cell = (character, _before(style, palette.fills[fill], palette.panel_colour, share))
                characters[x] = chr(_FIRST_CELL + places.setdefault(cell, len(places)))
            cells = list(places)
            key = "".join(characters)
        segments = []
        for found in _RUN.finditer(key):
            run = found.group()
            code = ord(run[0])
            if code < _FIRST_CELL:
                segments.append(_heat_run(palette, code, len(run), ascii_only))
            else:
                character, style = cells[code - _FIRST_CELL]
                segments.append(Segment(character * len(run), style))
        return segments


def heat_character(level: int) -> str:
    """A fill where colour must not be needed: blank only where there is nothing.

    >>> "".join(heat_character(level) for level in range(HEAT_LEVELS + 1))
    ' .:--=+**#%@@'
    """
    if level > HEAT_LEVELS:
        return _FAN_SHADES[level]
    return _SHADES[math.ceil(level * (len(_SHADES) - 1) / HEAT_LEVELS)]


@lru_cache(8192)
def _heat_run(palette: Palette, code: int, count: int, ascii_only: bool) -> Segment:
    """So many cells of the same two levels; without half blocks the fuller one is a character."""
    above, below = divmod(code, _PAIRS)
    if ascii_only:
        level = max(above, below)
        return Segment(heat_character(level) * count, palette.heat_pair(level, 0))
    return Segment("▀" * count, palette.heat_pair(above, below))


@lru_cache(1024)
def _before(style: Style, fill: str, panel: str, share: float) -> Style:
    """A style before a fill, of which only a share is kept so that what is drawn stands out from any heat."""
    return Style(color=style.color, bgcolor=mix(panel, fill, share), bold=style.bold)


def _ascii(bits: int) -> str:
    upper, lower = bits & _UPPER, bits & ~_UPPER
    return ":" if upper and lower else "'" if upper else "."


def _joined(segments: list[Segment]) -> list[Segment]:
    """Neighbours of one style as one segment."""
    joined: list[Segment] = []
    texts: list[str] = []
    style: Style | None = None
    for text, own, _ in segments:
        if own is not style and texts:
            joined.append(Segment("".join(texts), style))
            texts = []
        style = own
        texts.append(text)
    joined.append(Segment("".join(texts), style))
    return joined
