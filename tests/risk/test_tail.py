"""Value at risk and shortfall against numpy's and scipy's, and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.risk.tail import historical, needed, normal

CHANGES = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=300)


@given(CHANGES, st.sampled_from([0.5, 0.9, 0.95, 0.975, 0.99]))
def test_historical_is_the_inverted_distribution_and_the_mean_beyond(
    changes: list[int], level: float
) -> None:
    losses = -np.array(changes, float)
    var, es = historical(sorted(changes), level)
    tail = len(losses) * (1.0 - level)
    # numpy's quantile may differ by one observation where n x level is whole, to rounding.
    near = [np.quantile(losses, min(max(level + d, 0), 1), method="inverted_cdf") for d in (-1e-9, 1e-9)]
    assert var in near
    if tail >= 1.0 - 1e-9:
        worst = np.sort(losses)[::-1]
        whole = int(tail + 1e-9)
        mean = (worst[:whole].sum() + max(0.0, tail - whole) * worst[min(whole, len(worst) - 1)]) / tail
        assert es == pytest.approx(mean, rel=1e-6, abs=1e-3)
        assert es >= var - 1e-6 * abs(var) - 1e-3
    else:
        assert es == var


@given(CHANGES, st.integers(-(10**9), 10**9))
def test_a_sure_gain_makes_it_so_much_less(changes: list[int], gain: int) -> None:
    """Translation invariance, of what a coherent measure is asked."""
    var, es = historical(sorted(changes), 0.9)
    shifted = historical(sorted(change + gain for change in changes), 0.9)
    assert shifted[0] == pytest.approx(var - gain, abs=1.0)
    assert shifted[1] == pytest.approx(es - gain, abs=1.0)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_normal_against_scipy(level: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    var, es = normal(3.0, level)
    assert var == pytest.approx(stats.norm.ppf(level, scale=3.0), rel=1e-9)
    assert es == pytest.approx(
        3.0 * stats.norm.expect(lambda x: x, lb=stats.norm.ppf(level)) / (1 - level), rel=1e-6
    )


@pytest.mark.parametrize(("level", "changes"), [(0.95, 60), (0.9, 30), (0.99, 300)])
def test_so_many_changes_are_needed(level: float, changes: int) -> None:
    assert needed(level) == changes
