"""What agents on paper may see: the real market in their own ticks and units, and moods that shocks change.

Fair is the mid weighted by the sizes at the touch (the queue imbalance), from what is free. Volatility is measured as
in the simulated market, from squared changes of the mid. What informed agents take for the value is the market's own
slow average price, weighted by volume: on a real market nobody tells us a better one.
"""

from __future__ import annotations

import math

from engine.agents import informed, maker
from engine.agents.trading import (
    ASK,
    BID,
    BUY_RATE,
    CALM,
    CROWD,
    DOUBT,
    FAIR,
    FUNDAMENTAL,
    NOW,
    SELL_RATE,
    SENTIMENT,
    SIGMA,
    STEP,
)
from engine.kernels import helper
from engine.kernels.level_book import EMPTY, Book
from engine.market.state import INFORMED, MAKER
from engine.paper.state import (
    M_DOUBT,
    M_NOW,
    M_SENTIMENT,
    M_STEP,
    M_VOLATILITY,
    M_WITHDRAWN,
    S_CALM,
    S_LOTS,
    S_MID,
    S_VALUE,
    S_VARIANCE,
    S_WALK,
    U_CALM_S,
    U_FAST_S,
    U_JITTED,
    U_TICKS,
    U_VALUE_S,
    Floor,
)
from engine.paper.walk import best_free, free_at
from engine.rng import normal


@helper
def look(p: Floor, book: Book, venue: int) -> None:
    """Best prices that are free, and the fair price between them; the last fair price where a side is empty."""
    bid, ask = best_free(p, book, venue, 0), best_free(p, book, venue, 1)
    ticks = p.rules[U_TICKS]
    p.marks[venue, BID] = -bid if bid != EMPTY else math.nan
    p.marks[venue, ASK] = ask if ask != EMPTY else math.nan
    p.sight[venue, BID] = math.floor(-bid / ticks) if bid != EMPTY else math.nan
    p.sight[venue, ASK] = math.ceil(ask / ticks) if ask != EMPTY else math.nan
    if bid != EMPTY and ask != EMPTY:
        bids, asks = float(free_at(p, book, venue, 0, bid)), float(free_at(p, book, venue, 1, ask))
        p.sight[venue, FAIR] = (bids * ask - asks * bid) / (bids + asks) / ticks


@helper
def measure(p: Floor, venue: int) -> None:
    """Volatility, and the value that informed agents see."""
    slow, dt, ticks = p.slow[venue], p.moods[M_STEP], p.rules[U_TICKS]
    mid = 0.5 * (p.marks[venue, 0] + p.marks[venue, 1]) / ticks
    if math.isnan(mid):
        return
    moved = mid - slow[S_MID]
    if not math.isnan(moved):
        now, half = moved * moved / dt, math.log(2.0) * dt
        slow[S_VARIANCE] += min(1.0, half / p.rules[U_FAST_S]) * (now - slow[S_VARIANCE])
        slow[S_CALM] += min(1.0, half / p.rules[U_CALM_S]) * (now - slow[S_CALM])
    slow[S_MID] = mid
    kept = math.exp(-dt / p.rules[U_VALUE_S])
    slow[S_VALUE] *= kept
    slow[S_LOTS] *= kept
    slow[S_WALK] *= kept
    factor = p.moods[M_VOLATILITY]
    if factor > 1.0:
        step = math.sqrt((factor * factor - 1.0) * slow[S_CALM] * dt)
        slow[S_WALK] += step * normal(p.streams, int(p.rules[U_JITTED]))


@helper
def tell(p: Floor, venue: int, crowd: float) -> None:
    """Write what may be known now."""
    slow, sight = p.slow[venue], p.sight[venue]
    sight[SIGMA] = math.sqrt(slow[S_VARIANCE]) * p.moods[M_VOLATILITY]
    sight[CALM] = math.sqrt(slow[S_CALM])
    value = slow[S_VALUE] / slow[S_LOTS] / p.rules[U_TICKS] if slow[S_LOTS] > 0.0 else slow[S_MID]
    sight[FUNDAMENTAL] = value + slow[S_WALK]
    sight[SENTIMENT] = p.moods[M_SENTIMENT]
    sight[DOUBT] = p.moods[M_DOUBT]
    sight[BUY_RATE] = sight[SELL_RATE] = 0.0
    sight[CROWD] = crowd
    sight[NOW] = p.moods[M_NOW]
    sight[STEP] = p.moods[M_STEP]


@helper
def crowd_of(p: Floor) -> float:
    """Share of informed agents that follow sentiment."""
    count = following = 0.0
    for agent in range(len(p.family)):
        if p.family[agent] == INFORMED:
            count += 1.0
            following += p.memory[agent, informed.MODE]
    return following / count if count > 0.0 else 0.0


@helper
def withdraw(p: Floor) -> None:
    """Makers quote no more than what a withdrawal leaves them; when it ends they come back by themselves, slowly."""
    most = 1.0 - p.moods[M_WITHDRAWN]
    for agent in range(len(p.family)):
        if p.family[agent] == MAKER:
            p.memory[agent, maker.PRESENCE] = min(p.memory[agent, maker.PRESENCE], most)
