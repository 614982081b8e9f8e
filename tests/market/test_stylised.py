"""Each statistic against a series whose answer is known, and the default market against the checklist."""

from __future__ import annotations

import numpy as np
import pytest

from engine.lab.sampling import simulated
from engine.lab.stylised import (
    ADF_5_PERCENT,
    FACTS,
    acf,
    adf,
    doubt_and_spread,
    excess_kurtosis,
    half_life_s,
    hill,
    measure,
    spearman,
    variance_ratio,
)
from engine.scenario import Scenario, with_feedback

RNG = np.random.default_rng(5)


def autoregressive(phi: float, count: int = 40_000) -> np.ndarray:
    noise, values = RNG.normal(size=count), np.zeros(count)
    for i in range(1, count):
        values[i] = phi * values[i - 1] + noise[i]
    return values


def test_autocorrelation_and_half_life_of_a_known_process() -> None:
    values = autoregressive(0.8)
    assert acf(values, 1) == pytest.approx(0.8, abs=0.02)
    assert acf(values, 5) == pytest.approx(0.8**5, abs=0.04)
    assert half_life_s(values) == pytest.approx(np.log(0.5) / np.log(0.8), rel=0.1)


def test_variance_ratio_is_one_for_noise_and_falls_for_reversion() -> None:
    noise = RNG.normal(size=50_000)
    assert variance_ratio(noise, 30) == pytest.approx(1.0, abs=0.1)
    assert variance_ratio(np.diff(noise), 30) < 0.1
    assert variance_ratio(autoregressive(0.5), 30) > 2.0


def test_kurtosis_and_tail_exponent_of_known_distributions() -> None:
    assert excess_kurtosis(RNG.normal(size=200_000)) == pytest.approx(0.0, abs=0.05)
    assert excess_kurtosis(RNG.laplace(size=400_000)) == pytest.approx(3.0, abs=0.3)
    assert hill(RNG.pareto(3.0, size=400_000) + 1.0) == pytest.approx(3.0, rel=0.05)


def test_rank_correlation_with_ties() -> None:
    x = np.array([1.0, 2.0, 2.0, 3.0])
    assert spearman(x, x**3) == pytest.approx(1.0)
    assert spearman(x, -x) == pytest.approx(-1.0)
    assert spearman(x, np.array([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.9487, abs=1e-4)


def test_unit_roots_are_told_from_their_absence() -> None:
    assert adf(autoregressive(0.9, 5000)) < ADF_5_PERCENT
    rejected = sum(adf(np.cumsum(RNG.normal(size=1000))) < ADF_5_PERCENT for _ in range(60))
    assert rejected <= 9  # one in twenty, and luck


def test_doubt_widens_spreads_by_the_makers_feedback_and_not_without_it() -> None:
    def median(feedback: float) -> float:
        scenario = with_feedback(Scenario(), feedback)
        return float(np.median([doubt_and_spread(simulated(scenario, s, 2000)) for s in (1000, 1001, 1002)]))

    assert abs(median(0.0)) < 0.08
    assert median(4.0) > 0.12


def test_the_default_market_has_the_facts() -> None:
    """Two of the seeds that `validate` uses; the median of sixteen has more of them."""
    values = np.median([measure(simulated(Scenario(), seed, 2500)) for seed in (1000, 1001)], axis=0)
    passed = [fact.name for fact, value in zip(FACTS, values, strict=True) if fact.passes(float(value))]
    assert len(passed) >= 12, sorted({f.name for f in FACTS} - set(passed))
