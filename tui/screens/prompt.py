"""One line of input over the screen: a note, a time, a symbol. It stays until what was typed makes sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

Check = Callable[[str], str]


class Prompt(ModalScreen[str | None]):
    """Ends with the text, or with None when it was given up. `check` says what is wrong, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+c", "give_up", "close", show=False)]
    CSS = """
    Prompt { align: center middle; background: $background 60%; }
    Prompt > Vertical {
        width: 64; max-width: 96%; height: auto; padding: 0 1;
        background: $surface; border: round $accent; border-title-color: $accent;
    }
    Prompt Input { border: none; height: 1; padding: 0; background: $surface; }
    Prompt Input:focus { border: none; }
    Prompt .hint { color: $dim; height: auto; }
    Prompt .wrong { color: $warning; height: auto; }
    """

    def __init__(self, title: str, hint: str, check: Check) -> None:
        super().__init__()
        self._asked, self._hint, self._check = title, hint, check

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Text(self._asked)
            yield Input(compact=True)
            yield Static(Text(self._hint), classes="hint")
            yield Static(classes="wrong")

    def on_input_changed(self) -> None:
        self.query_one(".wrong", Static).update(Text(""))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        wrong = self._check(text)
        if wrong:
            self.query_one(".wrong", Static).update(Text(wrong))
        else:
            self.dismiss(text)

    def action_give_up(self) -> None:
        self.dismiss(None)
