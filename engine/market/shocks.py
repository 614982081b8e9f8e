"""Shocks in the simulated market: what each kind of `engine.shocks` does, step by step.

`begin` enters a shock into the market's arrays; from the next step on the market does it by itself, so that a fork
or a rerun goes on with it. Several may run at once.
"""

from __future__ import annotations

import math

import numpy as np

from engine.agents import maker
from engine.agents.informed import P_SENTIMENT
from engine.agents.trading import BUY, SELL, Floats
from engine.events import Shock
from engine.kernels import helper, inlined
from engine.market.exchange import take
from engine.market.state import (
    AMOUNT,
    CALLED,
    CHURN,
    EXPIRES,
    HALTED,
    INFORMED,
    K_FLOW0,
    K_KAPPA,
    K_LOTS,
    K_PERMANENT,
    K_VENUES,
    LAST_MID,
    MAKER,
    MOOD,
    MOST_SHOCKS,
    PROGRAMME,
    SERIAL,
    SETTLED,
    SHOCKS,
    STANDING,
    STEPS,
    TRIGGER,
    UNSURE,
    VALUE,
    X_DONE,
    X_ENDED,
    X_FROM,
    X_KIND,
    X_SERIAL,
    X_SIDE,
    X_SIZE,
    X_UNTIL,
    X_VENUE,
    X_WANTED,
    Market,
    set_nearest,
)
from engine.market.world import impact, pressed
from engine.shocks import BadShock, checked

# X_KIND
_PROGRAMME, _WITHDRAWAL, _SENTIMENT, _VOLATILITY, _HALT, _CASCADE, _WHALE, _FAT_FINGER = range(1, 9)
NUMBERS = {
    "programme": _PROGRAMME,
    "withdrawal": _WITHDRAWAL,
    "sentiment": _SENTIMENT,
    "volatility": _VOLATILITY,
    "halt": _HALT,
    "cascade": _CASCADE,
    "whale": _WHALE,
    "fat_finger": _FAT_FINGER,
}

PATIENCE_STEPS = 100  # a programme that lags goes on as long again, and at least so long
DOUBT_ODDS = 2.0  # log odds of doubt that a sentiment shock of size one adds: .2 becomes .65
WHALE_SOLD = 0.3  # of what arrives at a venue; the rest is only seen
RUNGS = 32  # of a ladder of liquidations
LADDER = 0.006  # share of the price over which it stands: within reach of its own impact from about 50 BTC on
SUNK = 2  # rungs that are under water as it is put up, so that it begins at once


def begin(market: Market, shock: Shock) -> int:
    """Do this to the market from the next step on. Returns the shock's serial number in it, from 1.

    Raises BadShock where it is out of bounds, where the venue does not exist, or where too many run.
    """
    checked(shock)
    venues = int(market.physics[K_VENUES])
    if shock.symbol >= venues:
        raise BadShock(f"{shock.kind}: expected a symbol below {venues}, found {shock.symbol}")
    free = np.flatnonzero(market.shocks[:, X_KIND] <= 0.0)
    if not len(free):
        raise BadShock(f"{MOST_SHOCKS} shocks run already; wait until one is over")
    venue = 0 if shock.kind == "halt" else shock.symbol
    lots = round(shock.size * float(market.physics[K_LOTS]))
    if shock.kind == "cascade":
        _ladder(market, shock, lots)
    elif shock.kind == "whale":
        lots = round(lots * WHALE_SOLD)
    now = int(market.counts[STEPS])
    market.counts[SERIAL] += 1
    market.counts[SHOCKS] += 1
    row = market.shocks[free[0]]
    row[:] = 0.0
    row[X_KIND], row[X_SIDE], row[X_SIZE] = NUMBERS[shock.kind], shock.side, shock.size
    seconds = 0.0 if shock.kind == "fat_finger" else shock.duration_s
    row[X_FROM], row[X_UNTIL] = now, now + max(1, round(seconds * 10.0))
    row[X_WANTED] = max(1, lots)
    row[X_VENUE], row[X_SERIAL] = venue, market.counts[SERIAL]
    return int(market.counts[SERIAL])


def _ladder(market: Market, shock: Shock, lots: int) -> None:
    """Leveraged positions with triggers at even distances from the price, the first ones reached already."""
    venue, side = shock.symbol, 0 if shock.side < 0 else 1
    price = float(market.world[venue, LAST_MID])
    if math.isnan(price):
        price = float(market.world[venue, SETTLED])
    now = float(market.counts[STEPS])
    places = market.leverage[venue, side, STANDING:]
    free = np.flatnonzero((places[:, AMOUNT] <= 0.0) | (places[:, EXPIRES] < now))[:RUNGS]
    if len(free) < RUNGS:
        raise BadShock("two ladders of liquidations stand on that side already; wait until one is over")
    rungs = np.arange(RUNGS)
    places[free, TRIGGER] = price * (1.0 + shock.side * LADDER * (rungs - SUNK) / RUNGS)
    places[free, AMOUNT] = lots // RUNGS + (rungs < lots % RUNGS)
    places[free, EXPIRES] = now + max(1.0, shock.duration_s * 10.0)
    set_nearest(market)


@inlined
def _is_over(shocks: Floats, row: int, now: int) -> bool:
    """Its time is up; a programme that lags has as long again."""
    since, until = shocks[row, X_FROM], shocks[row, X_UNTIL]
    kind = shocks[row, X_KIND]
    if kind in (_PROGRAMME, _WHALE) and shocks[row, X_DONE] < shocks[row, X_WANTED]:
        until += max(until - since, PATIENCE_STEPS)
    return bool(now >= until)


@inlined
def _planned(shocks: Floats, row: int, now: float) -> float:
    """Lots that a programme wants to have traded by a step: evenly over its time; a fat finger's at once."""
    since, until = shocks[row, X_FROM], shocks[row, X_UNTIL]
    share = min(1.0, max(0.0, (now - since) / (until - since)))
    lots: float = math.floor(shocks[row, X_WANTED] * share)
    return lots


@helper
def act(m: Market) -> None:
    """This step of every shock that runs."""
    now = m.counts[STEPS]
    halted = False
    churn = called = 1.0
    for row in range(MOST_SHOCKS):
        kind, size = m.shocks[row, X_KIND], m.shocks[row, X_SIZE]
        if kind <= 0.0:
            continue
        if _is_over(m.shocks, row, now):
            m.shocks[row, X_KIND] = -kind
            m.shocks[row, X_ENDED] = now
            m.counts[SHOCKS] -= 1
        elif kind in (_PROGRAMME, _WHALE, _FAT_FINGER):
            if kind == _WHALE and now == m.shocks[row, X_FROM]:
                # Those who see it expect all of it to be sold, and what of the impact of that would stay.
                whole = m.physics[K_PERMANENT] * impact(m.physics[K_KAPPA], m.physics[K_FLOW0], size)
                m.shared[VALUE] = max(m.shared[VALUE] + m.shocks[row, X_SIDE] * whole, 1.0)
            # What finds nobody waits, and weighs on the price like what does; a fat finger's is dropped.
            venue, side = int(m.shocks[row, X_VENUE]), BUY if m.shocks[row, X_SIDE] > 0.0 else SELL
            before, due = _planned(m.shocks, row, now), _planned(m.shocks, row, now + 1.0)
            filled = take(m, PROGRAMME, venue, side, int(due - m.shocks[row, X_DONE]))
            m.shocks[row, X_DONE] += filled
            weighs = filled if kind == _FAT_FINGER else due - before
            pressed(m.world, m.physics, venue, side, weighs / m.physics[K_LOTS])
        elif kind == _WITHDRAWAL:
            called = min(called, 1.0 - size)
        elif kind == _SENTIMENT:
            part = size / (m.shocks[row, X_UNTIL] - m.shocks[row, X_FROM])
            m.shared[MOOD] = min(max(m.shared[MOOD] + m.shocks[row, X_SIDE] * part, -1.0), 1.0)
            m.shared[UNSURE] += DOUBT_ODDS * part
            # A burst is read by everybody: prices go where those who follow sentiment will want them.
            moved = m.shocks[row, X_SIDE] * part * m.params[INFORMED, P_SENTIMENT]
            for venue in range(int(m.physics[K_VENUES])):
                m.world[venue, SETTLED] = max(m.world[venue, SETTLED] + moved, 1.0)
        elif kind == _VOLATILITY:
            churn = max(churn, size)
        elif kind == _HALT:
            halted = True
    m.shared[CHURN], m.shared[CALLED] = churn, called
    m.counts[HALTED] = 1 if halted else 0
    if called < 1.0:
        for agent in range(len(m.family)):
            if m.family[agent] == MAKER:
                m.memory[agent, maker.PRESENCE] = min(m.memory[agent, maker.PRESENCE], called)
