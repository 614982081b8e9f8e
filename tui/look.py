"""How things are written on the screen right now: colours, characters, clock and whether amounts show."""

from __future__ import annotations

from dataclasses import dataclass

from tui.glyphs import UNICODE, Glyphs
from tui.theme import FALLBACK, Palette


@dataclass(frozen=True, slots=True)
class Look:
    """Given to every panel; a new one is given whenever a person changes any of it."""

    palette: Palette
    glyphs: Glyphs = UNICODE
    quiet: bool = False  # amounts hidden
    utc: bool = True  # clocks in UTC, else in the machine's own zone

    def amount(self, text: str) -> str:
        """An amount as it may be shown: the same width, hidden in quiet mode."""
        if not self.quiet:
            return text
        dots = self.glyphs.hidden * 3
        return dots.rjust(len(text)) if text.startswith(" ") else dots.ljust(len(text))


def plain_look() -> Look:
    """The default look: the built-in colours and all characters."""
    return Look(Palette(FALLBACK))
