"""Which recorded moves and deviations a path meets, and what it says instead where it does not.

Prices of hours and inside them are met by construction. Moves and deviations are aimed at; a story may tell of some
that its own hours contradict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

from engine.past.bridge import Floats
from engine.past.story import Story
from engine.past.tables import MINUTE_NS, Move

SLACK_PCT, SLACK_SHARE = 0.1, 0.02  # of a move: it is told rounded, and prices stand on ticks
SLACK_DEVIATION = 0.03  # of a deviation, of the nearest of many paths


def misses(story: Story, closes: Sequence[Floats]) -> tuple[str, ...]:
    """A sentence for each recorded fact that is not met. closes: the last price of each minute, one array a venue."""
    return (*_missed_moves(story, closes), *_missed_deviations(story, closes))


def _missed_moves(story: Story, closes: Sequence[Floats]) -> Iterator[str]:
    for move in story.moves:
        pct, at = moved(story, move, closes[move.venue])
        off = abs(pct - move.pct) > max(SLACK_PCT, SLACK_SHARE * abs(move.pct))
        if off or at != move.end_ns:
            yield (
                f"{story.names[move.venue]}, {said(move)}: recorded {move.pct:g} % to {clock(move.end_ns)}, "
                f"here {pct:.2f} % to {clock(at)}"
            )


def _missed_deviations(story: Story, closes: Sequence[Floats]) -> Iterator[str]:
    for told in story.deviations:
        ours = deviation_bps(story, closes[story.names.index(told.venue)], told.begins_ns, told.ends_ns)
        if abs(ours / told.bps - 1.0) > SLACK_DEVIATION:
            yield (
                f"{told.venue}, deviation of 1-minute returns from {clock(told.begins_ns)} to "
                f"{clock(told.ends_ns)}: recorded {told.bps:g} bp, here {ours:.0f} bp"
            )


def said(move: Move) -> str:
    """A move in words, such as `worst 5 minutes`."""
    length = "minute" if move.minutes == 1 else f"{move.minutes} minutes"
    return f"worst {length}" if move.worst else length


def moved(story: Story, move: Move, close: Floats) -> tuple[float, int]:
    """The return in percent that `close` has in the place of a recorded move, and the minute (ns) it ends with."""
    if move.worst:
        return worst(story, move.venue, close, move.minutes)
    last = (move.end_ns - story.begins_ns) // MINUTE_NS
    base = close[last - move.minutes] if last >= move.minutes else story.bars[move.venue].open
    return float(close[last] / base - 1.0) * 100.0, move.end_ns


def worst(story: Story, venue: int, close: Floats, length: int) -> tuple[float, int]:
    """The worst return over so many minutes in percent, and the minute (ns) it ends with."""
    returns = np.full(len(close), np.inf)
    returns[length:] = close[length:] / close[:-length] - 1.0
    returns[~counted(story, venue, len(close), length)] = np.inf
    at = int(np.argmin(returns))
    return float(returns[at]) * 100.0, story.begins_ns + at * MINUTE_NS


def counted(story: Story, venue: int, minutes: int, length: int) -> np.ndarray:
    """Which minutes may end a move of so many minutes: not those that an outage, or its disorder, is part of."""
    ends = np.arange(minutes)
    ok = ends >= length
    for event in story.events:
        if event.kind == "outage" and event.venue == story.names[venue]:
            first = (event.at_ns - story.begins_ns) // MINUTE_NS
            stop = (event.disorderly_until_ns - story.begins_ns) // MINUTE_NS
            ok &= (ends < first) | (ends - length >= stop)
    return ok


def deviation_bps(story: Story, close: Floats, begins_ns: int, ends_ns: int) -> float:
    """Standard deviation of the first venue's 1-minute log returns that end in a stretch."""
    first, stop = ((at - story.begins_ns) // MINUTE_NS for at in (begins_ns, ends_ns))
    before = close[first - 1] if first else story.bars[0].open
    return float(np.std(np.diff(np.log(close[first:stop]), prepend=np.log(before))) * 1e4)


def clock(ts: int) -> str:
    return f"{datetime.fromtimestamp(ts / 1e9, UTC):%d %b %H:%M}"
