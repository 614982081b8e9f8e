"""The compact tables of a story: lines of text, each a bar, an anchor or a move, with the line each stands on.

A crash of two days is a hundred bars and a score of anchors. As tables of TOML they would fill a thousand lines that
nobody reads; as columns they can be compared with their source at a glance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine.text import clean

MINUTE_NS = 60_000_000_000
HOUR_NS = 60 * MINUTE_NS
LARGEST = 1e12  # of any number here
OUTSIDE = 0.02  # an open may lie so far outside its bar: BitMEX's is the close of the hour before


class BadLine(ValueError):
    """A fault in a table's line; `line` counts from the table's own first."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Bar:
    """An hour of one venue. Prices in quote units, volume in the venue's own unit. `line` is of the table, from 0."""

    venue: int
    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A price inside an hour. `at_ns` begins the minute; a close is that minute's last trade.

    source 0: nobody recorded it, the author chose it so that recorded moves come out.
    """

    venue: int
    at_ns: int
    kind: str  # close | high | low: the hour's own extreme falls into this minute
    price: float
    source: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Move:
    """A recorded return over some minutes that end with the minute at `end_ns`, in percent; only compared with."""

    venue: int
    end_ns: int
    minutes: int
    pct: float
    source: int
    worst: bool  # of the whole period
    line: int = field(default=0, compare=False)


def bars(text: str, venues: int) -> tuple[Bar, ...]:
    """`2020-03-12 00 | open high low close volume | …`, one group a venue.

    An open a little outside its bar is clipped into it.
    """
    found = []
    for number, line in _lines(text):
        head, *groups = (part.strip() for part in line.split("|"))
        if len(groups) != venues:
            raise BadLine(
                number, f"expected {venues} groups behind the hour, one a venue, found {len(groups)}"
            )
        start = _time(number, f"{head}:00" if len(head) == 13 else head)
        if start % HOUR_NS:
            raise BadLine(number, f"expected an hour such as 2020-03-12 09, found {clean(head, 30)!r}")
        for venue, group in enumerate(groups):
            values = [_number(number, word) for word in group.split()]
            if len(values) != 5:
                raise BadLine(
                    number, f"expected open, high, low, close and volume, found {clean(group, 60)!r}"
                )
            first, high, low, close, volume = values
            if not (0 < low <= close <= high and volume > 0):
                raise BadLine(
                    number, f"expected 0 < low <= close <= high and a volume, found {clean(group, 60)!r}"
                )
            if not low * (1.0 - OUTSIDE) <= first <= high * (1.0 + OUTSIDE):
                raise BadLine(
                    number,
                    f"expected an open near its hour's prices, at most {OUTSIDE:.0%} outside {low:g} to {high:g}, "
                    f"found {first:g}",
                )
            found.append(Bar(venue, start, min(max(first, low), high), high, low, close, volume, number))
    return tuple(found)


def anchors(text: str, venues: Sequence[str], sources: int) -> tuple[Anchor, ...]:
    """`2020-03-12 10:47 | bitmex | low | 5600 | 2`: minute, venue, kind, price, source."""
    found = []
    for number, line in _lines(text):
        at, venue, kind, price, source = _cells(number, line, "minute, venue, kind, price and source", 5)
        if kind not in ("close", "high", "low"):
            raise BadLine(number, f"expected close, high or low, found {clean(kind, 20)!r}")
        found.append(
            Anchor(
                _venue(number, venue, venues),
                _time(number, at),
                kind,
                _number(number, price),
                _source(number, source, sources),
                number,
            )
        )
    return tuple(found)


def moves(text: str, venues: Sequence[str], sources: int) -> tuple[Move, ...]:
    """`2020-03-12 10:47 | bitmex | 5 | -11.9 | 2 | worst`: last minute, venue, minutes, percent, source."""
    found = []
    for number, line in _lines(text):
        worst = line.endswith("| worst")
        line = line.removesuffix("| worst")
        end, venue, minutes, pct, source = _cells(number, line, "minute, venue, minutes, percent, source", 5)
        count = _number(number, minutes)
        if count != int(count) or not 1 <= count <= 1440:
            raise BadLine(number, f"expected 1 to 1440 whole minutes, found {clean(minutes, 20)!r}")
        found.append(
            Move(
                _venue(number, venue, venues),
                _time(number, end),
                int(count),
                _number(number, pct),
                _source(number, source, sources),
                worst,
                number,
            )
        )
    return tuple(found)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n")):
        bare = line.split("#")[0].strip()
        if bare:
            yield number, bare


def _cells(number: int, line: str, wanted: str, count: int) -> list[str]:
    cells = [cell.strip() for cell in line.strip(" |").split("|")]
    if len(cells) != count:
        raise BadLine(number, f"expected {wanted} between bars, found {clean(line, 80)!r}")
    return cells


def _time(number: int, text: str) -> int:
    try:
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    except ValueError:
        raise BadLine(
            number, f"expected a time such as 2020-03-12 09:30, found {clean(text, 30)!r}"
        ) from None
    return int(moment.timestamp()) * 1_000_000_000


def _number(number: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < LARGEST:  # so written, it refuses what is not a number too
        raise BadLine(number, f"expected a number below {LARGEST:g}, found {clean(text, 20)!r}")
    return value


def _venue(number: int, text: str, venues: Sequence[str]) -> int:
    if text not in venues:
        raise BadLine(number, f"expected one of {', '.join(venues)}, found {clean(text, 30)!r}")
    return venues.index(text)


def _source(number: int, text: str, sources: int) -> int:
    value = _number(number, text)
    if value != int(value) or not 0 <= value <= sources:
        raise BadLine(
            number, f"expected a source from 0 (the author) to {sources}, found {clean(text, 20)!r}"
        )
    return int(value)
