"""Leveraged positions and their forced closing: how a fall feeds itself.

Each venue keeps longs and shorts with the mid at which their margin is gone. When the mid passes it the position is
closed by market orders, which moves the price towards the next one. Those of a scenario are renewed slowly around
the price as it moves; a shock of kind `cascade` adds a ladder of them close to it.
"""

from __future__ import annotations

import math

from engine.agents.trading import ASK, BID, BUY, SELL, Floats
from engine.kernels import helper, inlined
from engine.market.exchange import take
from engine.market.state import (
    AMOUNT,
    DUE_SELLS,
    EXPIRES,
    K_FAR,
    K_HELD_S,
    K_LEVERAGE,
    K_LOTS,
    K_NEAR,
    K_VENUES,
    LAST_MID,
    LIQUIDATIONS,
    POSITIONS,
    STANDING,
    STEPS,
    TRIGGER,
    Market,
)
from engine.market.world import marked, pressed
from engine.rng import Streams, exponential, uniform

TAKEN_OVER_S = 20.0  # how slowly a venue's own fund takes over positions that find nobody in the book


@helper
def _set_nearest(leverage: Floats, nearest: Floats, venue: int, side: int, now: int) -> None:
    """The trigger that comes first; positions whose time is over are gone."""
    best = -math.inf if side == 0 else math.inf
    for i in range(POSITIONS):
        if leverage[venue, side, i, EXPIRES] < now:
            leverage[venue, side, i, AMOUNT] = 0.0
        if leverage[venue, side, i, AMOUNT] > 0.0:
            trigger = leverage[venue, side, i, TRIGGER]
            best = max(best, trigger) if side == 0 else min(best, trigger)
    nearest[venue, side] = best


@helper
def _renew(
    leverage: Floats, physics: Floats, streams: Streams, row: int, side: int, price: float, dt: float
) -> bool:
    """Sometimes one of the first venue's standing positions is closed by its owner, and a new one opened."""
    if uniform(streams, row) >= STANDING * dt / physics[K_HELD_S]:
        return False
    place = int(uniform(streams, row) * STANDING)
    away = physics[K_NEAR] + physics[K_FAR] * exponential(streams, row)
    leverage[0, side, place, TRIGGER] = price * (max(1.0 - away, 0.01) if side == 0 else 1.0 + away)
    leverage[0, side, place, AMOUNT] = math.floor(physics[K_LEVERAGE] * physics[K_LOTS] / STANDING)
    return True


@inlined
def _reached(trigger: float, price: float, side: int) -> bool:
    return price <= trigger if side == 0 else price >= trigger


@helper
def _force(leverage: Floats, nearest: Floats, venue: int, side: int, now: int) -> float:
    """Lots of the position whose trigger comes first: venues go through them one by one, here one a step."""
    found = 0.0
    for i in range(POSITIONS):
        lots = leverage[venue, side, i, AMOUNT]
        if lots > 0.0 and leverage[venue, side, i, TRIGGER] == nearest[venue, side]:
            leverage[venue, side, i, AMOUNT] = 0.0
            if leverage[venue, side, i, EXPIRES] >= now:
                found = lots
            break
    _set_nearest(leverage, nearest, venue, side, now)
    return found


@helper
def liquidate(m: Market, row: int, dt: float) -> None:
    """Close what the mid has reached; what finds nobody waits. `row` is the leveraged traders' random stream."""
    now, unit = m.counts[STEPS], m.physics[K_LOTS]
    for venue in range(int(m.physics[K_VENUES])):
        price = marked(m.sight[venue, BID], m.sight[venue, ASK], m.world[venue, LAST_MID])
        if math.isnan(price):
            continue
        for side in range(2):
            action = SELL if side == 0 else BUY
            renews = venue == 0 and m.physics[K_LEVERAGE] > 0.0
            if renews and _renew(m.leverage, m.physics, m.streams, row, side, price, dt):
                _set_nearest(m.leverage, m.nearest, venue, side, now)
            if _reached(m.nearest[venue, side], price, side):
                forced = _force(m.leverage, m.nearest, venue, side, now)
                m.world[venue, DUE_SELLS + side] += forced
                pressed(m.world, m.physics, venue, action, forced / unit)
            due = int(m.world[venue, DUE_SELLS + side])
            if due > 0:
                left = due - take(m, LIQUIDATIONS, venue, action, due)
                m.world[venue, DUE_SELLS + side] = left * math.exp(-dt / TAKEN_OVER_S)
