"""The book as a ladder: levels, or price buckets of equal width, from the touch outward."""

from __future__ import annotations

import numpy as np

from engine.kernels import jit
from engine.kernels.level_book import ASK, BEST, BID, EMPTY, TOTAL, Ints, depth, lots_at, new_book, next_level
from engine.kernels.market import MarketArrays

MAX_GROUP = 2**40


@jit
def _ladder(head: Ints, cells: Ints, far: Ints, side: int, group: int, n: int) -> Ints:
    rows = np.empty((n, 3), np.int64)
    count = 0
    cumulative = 0
    key = head[side, BEST]
    last = -(-key // group) * group  # in keys both sides round up, away from the touch
    while count < n and key != EMPTY and cumulative < head[side, TOTAL]:
        if group == 1:
            last = key
            lots = lots_at(head, cells, far, side, key)
            key = next_level(head, cells, far, side, key + 1)
        else:
            lots = depth(head, cells, far, side, last - group + 1, last)
        cumulative += lots
        rows[count, 0] = last if side == ASK else -last
        rows[count, 1] = lots
        rows[count, 2] = cumulative
        count += 1
        last += group
    return rows[:count]


def read_ladder(market: MarketArrays, side: int, group_ticks: int, n: int) -> Ints:
    """At most `n` rows of a side, best first: ticks, lots, lots from the touch to here; shape (rows, 3).

    With `group_ticks` 1 a row is a level. Otherwise rows are consecutive buckets, empty ones among them, each
    priced at its outer edge: bids round down, asks round up. No row lies beyond the book's last level.
    """
    if side not in (BID, ASK):
        raise ValueError(f"a side is {BID} (bids) or {ASK} (asks), found {side}")
    if not 1 <= group_ticks <= MAX_GROUP:
        raise ValueError(f"a ladder row is 1 to {MAX_GROUP} ticks high, found {group_ticks}")
    return _ladder(market.head, market.cells, market.far, side, group_ticks, max(n, 0))


def warm() -> None:
    """Compile what Python calls, for the arguments it is called with."""
    _ladder(*new_book(), BID, 1, 0)
