"""What each action of the registry does: to the session by commands, to the screen by the app."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from engine.frame import Frame
from engine.ports import AddMark
from engine.text import clean
from tui import intervene
from tui.actions import Action, offered, shown
from tui.format import grouped, mean_price
from tui.glyphs import to_ascii
from tui.screens.choice import Choice, Entry
from tui.screens.help import Help
from tui.screens.main import MainScreen
from tui.screens.prompt import Prompt
from tui.steering import FROZEN, ends
from tui.when import EXAMPLES, NotATime, parse_time

if TYPE_CHECKING:
    from tui.app import MicrotuiApp

LONGEST_NOTE = 200
PICTURE = "svg"
_NOTHING_THERE = {
    "next_mark": "no later mark",
    "previous_mark": "no earlier mark",
    "forward": "nothing later is known",
    "forward_far": "nothing later is known",
    "now": "nothing later is known",
}


def perform(app: MicrotuiApp, main: MainScreen, action: Action) -> None:
    """Carry out one action, or say why not."""
    frame = app.bridge.latest()
    if action.id.startswith("focus_"):
        _focus(app, main, action.keys[0] if action.keys[0].isdigit() else action.id[-1])
    elif action.panel:
        _let_panel(app, main, action)
    elif action.id in _SCREEN:
        _SCREEN[action.id](app, main)
    elif frame is None:
        return
    elif not action.suits(frame.host.accepts):
        app.say(f"{action.text}: not in this session")
    elif app.frozen and action.group in ("Time", "Market"):
        app.say(FROZEN)
    elif action.group == "Market":
        intervene.perform(app, action.id)
    elif action.id in _ASKING:
        _ASKING[action.id](app)
    else:
        command = app.steering.command(action.id, frame)
        if command is not None:
            app.bridge.send(command)
        elif action.id in _NOTHING_THERE:
            app.say(_NOTHING_THERE[action.id])


# the screen


def _focus(app: MicrotuiApp, main: MainScreen, digit: str) -> None:
    panel = next((panel for panel in main.needed if panel.key == digit), None)
    if panel is None:
        known = ", ".join(f"{panel.key} {panel.title}" for panel in main.needed)
        app.say(f"there is no panel {digit}; there are {known}")
        return
    main.choose(panel)
    app.send_view()
    app.draw_now()


def _let_panel(app: MicrotuiApp, main: MainScreen, action: Action) -> None:
    panel = next((panel for panel in main.needed if panel.title == action.panel), None)
    if panel is None:
        return
    if main.is_solo and panel not in main.on_screen():
        main.choose(panel)
        app.send_view()
        app.draw_now()
    panel.act(action.id)


def _zoom(app: MicrotuiApp, main: MainScreen) -> None:
    main.zoom()
    app.send_view()
    app.draw_now()


def _help(app: MicrotuiApp, main: MainScreen) -> None:
    frame = app.bridge.latest()
    panel = main.chosen
    accepts = frame.host.accepts if frame is not None else frozenset()
    about, text = (f"{panel.key} {panel.title}", panel.help) if panel is not None else ("", "")
    if app.look.glyphs.ascii:
        text = to_ascii(text)
    story = frame.host.transport.about if frame is not None else ()
    app.push_screen(Help(app.look, about, text, offered(app.actions.values(), accepts), story))


def _next_theme(app: MicrotuiApp, main: MainScreen) -> None:
    names = app.theme_names
    if not names:
        app.say("no theme file could be read; see the health panel", wrong=True)
        return
    now = app.look.palette.theme.name
    name = names[(names.index(now) + 1) % len(names)] if now in names else names[0]
    app.use_theme(name)
    app.say(f"theme {name}", seconds=2)


def _clock(app: MicrotuiApp, main: MainScreen) -> None:
    app.take_look(replace(app.look, utc=not app.look.utc))


def _quiet(app: MicrotuiApp, main: MainScreen) -> None:
    app.take_look(replace(app.look, quiet=not app.look.quiet))


def _freeze(app: MicrotuiApp, main: MainScreen) -> None:
    app.freeze(not app.frozen)


def _commands(app: MicrotuiApp, main: MainScreen) -> None:
    """The palette: what this session offers, then themes, then symbols."""
    frame = app.bridge.latest() or Frame()
    plain = app.look.glyphs.ascii
    listed = [
        Entry(f"do {action.id}", action.text, action.help, shown(action.keys[0], plain))
        for action in offered(app.actions.values(), frame.host.accepts)
        if action.id != "palette" and not action.id.startswith("focus_")
    ]
    listed += [
        Entry(f"do focus_{panel.key}", f"panel {panel.title}", "focus this panel", panel.key)
        for panel in main.needed
    ]
    listed += [Entry(f"theme {name}", f"theme {name}", "use this theme") for name in app.theme_names]
    listed += [
        Entry(f"symbol {index}", f"symbol {clean(line.instrument.symbol, 24)}", "look at this symbol")
        for index, line in enumerate(frame.market.lines)
    ]

    if "shock" in frame.host.accepts:
        listed += intervene.kinds_listed()

    def chosen(entry: str | None) -> None:
        what, _, which = (entry or "").partition(" ")
        if what == "do":
            app.action_do(which)
        elif what == "theme":
            app.use_theme(which)
        elif what == "symbol":
            app.choose_symbol(int(which))
        elif what:
            intervene.given(app, what, which)

    app.push_screen(Choice("commands", app.look, listed, partial(intervene.typed, app)), chosen)


def _suspend(app: MicrotuiApp, main: MainScreen) -> None:
    app.action_suspend_process()


def _quit(app: MicrotuiApp, main: MainScreen) -> None:
    app.exit()


def _next_symbol(app: MicrotuiApp, main: MainScreen) -> None:
    frame = app.bridge.latest()
    count = len(frame.market.lines) if frame is not None else 0
    if count < 2:
        app.say("only one symbol runs in this session")
    else:
        app.choose_symbol((app.symbol + 1) % count)


def _find_symbol(app: MicrotuiApp, main: MainScreen) -> None:
    frame = app.bridge.latest()
    if frame is None:
        return
    lines = frame.market.lines
    several = len({line.instrument.venue for line in lines}) > 1
    names = [
        clean(f"{line.instrument.symbol} {line.instrument.venue}" if several else line.instrument.symbol, 40)
        for line in lines
    ]
    width = max(map(len, names), default=0)
    options = [
        Entry(str(index), name.ljust(width), mean_price(line.instrument, line.mid))
        for index, (name, line) in enumerate(zip(names, lines, strict=True))
    ]

    def chosen(index: str | None) -> None:
        if index is not None:
            app.choose_symbol(int(index))

    app.push_screen(Choice("find a symbol", app.look, options), chosen)


def _export(app: MicrotuiApp, main: MainScreen) -> None:
    options = [Entry(name, name, "tables of the recording") for name in app.exporters]
    options.append(Entry(PICTURE, "svg", "a picture of the screen"))

    def chosen(name: str | None) -> None:
        if name == PICTURE:
            _picture(app)
        elif name is not None:
            app.run_worker(partial(_run_export, app, name), thread=True, exit_on_error=False)

    app.push_screen(Choice("export", app.look, options), chosen)


def _run_export(app: MicrotuiApp, name: str) -> None:
    """In a thread: an export may read a whole recording."""
    try:
        app.call_from_thread(app.say, app.exporters[name]())
    except Exception as error:  # whatever an exporter raises is told, not thrown at the screen
        app.call_from_thread(app.say, f"export {name} failed: {error}", wrong=True)


def _picture(app: MicrotuiApp) -> None:
    frame = app.bridge.latest()
    symbol = "screen"
    if frame is not None and frame.market.symbol < len(frame.market.lines):
        symbol = "".join(c for c in frame.market.lines[frame.market.symbol].instrument.symbol if c.isalnum())
    folder = app.export_folder.expanduser().resolve()
    name = f"microtui-{symbol[:30]}-{time.strftime('%Y%m%dT%H%M%S')}.svg"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = app.save_screenshot(name, path=str(folder))
    except OSError as error:
        app.say(f"the picture could not be written to {folder}: {error.strerror}", wrong=True)
    else:
        app.say(f"picture written to {path}")


# asking first


def _ask_mark(app: MicrotuiApp) -> None:
    def check(text: str) -> str:
        if not clean(text):
            return "expected a few words for the note, found nothing"
        if len(text) > LONGEST_NOTE:
            return f"expected at most {LONGEST_NOTE} characters, found {grouped(str(len(text)))}"
        return ""

    def given(text: str | None) -> None:
        if text is not None:
            app.bridge.send(AddMark(clean(text, LONGEST_NOTE)))

    app.push_screen(Prompt("mark this moment", "enter keeps the note, esc closes", check), given)


def _ask_time(app: MicrotuiApp) -> None:
    def parse(text: str) -> int:
        frame = app.bridge.latest() or Frame()
        start, end = ends(frame)
        return parse_time(text, frame.market.ts, start, end, app.look.utc)

    def check(text: str) -> str:
        try:
            parse(text)
        except NotATime as wrong:
            return str(wrong)
        return ""

    def given(text: str | None) -> None:
        frame = app.bridge.latest()
        if text is None or frame is None:
            return
        command = app.steering.seek(parse(text), frame)
        if command is not None:
            app.bridge.send(command)

    zone = "UTC" if app.look.utc else "local time"
    app.push_screen(Prompt(f"go to a time, {zone}", EXAMPLES, check), given)


_SCREEN: dict[str, Callable[[MicrotuiApp, MainScreen], None]] = {
    "zoom": _zoom,
    "help": _help,
    "theme": _next_theme,
    "clock": _clock,
    "quiet": _quiet,
    "freeze": _freeze,
    "palette": _commands,
    "suspend": _suspend,
    "quit": _quit,
    "next_symbol": _next_symbol,
    "find_symbol": _find_symbol,
    "export": _export,
}
_ASKING: dict[str, Callable[[MicrotuiApp], None]] = {"mark": _ask_mark, "go_to": _ask_time}
