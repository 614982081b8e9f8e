"""Likelihood-ratio tests of coverage against scipy's distributions, and their size on forecasts that are right."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.risk.coverage import Coverage, p_value


def tail(ratio: float, freedom: int) -> float:
    """Of a chi-squared, by scipy."""
    found: float = pytest.importorskip("scipy.stats").chi2.sf(ratio, freedom)
    return found


def of(failed: list[bool]) -> Coverage:
    coverage = Coverage()
    for one in failed:
        coverage.add(one)
    return coverage


def bernoulli(failed: list[bool], rate: float) -> float:
    """The log likelihood, one observation after the other."""
    chances = [rate if one else 1.0 - rate for one in failed]
    return -math.inf if 0.0 in chances else sum(math.log(chance) for chance in chances)


@settings(deadline=None)  # scipy takes seconds to load
@given(st.lists(st.booleans(), min_size=1, max_size=200), st.sampled_from([0.9, 0.95, 0.99]))
def test_kupiec_is_the_likelihood_ratio_of_the_rate(failed: list[bool], level: float) -> None:
    ratio = 2.0 * (bernoulli(failed, sum(failed) / len(failed)) - bernoulli(failed, 1.0 - level))
    assert of(failed).kupiec(level) == pytest.approx(tail(max(0.0, ratio), 1), rel=1e-6, abs=1e-12)


@settings(deadline=None)  # scipy takes seconds to load
@given(st.lists(st.booleans(), min_size=2, max_size=200))
def test_independence_is_the_likelihood_ratio_of_a_chain(failed: list[bool]) -> None:
    pairs = list(itertools.pairwise(failed))
    after = {before: [now for then, now in pairs if then is before] for before in (False, True)}
    found = of(failed).independence()
    if not after[False] or not after[True]:
        assert found is None
        return
    apart = sum(bernoulli(rows, sum(rows) / len(rows)) for rows in after.values())
    together = [now for _, now in pairs]
    ratio = 2.0 * (apart - bernoulli(together, sum(together) / len(together)))
    assert found == pytest.approx(tail(max(0.0, ratio), 1), rel=1e-6, abs=1e-9)


def test_kupiecs_own_table() -> None:
    """Failures that are not refused at 5 %, for p = .05, by days: 6 < N < 21, 16 < N < 36, 37 < N < 65."""
    for days, low, high in ((255, 6, 21), (510, 16, 36), (1000, 37, 65)):
        kept = [n for n in range(1, 100) if (Coverage(days, n).kupiec(0.95) or 0.0) > 0.05]
        assert (kept[0], kept[-1]) == (low + 1, high - 1)


def test_right_forecasts_are_refused_as_often_as_the_level_says() -> None:
    rng = random.Random(7)
    refused = 0
    for _ in range(400):
        coverage = of([rng.random() < 0.05 for _ in range(600)])
        refused += (coverage.kupiec(0.95) or 0.0) < 0.05
    assert 5 <= refused <= 40  # 20 expected


def test_failures_that_come_together_are_noticed() -> None:
    rng, failed, bad = random.Random(3), list[bool](), False
    for _ in range(1000):
        bad = rng.random() < (0.5 if bad else 0.03)
        failed.append(bad)
    assert (of(failed).independence() or 0.0) < 1e-6


def test_a_pause_makes_no_neighbours() -> None:
    coverage = of([True])
    coverage.pause()
    coverage.add(True)
    assert coverage.failures == 2
    assert coverage.failed_failed == 0
    assert coverage.independence() is None


@settings(deadline=None)  # scipy takes seconds to load
@given(st.floats(0.0, 60.0))
def test_p_values(ratio: float) -> None:
    assert p_value(ratio) == pytest.approx(tail(ratio, 1), rel=1e-9, abs=1e-15)
