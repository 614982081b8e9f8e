"""Themes: colours by meaning, read from TOML files, and the styles that panels draw with.

A theme file holds `dark` and a table `[colours]` with every name of `COLOURS` as `#rrggbb`, and `heat`, two
or more colours from an empty cell to the deepest. Nothing else: layout and characters are not a theme's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rich.color import Color, ColorSystem
from rich.style import Style
from textual.theme import Theme as TextualTheme

from engine.frame.chart import HEAT_LEVELS
from engine.text import clean
from tui.colour import is_hex, mix, ramp

COLOURS = (
    "ground",  # behind everything
    "panel",  # behind a panel's content
    "border",  # a panel's frame when it has no focus
    "text",
    "dim",  # labels
    "bid",
    "ask",
    "accent",
    "warning",
    "doubt",  # what is modelled, not measured
    "own",  # one's own orders and notes
)
DEFAULT_THEME = "midnight"


class BrokenTheme(ValueError):
    """A theme file that cannot be used; the text says what was expected and what was found."""


@dataclass(frozen=True)
class Theme:
    """One theme: `colours` has every name of `COLOURS`; `heat` has `HEAT_LEVELS` + 1 colours, empty first."""

    name: str
    dark: bool
    colours: dict[str, str] = field(hash=False)
    heat: tuple[str, ...]

    def to_textual(self) -> TextualTheme:
        """The same colours in the names that Textual's own widgets look up."""
        c = self.colours
        return TextualTheme(
            name=self.name,
            dark=self.dark,
            primary=c["accent"],
            secondary=c["doubt"],
            accent=c["accent"],
            foreground=c["text"],
            background=c["ground"],
            surface=c["panel"],
            panel=c["panel"],
            success=c["bid"],
            warning=c["warning"],
            error=c["ask"],
            variables={
                "border": c["accent"],
                "border-blurred": c["border"],
                "line": c["border"],
                "dim": c["dim"],
                "block-cursor-background": mix(c["panel"], c["accent"], 0.35),
                "block-cursor-foreground": c["text"],
                "block-cursor-text-style": "bold",
                "input-cursor-background": c["accent"],
                "input-cursor-foreground": c["ground"],
                "input-selection-background": mix(c["panel"], c["accent"], 0.4),
                "footer-key-foreground": c["accent"],
            },
        )


class Palette:
    """Styles by meaning, for one theme. Backgrounds are a panel's unless a name says otherwise."""

    def __init__(self, theme: Theme, *, sixteen: bool = False) -> None:
        """`sixteen`: for a terminal of sixteen colours, where neighbours of a theme may fall together."""
        self.theme = theme
        c, heat = (_in_sixteen(theme)) if sixteen else (theme.colours, theme.heat)
        self.ground_colour = c["ground"]
        self.panel_colour = c["panel"]
        self.text = self._on_panel(c["text"])
        self.bright = self._on_panel(c["text"], bold=True)
        self.dim = self._on_panel(c["dim"])
        self.faint = self._on_panel(mix(c["panel"], c["dim"], 0.6))  # totals, grid lines
        self.border = self._on_panel(c["border"])
        self.accent = self._on_panel(c["accent"])
        self.title = self._on_panel(c["accent"], bold=True)
        self.bid = self._on_panel(c["bid"])
        self.bid_bright = self._on_panel(c["bid"], bold=True)
        self.ask = self._on_panel(c["ask"])
        self.ask_bright = self._on_panel(c["ask"], bold=True)
        self.warning = self._on_panel(c["warning"])
        self.warning_bright = self._on_panel(c["warning"], bold=True)
        self.doubt = self._on_panel(c["doubt"])
        self.own = self._on_panel(c["own"])
        self.bid_soft = self._on_panel(mix(c["panel"], c["bid"], 0.55))  # bars beside what matters more
        self.ask_soft = self._on_panel(mix(c["panel"], c["ask"], 0.55))
        # A row that was just traded at: told by a raised ground, so that nothing moves.
        self.bid_flash = Style(color=c["bid"], bgcolor=mix(c["panel"], c["bid"], 0.28), bold=True)
        self.ask_flash = Style(color=c["ask"], bgcolor=mix(c["panel"], c["ask"], 0.28), bold=True)
        self.badge = Style(color=c["ground"], bgcolor=c["accent"], bold=True)
        self.warning_badge = Style(color=c["ground"], bgcolor=c["warning"], bold=True)
        self.ground = Style(color=c["text"], bgcolor=c["ground"])
        self.heat_colours = heat
        # What a chart's cells are filled with: the heat, then a what-if's plain fan, its fan, and both.
        plain, asked = (
            ("#555555", "#aa00aa")
            if sixteen
            else (mix(c["panel"], c["dim"], 0.3), mix(c["panel"], c["doubt"], 0.26))
        )
        self.fills = (*heat, plain, asked, asked if sixteen else mix(asked, c["dim"], 0.3))
        self._faint = plain if sixteen else mix(c["panel"], c["doubt"], 0.11)
        self._pairs: dict[tuple[int, int], Style] = {}

    def _on_panel(self, colour: str, bold: bool | None = None) -> Style:
        return Style(color=colour, bgcolor=self.panel_colour, bold=bold)

    def on_ground(self, style: Style) -> Style:
        """The same style on the ground behind the panels, for the header and the footer."""
        return style + self._ground

    def heat_pair(self, upper: int, lower: int) -> Style:
        """For `▀`: the fill of the upper half in front, of the lower half behind. Heat levels 0..12, then fans."""
        pair = self._pairs.get((upper, lower))
        if pair is None:
            pair = Style(color=self.fills[upper], bgcolor=self.fills[lower])
            self._pairs[upper, lower] = pair
        return pair

    def side(self, side: int) -> Style:
        """Bought (+1), sold (-1), or neither (0)."""
        return self.bid if side > 0 else self.ask if side < 0 else self.text

    @cached_property
    def of_doubt(self) -> Palette:
        """The same for a chart of one line: its band of doubt is the fan, and a fainter one the plain fan."""
        shaded = copy(self)
        _, asked, both = self.fills[HEAT_LEVELS + 1 :]
        shaded.fills = (self.panel_colour, *self.fills[1 : HEAT_LEVELS + 1], self._faint, asked, both)
        shaded._pairs = {}
        return shaded

    @cached_property
    def _ground(self) -> Style:
        return Style(bgcolor=self.ground_colour)


def _in_sixteen(theme: Theme) -> tuple[dict[str, str], tuple[str, ...]]:
    """A theme's colours where only the sixteen ANSI ones exist: sides apart, frames seen, heat in order."""
    colours = dict(theme.colours)

    def number(name: str) -> int | None:
        return Color.parse(colours[name]).downgrade(ColorSystem.STANDARD).number

    if number("bid") == number("ask"):
        colours["bid"], colours["ask"] = ("#55ff55", "#ff5555") if theme.dark else ("#00aa00", "#aa0000")
    if number("border") == number("panel"):
        colours["border"] = colours["dim"]
    steps = ("#0000aa", "#00aaaa", "#ffff55") if theme.dark else ("#00aaaa", "#0000aa", "#000000")
    heat = (
        theme.heat[0],
        *(steps[(level - 1) * len(steps) // HEAT_LEVELS] for level in range(1, HEAT_LEVELS + 1)),
    )
    return colours, heat


def load_themes(folders: Sequence[Path]) -> tuple[dict[str, Theme], list[str]]:
    """Themes by name (a file's name without `.toml`), and a sentence for each file that was skipped.

    Later folders win, so that a person's own theme may replace one of ours. A folder that is not there
    holds no themes.
    """
    themes: dict[str, Theme] = {}
    problems: list[str] = []
    for folder in folders:
        try:
            files = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"themes in {clean(str(folder))} cannot be read: {clean(str(error.strerror))}")
            continue
        for path in files:
            try:
                themes[path.stem] = read_theme(path)
            except BrokenTheme as broken:
                problems.append(f"theme {clean(path.name, 60)} skipped: {broken}")
    return themes, problems


def read_theme(path: Path) -> Theme:
    """One theme file. Raises BrokenTheme saying what was expected and what was found."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BrokenTheme(f"it cannot be read ({clean(str(error.strerror))})") from None
    except UnicodeDecodeError:
        raise BrokenTheme("expected UTF-8 text, found other bytes") from None
    except tomllib.TOMLDecodeError as error:
        raise BrokenTheme(f"expected TOML, found: {clean(str(error))}") from None
    colours = table.get("colours")
    if not isinstance(colours, dict):
        raise BrokenTheme("expected a table [colours], found none")
    missing = [name for name in (*COLOURS, "heat") if name not in colours]
    if missing:
        raise BrokenTheme(f"expected the colours {', '.join(missing)}, found none of that name")
    for name in COLOURS:
        if not is_hex(colours[name]):
            raise BrokenTheme(f"expected {name} as #rrggbb, found {clean(repr(colours[name]), 40)}")
    unknown = sorted(set(colours) - {*COLOURS, "heat"})
    if unknown:
        raise BrokenTheme(
            f"found {clean(unknown[0], 40)!r}, which is no colour; known: {', '.join(COLOURS)}, heat"
        )
    stops = colours["heat"]
    if not isinstance(stops, list) or len(stops) < 2 or not all(is_hex(stop) for stop in stops):
        raise BrokenTheme(f"expected heat as two or more colours #rrggbb, found {clean(repr(stops), 40)}")
    dark = table.get("dark", True)
    if not isinstance(dark, bool):
        raise BrokenTheme(f"expected dark as true or false, found {clean(repr(dark), 40)}")
    return Theme(path.stem, dark, {name: colours[name] for name in COLOURS}, ramp(stops, HEAT_LEVELS + 1))


FALLBACK = Theme(
    DEFAULT_THEME,
    dark=True,
    colours={
        "ground": "#0a0e14",
        "panel": "#0d1219",
        "border": "#1c2530",
        "text": "#c8d1dc",
        "dim": "#5b6878",
        "bid": "#3ecf8e",
        "ask": "#ff6b7a",
        "accent": "#5cb8ff",
        "warning": "#ffb454",
        "doubt": "#b794f6",
        "own": "#e6c07b",
    },
    heat=ramp(("#0d1219", "#12324a", "#1f7a8c", "#f4d35e"), HEAT_LEVELS + 1),
)
"""What is drawn with when no theme file can be read: never a reason not to start."""
