"""A line across the screen made of parts, of which the least important leave first when it gets narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from engine.frame import Frame
from tui.glyphs import to_ascii
from tui.look import Look
from tui.panels.base import finished


@dataclass(frozen=True, slots=True)
class Part:
    """Segments that stay or go together. `rank` 0 never goes; the highest rank goes first."""

    rank: int
    segments: tuple[Segment, ...]
    right: bool = False  # set at the right end instead of the left
    gap: int = 2  # blank cells between it and the part before it

    @property
    def width(self) -> int:
        return sum(cell_len(segment.text) for segment in self.segments)


def fit(parts: Sequence[Part], width: int) -> list[Part]:
    """The parts that fit into `width` cells, gaps included, in their order."""
    kept = list(parts)
    while kept and sum(part.gap + part.width for part in kept) - kept[0].gap > width:
        worst = max(kept, key=lambda part: part.rank)
        if worst.rank == 0:
            break
        kept.remove(worst)
    return kept


class Bar(Widget):
    """One line. A subclass says its parts for a frame; the line is repainted only when they change."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; background: $background; }"
    ALLOW_SELECT = False
    rate_hz = 2.0

    def __init__(self, look: Look, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self._frame: Frame | None = None
        self._parts: list[Part] = []
        self._line: Strip | None = None

    @property
    def look(self) -> Look:
        return self._look

    @property
    def size(self) -> Size:
        """All cells of the line; it has no CSS border or padding."""
        return self.outer_size

    @property
    def frame(self) -> Frame | None:
        return self._frame

    def parts(self, frame: Frame) -> list[Part]:
        """What the line says of this frame, left parts in order, then right parts in order."""
        raise NotImplementedError

    def fitted(self, width: int) -> list[Part]:
        """Those of its parts that are shown in so many cells."""
        return fit(self._parts, width)

    def show(self, frame: Frame) -> None:
        self._frame = frame
        parts = self.parts(frame)
        if parts != self._parts:
            self._parts = parts
            self._line = None
            self.refresh()

    def restyle(self, look: Look) -> None:
        self._look = look
        self._line = None
        if self._frame is not None:
            self._parts = self.parts(self._frame)
        self.refresh()

    def on_resize(self) -> None:
        if self._frame is not None:
            self.restyle(self._look)

    def render_lines(self, crop: Region) -> list[Strip]:
        return finished(self, crop)

    def render_line(self, y: int) -> Strip:
        if self._line is None or self._line.cell_length != self.size.width:
            self._line = self._lay_out()
        return self._line

    def _lay_out(self) -> Strip:
        width = self.size.width
        palette = self._look.palette
        kept = self.fitted(width - 2)
        blank = palette.ground
        start = [Segment(" ", blank), *self._joined([part for part in kept if not part.right])]
        end = [*self._joined([part for part in kept if part.right]), Segment(" ", blank)]
        used = sum(cell_len(segment.text) for segment in (*start, *end))
        rest = [Segment(" " * (width - used), blank)] if width > used else []
        return Strip([*start, *rest, *end]).adjust_cell_length(width, blank)

    def _joined(self, parts: Sequence[Part]) -> list[Segment]:
        joined: list[Segment] = []
        for part in parts:
            if joined:
                joined.append(Segment(" " * part.gap, self._look.palette.ground))
            joined += self._segments(part)
        return joined

    def _segments(self, part: Part) -> list[Segment]:
        palette, plain = self._look.palette, self._look.glyphs.ascii
        return [
            Segment(to_ascii(text) if plain else text, self._ground(style or palette.text))
            for text, style, _ in part.segments
        ]

    def _ground(self, style: Style) -> Style:
        palette = self._look.palette
        on_panel = style.bgcolor is None or style.bgcolor == palette.text.bgcolor
        return palette.on_ground(style) if on_panel else style
