"""An overlay of lines that follow the market while it is open, each part of which may be clicked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Region, Size
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from engine.frame import Frame
from tui.glyphs import to_ascii
from tui.look import Look
from tui.panels.base import Row, finished

FRESH_S = 0.25  # how often the lines are read off the latest frame
LABEL_WIDTH = 8  # cells of a field's keys, and of its name


class Lines(Widget):
    """Rows of segments, as high as there are rows."""

    DEFAULT_CSS = "Lines { width: 1fr; height: auto; background: $surface; }"
    ALLOW_SELECT = False

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._rows: list[list[Segment]] = []

    def show(self, rows: Sequence[Row]) -> None:
        plain = self._look.glyphs.ascii
        made = [[Segment(to_ascii(text) if plain else text, style) for text, style, _ in row] for row in rows]
        if made != self._rows:
            resized = len(made) != len(self._rows)
            self._rows = made
            self.refresh(layout=resized)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows)

    def render_line(self, y: int) -> Strip:
        row = self._rows[y] if y < len(self._rows) else []
        return Strip(row).adjust_cell_length(self.size.width, self._look.palette.text)

    def render_lines(self, crop: Region) -> list[Strip]:
        return finished(self, crop)


class Card(ModalScreen[None]):
    """A subclass writes `title_text`, `rows(frame)` and its bindings. `latest` gives the newest frame."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "close", show=False),
        Binding("q,ctrl+c,ctrl+q", "app.quit", "quit", show=False),
    ]
    DEFAULT_CSS = """
    Card { align: center middle; background: $background 40%; }
    Card > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
        background: $surface; border: round $accent; border-title-color: $accent;
        border-subtitle-color: $warning;
    }
    """

    def __init__(self, look: Look, latest: Callable[[], Frame | None]) -> None:
        super().__init__()
        self._look = look
        self._latest = latest
        self._lines = Lines(look)
        self._box = Vertical(self._lines)

    def compose(self) -> ComposeResult:
        yield self._box

    def on_mount(self) -> None:
        self.again()
        self.set_interval(FRESH_S, self.again)

    def on_resize(self) -> None:
        self.again()

    def again(self) -> None:
        """Write the lines for the latest frame."""
        frame = self._latest()
        if frame is None or not self.is_attached:
            return
        title, edge = self.titles(frame)
        plain = self._look.glyphs.ascii
        self._box.border_title = Text(to_ascii(title) if plain else title)
        self._box.border_subtitle = Text(to_ascii(edge) if plain else edge)
        self._lines.show(self.rows(frame))

    def titles(self, frame: Frame) -> tuple[str, str]:
        """What stands in the upper and in the lower edge."""
        raise NotImplementedError

    def rows(self, frame: Frame) -> list[Row]:
        """The lines for this frame, within `room`."""
        raise NotImplementedError

    @property
    def room(self) -> Size:
        """Cells for the lines."""
        return Size(min(76, self.app.size.width) - 4, self.app.size.height - 2)

    @property
    def frame(self) -> Frame:
        return self._latest() or Frame()

    def action_leave(self) -> None:
        self.dismiss(None)

    def on_click(self, event: Any) -> None:
        """Beside the card: close it."""
        if event.widget is self:
            self.dismiss(None)

    # parts of lines

    def field(self, keys: str, name: str, *parts: Segment) -> Row:
        """A line with the keys that change it, its name, and its value."""
        palette = self._look.palette
        return [
            Segment(f"  {keys:<{LABEL_WIDTH}}", palette.title),
            Segment(f"{name:<{LABEL_WIDTH}}", palette.dim),
            *parts,
        ]

    def options(self, words: Sequence[str], chosen: int, action: str) -> list[Segment]:
        """Words of which one holds; a click on another chooses it. `action` gets its place."""
        palette, parts = self._look.palette, list[Segment]()
        for place, word in enumerate(words):
            style = palette.badge if place == chosen else palette.dim
            parts += [self.link(f" {word} ", style, f"{action}({place})"), Segment(" ", palette.text)]
        return parts

    def stepped(self, words: str, action: str) -> list[Segment]:
        """A value between two signs that make it less and more; `action` gets -1 or 1."""
        palette = self._look.palette
        less, more = ("<", ">") if self._look.glyphs.ascii else ("◂", "▸")
        return [
            self.link(f"{less} ", palette.accent, f"{action}(-1)"),
            Segment(words, palette.bright),
            self.link(f" {more}", palette.accent, f"{action}(1)"),
        ]

    def link(self, text: str, style: Style, action: str) -> Segment:
        """Text that does an action of this screen when it is clicked."""
        return Segment(text, style + Style.from_meta({"@click": f"screen.{action}"}))

    def keys(self, *pairs: tuple[str, str, str]) -> Row:
        """The last line: key, what it does, the action of a click."""
        palette, parts = self._look.palette, [Segment("  ", self._look.palette.text)]
        for key, text, action in pairs:
            parts += [
                self.link(key, palette.title, action),
                self.link(f" {text}", palette.dim, action),
                Segment("   ", palette.text),
            ]
        return parts
