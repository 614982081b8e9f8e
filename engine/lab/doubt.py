"""Whether doubt widens spreads, by the makers' doing: a placebo and a dose-response.

The sentiment's uncertainty is driven from outside and knows nothing of prices. Where makers ignore it (feedback 0)
its correlation with the spread must be about nothing; the more they heed it, the higher it must be, also with recent
volatility held fixed. The same seeds run at every dose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.lab.stylised import Sample
from engine.scenario import Scenario, with_feedback

Floats = npt.NDArray[np.float64]

DOSES = (0.0, 0.5, 1.0, 2.0)  # times the scenario's own feedback
VOLATILITY_S = 30  # over which realised volatility is taken
LEAST = 0.1  # correlation that the scenario's own feedback must show
NOTHING = 0.05  # and how far from zero the placebo may be, where its interval does not reach zero
DRAWN = 2000


@dataclass(frozen=True, slots=True)
class Mean:
    """Over seeds, with the 95 % interval of the mean from resampled seeds."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Dose:
    feedback: float
    plain: Mean  # correlation of spread and uncertainty
    given: Mean  # the same with recent volatility held fixed


def correlations(sample: Sample) -> tuple[float, float]:
    """Of spread and uncertainty: plain, and given absolute returns summed over the last 30 s."""
    mid = np.log(0.5 * (sample.bid + sample.ask))
    moves = np.concatenate([[0.0], np.abs(np.nan_to_num(np.diff(mid)))])
    volatility = np.convolve(moves, np.ones(VOLATILITY_S))[: len(moves)]
    spread = sample.ask - sample.bid
    known = ~np.isnan(spread)
    given = np.column_stack([np.ones(int(known.sum())), volatility[known]])
    spread, doubt = spread[known], sample.doubt[known]
    left = [v - given @ np.linalg.lstsq(given, v, rcond=None)[0] for v in (spread, doubt)]
    with np.errstate(invalid="ignore"):
        return float(np.corrcoef(spread, doubt)[0, 1]), float(np.corrcoef(*left)[0, 1])


def mean_of(values: Sequence[float]) -> Mean:
    """The mean over seeds; NaN where no seed has a value."""
    known = np.array([v for v in values if v == v])
    if not len(known):
        return Mean(np.nan, np.nan, np.nan)
    drawn = np.random.default_rng(0).integers(0, len(known), (DRAWN, len(known)))
    low, high = np.quantile(known[drawn].mean(axis=1), (0.025, 0.975))
    return Mean(float(known.mean()), float(low), float(high))


def dose(feedback: float, samples: Iterable[Sample]) -> Dose:
    """One dose over the samples of several seeds."""
    found = [correlations(sample) for sample in samples]
    return Dose(feedback, mean_of([f[0] for f in found]), mean_of([f[1] for f in found]))


def dosed(scenario: Scenario, factor: float) -> Scenario:
    """The scenario with `factor` times its makers' feedback."""
    return with_feedback(scenario, factor * scenario.agents.maker.feedback)


def faults(doses: Sequence[Dose]) -> list[str]:
    """What is wrong with the responses at `DOSES`, in words; empty where doubt widens spreads as it should."""
    found: list[str] = []
    for name, means in (("plain", [d.plain for d in doses]), ("given volatility", [d.given for d in doses])):
        placebo, own = means[DOSES.index(0.0)], means[DOSES.index(1.0)]
        if not (placebo.low <= 0.0 <= placebo.high or abs(placebo.value) < NOTHING):
            found.append(f"{name}: expected about nothing without feedback, found {placebo.value:+.3f}")
        if not (own.value > LEAST and own.low > 0.0):
            found.append(
                f"{name}: expected more than {LEAST:g} at the scenario's feedback, found {own.value:+.3f}"
            )
        values = [mean.value for mean in means]
        if not all(a < b for a, b in pairwise(values)):
            found.append(f"{name}: expected it to rise with the feedback")
    return found
