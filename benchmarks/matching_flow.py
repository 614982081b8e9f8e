"""The flow of the matching benchmark: 56 % limit orders, 34 % cancels, 10 % market orders.

A fair value wanders by ticks; limit orders come around it at exponential distances (some trade at once because
the fair value has moved past resting ones); cancels pick any live order; market orders grow with the number of
live orders, which keeps it near its target. The flow is drawn against the engine itself, so that every cancel
finds its order, and is the same for the same seed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.kernels import jit
from engine.kernels.matching import CANCEL, LIMIT, MARKET, submit
from engine.kernels.matching_state import ASK, BID, LIVE, MESSAGE, TRADE, State, new_state

Records = npt.NDArray[np.void]

MEAN_DISTANCE_TICKS = 50.0
MAX_ORDER_LOTS = 100
MEAN_MARKET_LOTS = 111.0  # 10 % market orders take what 22 % of the messages bring: 2.2 orders of 50 lots
MOVE_EVERY = 200  # messages between two ticks of the fair value, on average
FAIR_TICKS = 100_000


class Flow(NamedTuple):
    opening: Records  # MESSAGE rows that fill the book
    messages: Records  # MESSAGE rows to be timed
    handles: int  # all handles are below
    live: int  # how many orders rest on average


def make(live: int, count: int = 2_000_000, seed: int = 7) -> Flow:
    """A flow of `count` messages over a book of about `live` orders."""
    handles = 4 * live
    rows = np.zeros(live + count, MESSAGE)
    state = new_state(handles=handles, levels=16_384)
    mean = _draw(rows, live, seed, state, np.zeros(handles, TRADE))
    rows["outcome"] = 0
    return Flow(rows[:live], rows[live:], handles, round(mean))


@jit
def _draw(rows: Records, live: int, seed: int, state: State, trades: Records) -> float:
    np.random.seed(seed)
    handles = len(state.slots)
    free = np.arange(handles)[::-1].copy()  # a stack, the lowest on top
    free_count = handles
    held = np.zeros(handles, np.int64)  # live handles, in any order
    place = np.zeros(handles, np.int64)
    held_count = 0
    fair = FAIR_TICKS
    seen = 0.0
    for i in range(len(rows)):
        row = rows[i]
        if np.random.random() * MOVE_EVERY < 1.0:
            fair += 1 if np.random.random() < 0.5 else -1
        kind = 0.0 if i < live or held_count == 0 else np.random.random()
        side = BID if np.random.random() < 0.5 else ASK
        price, qty, handle = 0, 0, -1
        if kind < 0.56:
            distance = 1 + int(np.random.exponential(MEAN_DISTANCE_TICKS))
            price = fair - distance if side == BID else fair + distance
            qty = np.random.randint(1, MAX_ORDER_LOTS + 1)
            free_count -= 1
            handle = free[free_count]
            row.kind = LIMIT
        elif kind < 0.9:
            handle = held[np.random.randint(0, held_count)]
            row.kind = CANCEL
        else:
            pressure = (held_count / live) ** 4
            qty = 1 + int(2.0 * MEAN_MARKET_LOTS * np.random.random() * pressure)
            row.kind = MARKET
        row.side, row.price, row.qty, row.handle, row.owner = side, price, qty, handle, -1
        _, traded = submit(state, trades, 0, i, row.kind, side, price, qty, handle, -1)
        if row.kind == LIMIT:
            if state.slots[handle] != 0:
                held[held_count] = handle
                place[handle] = held_count
                held_count += 1
            else:
                free[free_count] = handle
                free_count += 1
        for t in range(traded + (1 if row.kind == CANCEL else 0)):
            gone = trades[t].maker if t < traded else handle
            if state.slots[gone] == 0:
                held_count -= 1
                last = held[held_count]
                held[place[gone]] = last
                place[last] = place[gone]
                free[free_count] = gone
                free_count += 1
        if i >= live:
            seen += state.head[LIVE]
    return seen / max(len(rows) - live, 1)
