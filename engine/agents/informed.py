"""Informed traders: they act on the fundamental or on sentiment, follow one another, and pay the spread for it.

Switching between the two modes is herding in the form of Kirman, "Ants, rationality and recruitment" (1993): a
rate of its own plus one for the share of the others.
"""

from __future__ import annotations

import msgspec

from engine.agents.trading import (
    ASK,
    BID,
    BUY,
    CROWD,
    DOUBT,
    FUNDAMENTAL,
    KIND,
    LOTS,
    PRICE,
    SELL,
    SENTIMENT,
    SIDE,
    SLOT,
    STEP,
    TRAIT_RISK,
    TRAIT_SIZE,
    VENUE,
    Floats,
    Ints,
)
from engine.kernels import inlined
from engine.kernels.matching_state import Do
from engine.rng import Streams, uniform

_MARKET = int(Do.MARKET)


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    acts: float = 0.03  # decisions a second
    size: float = 0.1  # base units an order
    size_spread: float = 0.3
    threshold_ticks: float = 15.0  # how far the price must be from what it knows
    threshold_spread: float = 0.5  # deviation of the logarithm over agents
    switches: float = 0.002  # changes of mode a decision, by itself
    herding: float = 0.05  # and for the share of those in the other mode
    sentiment_ticks: float = 60.0  # how far a sentiment of one moves its view
    inventory_limit: float = 10.0


MODE = 0  # memory: 0 the fundamental, 1 sentiment

P_ACTS, P_SIZE, P_THRESHOLD, P_SWITCHES, P_HERDING, P_SENTIMENT, P_LIMIT = 0, 1, 2, 3, 4, 5, 6


def columns(p: Params) -> tuple[float, ...]:
    """The parameters as `decide` reads them."""
    return (
        p.acts, p.size, p.threshold_ticks, p.switches, p.herding, p.sentiment_ticks, p.inventory_limit,
    )  # fmt: skip


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
    """A market order towards what it knows, when the price is far enough from it. Returns rows of `out`."""
    if uniform(streams, agent) >= params[family, P_ACTS] * sight[venue, STEP]:
        return 0
    crowd = sight[venue, CROWD]
    others = 1.0 - crowd if memory[agent, MODE] else crowd
    if uniform(streams, agent) < params[family, P_SWITCHES] + params[family, P_HERDING] * others:
        memory[agent, MODE] = 1.0 - memory[agent, MODE]
    bid, ask = sight[venue, BID], sight[venue, ASK]
    view = sight[venue, FUNDAMENTAL]
    if memory[agent, MODE]:
        confidence = 1.0 - sight[venue, DOUBT]
        view += params[family, P_SENTIMENT] * sight[venue, SENTIMENT] * confidence
    far = params[family, P_THRESHOLD] * traits[agent, TRAIT_RISK]
    limit = params[family, P_LIMIT]
    if view - ask > far and held < limit:
        side = BUY
    elif bid - view > far and held > -limit:
        side = SELL
    else:
        return 0
    out[0, VENUE] = venue
    out[0, KIND] = _MARKET
    out[0, SIDE] = side
    out[0, PRICE] = 0
    out[0, LOTS] = max(1, int(params[family, P_SIZE] * traits[agent, TRAIT_SIZE] * lots_a_unit))
    out[0, SLOT] = -1
    return 1
