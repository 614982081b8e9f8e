"""Help: what the focused panel shows, and every key that does something in this session."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.text import clean
from tui.actions import Action, shown
from tui.glyphs import to_ascii
from tui.look import Look

KEY_WIDTH = 9  # cells, enough for `: ctrl+p`


_LISTED = re.compile(r"([·*.-]|\[\d+\]|\d\d \w{3} \d\d:\d\d) (.+)")


class Help(ModalScreen[None]):
    """Read and leave; `q` still quits the program."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter,space", "leave", "close", show=False),
        Binding("q,ctrl+c,ctrl+q", "app.quit", "quit", show=False),
    ]
    CSS = """
    Help { align: center middle; background: $background 60%; }
    Help > Vertical {
        width: 96; max-width: 96%; height: auto; max-height: 92%; padding: 0 1;
        background: $surface; border: round $accent; border-title-color: $accent;
        border-subtitle-color: $dim;
    }
    Help VerticalScroll { height: auto; max-height: 100%; background: $surface; scrollbar-size: 1 1; }
    Help Static { height: auto; }
    """

    def __init__(
        self, look: Look, title: str, text: str, actions: Sequence[Action], story: Sequence[str] = ()
    ) -> None:
        """`story` are lines on what is known of what is shown, and from where; a heading ends with a colon."""
        super().__init__()
        self._look, self._about, self._told, self._actions = look, title, text, actions
        self._story = story

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Text(f"help: {self._about}" if self._about else "help")
            box.border_subtitle = Text("esc closes")
            with VerticalScroll():
                if self._story:
                    yield Static(self._known())
                yield Static(Text(self._told + "\n" if self._told else "", self._look.palette.text))
                yield Static(self._keys())

    def _known(self) -> Group:
        """What is known of the story; what is listed stands behind its sign, date or number."""
        palette, plain = self._look.palette, self._look.glyphs.ascii
        parts: list[Text | Table] = []
        table: Table | None = None
        for line in self._story:
            said = clean(line, 400)
            said = to_ascii(said) if plain else said
            listed = _LISTED.fullmatch(said)
            if listed is None:
                table = None
                parts.append(Text(said, palette.title if said.endswith(":") else palette.text))
                continue
            if table is None:
                table = Table.grid(padding=(0, 1, 0, 0))
                table.add_column(no_wrap=True)
                parts.append(table)
            table.add_row(Text(listed[1], palette.dim), Text(listed[2], palette.text))
        return Group(*parts, Text(""))

    def _keys(self) -> Table:
        """Two columns of keys, by group, in the order of the registry."""
        palette, plain = self._look.palette, self._look.glyphs.ascii
        table = Table.grid(padding=(0, 2, 0, 0))
        for width in (KEY_WIDTH, None, KEY_WIDTH, None):
            table.add_column(width=width, no_wrap=width is not None)
        digits = [a for a in self._actions if a.id.startswith("focus_")]
        rest = [a for a in self._actions if a not in digits]
        entries = [("1 to 9", "focus a panel")] if digits else []
        entries += [
            (
                " ".join(shown(k, plain) for k in a.keys[:2] if k != "ctrl+c"),
                to_ascii(a.help) if plain else a.help,
            )
            for a in rest
        ]
        half = (len(entries) + 1) // 2
        for left, right in zip(entries[:half], [*entries[half:], ("", "")], strict=False):
            table.add_row(
                Text(left[0], palette.title),
                Text(left[1], palette.text),
                Text(right[0], palette.title),
                Text(right[1], palette.text),
            )
        return table

    def action_leave(self) -> None:
        self.dismiss(None)
