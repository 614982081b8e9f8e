"""What a panel is: a titled frame with rows of text that repaints only the rows that changed.

A panel subclasses `Panel`, names itself and its digit, and writes `draw(frame)`, which calls `put` for its
rows. It never asks what kind of session it is in and reaches the engine only by what it `wants` of the view.
It is found by being in this folder: no other file needs to know of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.filter import ANSIToTruecolor
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from engine.frame import Frame, View
from engine.text import clean
from tui.glyphs import to_ascii
from tui.look import Look

Row = Sequence[Segment]


class Panel(Widget, can_focus=True):
    """A framed part of the screen. See the module for the contract."""

    DEFAULT_CSS = "Panel { width: 1fr; height: 1fr; background: $surface; }"
    ALLOW_SELECT = False

    title: ClassVar[str] = ""  # one word in the frame, after the digit, and the widget's id
    key: ClassVar[str] = ""  # the digit that focuses it; a class without one is not a panel yet
    place: ClassVar[str] = "right"  # left | centre | below | right: which part of the wide layout it lives in
    eager: ClassVar[bool] = False  # comes before others of its place when there is something for it
    help: ClassVar[str] = ""  # what it shows, in a few plain lines, for the key `?`
    pad: ClassVar[int] = 1  # blank cells between frame and rows, left and right

    rate_hz: float = 2.0  # how often it is drawn at most; a panel may change it as it goes

    class Wish(Message):
        """What the panel wants of the view has changed."""

    class Failed(Message):
        """The panel could not draw; said once a panel, with the reason in a sentence."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, look: Look) -> None:
        super().__init__(id=self.title or None)
        self._look = look
        self._frame: Frame | None = None
        self._drawn: list[tuple[Segment, ...]] = []
        self._strips: dict[int, Strip] = {}
        self._dirty: set[int] = set()
        self._fitted = Size(0, 0)
        self._failed = False
        self._head: tuple[Segment, ...] = ()
        self._foot: tuple[Segment, ...] = ()

    # what a panel writes

    def draw(self, frame: Frame) -> None:
        """Put every row for this frame. `inner` says how much room there is."""
        raise NotImplementedError

    def needed(self, frame: Frame) -> bool:
        """Whether this session has anything for the panel; where it has not, its place goes to the others."""
        return True

    def wants(self, view: View) -> View:
        """The view as this panel would have it at its present size; others' fields stay as they are."""
        return view

    def act(self, action: str) -> None:
        """Carry out an action of the registry that names this panel, by its id."""

    def keeps(self) -> dict[str, str | int]:
        """What of its own settings should be there again next time."""
        return {}

    def restore(self, kept: Mapping[str, object]) -> None:
        """Take back what `keeps` gave; anything unusable is ignored. Called before the panel has a size."""

    @property
    def aimed_price(self) -> float | None:
        """The price that a person points at in it, if it lets them."""
        return None

    # what a panel uses

    @property
    def look(self) -> Look:
        return self._look

    @property
    def size(self) -> Size:
        """All cells of the panel. It has no CSS border or padding, so nothing is looked up for it."""
        return self.outer_size

    @property
    def frame(self) -> Frame | None:
        """The frame last shown, None before the first."""
        return self._frame

    @property
    def inner(self) -> Size:
        """Cells inside the frame and its padding."""
        width, height = self.size
        return Size(max(0, width - 2 - 2 * self.pad), max(0, height - 2))

    def put(self, y: int, segments: Iterable[Segment]) -> None:
        """Row `y` of the inside, from the left edge; what is too long is cut, the rest is blank."""
        row = self._legible(segments)
        if 0 <= y < len(self._drawn) and self._drawn[y] != row:
            self._drawn[y] = row
            self._dirty.add(y + 1)

    def put_all(self, rows: Sequence[Row]) -> None:
        """All rows of the inside at once; rows that are not given become blank."""
        for y in range(self.inner.height):
            self.put(y, rows[y] if y < len(rows) else ())

    def put_head(self, segments: Iterable[Segment]) -> None:
        """What stands behind the title in the upper frame, such as the mode."""
        head = self._legible(segments)
        if head != self._head:
            self._head = head
            self._dirty.add(0)

    def put_foot(self, segments: Iterable[Segment]) -> None:
        """What stands at the right of the lower frame, such as a price per row."""
        foot = self._legible(segments)
        if foot != self._foot:
            self._foot = foot
            self._dirty.add(max(0, self.size.height - 1))

    def _legible(self, segments: Iterable[Segment]) -> tuple[Segment, ...]:
        """What this terminal can show."""
        if not self._look.glyphs.ascii:
            return tuple(segments)
        return tuple(Segment(to_ascii(text), style) for text, style, _ in segments)

    # what the app calls

    def show(self, frame: Frame) -> None:
        """Draw this frame and repaint the rows that differ."""
        self._frame = frame
        if self._too_small:
            return
        fresh = self._fit()
        try:
            self.draw(frame)
        except Exception as error:  # one broken panel must not take the others with it
            self._fail(error)
        if fresh:  # what was on the screen before is of another size: its frame is painted anew as well
            self._strips.clear()
            self._dirty.clear()
            self.refresh()
        elif self._dirty:
            width = self.size.width
            self.refresh(*(Region(0, y, width, 1) for y in sorted(self._dirty)))
            for y in self._dirty:
                self._strips.pop(y, None)
            self._dirty.clear()

    def restyle(self, look: Look) -> None:
        """Take another look and draw everything again."""
        self._look = look
        self.redraw()

    def redraw(self) -> None:
        """Forget what was drawn and draw the last frame again."""
        self._drawn = []
        self._strips.clear()
        if self._frame is not None:
            self.show(self._frame)
        self.refresh()

    def _fail(self, error: Exception) -> None:
        text = f"panel {self.title} failed: {type(error).__name__}: {clean(str(error), 120)}"
        self.put_all([[Segment(text, self._look.palette.warning)]])
        if not self._failed:
            self._failed = True
            self.post_message(self.Failed(text))

    @property
    def _too_small(self) -> bool:
        """No room for the frame and a cell inside it."""
        return self.inner.width < 1 or self.inner.height < 1

    def _fit(self) -> bool:
        """Make place for as many rows as there are; whether the size is another than at the last drawing."""
        height, fitted = self.inner.height, self._fitted
        if len(self._drawn) != height:
            self._drawn = [()] * height
        self._fitted = self.size
        return fitted != self.size

    def on_resize(self) -> None:
        self.redraw()
        self.post_message(self.Wish())

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._strips.clear()
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Finished lines. Textual's own path merges CSS into each; here every segment has its whole style
        already, which halves the cost of a repaint."""
        return finished(self, crop)

    def render_line(self, y: int) -> Strip:
        strip = self._strips.get(y)
        if strip is None:
            strip = self._strips[y] = self._make_line(y)
        return strip

    def _make_line(self, y: int) -> Strip:
        width, height = self.size
        palette, glyphs = self._look.palette, self._look.glyphs
        edge = palette.accent if self.has_focus else palette.border
        if self._too_small:
            return Strip.blank(width, palette.text)
        if y == 0:
            return self._rule(glyphs.corners[:2], self._titled(), (), edge)
        if y == height - 1:
            return self._rule(glyphs.corners[2:], (), self._foot, edge)
        row = self._drawn[y - 1] if y <= len(self._drawn) else ()
        room = width - 2 - 2 * self.pad
        used = sum([cell_len(segment.text) for segment in row])
        gap = " " * self.pad
        left, right = Segment(glyphs.down + gap, edge), Segment(gap + glyphs.down, edge)
        if used > room:
            return Strip([left, *Strip(row, used).crop(0, room), right], width)
        if used < room:
            return Strip([left, *row, Segment(" " * (room - used), palette.text), right], width)
        return Strip([left, *row, right], width)

    def _titled(self) -> tuple[Segment, ...]:
        palette = self._look.palette
        name = palette.bright if self.has_focus else palette.dim
        return (Segment(self.key + " ", palette.title), Segment(self.title, name), *self._head)

    def _rule(self, corners: str, left: Row, right: Row, edge: Style) -> Strip:
        """A line of the frame with something set into it at the left or at the right."""
        across = self._look.glyphs.across
        width = self.size.width
        room = max(0, width - 4)
        parts = [Segment(" ", edge), *(left or right), Segment(" ", edge)] if left or right else []
        inset = Strip(parts)
        if inset.cell_length > room:
            inset = inset.crop(0, room)
        rest = max(0, width - 3 - inset.cell_length)
        if left:
            ends = (corners[0] + across, across * rest + corners[1])
        else:
            ends = (corners[0] + across * rest, across + corners[1])
        return Strip([Segment(ends[0], edge), *inset, Segment(ends[1], edge)], width)


def finished(widget: Widget, crop: Region) -> list[Strip]:
    """The lines of a widget whose segments carry whole styles, cropped, without colour where none is wanted.

    Textual's filter from ANSI to true colour is left out: no colour of ours is an ANSI one.
    """
    strips = [widget.render_line(y) for y in crop.line_range]
    if crop.x or crop.width != widget.size.width:
        strips = [strip.crop(crop.x, crop.right) for strip in strips]
    filters = [kind for kind in widget.get_line_filters() if not isinstance(kind, ANSIToTruecolor)]
    for kind in filters:
        strips = [strip.apply_filter(kind, widget.background_colors[1]) for strip in strips]
    return strips
