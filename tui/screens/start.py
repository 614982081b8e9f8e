"""The first screen: what is happening until there is something to see."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.strip import Strip

from engine.text import clean
from tui.glyphs import to_ascii
from tui.look import Look

WIDEST = 72  # cells a sentence may take


class StartScreen(Screen[None]):
    """The name, what is being done, and the key to leave. Nothing moves but what is new."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,ctrl+c,ctrl+q", "app.quit", "quit", show=False)]
    CSS = "StartScreen { background: $background; }"

    def __init__(self, look: Look, title: str) -> None:
        super().__init__()
        self._look = look
        self._session = clean(title, 60)
        self._progress = ""

    def say(self, progress: str) -> None:
        """What the engine is doing."""
        if progress != self._progress:
            self._progress = progress
            self.refresh()

    def restyle(self, look: Look) -> None:
        self._look = look
        self.refresh()

    def render_line(self, y: int) -> Strip:
        palette = self._look.palette
        ground = palette.ground
        rows = self._lines()
        at = y - max(0, (self.size.height - len(rows)) // 2)
        if not 0 <= at < len(rows):
            return Strip.blank(self.size.width, ground)
        text, style = rows[at]
        if self._look.glyphs.ascii:
            text = to_ascii(text)
        left = max(0, (self.size.width - len(text)) // 2)
        style = style if style is palette.badge else palette.on_ground(style)
        return Strip([Segment(" " * left, ground), Segment(text, style)]).adjust_cell_length(
            self.size.width, ground
        )

    def _lines(self) -> list[tuple[str, Style]]:
        palette = self._look.palette
        width = max(10, min(WIDEST, self.size.width - 4))
        return [
            (" microtui ", palette.badge),
            ("", palette.dim),
            (self._session, palette.dim),
            ("", palette.dim),
            (clean(self._progress, width) or "starting", palette.text),
            ("", palette.dim),
            ("q  quit", palette.dim),
        ]
