"""What can go wrong between us and a venue, as the few cases that are answered differently."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum


class FeedError(Exception):
    """A feed cannot go on; the text is one sentence for a person."""

    for_people = True


class UnknownSymbol(FeedError):
    """The venue answered, and does not trade what was asked for."""

    def __init__(self, venue: str, unknown: Sequence[str], known: Iterable[str]) -> None:
        self.unknown = tuple(unknown)
        names = sorted(known)
        self.near = {symbol: _near(symbol, names) for symbol in unknown}
        parts = []
        for symbol in unknown:
            near = self.near[symbol]
            hint = f"; near matches: {', '.join(near)}" if near else ""
            parts.append(f"{venue} does not trade {symbol}{hint}")
        super().__init__(". ".join(parts))


class NowhereTraded(FeedError):
    """Several venues answered, and none of them trades what was asked for.

    `unknown`: of each symbol, by venue, how that would spell it. `known`: by venue, all that it trades. `silent`: why a
    venue has not answered, by venue; what it trades nobody knows.
    """

    def __init__(
        self,
        unknown: Sequence[Mapping[str, str]],
        known: Mapping[str, Collection[str]],
        silent: Mapping[str, str] | None = None,
    ) -> None:
        names = {venue: sorted(symbols) for venue, symbols in known.items()}
        parts = [_nowhere(spelt, names) for spelt in unknown]
        parts += [f"{venue} has not answered: {why}" for venue, why in (silent or {}).items()]
        super().__init__(". ".join(parts))


def _nowhere(spelt: Mapping[str, str], names: Mapping[str, list[str]]) -> str:
    *venues, last = spelt
    who = (
        f"neither {' nor '.join(spelt)} trades"
        if len(venues) == 1
        else f"none of {', '.join(venues)} and {last} trades"
    )
    near = {venue: _near(symbol, names[venue]) for venue, symbol in spelt.items()}
    hints = [f"{', '.join(alike)} on {venue}" for venue, alike in near.items() if alike]
    said = f"{who} {next(iter(spelt.values()))}" if venues else f"{last} does not trade {spelt[last]}"
    return said + (f"; near matches: {'; '.join(hints)}" if hints else "")


def _near(symbol: str, names: list[str]) -> tuple[str, ...]:
    """Those that look alike; for a bare BTC those that begin with it, the most traded quote first."""
    alike = difflib.get_close_matches(symbol, names, 3, 0.7)
    begun = sorted((name for name in names if name.startswith(symbol)), key=lambda n: not n.endswith("USDT"))
    return tuple(alike or begun[:3])


class Malformed(ValueError):
    """A message that is not as the venue documents it. `symbol` is whose data are lost by it."""

    def __init__(
        self, reason: str, symbol: int | None = None, depth: bool = False, off_tick: str | None = None
    ) -> None:
        super().__init__(reason)
        self.symbol = symbol
        self.depth = depth  # a depth diff (or possibly one) is lost, so the book must be fetched afresh
        self.off_tick = off_tick  # a price, plain but between two ticks, that a finer grid would hold


class Answer(Enum):
    """What an unsuccessful attempt asks of us."""

    RETRY = "retry"  # again after the usual backoff
    WAIT = "wait"  # nothing to this host before `seconds` have passed
    FINAL = "final"  # never again to this host
    SYMBOL = "symbol"  # the venue does not know the symbol


class Refused(FeedError):
    """A connection or request that did not succeed: why, in words, and what to do about it."""

    def __init__(
        self, reason: str, answer: Answer = Answer.RETRY, seconds: float = 0.0, elsewhere: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer
        self.seconds = seconds
        self.elsewhere = elsewhere  # another endpoint may be asked while this one is left alone
