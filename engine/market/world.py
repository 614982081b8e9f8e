"""What moves a venue between its agents' decisions: activity, the fundamental, sentiment, and impact of flow.

Fair value on a venue is what has settled plus the transient impact of flow that is not forgotten yet,
G(I) = κ 2√I₀ sgn(I)(√(|I| + I₀) − √I₀), concave in accumulated flow, so that a large order moves the price with the
square root of its size (Bouchaud et al., "Trades, quotes and prices", 2018, ch. 13).
"""

from __future__ import annotations

import math

from engine.agents.trading import (
    ASK,
    BID,
    BUY,
    BUY_RATE,
    CALM,
    CROWD,
    DOUBT,
    FAIR,
    FUNDAMENTAL,
    NOW,
    SENTIMENT,
    SIGMA,
    STEP,
    Floats,
)
from engine.kernels import helper, inlined
from engine.market.state import (
    ACTIVITY,
    FLOW,
    HEAT,
    K_ACT_S,
    K_ACT_SIGMA,
    K_BETA_FAST,
    K_BETA_SLOW,
    K_BRANCH,
    K_COUPLING,
    K_CROSS,
    K_DOUBT_MEAN,
    K_DOUBT_S,
    K_DOUBT_SIGMA,
    K_FAST_S,
    K_FLOW0,
    K_KAPPA,
    K_MOOD_AR,
    K_MOOD_SIGMA,
    K_MU,
    K_PERMANENT,
    K_SHARE,
    K_SHOCK_SIZE,
    K_SHOCKS,
    K_SLOW_S,
    K_TAU,
    K_VALUE_SIGMA,
    K_VENUES,
    LAST_MID,
    MOOD,
    R_CROWD,
    SETTLED,
    SLOW_VARIANCE,
    TIME,
    UNSURE,
    VALUE,
    VARIANCE,
)
from engine.rng import Streams, normal, uniform


@inlined
def impact(kappa: float, scale: float, flow: float) -> float:
    """G(I) in ticks, for accumulated flow I in base units.

    >>> round(impact(14.0, 2.0, 2.0), 2), impact(14.0, 2.0, 0.0)
    (23.2, 0.0)
    """
    size = 2.0 * math.sqrt(scale) * (math.sqrt(abs(flow) + scale) - math.sqrt(scale))
    return kappa * math.copysign(size, flow)


@inlined
def pressed(world: Floats, physics: Floats, venue: int, side: int, units: float) -> None:
    """A taker traded `units`: flow grows, and a share of what it adds to impact stays for good."""
    signed = units if side == BUY else -units
    before = impact(physics[K_KAPPA], physics[K_FLOW0], world[venue, FLOW])
    world[venue, FLOW] += signed
    after = impact(physics[K_KAPPA], physics[K_FLOW0], world[venue, FLOW])
    world[venue, SETTLED] += physics[K_PERMANENT] * (after - before)


@inlined
def excited(world: Floats, physics: Floats, venue: int, side: int) -> None:
    """A noise trader took liquidity: more of them come, mostly on the same side."""
    cross = physics[K_CROSS]
    for to in range(2):
        part = physics[K_BRANCH] * (1.0 - cross if to == side else cross)
        fast = physics[K_SHARE]
        world[venue, HEAT + 2 * to] += part * fast * physics[K_BETA_FAST]
        world[venue, HEAT + 2 * to + 1] += part * (1.0 - fast) * physics[K_BETA_SLOW]


@helper
def _common(shared: Floats, physics: Floats, streams: Streams, row: int, dt: float) -> None:
    """Fundamental, sentiment and doubt, the same for all venues."""
    root = math.sqrt(dt)
    shared[TIME] += dt
    shared[VALUE] += physics[K_VALUE_SIGMA] * root * normal(streams, row)
    if uniform(streams, row) < physics[K_SHOCKS] * dt:
        shared[VALUE] += physics[K_SHOCK_SIZE] * normal(streams, row)
    keep = physics[K_MOOD_AR] ** dt
    mood = keep * shared[MOOD] + physics[K_MOOD_SIGMA] * root * normal(streams, row)
    shared[MOOD] = min(max(mood, -1.0), 1.0)
    home = physics[K_DOUBT_MEAN]
    shared[UNSURE] += (home - shared[UNSURE]) * dt / physics[K_DOUBT_S]
    shared[UNSURE] += physics[K_DOUBT_SIGMA] * root * normal(streams, row)


@helper
def _venue(
    world: Floats, sight: Floats, physics: Floats, streams: Streams, row: int, venue: int, dt: float
) -> None:
    """Forget flow and excitation; measure volatility from the mid where both sides are there."""
    world[venue, FLOW] *= math.exp(-dt / physics[K_TAU])
    fast, slow = math.exp(-dt * physics[K_BETA_FAST]), math.exp(-dt * physics[K_BETA_SLOW])
    for side in range(2):
        world[venue, HEAT + 2 * side] *= fast
        world[venue, HEAT + 2 * side + 1] *= slow
    pull, spread = dt / physics[K_ACT_S], physics[K_ACT_SIGMA]
    world[venue, ACTIVITY] += -pull * world[venue, ACTIVITY]
    world[venue, ACTIVITY] += spread * math.sqrt(2.0 * pull) * normal(streams, row)
    mid = 0.5 * (sight[venue, BID] + sight[venue, ASK])
    if not math.isnan(mid):
        moved = mid - world[venue, LAST_MID]
        if not math.isnan(moved):
            now = moved * moved / dt
            half = math.log(2.0) * dt
            world[venue, VARIANCE] += half / physics[K_FAST_S] * (now - world[venue, VARIANCE])
            world[venue, SLOW_VARIANCE] += half / physics[K_SLOW_S] * (now - world[venue, SLOW_VARIANCE])
        world[venue, LAST_MID] = mid


@inlined
def advance(
    world: Floats,
    shared: Floats,
    sight: Floats,
    physics: Floats,
    rules: Floats,
    streams: Streams,
    row: int,
    crowd: float,
    dt: float,
) -> None:
    """One step of `dt` seconds; then `sight` says what agents may know. `row` is the world's stream."""
    _common(shared, physics, streams, row, dt)
    venues = int(physics[K_VENUES])
    for venue in range(venues):
        _venue(world, sight, physics, streams, row, venue, dt)
    if venues == 2 and sight[0, FAIR] > 0.0:
        follow = 0.5 * physics[K_COUPLING] * dt * (sight[0, FAIR] - sight[1, FAIR])
        world[0, SETTLED] -= follow
        world[1, SETTLED] += follow
    for venue in range(venues):
        transient = (1.0 - physics[K_PERMANENT]) * impact(
            physics[K_KAPPA], physics[K_FLOW0], world[venue, FLOW]
        )
        spread = physics[K_ACT_SIGMA]
        active = math.exp(world[venue, ACTIVITY] - 0.5 * spread * spread)
        sight[venue, FAIR] = world[venue, SETTLED] + transient
        sight[venue, SIGMA] = math.sqrt(world[venue, VARIANCE])
        sight[venue, CALM] = math.sqrt(world[venue, SLOW_VARIANCE])
        for side in range(2):
            heat = world[venue, HEAT + 2 * side] + world[venue, HEAT + 2 * side + 1]
            sight[venue, BUY_RATE + side] = physics[K_MU] * active + heat / rules[venue, R_CROWD]
        sight[venue, FUNDAMENTAL] = shared[VALUE]
        sight[venue, SENTIMENT] = shared[MOOD]
        sight[venue, DOUBT] = 1.0 / (1.0 + math.exp(-shared[UNSURE]))
        sight[venue, CROWD] = crowd
        sight[venue, NOW] = shared[TIME]
        sight[venue, STEP] = dt
