"""Makers' quotes against numpy's own eigenvectors and the closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.agents.glft import (
    LOG_LOW,
    STEPS_A_DECADE,
    buyer_skew,
    closed_form_half_spread,
    skew_table,
    spread_constant,
)
from engine.kernels import jit


@jit
def _bid(table: np.ndarray, gamma: float, a: float, k: float, sigma: float, q: float) -> float:
    return spread_constant(gamma, k) + buyer_skew(table, gamma, a, k, sigma, q)


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return skew_table(20)


@pytest.mark.parametrize("row", [24, 40, 56, 64])
def test_a_row_of_the_table_is_the_ground_state(table: np.ndarray, row: int) -> None:
    q = np.arange(-20, 21)
    ratio = 10.0 ** (LOG_LOW + row / STEPS_A_DECADE)
    matrix = np.diag(ratio * q * q.astype(float)) - np.eye(41, k=1) - np.eye(41, k=-1)
    ground = np.abs(np.linalg.eigh(matrix)[1][:, 0])
    known = (ground[:-1] > 1e-7) & (ground[1:] > 1e-7)  # below, eigh's own digits are gone
    np.testing.assert_allclose(
        table[row][known], np.log(ground[:-1] / ground[1:])[known], rtol=1e-6, atol=1e-7
    )


def test_near_zero_inventory_it_is_the_closed_form(table: np.ndarray) -> None:
    gamma, a, k, sigma = 0.02, 5.0, 0.8, 7.0
    for q in (-1.0, 0.0, 1.0):
        exact = _bid(table, gamma, a, k, sigma, q)
        assert exact == pytest.approx(closed_form_half_spread(gamma, a, k, sigma, q), rel=0.05)


def test_who_holds_more_bids_lower_and_stops_at_the_limit(table: np.ndarray) -> None:
    bids = [_bid(table, 0.02, 5.0, 0.8, 7.0, q) for q in np.linspace(-20, 19, 100)]
    assert bids == sorted(bids)
    assert math.isinf(_bid(table, 0.02, 5.0, 0.8, 7.0, 20.0))


def test_more_volatility_moves_quotes_further_apart(table: np.ndarray) -> None:
    spreads = [2.0 * _bid(table, 0.02, 5.0, 0.8, sigma, 0.0) for sigma in (0.5, 2.0, 8.0, 32.0)]
    assert spreads == sorted(spreads)
    assert spreads[-1] > 1.5 * spreads[0]
