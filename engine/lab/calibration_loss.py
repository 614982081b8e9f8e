"""How far a simulated market is from a recorded one: mean(min(|z|^1.5, 5)) over what is asked of it.

Two kinds of things are asked. What a few minutes say well is matched: volatility, pace, volume, spreads and the cost of
a round trip. What they do not say (tails and memory rest on a handful of seconds) must only be what live markets show,
so that z is zero within the bounds of the checklist. Each z is in units of what seeds make of the same scenario: for
levels of a stretch as long as the recording, because a recording is one such stretch, for what is bounded of a whole
run. For distances and shares it is two where they are as far as they may be. The power and the cap keep one statistic
that cannot be met from outweighing all others. Whatever is beyond its limit costs a step more in each run in which it
is, as do volatility and pace outside the range of the recording's blocks: else a search gives up what misses by a hair
for anything, and what it keeps by a hair other seeds lose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.lab.against import COMPARED, TICK_SHARE, held_against, limit
from engine.lab.calibration_data import Recorded
from engine.lab.checklist import FACTS, FEWEST, SIGMA_BPS, TRADES_A_SECOND, Fact, measure, one_tick
from engine.lab.stylised import Floats, Sample, wasserstein
from engine.scenario import Scenario

POWER, MOST = 1.5, 5.0
AT_LIMIT = 2.0  # z of a distance, or of a share, that is as far as 95 % of the recording's own
MISS = (
    0.6  # that step of a distance or level: a larger one meets the cap, where far and farther cost the same
)
LEAST_DEVIATION = 0.05  # of logarithms of volatility, pace and volume: five percent is near enough
BOUNDED = tuple(fact for fact in FACTS if fact.name not in (SIGMA_BPS, TRADES_A_SECOND))
_DISTANCES = tuple(pair for pair in COMPARED if pair[0].endswith("bp"))  # in ticks, grids cannot be compared


@dataclass(frozen=True, slots=True)
class Term:
    """One statistic: the simulated value, what is asked in words, z."""

    name: str
    ours: float
    asked: str
    z: float

    @property
    def loss(self) -> float:
        return min(abs(self.z) ** POWER, MOST) if math.isfinite(self.z) else MOST


@dataclass(frozen=True, slots=True)
class Score:
    terms: tuple[Term, ...]

    @property
    def loss(self) -> float:
        return float(np.mean([term.loss for term in self.terms]))


def _levels(sample: Sample, lot: float) -> tuple[float, float, float]:
    """Volatility in bp, trades and volume in base units a second."""
    return float(sample.returns_bps.std()), float(sample.trades.mean()), float(sample.volume.mean()) * lot


_LEVELS = (SIGMA_BPS, TRADES_A_SECOND, "volume/s")


@dataclass(frozen=True, slots=True)
class Loss:
    """What a market is held against, with deviations over seeds: of the logarithms of levels, and of facts."""

    recorded: Recorded
    limits: tuple[float, ...]  # of distances, bp
    ranges: tuple[tuple[float, float], ...]  # of levels, over the blocks of the recording
    level_scale: tuple[float, ...]
    fact_scale: tuple[float, ...]

    def score(self, scenario: Scenario, samples: Sequence[Sample]) -> Score:
        """Of the runs of a scenario: means over runs of levels, medians of distances and facts."""
        if min(len(sample.spread) for sample in samples) < FEWEST:
            return Score((Term("seconds with both sides", 0.0, f"≥ {FEWEST}", math.inf),))
        live = self.recorded.sample
        theirs_lot, ours_lot = float(self.recorded.instrument.lot.value), float(scenario.lot_size)
        terms = []
        ours = np.array([_levels(sample, ours_lot) for sample in samples])
        asked = _levels(live, theirs_lot)
        for name, runs, wanted, scale, (low, high) in zip(
            _LEVELS, ours.T, asked, self.level_scale, self.ranges, strict=True
        ):
            value = float(runs.mean())
            z = math.log(value / wanted) / scale if value > 0.0 else math.inf
            outside = float(((runs <= low) | (runs >= high)).mean())
            terms.append(Term(name, value, f"{wanted:.3g}", z + math.copysign(MISS * outside, z)))
        for (name, of), most in zip(_DISTANCES, self.limits, strict=True):
            far = _distances([of(sample) for sample in samples], of(live))
            z = float(np.mean([_missed(value / most) for value in far]))
            terms.append(Term(f"W1, {name}", float(np.median(far)), f"≤ {most:.3g}", z))
        share, asked_share = float(np.mean([one_tick(sample) for sample in samples])), one_tick(live)
        z = _far((share - asked_share) / TICK_SHARE)
        terms.append(Term("one-tick spreads", share, f"{asked_share:.3g} ± {TICK_SHARE:g}", z))
        with np.errstate(all="ignore"):
            values = np.array([measure(sample) for sample in samples])
            middle = np.median(values, axis=0)
        for fact, scale in zip(BOUNDED, self.fact_scale, strict=True):
            runs, value = values[:, FACTS.index(fact)].tolist(), float(middle[FACTS.index(fact)])
            steps = [math.copysign(AT_LIMIT, run - fact.least) for run in runs if not fact.passes(run)]
            terms.append(
                Term(fact.name, value, fact.accepted, _beyond(fact, value) / scale + sum(steps) / len(runs))
            )
        return Score(tuple(terms))


def _distances(ours: Sequence[Floats], theirs: Floats) -> list[float]:
    """W1 of each run to `theirs`; NaN where a run has no value, as of a round trip that its book is too thin for."""
    if not len(theirs):
        return [math.nan] * len(ours)
    return [wasserstein(values, theirs) if len(values) else math.nan for values in ours]


def _missed(ratio: float) -> float:
    """z of one run's distance, so many times its limit: `_far` with a step at one."""
    return _far(ratio) + (MISS if ratio > 1.0 else 0.0)


def _far(ratio: float) -> float:
    """z of what is so many times its limit: by its logarithm beyond, so that far and farther are still told apart."""
    if not abs(ratio) > 1.0:
        return AT_LIMIT * ratio
    return math.copysign(AT_LIMIT + math.log(abs(ratio)), ratio)


def _beyond(fact: Fact, value: float) -> float:
    """How far a value is outside the fact's bounds, signed; NaN stays."""
    return max(value - fact.most, 0.0) - max(fact.least - value, 0.0) if math.isfinite(value) else value


def new_loss(recorded: Recorded, whole: Recorded, scenario: Scenario, samples: Sequence[Sample]) -> Loss:
    """Scales from runs of `scenario` that differ in their seeds alone; limits of distances from the whole recording.

    A quiet stretch has one spread throughout and is no distance from itself; nobody can tell less than a tick.
    """
    tick_bps = 1e4 / whole.price_ticks
    limits = [limit(whole.sample, values)[0] for _, values in _DISTANCES]
    lot = float(scenario.lot_size)
    bounds = {fact.name: held_against(fact, whole.sample)[1:] for fact in FACTS if fact not in BOUNDED}
    levels = np.log(np.maximum([_levels(s.part(0, recorded.seconds), lot) for s in samples], 1e-9))
    facts = np.array([measure(sample) for sample in samples])[:, [FACTS.index(fact) for fact in BOUNDED]]
    with np.errstate(all="ignore"):
        spread = np.nanstd(facts, axis=0, ddof=1)
    return Loss(
        recorded,
        tuple(np.fmax(limits, tick_bps).tolist()),
        tuple(bounds.get(name, (0.0, math.inf)) for name in _LEVELS),
        tuple(np.maximum(levels.std(axis=0, ddof=1), LEAST_DEVIATION).tolist()),
        tuple(np.fmax(spread, [_least(fact) for fact in BOUNDED]).tolist()),
    )


def _least(fact: Fact) -> float:
    """A deviation that no fact's can be taken to be below: two percent of its larger bound."""
    return 0.02 * max(abs(bound) for bound in (fact.least, fact.most) if math.isfinite(bound)) + 1e-3
