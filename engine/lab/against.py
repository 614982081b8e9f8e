"""A simulated market held against a recorded one: spreads, cost of a round trip, volatility, pace.

A recording is cut into blocks. How far its own blocks lie apart is the measure of how far ours may lie from it:
nothing can be nearer to a market than that market is to itself a few minutes later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

from engine.lab.checklist import SIGMA_BPS, TRADES_A_SECOND, Fact, one_tick
from engine.lab.stylised import Sample, kolmogorov_smirnov, wasserstein

Floats = npt.NDArray[np.float64]

BLOCKS = 5
LEAST_SECONDS = 60  # of a recording; twelve a block
THIN_S = 10  # seconds between spreads that K-S may take for independent
TICK_SHARE = 0.05  # how far the share of one-tick spreads may lie from live's
AROUND = 0.25  # how far volatility and pace may


@dataclass(frozen=True, slots=True)
class Distance:
    """W1 of ours to live, beside the distances of live's blocks to one another."""

    name: str
    ours: float  # median over seeds
    low: float  # middle 80 % of seeds
    high: float
    limit: float  # 95th percentile between two blocks of the recording
    pairs: int

    @property
    def passes(self) -> bool:
        return self.ours <= self.limit


COMPARED: tuple[tuple[str, Callable[[Sample], Floats]], ...] = (
    ("spread, ticks", lambda s: s.spread),
    ("spread, bp", lambda s: s.spread_bps),
    ("round trip, bp", lambda s: s.round_trip_bps),
)


def blocks(live: Sample) -> list[Sample]:
    """The recording in `BLOCKS` parts of equal length, one after another."""
    edges = np.linspace(0, len(live.bid), BLOCKS + 1).astype(int).tolist()
    return [live.part(a, b) for a, b in pairwise(edges)]


def limit(live: Sample, values: Callable[[Sample], Floats]) -> tuple[float, int]:
    """95th percentile of W1 between two blocks of the recording, and how many pairs of them there are."""
    apart = [
        wasserstein(values(a), values(b))
        for a, b in combinations(blocks(live), 2)
        if len(values(a)) and len(values(b))
    ]
    return (float(np.quantile(apart, 0.95)) if apart else np.nan), len(apart)


def distances(ours: Sequence[Sample], live: Sample) -> list[Distance]:
    """Of what `COMPARED` names, each of our seeds against the whole recording."""
    found = []
    for name, values in COMPARED:
        theirs = values(live)
        far = [wasserstein(values(s), theirs) for s in ours] if len(theirs) else [np.nan]
        low, middle, high = np.quantile(far, (0.1, 0.5, 0.9)).tolist()
        found.append(Distance(name, middle, low, high, *limit(live, values)))
    return found


def spread_row(ours: Sequence[Sample], live: Sample, found: Sequence[Distance]) -> tuple[bool, float, float]:
    """Row 9: whether spreads in ticks are as near as live's to themselves and one tick is as common; the two shares."""
    share, theirs = float(np.median([one_tick(s) for s in ours])), one_tick(live)
    return found[0].passes and abs(share - theirs) <= TICK_SHARE, share, theirs


def held_against(fact: Fact, live: Sample) -> tuple[float, float, float]:
    """(live's value, least, most) of volatility or pace: within a quarter of live's, or among its blocks'."""
    if fact.name not in (SIGMA_BPS, TRADES_A_SECOND):
        raise ValueError(f"expected {SIGMA_BPS} or {TRADES_A_SECOND}, found {fact.name}")
    value = fact.measure(live)
    each = [fact.measure(part) for part in blocks(live)]
    return value, min([(1.0 - AROUND) * value, *each]), max([(1.0 + AROUND) * value, *each])


@dataclass(frozen=True, slots=True)
class TwoSamples:
    """Kolmogorov-Smirnov on thinned values: distance, p, and how many of each there were."""

    distance: float
    p: float
    ours: int
    live: int


def thinned(values: Floats, every: int = THIN_S) -> Floats:
    part: Floats = values[::every]
    return part


def kolmogorov(ours: Sample, live: Sample, values: Callable[[Sample], Floats]) -> TwoSamples:
    """Ours thinned to live's own number of values, spread over the whole run."""
    theirs = thinned(values(live))
    mine = values(ours)
    mine = mine[:: max(THIN_S, len(mine) // max(len(theirs), 1))][: len(theirs)]
    if not len(theirs) or not len(mine):
        return TwoSamples(np.nan, np.nan, len(mine), len(theirs))
    distance, p = kolmogorov_smirnov(mine, theirs)
    return TwoSamples(distance, p, len(mine), len(theirs))


def halves(live: Sample, values: Callable[[Sample], Floats]) -> TwoSamples:
    """The same test between the two halves of the recording: what a market makes of itself."""
    middle = len(live.bid) // 2
    return kolmogorov(live.part(0, middle), live.part(middle, len(live.bid)), values)
