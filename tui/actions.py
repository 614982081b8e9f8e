"""The one registry of actions: keys, footer, palette, help and the documentation are made from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding

from engine.text import clean


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do. `needs` is the command the source must accept for it to be offered."""

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


def _focus(digit: int) -> Action:
    return Action(f"focus_{digit}", str(digit), f"panel {digit}", f"focus panel {digit}", "Panels")


ACTIONS: tuple[Action, ...] = (
    *(_focus(digit) for digit in range(1, 9)),
    Action("zoom", "z", "zoom", "zoom the focused panel, and back", "Panels", footer=5),
    Action("help", "question_mark", "help", "help for the focused panel", "Panels", footer=98),
    Action("pause", "space", "pause", "pause or go on", "Time", "pause", footer=1),
    Action(
        "slower", "left_square_bracket", "slower", "half the speed, down to ¼×", "Time", "speed", footer=2
    ),
    Action(
        "faster",
        "right_square_bracket",
        "faster",
        "twice the speed, to 64× and max",
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
    Action("now", "end", "now", "back to now; in a replay to its end", "Time", "seek", footer=6),
    Action("mark", "m", "mark", "mark this moment with a note", "Session", "mark", footer=7),
    Action("record", "r", "recording", "recording on or off", "Session", "record", footer=15),
    Action("export", "e", "export", "export data or a picture", "Session", footer=13),
    Action("heatmap", "h", "heatmap", "depth heatmap, and back", "View", panel="price", footer=8),
    Action("candles", "c", "candles", "candles, and back", "View", panel="price", footer=9),
    Action(
        "interval", "i", "interval", "next chart interval, 100 ms to 1 h", "View", panel="price", footer=14
    ),
    Action("crosshair", "enter", "crosshair", "crosshair on the chart", "View", panel="price"),
    Action("coarser", "plus,equals_sign", "coarser", "ladder: more price per row", "View", panel="depth"),
    Action("finer", "minus", "finer", "ladder: less price per row", "View", panel="depth"),
    Action("next_symbol", "tab", "symbol", "next symbol", "View", footer=10),
    Action("find_symbol", "slash", "find", "find a symbol", "View"),
    Action("theme", "t", "theme", "next theme", "View", footer=12),
    Action("clock", "u", "UTC/local", "UTC or local time", "View"),
    Action("quiet", "b", "quiet", "quiet: amounts hidden", "View"),
    Action("freeze", "f", "freeze", "freeze the view, not the engine", "View", footer=11),
    Action("palette", "colon,ctrl+p", "commands", "command palette", "Session"),
    Action("quit", "q,ctrl+c,ctrl+q", "quit", "quit, at any size", "Session", footer=99),
)
BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}

_SHOWN = {
    "question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]", "comma": ",",
    "full_stop": ".", "left": "←", "right": "→", "shift+left": "⇧←", "shift+right": "⇧→", "plus": "+",
    "equals_sign": "=", "minus": "-", "slash": "/", "colon": ":", "end": "End",
}  # fmt: skip
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
        else:
            named = ",".join(_NAMED.get(part, part) for part in _split(key))
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
    return [a for a in actions if not a.needs or a.needs in accepts]


def markdown_table(actions: Iterable[Action] = ACTIONS) -> str:
    """The registry as the documentation's table of keys."""
    lines = ["| key | does | id |", "| --- | --- | --- |"]
    for action in actions:
        keys = " ".join(f"`{shown(key)}`" for key in action.keys)
        lines.append(f"| {keys} | {action.help} | `{action.id}` |")
    return "\n".join(lines) + "\n"
