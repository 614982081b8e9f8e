"""What can be done to a market: the kinds of shock, their sizes in words, and how a person writes one down.

Values only: the deck on the screen, the commands, the scenario files and the engine all read this list.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from engine.events import Shock
from engine.text import clean

DOWN, UP = -1, 1


@dataclass(frozen=True, slots=True)
class ShockKind:
    """One kind. `size` counts `unit`; `least` and `most` bound it; sides are words for down and up."""

    name: str
    title: str
    about: str
    unit: str  # what `size` counts: the symbol's base units ("base"), a share of 0..1, a factor, or nothing
    least: float
    most: float
    size: float  # default
    duration_s: float  # default; 0: at once
    sides: tuple[str, str] = ("", "")  # words for down and up; empty: the kind has no side


LONGEST_S = 3600.0
MOST_BASE = 1e9

KINDS: tuple[ShockKind, ...] = (
    ShockKind(
        "programme", "programme", "market orders spread evenly over the time",
        "base", 1e-6, MOST_BASE, 50.0, 30.0, ("sell", "buy"),
    ),
    ShockKind(
        "withdrawal", "withdrawal", "makers take this share of their quotes away, and return slowly",
        "share", 0.01, 1.0, 0.9, 60.0,
    ),
    ShockKind(
        "sentiment", "sentiment", "a burst of posts moves the mood by this much, and raises doubt",
        "share", 0.01, 1.0, 0.8, 30.0, ("bearish", "bullish"),
    ),
    ShockKind(
        "volatility", "volatility", "the fundamental moves this many times as much",
        "factor", 1.0, 100.0, 8.0, 60.0,
    ),
    ShockKind("halt", "venue halt", "the first venue accepts nothing", "", 0.0, 0.0, 0.0, 30.0),
    ShockKind(
        "cascade", "liquidations", "leveraged positions of this size stand close to the price and are forced out",
        "base", 1e-6, MOST_BASE, 200.0, 120.0, ("longs", "shorts"),
    ),
    ShockKind(
        "whale", "whale transfer", "coins of this amount arrive at the venue; some of them are sold, all of them seen",
        "base", 1e-6, MOST_BASE, 500.0, 120.0, ("deposit", "withdrawal"),
    ),
    ShockKind(
        "fat_finger", "fat finger", "one market order, at once",
        "base", 1e-6, MOST_BASE, 100.0, 0.0, ("sell", "buy"),
    ),
)  # fmt: skip
BY_NAME: Mapping[str, ShockKind] = {kind.name: kind for kind in KINDS}
_SHORT = {"sell": ("programme", DOWN), "buy": ("programme", UP)}
_WRITTEN = re.compile(
    r"(?P<kind>[a-z_]+)(?::(?P<side>[a-z]+))?(?::(?P<size>[0-9.]+(?:e[0-9]+)?))?(?:/(?P<time>[0-9.]+)(?P<unit>s|m|))?"
)


class BadShock(ValueError):
    """Says what was expected, what was found, and what would work."""

    for_people = True


def parse(text: str) -> Shock:
    """A shock as a person writes it: `kind[:side][:size][/duration]`, or `sell:500/60s` for a programme.

    >>> parse("sell:500/60s")
    Shock(kind='programme', size=500.0, side=-1, duration_s=60.0, symbol=0, ts=0)
    >>> parse("cascade:longs:300").duration_s
    120.0
    """
    found = _WRITTEN.fullmatch(text.strip().lower().replace("fat-finger", "fat_finger"))
    if found is None:
        raise BadShock(
            f"expected a shock such as sell:500/60s or cascade:longs:300, found {clean(text, 40)!r}"
        )
    word, side_word = found["kind"], found["side"]
    name, side = _SHORT.get(word, (word, 0))
    kind = BY_NAME.get(name)
    if kind is None:
        raise BadShock(f"expected one of {', '.join((*_SHORT, *BY_NAME))}, found {clean(word, 30)!r}")
    if side_word is not None:
        if side_word not in kind.sides:
            words = " or ".join(kind.sides) if kind.sides[0] else "no side"
            raise BadShock(f"{name}: expected {words}, found {clean(side_word, 30)!r}")
        side = DOWN if side_word == kind.sides[0] else UP
    size = kind.size if found["size"] is None else _number(found["size"], text)
    seconds = kind.duration_s
    if found["time"] is not None:
        seconds = _number(found["time"], text) * (60.0 if found["unit"] == "m" else 1.0)
    return checked(Shock(kind.name, size, side or (DOWN if kind.sides[0] else 0), seconds))


def checked(shock: Shock) -> Shock:
    """The shock if a market can be given it. Raises BadShock; a recording may come from a stranger."""
    kind = BY_NAME.get(shock.kind)
    if kind is None:
        raise BadShock(f"expected a shock of {', '.join(BY_NAME)}, found {clean(shock.kind, 30)!r}")
    if kind.unit and not kind.least <= shock.size <= kind.most:
        raise BadShock(
            f"{shock.kind}: expected a size of {kind.least:g} to {kind.most:g}, found {shock.size:g}"
        )
    if not (math.isfinite(shock.size) and 0.0 <= shock.duration_s <= LONGEST_S):
        raise BadShock(
            f"{shock.kind}: expected a duration of 0 to {LONGEST_S:g} s, found {shock.duration_s:g} s"
        )
    if shock.side not in ((DOWN, UP) if kind.sides[0] else (0,)):
        words = " or ".join(kind.sides) if kind.sides[0] else "no side"
        raise BadShock(f"{shock.kind}: expected {words}, found side {shock.side}")
    if not 0 <= shock.symbol < 1000:
        raise BadShock(f"{shock.kind}: expected a symbol's index, found {shock.symbol}")
    return shock


def describe(shock: Shock, base: str = "") -> str:
    """In words: `sell 500 BTC over 60 s`, `venue halt for 30 s`.

    >>> describe(parse("sell:500/60s"), "BTC")
    'sell 500 BTC over 60 s'
    """
    kind = BY_NAME[shock.kind]
    side = kind.sides[shock.side > 0] if kind.sides[0] else ""
    amount = {
        "base": f"{shock.size:g} {base}".strip(),
        "share": f"{shock.size:.0%}",
        "factor": f"{shock.size:g}×",
    }
    words = [] if shock.kind == "programme" else [kind.title]
    words += [word for word in (side, amount.get(kind.unit, "")) if word]
    if shock.duration_s:
        words.append(f"{'over' if kind.unit == 'base' else 'for'} {shock.duration_s:g} s")
    return " ".join(words)


def at(shock: Shock, ts: int) -> Shock:
    """The same shock, beginning at `ts`."""
    return msgspec.structs.replace(shock, ts=ts)


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadShock(f"expected a number, found {clean(text, 20)!r} in {clean(whole, 40)!r}") from None
