"""A simulated market watched second by second: one kernel, so that watching costs hardly more than running.

What is noted is what a person who records a live feed would have: best prices, trades and volume of the second, order
flow imbalance between the ticks of the session, the cost of a round trip.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from engine.agents.trading import DOUBT
from engine.kernels import inlined, jit
from engine.kernels import matching_state as matching
from engine.kernels.matching_levels import find_level, next_key
from engine.market.kernel import STEPS_A_SECOND, run_steps
from engine.market.state import T_LOTS, T_SIDE, T_VENUE, TRADES, Market

Floats = npt.NDArray[np.float64]

# Columns of `rows`, a second of venue 0. Prices in ticks, volumes in lots, NaN where a side is empty.
BID, ASK, TRADED, BOUGHT, SOLD, OFI, UNSURE, ROUND_TRIP = range(8)
WIDTH = 8

_EMPTY = matching.EMPTY
_NAN = math.nan
_BEST = 5  # whether both sides are there, then bid, lots, ask, lots


@inlined
def _best(book: matching.State, best: Floats) -> None:
    bids, asks = book.sides[0], book.sides[1]
    both = bids.best != _EMPTY and asks.best != _EMPTY
    best[0] = 1.0 if both else 0.0
    if both:
        best[1], best[2] = float(-bids.best), float(book.nodes[bids.best_level].qty)
        best[3], best[4] = float(asks.best), float(book.nodes[asks.best_level].qty)


@inlined
def _flow(before: Floats, now: Floats) -> float:
    """e of Cont, Kukanov and Stoikov between two bests, lots; zero where a side was missing."""
    flow = 0.0
    if before[0] > 0.0 and now[0] > 0.0:
        flow += now[2] if now[1] >= before[1] else 0.0
        flow -= before[2] if now[1] <= before[1] else 0.0
        flow -= now[4] if now[3] <= before[3] else 0.0
        flow += before[4] if now[3] >= before[3] else 0.0
    return flow


@inlined
def _cost(book: matching.State, side: int, lots: int) -> float:
    """Price times lots of so many lots taken from one side, signed like its keys; NaN where it is too thin."""
    key = book.sides[side].best
    left, paid = lots, 0.0
    while left > 0 and key != _EMPTY:
        here = min(left, book.nodes[find_level(book, side, key)].qty)
        paid += float(here) * float(key)
        left -= here
        key = next_key(book, side, key)
    return paid if left == 0 else _NAN


@jit
def watch(m: Market, none: Floats, lots: int, rows: Floats, signs: npt.NDArray[np.int8]) -> int:
    """Go on for len(rows) seconds and note venue 0 in `rows`, shape (n, WIDTH), zeros.

    `none` is an array of shape (0, SEEN); `lots` the size of the round trip, whose cost is in ticks a lot. Returns
    how many `signs` of trades were written, +1 bought and -1 sold, at most as many as fit.
    """
    book = m.book_a
    before, now = np.zeros(_BEST), np.zeros(_BEST)
    _best(book, before)
    count = 0
    for second in range(len(rows)):
        row = rows[second]
        for _ in range(STEPS_A_SECOND):
            run_steps(m, 1, none)
            for i in range(m.counts[TRADES]):
                if m.tape[i, T_VENUE] != 0:
                    continue
                side = m.tape[i, T_SIDE]
                row[TRADED] += 1.0
                row[BOUGHT + side] += m.tape[i, T_LOTS]
                if count < len(signs):
                    signs[count] = 1 - 2 * side
                    count += 1
            _best(book, now)
            row[OFI] += _flow(before, now)
            before[:] = now
        row[BID] = now[1] if now[0] > 0.0 else _NAN
        row[ASK] = now[3] if now[0] > 0.0 else _NAN
        row[UNSURE] = m.sight[0, DOUBT]
        row[ROUND_TRIP] = (_cost(book, 1, lots) + _cost(book, 0, lots)) / lots
    return count
