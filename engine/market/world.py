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
    CHURN,
    EMPTY_S,
    FLOW,
    HEARD_DOUBT,
    HEARD_MOOD,
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
    K_MOST_FLOW,
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
    QUOTING,
    R_CROWD,
    SETTLED,
    SLOW_VARIANCE,
    TIME,
    UNSURE,
    VALUE,
    VARIANCE,
)
from engine.rng import Streams, normal, uniform

# A side that is empty for longer than this is taken for so many times the calm volatility, which is more than
# makers bear; those that are gone already take no new fright, or no market would ever come back.
FRIGHT_S = 3.0
FRIGHT = 6.0


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
    """A taker traded `units`: flow grows, and a share of what it adds to impact stays for good.

    Flow has an end where it alone would take half the price away: beyond it a size is nothing that anybody has seen.
    """
    signed = units if side == BUY else -units
    before = impact(physics[K_KAPPA], physics[K_FLOW0], world[venue, FLOW])
    most = physics[K_MOST_FLOW]
    world[venue, FLOW] = min(max(world[venue, FLOW] + signed, -most), most)
    after = impact(physics[K_KAPPA], physics[K_FLOW0], world[venue, FLOW])
    world[venue, SETTLED] = max(world[venue, SETTLED] + physics[K_PERMANENT] * (after - before), 1.0)


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
def _common(world: Floats, shared: Floats, physics: Floats, streams: Streams, row: int, dt: float) -> None:
    """Fundamental, sentiment and doubt, the same for all venues."""
    root = math.sqrt(dt)
    shared[TIME] += dt
    news = physics[K_VALUE_SIGMA] * root * normal(streams, row)
    shared[VALUE] += news * shared[CHURN]
    if (
        shared[CHURN] > 1.0
    ):  # a burst of news is seen by everybody: what is beyond the usual moves quotes at once
        for venue in range(int(physics[K_VENUES])):
            world[venue, SETTLED] = max(world[venue, SETTLED] + news * (shared[CHURN] - 1.0), 1.0)
    if uniform(streams, row) < physics[K_SHOCKS] * dt:
        shared[VALUE] += physics[K_SHOCK_SIZE] * normal(streams, row)
    keep = physics[K_MOOD_AR] ** dt
    mood = keep * shared[MOOD] + physics[K_MOOD_SIGMA] * root * normal(streams, row)
    shared[MOOD] = min(max(mood, -1.0), 1.0)
    home = physics[K_DOUBT_MEAN]
    shared[UNSURE] += (home - shared[UNSURE]) * dt / physics[K_DOUBT_S]
    shared[UNSURE] += physics[K_DOUBT_SIGMA] * root * normal(streams, row)


@inlined
def marked(bid: float, ask: float, last: float) -> float:
    """The mid; where a side is empty the last one, unless the other side has moved beyond it. NaN before any.

    >>> marked(10.0, 12.0, 5.0), marked(math.nan, 12.0, 14.0), marked(math.nan, math.nan, 14.0)
    (11.0, 12.0, 14.0)
    """
    if math.isnan(last):
        return 0.5 * (bid + ask)
    if math.isnan(bid) and not math.isnan(ask):
        return min(last, ask)
    if math.isnan(ask) and not math.isnan(bid):
        return max(last, bid)
    return last if math.isnan(bid) else 0.5 * (bid + ask)


@helper
def _venue(
    world: Floats, sight: Floats, physics: Floats, streams: Streams, row: int, venue: int, dt: float
) -> None:
    """Forget flow and excitation; measure volatility, which a side that stays empty is taken for."""
    world[venue, FLOW] *= math.exp(-dt / physics[K_TAU])
    fast, slow = math.exp(-dt * physics[K_BETA_FAST]), math.exp(-dt * physics[K_BETA_SLOW])
    for side in range(2):
        world[venue, HEAT + 2 * side] *= fast
        world[venue, HEAT + 2 * side + 1] *= slow
    pull, spread = dt / physics[K_ACT_S], physics[K_ACT_SIGMA]
    world[venue, ACTIVITY] += -pull * world[venue, ACTIVITY]
    world[venue, ACTIVITY] += spread * math.sqrt(2.0 * pull) * normal(streams, row)
    bid, ask, last = sight[venue, BID], sight[venue, ASK], world[venue, LAST_MID]
    price = marked(bid, ask, last)
    moved = price - last
    if not math.isnan(moved):
        now = moved * moved / dt
        half = math.log(2.0) * dt
        world[venue, SLOW_VARIANCE] += half / physics[K_SLOW_S] * (now - world[venue, SLOW_VARIANCE])
        world[venue, EMPTY_S] = world[venue, EMPTY_S] + dt if math.isnan(bid + ask) else 0.0
        if world[venue, EMPTY_S] > FRIGHT_S:
            now = max(now, FRIGHT * FRIGHT * world[venue, QUOTING] * world[venue, SLOW_VARIANCE])
        world[venue, VARIANCE] += half / physics[K_FAST_S] * (now - world[venue, VARIANCE])
    world[venue, LAST_MID] = price


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
    _common(world, shared, physics, streams, row, dt)
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
        sight[venue, FAIR] = max(world[venue, SETTLED] + transient, 1.0)
        sight[venue, SIGMA] = math.sqrt(world[venue, VARIANCE])
        sight[venue, CALM] = math.sqrt(world[venue, SLOW_VARIANCE])
        for side in range(2):
            heat = world[venue, HEAT + 2 * side] + world[venue, HEAT + 2 * side + 1]
            sight[venue, BUY_RATE + side] = physics[K_MU] * active + heat / rules[venue, R_CROWD]
        sight[venue, FUNDAMENTAL] = shared[VALUE]
        sight[venue, SENTIMENT] = min(max(shared[MOOD] + shared[HEARD_MOOD], -1.0), 1.0)
        doubt = 1.0 / (1.0 + math.exp(-shared[UNSURE]))
        sight[venue, DOUBT] = min(max(doubt + shared[HEARD_DOUBT], 0.0), 1.0)
        sight[venue, CROWD] = crowd
        sight[venue, NOW] = shared[TIME]
        sight[venue, STEP] = dt
