"""The application: reads the latest frame ten times a second and lets each panel draw at its own rate.

It holds what a person chose (symbol, theme, clock, quiet) and turns actions into commands. What things mean
is decided elsewhere: actions in `actions`, transport in `steering`, drawing in the panels.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from textual.app import App
from textual.notifications import Notification, Notify, SeverityLevel

from engine.frame import Frame, View
from engine.frame.host import Recording
from engine.ports import SetView
from engine.text import clean
from tui import actions, keep
from tui.bridge import Bridge
from tui.deck import Deck
from tui.glyphs import ASCII, UNICODE, to_ascii
from tui.look import Look
from tui.notices import (
    AlertNotices,
    FillNotices,
    MarkNotices,
    MessageNotices,
    alert_text,
    recording_notice,
)
from tui.screens.start import StartScreen
from tui.steering import FROZEN, Steering
from tui.theme import DEFAULT_THEME, FALLBACK, Palette, Theme, load_themes
from tui.ticket import Ticket
from tui.where import is_paper

if TYPE_CHECKING:
    from tui.bars.track import Tracked
    from tui.panels.base import Panel
    from tui.screens.main import MainScreen

BEAT_S = 0.1
SILENT_S = 3.0  # a live engine publishes ten frames a second; silence this long is said on the screen
NOTHING_SHOWN = View(ladder_rows=1, columns=1, heat_rows=0, tape_rows=1)
FIRST_HINT = "1 to 9 focus a panel, z zoom, : commands, ? help, q quit"
FIRST_HINT_SIM = "s shock · w what-if · `microtui live BTCUSDT` for a real market"
MOST_SAID = 10  # sentences about events that may still be on the screen
OWN_SHOCK_S = 3.0  # after firing a shock its event needs no second word


class MicrotuiApp(App[None]):
    """A terminal onto one session.

    `theme_folders`: ours first, a person's own last. `keys`: action id to key. `state_file`: where choices
    are kept between runs, None for not at all. `exporters`: a name and a function that exports and returns
    a sentence about it; it runs in a thread. `ascii_only`: no braille and blocks; None asks MICROTUI_ASCII.
    `theme_name`: the theme to start with, before the one that was kept. `bell`: a new alert rings the
    terminal's bell. `export_folder`: where pictures go, made when it is needed; None is the current folder.
    """

    CSS = """
    Toast { background: $surface; border: none; padding: 0 1; }
    ToastRack { margin-bottom: 3; }
    .-ascii Prompt > Vertical, .-ascii Choice > Vertical, .-ascii Help > Vertical, .-ascii Card > Vertical {
        border: ascii $accent;
    }
    .-ascii OptionList, .-ascii VerticalScroll { scrollbar-size: 0 0; }
    """
    ENABLE_COMMAND_PALETTE = False  # ours is made from the registry of actions

    def __init__(
        self,
        bridge: Bridge,
        *,
        theme_folders: Sequence[Path],
        keys: Mapping[str, str] | None = None,
        state_file: Path | None = None,
        exporters: Mapping[str, Callable[[], str]] | None = None,
        title: str = "microtui",
        ascii_only: bool | None = None,
        theme_name: str | None = None,
        bell: bool = False,
        export_folder: Path | None = None,
    ) -> None:
        super().__init__()
        self.title = title
        self.call_after_first_paint: Callable[[], None] | None = None
        self.bridge = bridge
        self.exporters = dict(exporters or {})
        self.export_folder = export_folder or Path()
        self.problems: list[str] = []
        self.frozen = False
        self.steering = Steering()
        self.deck, self.ticket = Deck(), Ticket()
        self._shocked_at = float("-inf")
        self._rings = bell
        self._alerts, self._fills, self._messages = AlertNotices(), FillNotices(), MessageNotices()
        self._marks = MarkNotices()
        self._said_events: deque[Notification] = deque(maxlen=MOST_SAID)
        self._recording: Recording | None = None  # as the last frame had it
        self._state_file = state_file
        self._kept = keep.read(state_file)
        self._view: View | None = None
        self.symbol = 0
        self._wanted_symbol = self._kept.get("symbol")
        self._latest: Frame | None = None  # what the engine said last
        self._shown: Frame | None = None  # what the panels are to show: not the latest while frozen
        self._beats = 0
        if ascii_only is None:
            ascii_only = os.environ.get("MICROTUI_ASCII", "") not in ("", "0")
        self._themes, faults = load_themes(theme_folders)
        self.actions, wrong_keys = actions.remap(keys or {})
        self.problems += faults + wrong_keys
        theme = self._first_theme(theme_name)
        self.look = Look(
            self._palette(theme),
            ASCII if ascii_only else UNICODE,
            quiet=self._kept.get("quiet") is True,
            utc=self._kept.get("utc") is not False,
        )
        self.set_class(ascii_only, "-ascii")
        for known in (FALLBACK, *self._themes.values()):
            self.register_theme(known.to_textual())
        self.theme = theme.name
        self._start = StartScreen(self.look, title)
        self.main: MainScreen | None = None
        self._stirred_at = time.monotonic()
        self.set_keymap({a.id: a.key for a in self.actions.values() if a.key != actions.BY_ID[a.id].key})

    def _first_theme(self, wanted: str | None) -> Theme:
        """The theme asked for, else the kept one, else the default."""
        if wanted is not None and wanted not in self._themes:
            known = ", ".join(sorted(self._themes))
            self.problems.append(f"expected a theme's name ({known}), found {clean(str(wanted), 40)!r}")
        for name in (wanted, self._kept.get("theme"), DEFAULT_THEME):
            if isinstance(name, str) and name in self._themes:
                return self._themes[name]
        return FALLBACK

    def _palette(self, theme: Theme) -> Palette:
        return Palette(theme, sixteen=self.console.color_system in ("standard", "windows"))

    def get_default_screen(self) -> StartScreen:
        return self._start

    def on_mount(self) -> None:
        self.set_interval(BEAT_S, self.beat)
        if self.call_after_first_paint is not None:
            self.call_after_refresh(self.call_after_first_paint)

    # frames

    def beat(self) -> None:
        """Ten times a second: the latest frame to whatever is due. Frames between were not needed."""
        latest = self.bridge.latest()
        if latest is None:
            if self.bridge.failure:
                self.exit(return_code=1)  # nothing to look at; whoever started it tells why
            self._start.say(self.bridge.progress)
            return
        main = self.main or self._open(latest)
        if latest is not self._latest:
            self._latest = latest
            self._stirred_at = time.monotonic()
            if not self.frozen:
                self._shown = self._with_problems(latest)
                self._meet(latest)
        self._stamp(main, latest)
        self._tell(latest)
        self._beats += 1
        if self._shown is not None:
            self._draw(main, self._shown)

    def _draw(self, main: MainScreen, frame: Frame) -> None:
        """Panels of the same rate take turns, so that no beat draws everything."""
        with self.batch_update():
            main.follow(frame)
            for place, part in enumerate(main.shown()):
                every = max(1, round(1 / (BEAT_S * part.rate_hz)))
                if part.frame is None or ((self._beats + place) % every == 0 and part.frame is not frame):
                    part.show(frame)

    def draw_now(self) -> None:
        """Draw everything at once, after a change that a person is waiting to see."""
        if self.main is not None and self._shown is not None:
            self.main.follow(self._shown)
            for part in self.main.shown():
                part.show(self._shown)

    def _open(self, frame: Frame) -> MainScreen:
        """The first frame is there: the main screen takes the place of the start.

        What only it needs is loaded here, so that the first paint does not wait for it.
        """
        from tui.bars.footer import Footer
        from tui.bars.header import Header, Symbols
        from tui.bars.transport import TransportLine
        from tui.panels import discover
        from tui.screens.main import MainScreen

        found, problems = discover()
        self.problems += problems
        panels = []
        for kind in found:
            panel = kind(self.look)
            kept = self._kept.get("panels")
            mine = kept.get(panel.title) if isinstance(kept, dict) else None
            if isinstance(mine, dict):
                panel.restore(mine)
            panels.append(panel)
        footer = Footer(self.look, self.actions, frozenset(panel.title for panel in panels))
        main = self.main = MainScreen(
            panels, Header(self.look), Symbols(self.look), TransportLine(self.look), footer, self._kept
        )
        self.push_screen(main)
        for problem in self.problems:
            self.say(problem, wrong=True)
        if self._state_file is not None and not self._kept:
            self.say(FIRST_HINT if is_paper(frame) else FIRST_HINT_SIM, seconds=12)
        return main

    def _meet(self, frame: Frame) -> None:
        """Go to the symbol that was looked at last time, once the session has named it."""
        if self._wanted_symbol is None:
            return
        for index, line in enumerate(frame.market.lines):
            if line.instrument.key == self._wanted_symbol:
                self.choose_symbol(index)

    def _with_problems(self, frame: Frame) -> Frame:
        if not self.problems:
            return frame
        messages = (*self.problems, *frame.host.messages)
        return msgspec.structs.replace(frame, host=msgspec.structs.replace(frame.host, messages=messages))

    def _stamp(self, main: MainScreen, frame: Frame) -> None:
        """What must not be overlooked: a stopped engine, a frozen view, a session that sends nothing."""
        silent = time.monotonic() - self._stirred_at
        stamp = ""
        if self.bridge.failure:
            stamp = "ENGINE STOPPED"
            if self.bridge.failure not in self.problems:
                self.problems.insert(0, self.bridge.failure)
                self._shown = self._with_problems(frame)
                self.say(self.bridge.failure, wrong=True, seconds=60)
        elif self.frozen:
            stamp = "FROZEN"
        elif silent > SILENT_S and "speed" not in frame.host.accepts:  # nobody but the market sets its pace
            stamp = f"NO FRAME FOR {int(silent)} s"
        header = main.header
        if header.stamp != stamp:
            header.stamp = stamp
            if self._shown is not None:
                header.show(self._shown)

    def _tell(self, frame: Frame) -> None:
        """Say what has just happened."""
        recording = frame.host.recording
        text, wrong = recording_notice(self._recording, recording)
        self._recording = recording
        if text:
            self.say(text, wrong=wrong, seconds=15 if wrong else 5)
        for message in self._messages.due(frame):
            self.say(message, wrong=True, seconds=10)
        fill = self._fills.due(frame, time.monotonic())
        if fill:
            self.say(f"{self.look.glyphs.own} {fill}")
        mark = self._marks.due(frame, time.monotonic())
        if self._marks.went or mark is not None:
            self._unsay_events()
        if mark is not None:
            self._said_events.append(self.say(f"{self.look.glyphs.mark} {mark.text}", seconds=8))
        event = self._alerts.due(frame, time.monotonic())
        ours = (
            event is not None and event.kind == "SHOCK" and time.monotonic() - self._shocked_at < OWN_SHOCK_S
        )
        if event is not None and not ours:
            text = alert_text(event, frame, self.look)
            self._said_events.append(self.say(text, wrong=event.kind in ("FEED", "BOOK", "STALE")))
        if self._alerts.rings or (self._rings and event is not None and not ours):
            self.bell()

    def _unsay_events(self) -> None:
        """What was told of events leaves the screen with the time that it was of."""
        for said in self._said_events:
            self._unnotify(said)
        self._said_events.clear()

    def said_of_shock(self) -> None:
        """A person has just been told of a shock of their own."""
        self._shocked_at = time.monotonic()

    # the view

    def on_panel_wish(self) -> None:
        self.send_view()

    def on_panel_failed(self, message: Panel.Failed) -> None:
        self.problems.append(message.text)
        self.say(message.text, wrong=True)

    def freeze(self, on: bool) -> None:
        """Hold the picture, or go on with the latest."""
        self.frozen = on
        if not on and self._latest is not None:
            self._shown = self._with_problems(self._latest)
        if self.main is not None and self._latest is not None:
            self._stamp(self.main, self._latest)
        self.draw_now()

    def send_view(self) -> None:
        """Ask for what the panels on the screen need, if that is not what was asked for already."""
        if self.main is None:
            return
        view = msgspec.structs.replace(NOTHING_SHOWN, symbol=self.symbol)
        for panel in self.main.on_screen():
            view = panel.wants(view)
        if view != self._view:
            self._view = view
            self.bridge.send(SetView(view))

    def choose_symbol(self, index: int) -> None:
        """Look at another of the session's symbols."""
        if self._latest is not None and 0 <= index < len(self._latest.market.lines):
            self.symbol = index
            self._wanted_symbol = None
            self.send_view()

    # what a person sees besides panels

    def say(self, text: str, *, wrong: bool = False, seconds: float = 5.0) -> Notification:
        """A sentence at the edge of the screen for a while; never read as markup."""
        severity: SeverityLevel = "warning" if wrong else "information"
        shown = clean(text, 400)
        if self.look.glyphs.ascii:
            shown = to_ascii(shown)
        said = Notification(shown, "", severity, seconds, markup=False)
        self.post_message(Notify(said))
        return said

    def take_look(self, look: Look) -> None:
        """Colours, clock or amounts have changed: everything is drawn again."""
        self.look = look
        self._start.restyle(look)
        if self.main is not None:
            self.main.restyle(look)

    def use_theme(self, name: str) -> None:
        """Switch to a loaded theme at once."""
        theme = self._themes.get(name)
        if theme is not None:
            self.theme = name
            self.take_look(replace(self.look, palette=self._palette(theme)))

    @property
    def theme_names(self) -> list[str]:
        return sorted(self._themes)

    # actions

    def action_do(self, action: str) -> None:
        """Every key, palette entry and click ends here."""
        if self.main is not None:
            from tui.deeds import perform  # brings lists and inputs, which a first paint has no use for

            perform(self, self.main, self.actions[action])

    def on_tracked_sought(self, message: Tracked.Sought) -> None:
        frame = self.bridge.latest()
        if self.frozen:
            self.say(FROZEN)
        elif frame is not None and "seek" in frame.host.accepts:
            command = self.steering.seek(message.ts, frame)
            if command is not None:
                self.bridge.send(command)

    def action_symbol(self, index: int) -> None:
        self.choose_symbol(index)

    def on_unmount(self) -> None:
        self._keep()

    def _keep(self) -> None:
        if self.main is None:
            return
        chosen = self.main.chosen
        lines = self._latest.market.lines if self._latest is not None else ()
        kept = {
            "theme": self.look.palette.theme.name,
            "quiet": self.look.quiet,
            "utc": self.look.utc,
            "panel": chosen.title if chosen is not None else None,
            "zoomed": self.main.zoomed,
            "symbol": lines[self.symbol].instrument.key if self.symbol < len(lines) else None,
            "panels": {panel.title: panel.keeps() for panel in self.main.panels},
        }
        keep.write(self._state_file, kept)
