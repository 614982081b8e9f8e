"""Doing something to a market: shocks, what-ifs and orders of one's own, from a key to a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.events import Shock
from engine.frame import Frame
from engine.ports import ClearWhatIf, Inject, WhatIf
from engine.shocks import KINDS, BadShock, describe, parse
from engine.text import clean
from tui.screens.choice import Entry
from tui.screens.deck import DeckScreen
from tui.screens.order import OrderScreen
from tui.where import acts

if TYPE_CHECKING:
    from tui.app import MicrotuiApp


def open_deck(app: MicrotuiApp, kind: str = "") -> None:
    """The shock deck, on one kind where it is named."""
    frame = app.bridge.latest() or Frame()
    app.deck.open()
    if kind:
        app.deck.choose(kind)
    asks = "whatif" in frame.host.accepts
    app.push_screen(
        DeckScreen(
            app.look,
            app.bridge.latest,
            app.deck,
            lambda s: fire(app, s),
            (lambda s: ask(app, s)) if asks else None,
        )
    )


def again(app: MicrotuiApp) -> None:
    """The last shock once more, now."""
    last = _last_here(app)
    if last is None:
        app.say("no shock was chosen yet: s opens the deck")
    else:
        fire(app, last)


def fire(app: MicrotuiApp, shock: Shock) -> None:
    """Do it, and say what was done and where."""
    frame = app.bridge.latest() or Frame()
    app.deck.last = msgspec.structs.replace(shock, ts=0)
    app.bridge.send(Inject(shock))
    app.said_of_shock()
    app.say(f"{app.look.glyphs.shock} {_words(frame, shock)}, {acts(frame)}: S again, w what if")


def ask(app: MicrotuiApp, shock: Shock | None) -> None:
    """What if: with a shock and without it, or without one alone."""
    if shock is not None:
        shock = app.deck.last = msgspec.structs.replace(shock, ts=0)
    app.bridge.send(WhatIf(shock, level_ticks=_level(app)))
    _show_chart(app)
    frame = app.bridge.latest() or Frame()
    what = _words(frame, shock) if shock is not None else "nothing is done"
    other = "W without a shock" if shock is not None else "s chooses a shock"
    app.say(f"what if {what}: {other}, x clears", seconds=4)


def _show_chart(app: MicrotuiApp) -> None:
    """Where one panel is shown at a time, the one that draws the fan."""
    main = app.main
    chart = next((p for p in main.needed if p.title == "price"), None) if main is not None else None
    if main is not None and chart is not None and main.is_solo and chart not in main.on_screen():
        main.choose(chart)
        app.send_view()
        app.draw_now()


def ask_last(app: MicrotuiApp) -> None:
    """What if, with the shock that was chosen last if there was one."""
    ask(app, _last_here(app))


def ask_plain(app: MicrotuiApp) -> None:
    ask(app, None)


def clear(app: MicrotuiApp) -> None:
    app.bridge.send(ClearWhatIf())


def open_order(app: MicrotuiApp) -> None:
    """One's own order, and those that rest."""
    frame = app.bridge.latest() or Frame()
    if frame.market.symbol >= len(frame.market.lines):
        app.say("no symbol is known yet to place an order in")
    else:
        app.ticket.open()
        app.push_screen(OrderScreen(app.look, app.bridge.latest, app.ticket, app.bridge.send))


def kinds_listed() -> list[Entry]:
    """For the palette: every kind of shock."""
    return [Entry(f"deck {kind.name}", f"shock {kind.title}", kind.about) for kind in KINDS]


def typed(app: MicrotuiApp, text: str) -> list[Entry]:
    """For the palette: what was typed as a shock, to be done or asked; nothing where it is none."""
    frame = app.bridge.latest() or Frame()
    if "shock" not in frame.host.accepts or not any(c in text for c in ":/"):
        return []
    try:
        words = _words(frame, parse(text))
    except BadShock as wrong:
        return [Entry("", "no shock", str(wrong))]
    found = [Entry(f"fire {text}", "do it", f"{words}, {acts(frame)}")]
    if "whatif" in frame.host.accepts:
        found.append(Entry(f"ask {text}", "what if", words))
    return found


def given(app: MicrotuiApp, what: str, text: str) -> None:
    """A palette's entry of one of the two kinds above was chosen."""
    if what == "deck":
        open_deck(app, text)
        return
    frame = app.bridge.latest() or Frame()
    shock = msgspec.structs.replace(parse(text), symbol=frame.market.symbol)
    app.deck.take(shock)
    if what == "fire":
        fire(app, shock)
    else:
        ask(app, shock)


def perform(app: MicrotuiApp, action: str) -> None:
    """An action of the group Market."""
    {
        "shock": open_deck,
        "shock_again": again,
        "whatif": ask_last,
        "whatif_plain": ask_plain,
        "clear": clear,
        "order": open_order,
    }[action](app)


def _last_here(app: MicrotuiApp) -> Shock | None:
    """The last shock, of the size it has for the symbol in sight."""
    frame, last = app.bridge.latest() or Frame(), app.deck.last
    if last is None or last.symbol == frame.market.symbol:
        return last
    app.deck.choose(last.kind)
    return app.deck.shock(frame)


def _level(app: MicrotuiApp) -> int | None:
    """The price that the crosshair points at, in ticks."""
    frame = app.bridge.latest() or Frame()
    price = app.main.aimed_price() if app.main is not None else None
    if price is None or frame.market.symbol >= len(frame.market.lines):
        return None
    return max(1, round(price / frame.market.lines[frame.market.symbol].instrument.tick.to_float(1)))


def _words(frame: Frame, shock: Shock) -> str:
    lines = frame.market.lines
    base = clean(lines[shock.symbol].instrument.base, 10) if shock.symbol < len(lines) else ""
    return describe(shock, base)
