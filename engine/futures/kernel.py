"""One future, second by second: the market goes on, and its price, spread and depth are written down."""

from __future__ import annotations

import math

from engine.agents.trading import ASK, BID, Floats
from engine.kernels import helper, jit
from engine.kernels import matching_state as matching
from engine.kernels.matching_levels import find_level, next_key
from engine.market.kernel import STEPS_A_SECOND, run_steps
from engine.market.state import Market

_EMPTY = matching.EMPTY

# a second of a future, shape (seconds, SEEN): mid and spread in ticks, NaN where a side is empty; depth in lots
MID, SPREAD, DEPTH = range(3)
SEEN = 3
DEPTH_BAND = 2e-4  # of the price, either side: where depth is counted, about as far as makers quote


@helper
def _lots_within(book: matching.State, side: int, last: int) -> int:
    """Lots that rest on a side from its best up to the key `last`."""
    lots = 0
    key = book.sides[side].best
    while key <= last and key != _EMPTY:
        lots += book.nodes[find_level(book, side, key)].qty
        key = next_key(book, side, key)
    return lots


@helper
def _depth(book: matching.State, around: float) -> int:
    """Lots within the band of a price, on the side that has fewer."""
    bids = _lots_within(book, 0, -math.ceil(around * (1.0 - DEPTH_BAND)))
    return min(bids, _lots_within(book, 1, math.floor(around * (1.0 + DEPTH_BAND))))


@helper
def _look(m: Market, venue: int, last_mid: float, seen: Floats, row: int) -> float:
    """Write a row of `seen`. Returns the mid, or the last known one."""
    bid, ask = m.sight[venue, BID], m.sight[venue, ASK]
    mid = 0.5 * (bid + ask)
    seen[row, MID] = mid
    seen[row, SPREAD] = ask - bid
    known = last_mid if math.isnan(mid) else mid
    seen[row, DEPTH] = _depth(m.book_a if venue == 0 else m.book_b, known)
    return known


@jit
def walk(
    m: Market, venue: int, first: int, stop: int, taken: int, mid: float, seen: Floats, nobody: Floats
) -> float:
    """Go on by the seconds from `first` to `stop` and fill those rows of `seen`. Row 0 is now: it takes no time.

    Of the first second `taken` steps lie behind already. `mid` is the last known one in ticks; the next call wants
    what this one returns. `nobody` is an array of no rows, for a market that keeps no statistics of its own.
    """
    for row in range(first, stop):
        if row > 0:
            run_steps(m, STEPS_A_SECOND - taken, nobody)
            taken = 0
        mid = _look(m, venue, mid, seen, row)
    return mid
