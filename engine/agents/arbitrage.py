"""Arbitrageurs: they buy on the cheaper venue and sell on the dearer one, as far as capital and transfers allow.

Limits matter: with unlimited arbitrage two venues never come apart, and no crash shows what is one (Shleifer and
Vishny, "The limits of arbitrage", 1997).
"""

from __future__ import annotations

import math

import msgspec

from engine.agents.trading import (
    ASK,
    BID,
    BUY,
    KIND,
    LOTS,
    PRICE,
    SELL,
    SIDE,
    SLOT,
    STEP,
    TRAIT_RISK,
    TRAIT_SIZE,
    TRANSFER,
    VENUE,
    VENUES,
    Floats,
    Ints,
)
from engine.kernels import inlined
from engine.kernels.matching_state import Do
from engine.rng import Streams, uniform

_IOC = int(Do.IOC)


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    threshold_ticks: float = 40.0  # of the gap; the i-th agent's is this times (.7 + .3 i)
    threshold_step: float = 0.3
    size: float = 0.5  # base units a trade
    size_spread: float = 0.2
    capital: float = 10.0  # base units, long or short on one venue
    transfer: float = 0.02  # base units a second between venues
    acts: float = 2.0  # looks a second


P_SIZE, P_CAPITAL, P_TRANSFER, P_ACTS, P_THRESHOLD = 0, 1, 2, 3, 4


def columns(p: Params) -> tuple[float, ...]:
    """The parameters as `decide` reads them."""
    return (p.size, p.capital, p.transfer, p.acts, p.threshold_ticks)


@inlined
def _flatten(sight: Floats, net: int, lots: int, out: Ints) -> int:
    """One leg filled more than the other: trade the rest where it is cheapest."""
    side = SELL if net > 0 else BUY
    best = BID if side == SELL else ASK
    better = sight[1, best] - sight[0, best]
    venue = 1 if (better > 0.0 if side == SELL else better < 0.0) else 0
    price = sight[venue, best]
    if math.isnan(price):
        return 0
    out[0, VENUE] = venue
    out[0, KIND] = _IOC
    out[0, SIDE] = side
    out[0, PRICE] = int(price)
    out[0, LOTS] = lots
    out[0, SLOT] = -1
    return 1


@inlined
def decide(
    sight: Floats,
    params: Floats,
    family: int,
    traits: Floats,
    streams: Streams,
    agent: int,
    held: Ints,
    lots_a_unit: float,
    out: Ints,
) -> int:
    """Both legs at once when the gap is wide enough; else bring inventory home. Returns rows of `out`.

    `held` has the agents' inventories in lots, shape (agents, VENUES).
    """
    if uniform(streams, agent) >= params[family, P_ACTS] * sight[0, STEP]:
        return 0
    threshold = params[family, P_THRESHOLD] * traits[agent, TRAIT_RISK]
    capital = int(params[family, P_CAPITAL] * lots_a_unit)
    wanted = int(params[family, P_SIZE] * traits[agent, TRAIT_SIZE] * lots_a_unit)
    for cheap in range(VENUES):
        dear = 1 - cheap
        gap = sight[dear, BID] - sight[cheap, ASK]
        lots = min(wanted, capital - held[agent, cheap], capital + held[agent, dear])
        if gap > threshold and lots > 0:
            for leg in range(2):
                out[leg, VENUE] = cheap if leg == 0 else dear
                out[leg, KIND] = _IOC
                out[leg, SIDE] = BUY if leg == 0 else SELL
                out[leg, PRICE] = int(sight[cheap, ASK]) if leg == 0 else int(sight[dear, BID])
                out[leg, LOTS] = lots
                out[leg, SLOT] = -1
            return 2
    net = held[agent, 0] + held[agent, 1]
    if abs(net) > wanted:
        return _flatten(sight, net, wanted, out)
    apart = held[agent, 0] - held[agent, 1]
    most = int(params[family, P_TRANSFER] / params[family, P_ACTS] * lots_a_unit)
    lots = min(most, abs(apart) // 2)
    if lots > 0:
        out[0, VENUE] = 1 if apart > 0 else 0
        out[0, KIND] = TRANSFER
        out[0, LOTS] = lots
        return 1
    return 0
