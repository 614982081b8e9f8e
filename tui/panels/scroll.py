"""A panel of more rows than it has room for: the keys, the wheel, and where in the rows it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType

from tui.look import Look
from tui.panels.base import Panel, Row


class ScrollPanel(Panel):
    """Rows are given whole with `put_scrolled`; the first is shown until a person scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
        Binding("home", "scroll(-100000)", show=False),
    ]

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._offset = 0
        self._total = 0

    def put_scrolled(self, rows: Sequence[Row], *, newest_first: bool = False) -> None:
        """Show as many rows as fit. With `newest_first`, what a person reads stays put as rows come above."""
        self.put_window(len(rows), rows.__getitem__, newest_first=newest_first)

    def put_window(
        self,
        count: int,
        row: Callable[[int], Row],
        *,
        newest_first: bool = False,
        foot: Sequence[Segment] = (),
    ) -> None:
        """The same for `count` rows of which only those in sight are made, by `row`.

        `foot` stands in the lower frame, before where in the rows the panel is.
        """
        if newest_first and self._offset:
            self._offset += max(0, count - self._total)
        self._total = count
        height = self.inner.height
        self._offset = max(0, min(self._offset, count - height))
        shown = [row(y) for y in range(self._offset, min(count, self._offset + height))]
        self.put_all(shown)
        hidden = count - self._offset - len(shown)
        down, up = ("v", "^") if self.look.glyphs.ascii else ("↓", "↑")
        parts = [f"{up} {self._offset}"] * (self._offset > 0) + [f"{down} {hidden}"] * (hidden > 0)
        gap = "  " if foot and parts else ""
        place = [Segment(gap + "  ".join(parts), self.look.palette.dim)] if parts else []
        self.put_foot([*foot, *place])

    def action_scroll(self, rows: int) -> None:
        self._offset = max(0, self._offset + rows)
        if self.frame is not None:
            self.show(self.frame)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_scroll(2)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_scroll(-2)


def wrapped(text: str, width: int) -> list[str]:
    """Words in lines of at most `width` cells, two at least; a word that is longer is cut.

    >>> wrapped("book 2.3 : 1 for 74 s", 12)
    ['book 2.3 : 1', 'for 74 s']
    """
    lines = [""]
    for word in text.split():
        for part in chop_cells(word, max(2, width)):
            candidate = f"{lines[-1]} {part}" if lines[-1] else part
            if cell_len(candidate) <= width:
                lines[-1] = candidate
            else:
                lines.append(part)
    return lines
