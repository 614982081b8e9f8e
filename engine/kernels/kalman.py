"""One step of the Kalman filter of a dynamic factor model with AR(1) noise of each series.

The state is two factors and the noise of each series: factors follow a VAR(1), each noise an AR(1), and a series is
its loadings times the factors plus its noise, observed without error. Series are taken in one at a time, which needs
no matrix inverse and passes over what is missing (S. Koopman, J. Durbin, "Fast filtering and smoothing for
multivariate state space models", 2000). The model is that of statsmodels' DynamicFactorMQ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.events import FACTORS
from engine.kernels import helper, jit

Floats = npt.NDArray[np.float64]

MOST_SERIES = 8
MOST = 1e12  # of a standardised series: what is beyond is no estimate any more


class FilterArrays(NamedTuple):
    """A model of n series and where its filter stands. Arrays only; there are n + FACTORS states."""

    loadings: Floats  # (n, FACTORS)
    transition: Floats  # (FACTORS, FACTORS)
    shocks: Floats  # (FACTORS, FACTORS), covariance of the factors' innovations
    noise_ar: Floats  # (n,)
    noise_var: Floats  # (n,)
    mean: Floats  # (n + FACTORS,), of the state, as filtered at the last row
    cov: Floats  # (n + FACTORS, n + FACTORS)
    scratch: Floats  # (n + FACTORS,)


@helper
def _predict(
    transition: Floats, shocks: Floats, noise_ar: Floats, noise_var: Floats, mean: Floats, cov: Floats
) -> None:
    """mean and cov of the state one row on: T mean, T cov T' + Q, T being 2 x 2 and then diagonal."""
    states = len(mean)
    first = transition[0, 0] * mean[0] + transition[0, 1] * mean[1]
    mean[1] = transition[1, 0] * mean[0] + transition[1, 1] * mean[1]
    mean[0] = first
    for i in range(FACTORS, states):
        mean[i] *= noise_ar[i - FACTORS]
    for j in range(states):  # rows
        first = transition[0, 0] * cov[0, j] + transition[0, 1] * cov[1, j]
        cov[1, j] = transition[1, 0] * cov[0, j] + transition[1, 1] * cov[1, j]
        cov[0, j] = first
        for i in range(FACTORS, states):
            cov[i, j] *= noise_ar[i - FACTORS]
    for i in range(states):  # columns
        first = transition[0, 0] * cov[i, 0] + transition[0, 1] * cov[i, 1]
        cov[i, 1] = transition[1, 0] * cov[i, 0] + transition[1, 1] * cov[i, 1]
        cov[i, 0] = first
        for j in range(FACTORS, states):
            cov[i, j] *= noise_ar[j - FACTORS]
    for i in range(FACTORS):
        for j in range(FACTORS):
            cov[i, j] += shocks[i, j]
    for i in range(FACTORS, states):
        cov[i, i] += noise_var[i - FACTORS]


@helper
def _take(value: float, series: int, loadings: Floats, mean: Floats, cov: Floats, scratch: Floats) -> None:
    """One series' value into mean and cov."""
    states, own = len(mean), FACTORS + series
    load_0, load_1 = loadings[series, 0], loadings[series, 1]
    for i in range(states):
        scratch[i] = load_0 * cov[i, 0] + load_1 * cov[i, 1] + cov[i, own]
    spread = load_0 * scratch[0] + load_1 * scratch[1] + scratch[own]  # the variance of the miss
    if not spread > 0.0:
        return
    miss = value - (load_0 * mean[0] + load_1 * mean[1] + mean[own])
    for i in range(states):
        gain = scratch[i] / spread
        mean[i] += gain * miss
        for j in range(states):
            cov[i, j] -= gain * scratch[j]


@helper
def advance(
    row: Floats,
    loadings: Floats,
    transition: Floats,
    shocks: Floats,
    noise_ar: Floats,
    noise_var: Floats,
    mean: Floats,
    cov: Floats,
    scratch: Floats,
) -> bool:
    """One row further: (n,), standardised, NaN where missing. False: the filter has lost its footing.

    A model that a stranger's recording brings may be one that explodes.
    """
    _predict(transition, shocks, noise_ar, noise_var, mean, cov)
    for series in range(len(row)):
        value = row[series]
        if value == value:
            _take(value, series, loadings, mean, cov, scratch)
    total = 0.0
    for i in range(len(mean)):
        total += abs(mean[i]) + abs(cov[i, i])
    return total < MOST


@jit
def _step(
    row: Floats,
    loadings: Floats,
    transition: Floats,
    shocks: Floats,
    noise_ar: Floats,
    noise_var: Floats,
    mean: Floats,
    cov: Floats,
    scratch: Floats,
) -> bool:
    return advance(row, loadings, transition, shocks, noise_ar, noise_var, mean, cov, scratch)


def step(row: Floats, model: FilterArrays) -> bool:
    """Take in the next row (n,), standardised, NaN where missing. False: the filter has lost its footing."""
    return bool(_step(row, *model))


def warm() -> None:
    """Compile what Python calls, for the arguments it is called with."""
    pair, ones = np.zeros((2, 2)), np.ones(1)
    one = FilterArrays(np.zeros((1, 2)), pair, pair, ones, ones, np.zeros(3), np.eye(3), np.zeros(3))
    step(np.zeros(1), one)
