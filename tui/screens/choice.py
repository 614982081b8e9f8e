"""A list to choose from, over the screen: a command, a symbol, a kind of export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from tui.glyphs import to_ascii
from tui.look import Look

KEY_WIDTH, TEXT_WIDTH = 7, 16  # cells


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list: what is chosen, how it is called, what it does, and its key if it has one."""

    id: str
    text: str
    help: str = ""
    key: str = ""


class Choice(ModalScreen[str | None]):
    """Ends with the id of what was chosen, or None. Typing narrows the list, or says something that `typed` reads.

    What `typed` makes of the text stands above the list; an entry without an id cannot be chosen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "give_up", "close", show=False),
        Binding("down", "move(1)", "next", show=False, priority=True),
        Binding("up", "move(-1)", "previous", show=False, priority=True),
    ]
    CSS = """
    Choice { align: center middle; background: $background 60%; }
    Choice > Vertical {
        width: 76; max-width: 96%; height: auto; max-height: 90%; padding: 0 1;
        background: $surface; border: round $accent; border-title-color: $accent;
    }
    Choice Input { border: none; height: 1; padding: 0; background: $surface; }
    Choice Input:focus { border: none; }
    Choice OptionList { border: none; height: auto; max-height: 20; padding: 0; background: $surface;
        scrollbar-size: 1 1; scrollbar-color: $line; scrollbar-background: $surface; }
    """

    def __init__(
        self,
        title: str,
        look: Look,
        options: Sequence[Entry],
        typed: Callable[[str], Sequence[Entry]] = lambda text: (),
    ) -> None:
        super().__init__()
        self._asked, self._look, self._options, self._typed = title, look, list(options), typed

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Text(self._asked)
            yield Input(placeholder="type to narrow", compact=True)
            yield OptionList(*self._matching(""))

    def _matching(self, typed: str) -> list[Option]:
        wanted = typed.casefold().split()
        narrowed = [
            entry
            for entry in self._options
            if all(word in f"{entry.text} {entry.help}".casefold() for word in wanted)
        ]
        found = [
            Option(self._line(entry), id=entry.id or None, disabled=not entry.id)
            for entry in (*self._typed(typed), *narrowed)
        ]
        return found or [Option(Text("nothing matches", _ink(self._look.palette.dim)), disabled=True)]

    def _line(self, entry: Entry) -> Text:
        palette, plain = self._look.palette, self._look.glyphs.ascii
        text, help_text = (to_ascii(entry.text), to_ascii(entry.help)) if plain else (entry.text, entry.help)
        key = f"{entry.key:>{KEY_WIDTH}}  "
        return Text.assemble(
            (key, _ink(palette.title)), (f"{text:<{TEXT_WIDTH}}  ", ""), (help_text, _ink(palette.dim))
        )

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = 0 if self._options else None

    def on_input_changed(self, event: Input.Changed) -> None:
        found = self.query_one(OptionList)
        found.clear_options()
        found.add_options(self._matching(event.value))
        found.highlighted = None if found.get_option_at_index(0).disabled else 0

    def on_input_submitted(self) -> None:
        self.query_one(OptionList).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, by: int) -> None:
        found = self.query_one(OptionList)
        found.action_cursor_down() if by > 0 else found.action_cursor_up()

    def action_give_up(self) -> None:
        self.dismiss(None)


def _ink(style: Style) -> Style:
    """A style without its ground, so that the line under the cursor keeps its own."""
    return Style(color=style.color, bold=style.bold)
