"""Weighted logistic regression on sparse rows, by L-BFGS in numpy: one minimum, found the same way every time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MEMORY = 8  # pairs of steps that L-BFGS remembers (Nocedal and Wright 2006, algorithm 7.4)
MAX_STEPS = 100
ENOUGH = 1e-5  # stop when a step lowers the loss by less than this share of it


@dataclass(frozen=True)
class Rows:
    """Sparse rows and a few dense columns beside them. A column that comes twice in a row counts twice."""

    columns: Ints  # of the stored values, row after row
    values: Floats
    ends: Ints  # row i's values end before ends[i]
    dense: Floats  # (rows, dense columns)

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def row_of(self) -> Ints:
        """The row of every stored value."""
        return np.repeat(np.arange(len(self)), np.diff(self.ends, prepend=0))

    def take(self, rows: npt.NDArray[np.int64]) -> Rows:
        begins = self.ends - np.diff(self.ends, prepend=0)
        lengths = (self.ends - begins)[rows]
        ends = np.cumsum(lengths)
        at = np.arange(int(lengths.sum())) + np.repeat(begins[rows] - (ends - lengths), lengths)
        return Rows(self.columns[at], self.values[at], ends, self.dense[rows])


def stacked(parts: Sequence[Rows]) -> Rows:
    sizes = np.cumsum([0, *(len(part.columns) for part in parts[:-1])])
    return Rows(
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.ends + size for part, size in zip(parts, sizes, strict=True)]),
        np.concatenate([part.dense for part in parts]),
    )


@dataclass(frozen=True)
class Fit:
    """log-odds = rows @ weights + dense @ coefficients + bias. `precision` is the diagonal of the loss's Hessian."""

    weights: Floats  # (columns,)
    precision: Floats  # (columns,)
    coefficients: Floats
    bias: float

    def log_odds(self, rows: Rows) -> Floats:
        odds = _sums(rows.row_of, rows.values * self.weights[rows.columns], len(rows))
        return odds + _weighed(rows.dense, self.coefficients) + self.bias

    def variance(self, rows: Rows) -> Floats:
        """Of the log-odds, by the sparse weights' own precisions alone; the few dense ones are well known."""
        return _sums(rows.row_of, rows.values**2 / self.precision[rows.columns], len(rows))


def fit(rows: Rows, truth: Floats, weight: Floats, columns: int, prior: float, dense_prior: float) -> Fit:
    """Minimise the weighted log loss plus half the precisions times the squares of what they hold back.

    `truth` is 0 or 1, `weight` counts a row. `prior` is the precision of sparse weights around zero,
    `dense_prior` that of dense coefficients; the bias is all but free.
    """
    used, compact = np.unique(rows.columns, return_inverse=True)
    row_of = rows.row_of
    sparse, dense = len(used), rows.dense.shape[1]
    held = np.concatenate([np.full(sparse, prior), np.full(dense, dense_prior), [1e-3]])

    def log_odds(x: Floats) -> Floats:
        odds = _sums(row_of, rows.values * x[:sparse][compact], len(rows))
        return odds + _weighed(rows.dense, x[sparse:-1]) + float(x[-1])

    def loss(x: Floats) -> tuple[float, Floats]:
        z = log_odds(x)
        miss = weight * (_logistic(z) - truth)
        slopes = (
            _sums(compact, rows.values * miss[row_of], sparse),
            (rows.dense * miss[:, None]).sum(0),
            [miss.sum()],
        )
        each = np.logaddexp(0.0, np.where(truth > 0.5, -z, z))
        return float((weight * each).sum() + 0.5 * (held * x * x).sum()), np.concatenate(slopes) + held * x

    most = 0.25 * weight  # of p(1 - p), before anything is known
    bends = (
        _sums(compact, rows.values**2 * most[row_of], sparse),
        (rows.dense**2 * most[:, None]).sum(0),
        [most.sum()],
    )
    x = minimise(loss, np.zeros(len(held)), held + np.concatenate(bends))
    p = _logistic(log_odds(x))
    bend = (weight * p * (1.0 - p))[row_of]
    weights, precision = np.zeros(columns), np.full(columns, float(prior))
    weights[used] = x[:sparse]
    precision[used] += _sums(compact, rows.values**2 * bend, sparse)
    return Fit(weights, precision, x[sparse:-1], float(x[-1]))


def minimise(loss: Callable[[Floats], tuple[float, Floats]], start: Floats, curvature: Floats) -> Floats:
    """L-BFGS with a backtracking line search; `loss` gives the value and its gradient, and is convex.

    `curvature` is a guess of the Hessian's diagonal. With it a few dense columns, a thousand times steeper than the
    sparse ones, cost no steps.
    """
    x, (value, slope) = start, loss(start)
    steps: list[tuple[Floats, Floats, float]] = []  # (change of x, change of slope, 1 / their product)
    for _ in range(MAX_STEPS):
        direction = _direction(slope, steps, curvature)
        descent = _dot(slope, direction)
        length = 1.0
        while True:
            there = x - length * direction
            new_value, new_slope = loss(there)
            if new_value <= value - 1e-4 * length * descent or length < 1e-9:
                break
            length *= 0.5
        moved, turned = there - x, new_slope - slope
        product = _dot(moved, turned)
        if product > 0.0:
            steps = [*steps[-(MEMORY - 1) :], (moved, turned, 1.0 / product)]
        small = value - new_value < ENOUGH * abs(value)
        x, value, slope = there, new_value, new_slope
        if small:
            break
    return x


def _direction(slope: Floats, steps: Sequence[tuple[Floats, Floats, float]], curvature: Floats) -> Floats:
    """The inverse Hessian's guess times the slope."""
    result = slope.copy()
    shares = []
    for moved, turned, inverse in reversed(steps):
        share = inverse * _dot(moved, result)
        shares.append(share)
        result -= share * turned
    result /= curvature
    for (moved, turned, inverse), share in zip(steps, reversed(shares), strict=True):
        result += moved * (share - inverse * _dot(turned, result))
    return result


def _sums(where: Ints, values: Floats, size: int) -> Floats:
    """The sum of the values of each place, 0 … size - 1."""
    return np.bincount(where, values, size).astype(np.float64, copy=False)


def _weighed(dense: Floats, coefficients: Floats) -> Floats:
    sums: Floats = (dense * coefficients).sum(1)
    return sums


def _dot(a: Floats, b: Floats) -> float:
    """Not `@`: its threads cost more than they bring here, and the order of its sum depends on the machine."""
    return float((a * b).sum())


def _logistic(log_odds: Floats) -> Floats:
    return 0.5 + 0.5 * np.tanh(0.5 * log_odds)
