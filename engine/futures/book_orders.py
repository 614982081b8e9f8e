"""A level book as orders on a market's own grid: near levels split by trade sizes, far ones drawn together.

The grid is the market's, in which a tick is worth what volatility makes of it; so several of the venue's levels share
one. The best bid and the best ask come to lie next to each other, or as far apart as they are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.agents.trading import Floats

Ints = npt.NDArray[np.int64]

NEAR_LEVELS = 40  # a tick each; behind them each is 6 % further out than the one before
FURTHER = 1.06
MOST_LEVELS = 160  # a side
ORDERS_A_LEVEL = 4  # at most


def distances(levels: Ints, mid_ticks: float, venue_ticks_a_tick: float) -> Ints:
    """How many of the market's ticks each level lies behind a best that touches the mid; shape (n,)."""
    behind = np.floor(np.abs(levels[:, 0] - mid_ticks) / venue_ticks_a_tick)
    near = np.minimum(behind, NEAR_LEVELS)
    steps = np.floor(np.log(np.maximum(behind / NEAR_LEVELS, 1.0)) / np.log(FURTHER))
    far = np.ceil(NEAR_LEVELS * FURTHER**steps)
    found: Ints = np.where(behind < NEAR_LEVELS, near, far).astype(np.int64)
    return found


def drawn_together(levels: Ints, behind: Ints, lots_a_lot: float) -> tuple[Ints, Floats]:
    """Total size at each distance, nearest first: distances in ticks, sizes in the market's lots."""
    places, where = np.unique(behind, return_inverse=True)
    totals = np.zeros(len(places))
    np.add.at(totals, where, levels[:, 1] * lots_a_lot)
    return places[:MOST_LEVELS], totals[:MOST_LEVELS]


def split(total: int, sizes: Ints, first: int) -> list[int]:
    """A level's lots as orders of the sizes that trades had, the last one with what is left.

    `first` says where in `sizes` to begin, so that levels differ.

    >>> split(10, np.array([4, 3]), 1)
    [3, 4, 3]
    """
    orders: list[int] = []
    while total > 0 and len(orders) < ORDERS_A_LEVEL - 1 and len(sizes):
        lots = min(total, int(sizes[(first + len(orders)) % len(sizes)]))
        orders.append(lots)
        total -= lots
    return [*orders, total] if total > 0 else orders
