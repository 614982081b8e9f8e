"""A symbol listed anew on another grid: the same orders, positions and profits, counted in its new ticks and lots.

A venue may begin to price a symbol more finely while a session runs. What is ours goes on; what was watched of the
book is looked at again.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from engine.agents.trading import VENUES
from engine.market.state import (
    CASH,
    COST,
    DRAWDOWN,
    FEES,
    PEAK,
    POSITION,
    REALISED,
    REBATES,
    TRADED,
)
from engine.paper.state import (
    C_CHANGED,
    C_HEAD,
    C_INCOME,
    C_TAIL,
    C_WATCHED,
    N_LOTS,
    N_PRICE,
    O_AHEAD,
    O_CHANGED,
    O_LOTS,
    O_PRICE,
    O_SIDE,
    O_TOLD,
    S_LOTS,
    S_VALUE,
    U_LOTS,
    U_TICKS,
    W_ORDERS,
    W_PRICE,
    W_SIDE,
    Floor,
)

if TYPE_CHECKING:
    from engine.instrument import Instrument

_MOST = 2**62


def ratios(before: Instrument, now: Instrument) -> tuple[Fraction, Fraction]:
    """New ticks to an old one, and new lots to an old one."""
    ticks, lots = (
        Fraction(old.value) / Fraction(new.value)
        for old, new in ((before.tick, now.tick), (before.lot, now.lot))
    )
    return ticks, lots


def regrid(floor: Floor, ticks: Fraction, lots: Fraction) -> None:
    """Count everything anew; every resting order is told of again. Exact where the new grid is the finer one."""
    money = ticks * lots
    _scale(floor.ledger, (CASH, COST, PEAK, DRAWDOWN, FEES, REBATES), money)
    _scale(floor.ledger, (POSITION, TRADED), lots)
    floor.ledger[:, REALISED] = floor.ledger[:, CASH] + floor.ledger[:, COST]
    _scale(floor.held, range(VENUES), lots)
    _scale(floor.orders, (O_PRICE,), ticks)
    _scale(floor.orders, (O_LOTS, O_AHEAD), lots)
    waiting = np.arange(int(floor.counts[C_HEAD]), int(floor.counts[C_TAIL])) % len(floor.pending)
    on_its_way = floor.pending[waiting]
    _scale(on_its_way, (N_PRICE,), ticks)
    _scale(on_its_way, (N_LOTS,), lots)
    floor.pending[waiting] = on_its_way
    _scale(floor.counts, (C_INCOME,), money)
    floor.marks[:] *= float(ticks)
    floor.slow[:, S_VALUE] *= float(money)
    floor.slow[:, S_LOTS] *= float(lots)
    floor.rules[U_TICKS] = max(1.0, round(floor.rules[U_TICKS] * float(ticks)))
    floor.rules[U_LOTS] = max(1.0, round(floor.rules[U_LOTS] * float(lots)))
    _watch_again(floor)


def _scale(array: np.ndarray, columns: range | tuple[int, ...], by: Fraction) -> None:
    """Whole numbers in these columns, the last axis, times a ratio; halves are rounded up."""
    for column in columns:
        part = array[..., column]
        up, down = by.numerator, by.denominator
        scaled = [(2 * n * up + down) // (2 * down) for n in part.ravel().tolist()]
        if max(map(abs, scaled), default=0) > _MOST:
            raise ValueError("its new grid is too fine for what is held on paper")
        array[..., column] = np.array(scaled, np.int64).reshape(part.shape)


def _watch_again(floor: Floor) -> None:
    """Levels where something of ours rests, and no others; their sizes come with the next look at the book."""
    for venue in range(VENUES):
        orders = floor.orders[venue]
        rests = np.flatnonzero((orders[:, O_LOTS] > 0) | (orders[:, O_TOLD] > 0))
        count: dict[tuple[int, int], int] = {}
        for place in rests.tolist():
            order = orders[place]
            if order[O_LOTS] > 0:
                level = int(order[O_SIDE]), int(order[O_PRICE])
                count[level] = count.get(level, 0) + 1
            if not order[O_CHANGED]:
                order[O_CHANGED] = 1
                floor.changed[floor.counts[C_CHANGED]] = venue, place
                floor.counts[C_CHANGED] += 1
        floor.watch[venue] = 0
        for row, (level, resting) in enumerate(count.items()):
            floor.watch[venue, row, [W_SIDE, W_PRICE]] = level
            floor.watch[venue, row, W_ORDERS] = resting
        floor.counts[C_WATCHED + venue] = len(count)
