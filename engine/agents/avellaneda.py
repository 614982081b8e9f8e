"""Quotes of Avellaneda and Stoikov, "High-frequency trading in a limit order book" (2008), with a rolling horizon.

Their reservation price is r = s - q γ σ² (T - t) and the two quotes stand γ σ² (T - t) + (2/γ) ln(1 + γ/k) apart
around it. Their T is the end of a session; a market that never closes has none, so T - t is a constant here: how far
ahead a maker looks when it weighs its inventory.
"""

from __future__ import annotations

import math

from engine.agents.glft import spread_constant
from engine.kernels import inlined


@inlined
def distance(gamma: float, k: float, sigma: float, horizon_s: float, q: float, limit: float) -> float:
    """Of the bid from the fair price, ticks, at inventory `q`; inf at the inventory limit. An ask's is at -q.

    γ (q + ½) σ² (T - t) + ln(1 + γ/k)/γ, with γ per tick and unit, k per tick, σ in ticks / sqrt(s).
    """
    if q >= limit - 0.5:
        return math.inf
    skew: float = gamma * (q + 0.5) * sigma * sigma * horizon_s
    return skew + spread_constant(gamma, k)
