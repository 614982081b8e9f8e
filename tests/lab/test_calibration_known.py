"""Known constants recovered: intervals over made statistics, and arrivals of a real simulated market."""

from __future__ import annotations

import numpy as np
import pytest

from engine.lab.calibration_arrivals import arrivals
from engine.lab.calibration_known import (
    CONSTANTS,
    NAMES,
    Floats,
    Surface,
    _shares,
    _terms,
    _values,
    coverage,
    recovered,
    spread_out,
    statistics,
    truths,
)
from engine.lab.calibration_units import get, with_values
from engine.lab.sampling import simulated
from engine.scenario import Scenario

NOISE = 0.3
HERDING = len(CONSTANTS) - 1


@pytest.fixture(scope="module")
def surface() -> Surface:
    """Statistics that are sums of all constants but the last, which nothing depends on."""
    rng = np.random.default_rng(4)
    weights = rng.normal(size=(_terms(np.zeros((1, len(CONSTANTS)))).shape[1], len(NAMES)))
    for row, u in enumerate(np.eye(len(CONSTANTS))):
        moved = np.abs(_terms(0.5 + 0.5 * u[None]) - _terms(np.full((1, len(CONSTANTS)), 0.5)))[0]
        weights[moved > 0.0] *= 0.0 if row == HERDING else 1.0
    # Products of the last with others are told apart by moving two at once.
    for other in range(len(CONSTANTS) - 1):
        both = np.full((1, len(CONSTANTS)), 0.5)
        both[0, [other, HERDING]] = 1.0
        alone = np.full((1, len(CONSTANTS)), 0.5)
        alone[0, other] = 1.0
        weights[np.abs(_terms(both) - _terms(alone))[0] > 0.0] = 0.0
    precision = np.eye(len(NAMES)) / NOISE**2
    return Surface(Scenario(), 1, weights, precision, np.ones(len(NAMES)))


def test_intervals_hold_the_truth_as_often_as_they_say_and_a_flat_profile_is_told(surface: Surface) -> None:
    rng = np.random.default_rng(5)
    found = []
    for share in rng.uniform(0.1, 0.9, (24, len(CONSTANTS))):
        truth = with_values(Scenario(), _values(Scenario(), share))
        seen: Floats = surface.at(share[None])[0] + NOISE * rng.normal(size=len(NAMES))
        found.append(recovered(surface, seen, truth))
    for constant, held, of, width in coverage(found)[:HERDING]:
        assert held >= 19, constant  # of 24 at 95 %, fewer come once or twice in a thousand times
        assert of == 24
        assert width < 0.5
    assert all(row[0].identified for row in found)
    assert not any(row[HERDING].identified for row in found)
    assert min(found[0][HERDING].profile) > 0.5, "flat"
    assert min(found[0][0].profile) < 0.1


def test_shares_of_ranges_and_constants_are_one_another_turned_round() -> None:
    for share in spread_out(8, len(CONSTANTS), 1):
        truth = with_values(Scenario(), _values(Scenario(), share))
        np.testing.assert_allclose(_shares(Scenario(), truth), share, atol=2e-3)  # four digits


def test_markets_to_learn_from_are_spread_evenly() -> None:
    shares = spread_out(32, 3, 9)
    for column in shares.T:
        assert sorted((column * 32).astype(int).tolist()) == list(range(32))


def test_truths_begin_with_the_scenario_and_lie_within_the_ranges() -> None:
    first, *others = truths(Scenario(), 5)
    assert first == Scenario()
    for truth in others:
        for constant in CONSTANTS:
            low, high = constant.range_of(Scenario())
            assert low < get(truth, constant.key) < high


def test_arrivals_are_the_trades_that_the_second_by_second_sample_counts() -> None:
    times, sides = arrivals(Scenario(), 2000, 60)
    sample = simulated(Scenario(), 2000, 60)
    assert (np.diff(times) > 0.0).all()
    assert set(sides.tolist()) <= {-1.0, 1.0}
    orders, trades = np.bincount(times.astype(int), minlength=60), sample.trades
    assert (orders <= trades).all(), "an order makes one trade at least"
    assert ((orders > 0) == (trades > 0)).all()
    found = statistics(sample, times, sides)
    assert len(found) == len(NAMES)
    assert np.isfinite(found).all()
