"""Arrivals made by families, one generation after another, and what the likelihood says of them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.lab.calibration_hawkes import Floats, fitted, log_likelihood

TRUTH = np.array([0.6, 0.7, 0.15, 0.6, 4.0, 0.1])  # μ, n, c, w, β₁, β₂


def families(p: Floats, end_s: float, seed: int) -> tuple[Floats, Floats]:
    """Immigrants and their descendants, each drawn on its own: no intensity is ever computed."""
    rng = np.random.default_rng(seed)
    mu, n, c, w, fast, slow = p.tolist()
    times: list[float] = []
    sides: list[float] = []
    for side in (1.0, -1.0):
        born = rng.uniform(0.0, end_s, rng.poisson(mu * end_s))
        waiting = [(float(t), side) for t in born]
        while waiting:
            t, s = waiting.pop()
            times.append(t)
            sides.append(s)
            for _ in range(rng.poisson(n)):
                later = t + rng.exponential(1.0 / (fast if rng.uniform() < w else slow))
                if later < end_s:
                    waiting.append((later, -s if rng.uniform() < c else s))
    order = np.argsort(times)
    return np.array(times)[order], np.array(sides)[order]


def by_double_sum(times: Floats, sides: Floats, end_s: float, p: Floats) -> float:
    """The same likelihood by its definition, pair by pair."""
    mu, n, c, w, fast, slow = p.tolist()
    value = -2.0 * mu * end_s
    for i, t in enumerate(times):
        gone = t - times[:i]
        share = np.where(sides[:i] == sides[i], 1.0 - c, c)
        kernel = w * fast * np.exp(-fast * gone) + (1.0 - w) * slow * np.exp(-slow * gone)
        value += np.log(mu + (n * share * kernel).sum())
        value -= n * (
            w * (1.0 - np.exp(-fast * (end_s - t))) + (1.0 - w) * (1.0 - np.exp(-slow * (end_s - t)))
        )
    return float(value)


def test_one_pass_gives_the_likelihood_of_the_definition() -> None:
    times, sides = families(TRUTH, 120.0, 1)
    for p in (TRUTH, np.array([0.3, 0.9, 0.4, 0.2, 1.0, 0.3])):
        assert log_likelihood(times, sides, 120.0, p) == pytest.approx(
            by_double_sum(times, sides, 120.0, p), rel=1e-10
        )


def test_the_fit_is_likelier_than_the_truth_and_its_intervals_hold_the_branching() -> None:
    held = 0
    for seed in range(8):
        times, sides = families(TRUTH, 1500.0, 100 + seed)
        found = fitted(times, sides, 1500.0)
        assert found.log_likelihood > log_likelihood(times, sides, 1500.0, TRUTH) - 0.5
        held += found.low <= TRUTH[1] <= found.high
        assert found.high - found.low < 0.3
    assert held >= 5  # of eight intervals of 95 %, fewer come once in two thousand times


def test_arrivals_that_nobody_caused_have_no_branching() -> None:
    rng = np.random.default_rng(3)
    times = np.sort(rng.uniform(0.0, 1000.0, 3000))
    found = fitted(times, rng.choice([-1.0, 1.0], 3000), 1000.0)
    assert found.branching < 0.15


def test_too_few_arrivals_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 50 arrivals, found 3"):
        fitted(np.arange(3.0), np.ones(3), 3.0)
