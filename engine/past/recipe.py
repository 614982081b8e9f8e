"""How wide and how deep the made-up book is: the recipe, minute by minute.

Every exponent is an authoring choice, told as such in the story. Volatility is that of the last hour's range
(Parkinson) and of the last minutes of the path, so that no spread widens before a fall; the effective spread of a size
grows with it, depth shrinks with it and comes back over hours, and the imbalance follows where in its range an hour
closes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.events import Usual
from engine.past.bridge import Floats
from engine.past.draws import generator
from engine.past.minutes import LeadPath, last_hour_sigma
from engine.past.story import Story, hours_of
from engine.past.tables import Bar

LOCAL = 0.7  # share of the path's own last minutes in the logarithm of volatility; the last hour's range has the rest
LOCAL_MINUTES = 3.0  # half-life
LEAST_BPS = 2.0  # so that a motionless minute still has a volatility
FLICKER_SIGMA = 0.12  # of the logarithm of the spread from minute to minute
STRESS = 10.0  # times σ0 at which bids are as much thinner as they get


@dataclass(frozen=True, slots=True)
class Liquidity:
    """Of one venue, at each minute's end, shape (minutes,).

    sigma_bps: volatility of a minute. spread_bps: effective, of the recipe's size. depth: base units a side within
    1 % before the imbalance. lean: in (-1, 1), bids over asks.
    """

    sigma_bps: Floats
    spread_bps: Floats
    depth: Floats
    lean: Floats


def usual(story: Story, round_trip_quote: float) -> Usual:
    """What calm days are by the recipe: the measures of regimes at σ0, a round trip at the story's first price.

    Whoever has watched a crash for a day still knows what the days before were like.
    """
    r = story.recipe
    size = min(round_trip_quote / story.bars[0].open, r.depth)
    inside = r.spread_bps * (
        1.0 - r.touch_share
    )  # the way from the touch to the end of the recipe's size, both sides
    far = max(size - r.spread_size, 0.0)
    near = size - far
    beyond = far * 100.0 / r.depth  # bp
    behind = (near * inside * near / r.spread_size + far * (2.0 * inside + beyond)) / size
    return Usual(r.calm_bps, r.spread_bps * r.touch_share + behind, 2.0 * r.depth)


def liquidity(story: Story, path: LeadPath, seed: int) -> tuple[Liquidity, ...]:
    """Each venue's, for the whole story."""
    hours = [bars for _, bars in hours_of(story)]
    return tuple(_of_venue(story, [bars[v] for bars in hours], path, v, seed) for v in range(len(hours[0])))


def _of_venue(story: Story, bars: list[Bar], path: LeadPath, venue: int, seed: int) -> Liquidity:
    r = story.recipe
    minutes = len(path.closes)
    middles = np.arange(len(bars)) * 60.0 + 30.0
    hour = np.log(np.maximum(last_hour_sigma(path) * 1e4, LEAST_BPS))
    local = np.log(np.maximum(_local_bps(path), LEAST_BPS))
    sigma = np.exp(LOCAL * local + (1.0 - LOCAL) * hour)
    stress = np.log(np.maximum(sigma / r.calm_bps, 0.2))
    flicker = generator(seed, f"spread {venue}").standard_normal(minutes) * FLICKER_SIGMA
    spread = r.spread_bps * np.exp(r.spread_exponent * stress)
    # Makers that have seen a crash do not come back for days: 25 BTC on BitMEX cost over 20 bp until 23 March.
    scarred = np.maximum(spread, r.spread_scar * np.maximum.accumulate(np.minimum(spread, r.spread_most_bps)))
    spread = np.clip(scarred * np.exp(flicker), r.spread_least_bps, r.spread_most_bps)
    missing = _recovering(r.depth_exponent * np.maximum(stress, 0.0), r.depth_recovery_s / 60.0)
    leaning = np.interp(np.arange(minutes), middles, [_lean(bar) for bar in bars]) * r.imbalance
    thin = r.bids_thinner * np.clip(stress / math.log(STRESS), 0.0, 1.0)
    return Liquidity(sigma, spread, r.depth * np.exp(-missing), np.clip(leaning - thin, -0.9, 0.9))


def _local_bps(path: LeadPath) -> Floats:
    """Exponentially weighted root mean square of the path's 1-minute returns."""
    keep = 0.5 ** (1.0 / LOCAL_MINUTES)
    squares = (np.diff(path.closes, prepend=path.opens[0]) * 1e4) ** 2
    level = float(np.mean(squares[:30]))
    out = np.empty(len(squares))
    for i, square in enumerate(squares.tolist()):
        level = keep * level + (1.0 - keep) * square
        out[i] = math.sqrt(level)
    return out


def _recovering(missing: Floats, half_life_minutes: float) -> Floats:
    """What is taken is taken at once; it comes back with a half-life."""
    keep = 0.5 ** (1.0 / half_life_minutes)
    out, level = np.empty(len(missing)), 0.0
    for i, now in enumerate(missing.tolist()):
        level = max(now, level * keep)
        out[i] = level
    return out


def _lean(bar: Bar) -> float:
    return (bar.close - bar.open) / (bar.high - bar.low) if bar.high > bar.low else 0.0
