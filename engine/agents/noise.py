"""Noise traders: they come in clusters, take or wait, and know nothing.

Arrivals are a Hawkes process that all noise traders of a venue share (Hawkes 1971; two exponential kernels, as in
Bacry, Mastromatteo and Muzy, arXiv 1502.04592); the market keeps its intensity, each agent its own fuse, which
burns down as fast as the intensity says. Sizes are Pareto.
"""

from __future__ import annotations

import math

import msgspec

from engine.agents.trading import (
    ASK,
    BID,
    BUY,
    BUY_RATE,
    FAIR,
    KIND,
    LOTS,
    NOW,
    PRICE,
    SIDE,
    SLOT,
    STEP,
    TRAIT_SIZE,
    VENUE,
    Floats,
    Ints,
)
from engine.kernels import inlined
from engine.kernels.matching_state import Do
from engine.rng import Streams, exponential, uniform

_MARKET, _LIMIT = int(Do.MARKET), int(Do.LIMIT)
WAITING = 12  # resting orders at most
# Tail exponent of how far behind the best orders are placed; .6 in Bouchaud, Mézard and Potters, cond-mat/0203511.
_PLACES = 0.8
_FURTHEST = 50.0  # times `depth_ticks`


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rate: float = 2.8  # μ: arrivals of takers a side and second, of fifty agents
    branching: float = 0.85  # share of arrivals that others caused
    fast_decay: float = 5.0  # per s
    slow_decay: float = 0.02
    fast_share: float = 0.85
    cross: float = 0.11  # share of what an arrival causes on the other side
    activity_spread: float = 1.2  # deviation of the logarithm of activity
    activity_s: float = 150.0  # how long it takes to forget
    size: float = 0.06  # base units, the least
    size_spread: float = 0.0
    tail: float = 1.5  # Pareto exponent
    size_cap: float = 20.0  # times the least, beyond which nobody asks
    waits: float = 1.6  # limit orders placed for each market order
    waits_s: float = 8.0  # how long those at the best live; others longer, the further behind they are
    inside: float = 0.3  # share of waiting orders that improve the best where there is room
    depth_ticks: float = 3.0  # scale of how far behind the best the others are placed
    inventory_limit: float = 2.0  # base units: the nearer to it, the less an agent adds


# memory
FUSE_BUY, FUSE_SELL, NEXT_END, ENDS = 0, 1, 2, 3  # ENDS..ENDS+WAITING: s when each slot's order ends, 0: free

P_SIZE, P_TAIL, P_CAP, P_WAITS, P_LIVES, P_DEPTH, P_LIMIT, P_INSIDE = 0, 1, 2, 3, 4, 5, 6, 7


def columns(p: Params) -> tuple[float, ...]:
    """The parameters as `decide` reads them."""
    return (
        p.size, p.tail, p.size_cap, p.waits, p.waits_s, p.depth_ticks, p.inventory_limit, p.inside,
    )  # fmt: skip


@inlined
def _end_old(memory: Floats, agent: int, venue: int, now: float, out: Ints) -> int:
    """Cancel what has waited long enough."""
    n = 0
    soonest = math.inf
    for slot in range(WAITING):
        ends = memory[agent, ENDS + slot]
        if ends > 0.0 and now >= ends:
            memory[agent, ENDS + slot] = 0.0
            out[n, VENUE] = venue
            out[n, KIND] = _LIMIT
            out[n, SIDE] = BUY
            out[n, PRICE] = 0
            out[n, LOTS] = 0
            out[n, SLOT] = slot
            n += 1
        elif ends > 0.0:
            soonest = min(soonest, ends)
    memory[agent, NEXT_END] = soonest
    return n


@inlined
def _order(
    sight: Floats,
    params: Floats,
    family: int,
    traits: Floats,
    memory: Floats,
    streams: Streams,
    agent: int,
    venue: int,
    side: int,
    lots_a_unit: float,
    out: Ints,
    n: int,
) -> int:
    """One arrival: a market order, or a limit order if a slot is free and that side has a best."""
    tail = params[family, P_TAIL]
    grown = min(math.exp(exponential(streams, agent) / tail), params[family, P_CAP])
    lots = max(1, int(params[family, P_SIZE] * traits[agent, TRAIT_SIZE] * grown * lots_a_unit))
    waits = params[family, P_WAITS]
    out[n, VENUE] = venue
    out[n, SIDE] = side
    out[n, LOTS] = lots
    if uniform(streams, agent) * (1.0 + waits) >= waits:
        out[n, KIND] = _MARKET
        out[n, PRICE] = 0
        out[n, SLOT] = -1
        return n + 1
    best = sight[venue, BID] if side == BUY else sight[venue, ASK]
    if math.isnan(best):
        best = sight[venue, FAIR]
    behind = min(math.exp(exponential(streams, agent) / _PLACES) - 1.0, _FURTHEST)
    if uniform(streams, agent) < params[family, P_INSIDE]:
        behind = 0.0
    distance = math.floor(behind * params[family, P_DEPTH])
    if behind == 0.0 and sight[venue, ASK] - sight[venue, BID] > 1.5:
        distance = -1
    for slot in range(WAITING):
        if memory[agent, ENDS + slot] == 0.0:
            ends = sight[venue, NOW] + params[family, P_LIVES] * (1.0 + behind) * exponential(streams, agent)
            memory[agent, ENDS + slot] = ends
            memory[agent, NEXT_END] = min(memory[agent, NEXT_END], ends)
            out[n, KIND] = _LIMIT
            out[n, PRICE] = math.floor(best) - distance if side == BUY else math.ceil(best) + distance
            out[n, SLOT] = slot
            return n + 1
    return n


@inlined
def decide(
    sight: Floats,
    params: Floats,
    family: int,
    traits: Floats,
    memory: Floats,
    streams: Streams,
    agent: int,
    venue: int,
    held: float,
    lots_a_unit: float,
    out: Ints,
) -> int:
    """Whatever arrived since the last step, one order a side at most. Returns rows of `out`."""
    n = 0
    now, step = sight[venue, NOW], sight[venue, STEP]
    if now >= memory[agent, NEXT_END]:
        n = _end_old(memory, agent, venue, now, out)
    arrivals = 1.0 + params[family, P_WAITS]
    lean = min(max(held / params[family, P_LIMIT], -1.0), 1.0)
    for side in range(2):
        eager = 1.0 - lean if side == BUY else 1.0 + lean
        memory[agent, FUSE_BUY + side] -= sight[venue, BUY_RATE + side] * arrivals * step * eager
        if memory[agent, FUSE_BUY + side] <= 0.0:
            memory[agent, FUSE_BUY + side] += exponential(streams, agent)
            n = _order(
                sight, params, family, traits, memory, streams, agent, venue, side, lots_a_unit, out, n
            )
    return n
