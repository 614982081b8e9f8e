"""Market makers: quotes with inventory skew, wider in doubt, gone under stress and slow to return.

Formulas in `engine.agents.glft` and `engine.agents.avellaneda`; where the defaults come from: docs/realism.md. The form
of the rules (volatility feedback, sniping, hedging, withdrawal) follows an earlier prototype's ablations.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from engine.agents.avellaneda import distance
from engine.agents.glft import buyer_skew, spread_constant
from engine.agents.trading import (
    ASK,
    BID,
    BUY,
    CALM,
    DOUBT,
    FAIR,
    KIND,
    LOTS,
    NOW,
    PRICE,
    SELL,
    SIDE,
    SIGMA,
    SLOT,
    TRAIT_RISK,
    TRAIT_SIZE,
    VENUE,
    Floats,
    Ints,
)
from engine.kernels import inlined
from engine.kernels.matching_state import Do
from engine.rng import Streams, uniform

_IOC, _POST_ONLY = int(Do.IOC), int(Do.POST_ONLY)
MAX_LEVELS = 6
_STRETCH = 0.25  # each step between levels is longer than the one before it by twice this share of the first
_LEAST, _VARIED = (
    0.6,
    0.8,
)  # a level's size is drawn anew for each quote, from .6 to 1.4 of what its place says
Model = Literal["glft", "avellaneda-stoikov"]


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the family; each maker has its own size and risk aversion around them."""

    model: Model = "glft"
    horizon_s: float = 0.5  # T - t of Avellaneda and Stoikov; there about the skew of GLFT in a calm market
    levels: int = 5
    level_step_ticks: float = 2.0
    size: float = 2.0  # base units a side, over all levels
    size_spread: float = 0.4  # deviation of the logarithm over makers
    risk_aversion: float = 0.02  # γ, per tick and unit
    risk_spread: float = 0.5
    fill_rate: float = 5.0  # A, fills a second at the fair price
    fill_decay: float = 1.1  # k, per tick
    feedback: float = 2.2  # how much volatility above its calm level, and doubt, widen the quotes
    inventory_limit: float = 20.0  # base units; the side that would exceed it is not quoted
    requote_s: float = 0.2
    snipe_ticks: float = 8.0  # an offer so far on the wrong side of fair is stale, and taken
    hedge: float = 0.05  # of the inventory beyond a quarter of the limit, a second, with market orders
    stress: float = 4.0  # volatility over its calm level at which a maker withdraws
    return_s: float = 60.0  # and how slowly it comes back


# columns of the agent's memory
PRESENCE = 0  # share of its size that it quotes: 0 after a shock, back to 1 over `return_s`
NEXT = 1  # s, of the next decision

P_LEVELS, P_STEP, P_SIZE, P_RISK, P_RATE, P_DECAY, P_FEEDBACK = 0, 1, 2, 3, 4, 5, 6
P_LIMIT, P_REQUOTE, P_SNIPE, P_HEDGE, P_STRESS, P_RETURN = 7, 8, 9, 10, 11, 12
P_HORIZON = 13  # 0: GLFT


def columns(p: Params) -> tuple[float, ...]:
    """The parameters as `decide` reads them."""
    return (
        p.levels, p.level_step_ticks, p.size, p.risk_aversion, p.fill_rate, p.fill_decay, p.feedback,
        p.inventory_limit, p.requote_s, p.snipe_ticks, p.hedge, p.stress, p.return_s,
        0.0 if p.model == "glft" else p.horizon_s,
    )  # fmt: skip


@inlined
def _say(out: Ints, n: int, venue: int, kind: int, side: int, price: int, lots: int, slot: int) -> int:
    out[n, VENUE] = venue
    out[n, KIND] = kind
    out[n, SIDE] = side
    out[n, PRICE] = price
    out[n, LOTS] = lots
    out[n, SLOT] = slot
    return n + 1


@inlined
def decide(
    sight: Floats,
    params: Floats,
    family: int,
    table: Floats,
    traits: Floats,
    memory: Floats,
    streams: Streams,
    agent: int,
    venue: int,
    held: float,
    lots_a_unit: float,
    out: Ints,
) -> int:
    """Cancel every quote that is no longer wanted, take stale offers, then quote anew.

    `held` is the agent's inventory in base units. Returns the number of rows written to `out`.
    """
    now = sight[venue, NOW]
    if now < memory[agent, NEXT]:
        return 0
    pause = params[family, P_REQUOTE]
    memory[agent, NEXT] = now + pause * (0.5 + uniform(streams, agent))
    sigma = max(sight[venue, SIGMA], 0.05)
    strain = sigma / max(sight[venue, CALM], 0.05)
    presence = memory[agent, PRESENCE]
    if strain > params[family, P_STRESS]:
        presence = 0.0
    else:
        presence += (1.0 - presence) * min(1.0, pause / params[family, P_RETURN])
    memory[agent, PRESENCE] = presence
    fair = sight[venue, FAIR]
    gamma = params[family, P_RISK] * traits[agent, TRAIT_RISK]
    k = params[family, P_DECAY]
    rate = params[family, P_RATE]
    wide = 1.0 + params[family, P_FEEDBACK] * (max(strain - 1.0, 0.0) + sight[venue, DOUBT])
    limit = table.shape[1] // 2
    q = held * limit / params[family, P_LIMIT]  # the table's units
    horizon_s = params[family, P_HORIZON]
    if horizon_s > 0.0:
        even = distance(gamma, k, sigma, horizon_s, 0.0, limit)
        below = distance(gamma, k, sigma, horizon_s, q, limit)
        above = distance(gamma, k, sigma, horizon_s, -q, limit)
    else:
        base = spread_constant(gamma, k)
        even = base + buyer_skew(table, gamma, rate, k, sigma, 0.0)
        below = base + buyer_skew(table, gamma, rate, k, sigma, q)
        above = base + buyer_skew(table, gamma, rate, k, sigma, -q)
    # Doubt widens both sides alike. Had it scaled the skew as well, makers with something to get rid of would quote the
    # more keenly the less they know, and theirs are the best prices.
    more = (wide - 1.0) * even
    below += more
    above += more
    return _quotes(
        sight, params, family, streams, agent, venue, held, lots_a_unit, out,
        fair, below, above, presence * traits[agent, TRAIT_SIZE],
    )  # fmt: skip


@inlined
def _quotes(
    sight: Floats,
    params: Floats,
    family: int,
    streams: Streams,
    agent: int,
    venue: int,
    held: float,
    lots_a_unit: float,
    out: Ints,
    fair: float,
    below: float,
    above: float,
    scale: float,
) -> int:
    levels = int(params[family, P_LEVELS])
    step = params[family, P_STEP]
    lots = int(params[family, P_SIZE] * scale * lots_a_unit / levels)
    snipe = params[family, P_SNIPE]
    bid, ask = sight[venue, BID], sight[venue, ASK]
    n = 0
    if scale > 0.5 and ask < fair - snipe and below < math.inf:
        n = _say(out, n, venue, _IOC, BUY, math.floor(fair - snipe), max(lots, 1), -1)
    if scale > 0.5 and bid > fair + snipe and above < math.inf:
        n = _say(out, n, venue, _IOC, SELL, math.ceil(fair + snipe), max(lots, 1), -1)
    hedge = params[family, P_HEDGE] * params[family, P_REQUOTE]
    excess = abs(held) - 0.25 * params[family, P_LIMIT]
    if excess > 0.0 and uniform(streams, agent) < 0.1:
        part = int(excess * hedge * 10.0 * lots_a_unit)
        if part > 0 and held > 0:
            n = _say(out, n, venue, _IOC, SELL, math.floor(fair - 4.0 * step), part, -1)
        elif part > 0:
            n = _say(out, n, venue, _IOC, BUY, math.ceil(fair + 4.0 * step), part, -1)
    for level in range(levels):
        # Further from the market more is offered, at wider steps, and no two quotes are of one size.
        away = level * step * (1.0 + _STRETCH * level)
        here = lots * (1.0 + 0.5 * level) / (0.75 + 0.25 * levels)
        buys = int(here * (_LEAST + _VARIED * uniform(streams, agent))) if below < math.inf else 0
        sells = int(here * (_LEAST + _VARIED * uniform(streams, agent))) if above < math.inf else 0
        low = math.floor(fair - below - away) if buys else 0
        high = math.ceil(fair + above + away) if sells else 0
        n = _say(out, n, venue, _POST_ONLY, BUY, low, buys, 2 * level)
        n = _say(out, n, venue, _POST_ONLY, SELL, high, sells, 2 * level + 1)
    return n
