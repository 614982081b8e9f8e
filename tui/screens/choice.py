"""A short list to choose from, over the screen: a symbol, a kind of export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option


class Choice(ModalScreen[str | None]):
    """Ends with the id of what was chosen, or None. Typing narrows the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "give_up", "close", show=False),
        Binding("down", "move(1)", "next", show=False, priority=True),
        Binding("up", "move(-1)", "previous", show=False, priority=True),
    ]
    CSS = """
    Choice { align: center middle; background: $background 60%; }
    Choice Vertical {
        width: 56; max-width: 96%; height: auto; max-height: 80%; padding: 0 1;
        background: $surface; border: round $accent; border-title-color: $accent;
    }
    Choice Input { border: none; height: 1; padding: 0; background: $surface; }
    Choice Input:focus { border: none; }
    Choice OptionList { border: none; height: auto; max-height: 16; padding: 0; background: $surface; }
    """

    def __init__(self, title: str, options: Sequence[tuple[str, str]]) -> None:
        """`options` are (id, text)."""
        super().__init__()
        self._asked, self._options = title, list(options)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Text(self._asked)
            yield Input(placeholder="type to narrow", compact=True)
            yield OptionList(*self._matching(""))

    def _matching(self, typed: str) -> list[Option]:
        wanted = typed.casefold().split()
        return [
            Option(Text(text), id=key)
            for key, text in self._options
            if all(word in text.casefold() for word in wanted)
        ]

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = 0 if self._options else None

    def on_input_changed(self, event: Input.Changed) -> None:
        found = self.query_one(OptionList)
        found.clear_options()
        found.add_options(self._matching(event.value))
        found.highlighted = 0 if found.option_count else None

    def on_input_submitted(self) -> None:
        self.query_one(OptionList).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, by: int) -> None:
        found = self.query_one(OptionList)
        found.action_cursor_down() if by > 0 else found.action_cursor_up()

    def action_give_up(self) -> None:
        self.dismiss(None)
