"""The one registry of actions: keys, footer, palette, help and the documentation are made from it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding

from engine.text import clean


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do. `needs` names the command the session must accept for it to be offered; of
    several, separated by commas, one is enough."""

    id: str
    key: str  # as Textual names keys; several are separated by commas
    text: str  # one or two words: footer and palette
    help: str  # a clause: help and documentation
    group: str = "Panels"
    needs: str = ""
    panel: str = ""  # the panel that carries it out, by id; empty: the app does
    footer: int = 0  # rank in the footer, 1 first; 0: not there

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.key.split(","))

    def suits(self, accepts: frozenset[str]) -> bool:
        """Whether a session that accepts these commands can do it."""
        return not self.needs or any(need in accepts for need in self.needs.split(","))


def _focus(key: str) -> Action:
    return Action(f"focus_{key}", key, f"panel {key}", f"focus panel {key}", "Panels")


ACTIONS: tuple[Action, ...] = (
    *(_focus(key) for key in "1234567890v"),
    Action("zoom", "z", "zoom", "zoom the focused panel, and back", "Panels", footer=9),
    Action("help", "question_mark", "help", "help for the focused panel", "Panels", footer=98),
    Action("pause", "space", "pause", "pause or go on", "Time", "pause", footer=1),
    Action(
        "slower", "left_square_bracket", "slower", "half the speed, down to ¼×", "Time", "speed", footer=2
    ),
    Action(
        "faster",
        "right_square_bracket",
        "faster",
        "twice the speed, to 64×, max, and a story's own pace",
        "Time",
        "speed",
        footer=2,
    ),
    Action("step_back", "comma", "step back", "one tick back", "Time", "step", footer=3),
    Action("step", "full_stop", "step", "one tick forward", "Time", "step", footer=3),
    Action("back", "left", "back", "seek 10 s back (live: rewind)", "Time", "seek", footer=4),
    Action("forward", "right", "forward", "seek 10 s forward", "Time", "seek", footer=4),
    Action("back_far", "shift+left", "back 1 min", "seek 1 min back", "Time", "seek"),
    Action("forward_far", "shift+right", "forward 1 min", "seek 1 min forward", "Time", "seek"),
    Action("go_to", "g", "go to", "go to a time", "Time", "seek"),
    Action("next_mark", "n", "next mark", "next mark or alert", "Time", "seek"),
    Action("previous_mark", "N", "previous mark", "mark or alert before", "Time", "seek"),
    Action("now", "end", "now", "back to now; in a replay to its end", "Time", "now,seek", footer=5),
    Action(
        "shock", "s", "shock", "shock deck: kind, size, side, now or at a time", "Market", "shock", footer=6
    ),
    Action("shock_again", "S", "again", "the last shock again", "Market", "shock"),
    Action(
        "whatif", "w", "what-if", "what if: the deck's shock, and without it", "Market", "whatif", footer=7
    ),
    Action("whatif_plain", "W", "what-if plain", "what if nothing is done", "Market", "whatif"),
    Action("clear", "x", "clear", "take the what-if off the chart", "Market", "clear"),
    Action("order", "o", "order", "an order of one's own, and those that rest", "Market", "order", footer=8),
    Action("mark", "m", "mark", "mark this moment with a note", "Session", "mark", footer=10),
    Action("record", "r", "recording", "recording on or off", "Session", "record", footer=18),
    Action("export", "e", "export", "export data or a picture", "Session", footer=16),
    Action("heatmap", "h", "heatmap", "depth heatmap, and back", "View", panel="price", footer=11),
    Action("candles", "c", "candles", "candles, and back", "View", panel="price", footer=12),
    Action(
        "interval", "i", "interval", "next chart interval, 100 ms to 1 h", "View", panel="price", footer=17
    ),
    Action("crosshair", "enter", "crosshair", "crosshair on the chart", "View", panel="price"),
    Action("coarser", "plus,equals_sign", "coarser", "ladder: more price per row", "View", panel="depth"),
    Action("finer", "minus", "finer", "ladder: less price per row", "View", panel="depth"),
    Action("next_symbol", "tab", "symbol", "next symbol", "View", footer=13),
    Action("find_symbol", "slash", "find", "find a symbol", "View"),
    Action("theme", "t", "theme", "next theme", "View", footer=15),
    Action("clock", "u", "UTC/local", "UTC or local time", "View"),
    Action("quiet", "b", "quiet", "quiet: amounts hidden", "View"),
    Action("freeze", "f", "freeze", "freeze the view, not the engine", "View", footer=14),
    Action("palette", "colon,ctrl+p", "commands", "command palette", "Session"),
    Action("suspend", "ctrl+z", "suspend", "to the shell; `fg` comes back", "Session"),
    Action("quit", "q,ctrl+c,ctrl+q", "quit", "quit, at any size", "Session", footer=99),
)
BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}

_SHOWN = {
    "question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]", "comma": ",",
    "full_stop": ".", "left": "←", "right": "→", "shift+left": "⇧←", "shift+right": "⇧→", "plus": "+",
    "equals_sign": "=", "minus": "-", "slash": "/", "colon": ":", "end": "End",
}  # fmt: skip
_MODIFIERS = ("ctrl", "shift", "alt", "super", "meta", "hyper")
_NAMED_KEYS = frozenset((
    "escape", "enter", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown",
    "up", "down", "left", "right", "slash", "backslash", "at", "minus", "plus", "underscore",
))  # fmt: skip
_NAMED = {shown: name for name, shown in _SHOWN.items()}
_PLAIN = {"←": "left", "→": "right", "⇧←": "S-left", "⇧→": "S-right"}


def remap(keys: Mapping[str, object]) -> tuple[dict[str, Action], list[str]]:
    """The registry with a person's own keys (action id to key), and a sentence for each that was refused.

    A refused line leaves that action on its default key. A key may be written as Textual names it or as it
    is printed (`?`, `[`). When a wish takes another action's default key, that action must be moved as well.
    """
    actions = dict(BY_ID)
    problems = []
    for wanted, key in keys.items():
        if wanted not in actions:
            near = _nearest(wanted)
            problems.append(f"keys: expected an action's id, found {clean(wanted, 40)!r}{near}")
        elif not isinstance(key, str) or not _split(key):
            found = clean(repr(key), 40)
            problems.append(f"keys: expected a key for {wanted!r} such as 'z' or 'ctrl+z', found {found}")
        elif strange := [part for part in _split(key) if _named(part) is None]:
            found = clean(repr(strange[0]), 40)
            problems.append(
                f"keys: expected a key for {wanted!r} such as 'z', 'f5' or 'ctrl+z', found {found}"
            )
        else:
            named = ",".join(_named(part) or part for part in _split(key))
            old = actions[wanted]
            actions[wanted] = Action(
                old.id, named, old.text, old.help, old.group, old.needs, old.panel, old.footer
            )
    while clashes := _shared(actions.values()):  # an action back on its default may clash with another wish
        key, holders = clashes[0]
        moved = [a for a in holders if a.key != BY_ID[a.id].key]
        names = " and ".join(repr(a.id) for a in holders)
        problems.append(f"keys: {shown(key)} is used by {names}; {moved[0].id!r} keeps its default")
        for action in moved:
            actions[action.id] = BY_ID[action.id]
    return actions, problems


def _split(key: str) -> list[str]:
    return [key] if key == "," else [part.strip() for part in key.split(",") if part.strip()]


def _named(key: str) -> str | None:
    """A key as Textual names it, None where no terminal could send one of that name."""
    if key in _NAMED:
        return _NAMED[key]
    *modifiers, base = [key] if len(key) == 1 else key.split("+")
    if len(base) > 1:
        base = base.lower()
    if not _is_key(base) or any(part not in _MODIFIERS for part in modifiers):
        return None
    return "+".join((*modifiers, base))


def _is_key(base: str) -> bool:
    if len(base) == 1:
        return base.isprintable() and not base.isspace()
    if base in _NAMED_KEYS or re.fullmatch(r"f([1-9]|1\d|2[0-4])", base):
        return True
    try:
        unicodedata.lookup(base.replace("_", " "))
    except KeyError:
        return False
    return True


def _shared(actions: Iterable[Action]) -> list[tuple[str, list[Action]]]:
    holders: dict[str, list[Action]] = {}
    for action in actions:
        for key in action.keys:
            holders.setdefault(key, []).append(action)
    return [(key, found) for key, found in holders.items() if len(found) > 1]


def _nearest(wanted: str) -> str:
    import difflib

    near = difflib.get_close_matches(wanted, BY_ID, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(BY_ID)}"


def bindings(actions: Iterable[Action] = ACTIONS) -> list[Binding]:
    """Textual's bindings for these actions; each calls `do` with the action's id."""
    return [Binding(a.key, f"app.do({a.id!r})", a.text, show=False, id=a.id) for a in actions]


def shown(key: str, plain: bool = False) -> str:
    """A key as it is printed; `plain` for terminals without arrows."""
    printed = _SHOWN.get(key, key)
    return _PLAIN.get(printed, printed) if plain else printed


def offered(actions: Iterable[Action], accepts: frozenset[str]) -> list[Action]:
    """The actions that make sense with a source that accepts these commands."""
    return [a for a in actions if a.suits(accepts)]


def markdown_table(actions: Iterable[Action] = ACTIONS) -> str:
    """The registry as the documentation's table of keys."""
    lines = ["| key | does | id |", "| --- | --- | --- |"]
    for action in actions:
        keys = " ".join(f"`{shown(key)}`" for key in action.keys)
        lines.append(f"| {keys} | {action.help} | `{action.id}` |")
    return "\n".join(lines) + "\n"
