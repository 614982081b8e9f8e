"""What the tables of a story must say to be true together: hours in order, prices that can trade, moves that can be.

Each fault is told with its line of its table, from 0, as a key such as `hours@3`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.instrument import NotOnGrid
from engine.past.tables import HOUR_NS, MINUTE_NS, Anchor, BadLine, Bar, Move

if TYPE_CHECKING:
    from engine.past.story import Story, Venue

LEAST_LOTS = 1000  # of an hour: every minute's last price is a trade
LEAST_TICKS = 100  # of a price, so that a book has room below it
# A price in ticks times lots, added up over a story, is still a number of 64 bits.
MOST_TICKS, MOST_LOTS = 10**9, 10**14
MOST_RANGE = 10.0  # an hour's high over its low: beyond it a digit is missing, or one too many
SLACK_PCT = 0.05  # percent: moves are told rounded, and so are the hours' prices
Faults = Iterator[tuple[str, str]]


def table_faults(s: Story) -> Faults:
    """(key, what is wrong with it), the gravest first."""
    for table, part in (("hours", "bars"), ("path", "anchors"), ("facts", "moves")):
        try:
            getattr(s, part)
        except BadLine as error:
            yield f"{table}@{error.line}", str(error)
            return
    if not 0 <= s.hours_source <= len(s.sources):
        yield "hours_source", f"expected a source up to {len(s.sources)}, found {s.hours_source}"
    yield from _hours(s)
    for bar in s.bars:
        for fault in _bar(s.venues[bar.venue], bar):
            yield f"hours@{bar.line}", fault
    yield from _anchors(s)
    yield from _moves(s)


def _hours(s: Story) -> Faults:
    wanted = range(s.begins_ns, s.ends_ns, HOUR_NS)
    rows = [bar for bar in s.bars if bar.venue == 0]
    for bar, hour in zip(rows, wanted, strict=False):
        if bar.start_ns != hour:
            found = _clock(bar.start_ns)
            yield f"hours@{bar.line}", f"expected the hour {_clock(hour)}, the story's next, found {found}"
            return
    if len(rows) < len(wanted):
        key = f"hours@{rows[-1].line}" if rows else "hours"
        missing = _clock(wanted[len(rows)])
        yield (
            key,
            f"expected the {len(wanted)} hours from begins to ends, found {len(rows)}: none is {missing}",
        )
    elif len(rows) > len(wanted):
        extra = rows[len(wanted)]
        yield (
            f"hours@{extra.line}",
            f"expected no hour behind the story's end, found {_clock(extra.start_ns)}",
        )


def _bar(venue: Venue, bar: Bar) -> Iterator[str]:
    """What is wrong with an hour's prices and volume, which have been found to be positive and in order."""
    tick, lot = venue.instrument().tick.to_float(1), venue.instrument().lot.to_float(1)
    least, most = LEAST_TICKS * tick, MOST_TICKS * tick
    for price in (bar.low, bar.high):
        if not least <= price <= most:
            yield f"expected prices of {venue.name} from {least:g} to {most:g}, found {price:g}"
    if bar.high >= MOST_RANGE * bar.low:
        yield (
            f"expected a high of {venue.name} less than {MOST_RANGE:g} times the low, "
            f"found {bar.high:g} over {bar.low:g}: is a digit missing, or one too many?"
        )
    for price in (bar.open, bar.high, bar.low, bar.close):
        yield from _off_tick(venue, price)
    unit = bar.high / 1e6 if venue.volume == "quote_millions" else 1.0
    least, most = LEAST_LOTS * lot * unit, MOST_LOTS * lot * unit
    if not least <= bar.volume <= most:
        yield f"expected a volume of {venue.name} from {least:g} to {most:g}, found {bar.volume:g}"


def _off_tick(venue: Venue, price: float) -> Iterator[str]:
    """A price that cannot trade could not be met."""
    try:
        venue.instrument().tick.count(repr(price))
    except NotOnGrid:
        yield f"expected prices of {venue.name} in ticks of {venue.tick_size}, found {price:.15g}"


def _anchors(s: Story) -> Faults:
    bars = {(bar.venue, bar.start_ns): bar for bar in s.bars}
    seen = set()
    for anchor in s.anchors:
        bar, place = bars.get((anchor.venue, anchor.at_ns // HOUR_NS * HOUR_NS)), f"path@{anchor.line}"
        if bar is None:
            yield place, f"expected a time inside the story, found {_clock(anchor.at_ns)}"
            return
        if not bar.low <= anchor.price <= bar.high:
            yield (
                place,
                f"expected a price inside its hour's bar, {bar.low:g} to {bar.high:g}, found {_said(s, anchor)}",
            )
            return
        for fault in _off_tick(s.venues[anchor.venue], anchor.price):
            yield place, fault
        recorded = {"high": bar.high, "low": bar.low}.get(anchor.kind, anchor.price)
        if anchor.price != recorded:
            yield place, f"expected the hour's own {anchor.kind} of {recorded:g}, found {_said(s, anchor)}"
        key = (anchor.venue, anchor.at_ns if anchor.kind == "close" else bar.start_ns, anchor.kind)
        if key in seen:
            yield place, f"expected one {anchor.kind} there, found another: {_said(s, anchor)}"
        seen.add(key)
        last = anchor.at_ns % HOUR_NS == HOUR_NS - MINUTE_NS
        if last and anchor.kind == "close" and anchor.price != bar.close:
            yield place, f"expected the hour's own close of {bar.close:g}, found {_said(s, anchor)}"


def _said(s: Story, anchor: Anchor) -> str:
    minute = anchor.at_ns // MINUTE_NS % 60
    return f"{anchor.kind} {anchor.price:g} of {s.names[anchor.venue]} at minute {minute}"


def _moves(s: Story) -> Faults:
    for move in s.moves:
        place = f"facts@{move.line}"
        begins = move.end_ns - (move.minutes - 1) * MINUTE_NS
        if not s.begins_ns <= begins <= move.end_ns < s.ends_ns:
            end = _clock(move.end_ns, "%Y-%m-%d %H:%M")
            yield place, f"expected minutes inside the story, found {move.minutes} that end with {end}"
            return
        if move.worst and move.pct >= 0.0:
            yield place, f"expected a fall as the worst of all, found {move.pct:g} %"
        fall, rise = _possible(s, move, begins)
        if not fall - SLACK_PCT <= move.pct <= rise + SLACK_PCT:
            yield (
                place,
                f"expected what the hours' highs and lows allow, {fall:.2f} to {rise:+.2f} %, found {move.pct:g} %",
            )


def _possible(s: Story, move: Move, begins: int) -> tuple[float, float]:
    """The largest fall and rise, in percent, from the close before a move to its last, by the hours these are in."""
    first = max(begins - MINUTE_NS, s.begins_ns) // HOUR_NS * HOUR_NS
    bars = [bar for bar in s.bars if bar.venue == move.venue]
    start = next(bar for bar in bars if bar.start_ns == first)
    end = next(bar for bar in bars if bar.start_ns == move.end_ns // HOUR_NS * HOUR_NS)
    return (end.low / start.high - 1.0) * 100.0, (end.high / start.low - 1.0) * 100.0


def _clock(ts: int, form: str = "%Y-%m-%d %H") -> str:
    return f"{datetime.fromtimestamp(ts / 1e9, UTC):{form}}"
