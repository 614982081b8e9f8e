"""The main screen: which panels are on it at which size, and where the focus is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Size
from textual.screen import Screen

from engine.frame import Frame
from tui.actions import bindings
from tui.bars.base import Bar
from tui.bars.footer import Footer
from tui.bars.header import Header, Symbols
from tui.bars.track import APART, TrackLine
from tui.bars.transport import TransportLine
from tui.look import Look
from tui.panels.base import Panel
from tui.screens.plan import Body, plan
from tui.screens.tiny import Tiny

WIDE = (100, 30)  # cells: below either, one panel at a time
TINY = (40, 12)  # cells: below either, three numbers


class MainScreen(Screen[None]):
    """Header, panels, transport line, footer. Panels have their places; none is asked for by name."""

    BLANK = True
    AUTO_FOCUS = ""  # the screen itself knows which panel comes first
    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]
    CSS = "MainScreen { background: $background; }"

    def __init__(
        self,
        panels: Sequence[Panel],
        header: Header,
        symbols: Symbols,
        line: TransportLine,
        footer: Footer,
        kept: Mapping[str, object],
    ) -> None:
        """`kept` may name the panel and zoom of the last run."""
        super().__init__()
        self.panels = list(panels)
        self.header, self.symbols, self.line, self.footer = header, symbols, line, footer
        self.track = TrackLine(header.look)
        self.tiny = Tiny(header.look)
        self.body = Body(self.panels)
        self.zoomed = kept.get("zoomed") is True
        self._chosen = next((p for p in self.panels if p.title == kept.get("panel")), None)
        self._transporting = False
        self._tells = False  # a story
        self._several = False
        self.needed = self._with_something_to_show(Frame())

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.symbols
        yield self.body
        yield self.tiny
        yield self.line
        yield self.track
        yield self.footer

    def on_mount(self) -> None:
        self.place_panels()
        if self.panels:
            centre = [panel for panel in self.panels if panel.place == "centre"]
            known = self._chosen if self._chosen in self.needed else None
            self.choose(known or (centre or self.panels)[0])

    def on_resize(self) -> None:
        self.place_panels()

    # what is on the screen

    @property
    def is_tiny(self) -> bool:
        return self.size.width < TINY[0] or self.size.height < TINY[1]

    @property
    def is_solo(self) -> bool:
        """Whether one panel has the whole body."""
        return self.zoomed or self.size.width < WIDE[0] or self.size.height < WIDE[1]

    @property
    def chosen(self) -> Panel | None:
        """The panel that has, or last had, the focus."""
        if isinstance(self.focused, Panel):
            self._chosen = self.focused
        return self._chosen

    def on_screen(self) -> list[Panel]:
        """The panels that are to be drawn now."""
        return [] if self.is_tiny else list(self.body.places)

    def bars(self) -> list[Bar]:
        """The lines that are to be drawn now."""
        if self.is_tiny:
            return [self.tiny]
        lines: list[Bar] = [self.header, self.footer]
        if self._transporting:
            lines.append(self.line)  # in the same turn as the header: both tell the time
        if self._several:
            lines.append(self.symbols)
        if self._transporting and self._tells and self.size.width < APART:
            lines.append(self.track)
        return lines

    def shown(self) -> list[Bar | Panel]:
        """All that is to be drawn now."""
        return [*self.bars(), *self.on_screen()]

    def place_panels(self) -> None:
        """Show what belongs on a screen of this size and hide the rest."""
        bars = self.bars()
        for bar in self._all_bars():
            bar.display = bar in bars
        self.body.display = not self.is_tiny
        room = Size(self.size.width, max(0, self.size.height - len(bars)))
        self.body.follow(plan(self.needed, self.chosen, self.is_solo, room))

    def restyle(self, look: Look) -> None:
        """Draw everything in another look."""
        parts: list[Bar | Panel] = [*self._all_bars(), *self.panels]
        for part in parts:
            part.restyle(look)

    def _all_bars(self) -> list[Bar]:
        return [self.header, self.symbols, self.line, self.track, self.footer, self.tiny]

    def follow(self, frame: Frame) -> None:
        """Give the transport line and the symbols' line room when there is something to say."""
        moving, tells = "speed" in frame.host.accepts, bool(frame.host.transport.about)
        several = len(frame.market.lines) > 1
        needed = self._with_something_to_show(frame)
        if (moving, tells, several, needed) != (
            self._transporting,
            self._tells,
            self._several,
            self.needed,
        ):
            self._transporting, self._tells, self._several, self.needed = moving, tells, several, needed
            self.place_panels()

    def _with_something_to_show(self, frame: Frame) -> list[Panel]:
        return [panel for panel in self.panels if panel.needed(frame)]

    def choose(self, panel: Panel) -> None:
        """Focus this panel, and show it if there was no room for it so far."""
        if panel not in self.needed:
            return
        self._chosen = panel
        if panel not in self.body.places:
            self.set_focus(None)
            self.place_panels()
        self.set_focus(panel)

    def aimed_price(self) -> float | None:
        """The price that a crosshair points at, None where none is aimed."""
        aimed = (panel.aimed_price for panel in self.on_screen())
        return next((price for price in aimed if price is not None), None)

    def zoom(self) -> None:
        """The chosen panel alone, or all of them again."""
        chosen = self.chosen
        self.zoomed = not self.zoomed
        self.place_panels()
        self.set_focus(chosen)
