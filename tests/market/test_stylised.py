"""Each statistic against a series whose answer is known, and the default market against the checklist."""

from __future__ import annotations

import numpy as np
import pytest

from engine.lab.checklist import FACTS, Fact, measure
from engine.lab.sampling import simulated
from engine.lab.stylised import (
    ADF_5_PERCENT,
    Sample,
    acf,
    adf,
    adf_p,
    excess_kurtosis,
    half_life_s,
    hill,
    kolmogorov_smirnov,
    spearman,
    variance_ratio,
    wasserstein,
)
from engine.scenario import Scenario

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
    assert np.isnan(adf(np.ones(500)))


def test_p_values_meet_the_tabulated_critical_values() -> None:
    """MacKinnon's for a constant and many observations: 1 %, 5 % and 10 %."""
    for critical, p in ((-3.43, 0.01), (-2.86, 0.05), (-2.57, 0.10)):
        assert adf_p(critical) == pytest.approx(p, rel=0.03)
    assert adf_p(-25.0) == 0.0
    assert adf_p(0.0) == 1.0


def test_wasserstein_of_equal_counts_is_the_mean_distance_of_ordered_values() -> None:
    for _ in range(20):
        x, y = RNG.normal(size=200), RNG.exponential(size=200).round(1)
        assert wasserstein(x, y) == pytest.approx(np.abs(np.sort(x) - np.sort(y)).mean())
    assert wasserstein(np.zeros(10), np.full(7, 3.0)) == pytest.approx(3.0)


def test_two_samples_of_one_distribution_are_rejected_one_time_in_twenty() -> None:
    p = [kolmogorov_smirnov(RNG.normal(size=80), RNG.normal(size=120))[1] for _ in range(600)]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.08
    distance, p_apart = kolmogorov_smirnov(RNG.normal(size=80), RNG.normal(size=120) + 1.0)
    assert p_apart < 1e-4
    assert 0.3 < distance < 0.6


def test_a_market_without_prices_is_told_of_and_not_measured() -> None:
    nothing, empty = np.full(300, np.nan), np.zeros(300)
    sample = Sample(nothing, nothing, empty, empty, empty, nothing, nothing, np.zeros(0))
    assert np.isnan(measure(sample)).all()
    fact = Fact(1, "x", lambda _: 0.0, 0.0, 1.0, "–", "low", "high")
    assert fact.why(float("nan")).startswith("it cannot be had")
    assert [fact.why(v) for v in (-1.0, 0.5, 2.0)] == ["low", "", "high"]


def test_the_default_market_has_the_facts() -> None:
    """Two of the seeds that defaults were chosen on; `validate` reports on others, and on more."""
    values = np.median([measure(simulated(Scenario(), seed, 3000)) for seed in (2000, 2001)], axis=0)
    passed = [fact.name for fact, value in zip(FACTS, values, strict=True) if fact.passes(float(value))]
    assert len(passed) >= 13, sorted({f.name for f in FACTS} - set(passed))
