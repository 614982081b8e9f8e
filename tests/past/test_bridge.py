"""The noise between known points: through every one of them, within its bounds, its steps as large as they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.past.bridge import bridge, fold


@given(
    st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=8),
    st.integers(1, 40),
    st.floats(0.0, 3.0),
    st.integers(0, 2**32),
)
@settings(max_examples=80, deadline=None)
def test_it_meets_the_points_and_stays_within(
    values: list[float], apart: int, size: float, seed: int
) -> None:
    knots = np.arange(len(values)) * float(apart)
    times = np.arange(knots[-1] + 1)
    steps = np.random.default_rng(seed).standard_normal((3, len(times))) * size
    path = bridge(times, knots, np.array(values), steps, -1.0, 1.0)
    assert path.shape == steps.shape
    np.testing.assert_array_equal(path[:, (knots).astype(int)], np.broadcast_to(values, (3, len(values))))
    assert np.abs(path).max() <= 1.0


def test_without_noise_it_is_the_straight_lines() -> None:
    times = np.array([0.0, 1.0, 4.0, 6.0, 10.0])
    path = bridge(times, np.array([0.0, 4.0, 10.0]), np.array([1.0, 3.0, 0.0]), np.zeros(5), 0.0, 5.0)
    np.testing.assert_allclose(path, np.interp(times, [0, 4, 10], [1, 3, 0]))


def test_its_deviation_is_that_of_a_brownian_bridge() -> None:
    steps = np.random.default_rng(1).standard_normal((4000, 101))
    times = np.arange(101.0)
    path = bridge(times, np.array([0.0, 100.0]), np.zeros(2), steps, -1e9, 1e9)
    for at in (10, 50, 80):
        assert path[:, at].var() == pytest.approx(at * (100 - at) / 100, rel=0.1)


@given(st.floats(-50, 50), st.floats(-3, 3), st.floats(0.1, 5))
def test_folding_reflects_like_a_mirror(value: float, low: float, width: float) -> None:
    high, slow = low + width, value
    while not low - 1e-9 <= slow <= high + 1e-9:
        slow = 2 * high - slow if slow > high else 2 * low - slow
    assert fold(np.array([value]), low, high)[0] == pytest.approx(slow, abs=1e-6)
