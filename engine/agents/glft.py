"""Optimal quotes of a market maker with inventory (Guéant, Lehalle and Fernandez-Tapia, arXiv 1105.3115).

The distance of a quote from the fair price is a constant, ln(1 + γ/k)/γ, plus a skew ln(f_q / f_q±1)/k, where f is
the eigenvector of the smallest eigenvalue of the tridiagonal matrix with α q² on its diagonal and -η beside it,
α = k γ σ² / 2 and η = A (1 + γ/k)^-(1 + k/γ). It depends on α/η alone, so one table serves every maker; the closed
form that is often used instead is 14 % off at five units of inventory and further beyond.
"""

from __future__ import annotations

import math

import numpy as np

from engine.agents.trading import Floats
from engine.kernels import inlined

LOG_LOW, LOG_HIGH = -7.0, 3.0  # log10 of α/η that the table spans
STEPS_A_DECADE = 8
RATIOS = int((LOG_HIGH - LOG_LOW) * STEPS_A_DECADE) + 1


def skew_table(limit: int) -> Floats:
    """ln(f_q / f_q+1) for q = -limit .. limit-1 (a buyer's skew), shape (RATIOS, 2 * limit)."""
    q = np.arange(-limit, limit + 1, dtype=np.float64)
    table = np.empty((RATIOS, 2 * limit))
    for row in range(RATIOS):
        ratio = 10.0 ** (LOG_LOW + row / STEPS_A_DECADE)
        table[row] = _log_ratios(ratio * q * q)
    return table


def _log_ratios(diagonal: Floats) -> Floats:
    """Of the ground state of a symmetric tridiagonal matrix with -1 beside its diagonal.

    From the outside in, by the recursion f_q+1 = (d_q - λ) f_q - f_q-1, which keeps its digits where the
    eigenvector itself would underflow.
    """
    size = len(diagonal)
    matrix = np.diag(diagonal) - np.eye(size, k=1) - np.eye(size, k=-1)
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    half = size // 2
    log_ratio = np.empty(half)  # ln(f_q+1 / f_q) from the lower end to the middle
    grown = diagonal[0] - lowest
    log_ratio[0] = math.log(grown)
    for i in range(1, half):
        grown = (diagonal[i] - lowest) - 1.0 / grown
        log_ratio[i] = math.log(grown)
    return np.concatenate([-log_ratio, log_ratio[::-1]])


def closed_form_half_spread(gamma: float, a: float, k: float, sigma: float, q: float) -> float:
    """Distance of the bid at inventory `q`, by the asymptotic formula (4.6 of arXiv 1605.01862, Δ = 1, ξ = γ)."""
    c1 = math.log1p(gamma / k) / gamma
    c2 = math.sqrt(gamma / (2.0 * a * k) * (1.0 + gamma / k) ** (k / gamma + 1.0))
    return c1 + (2.0 * q + 1.0) / 2.0 * sigma * c2


@inlined
def spread_constant(gamma: float, k: float) -> float:
    """ln(1 + γ/k)/γ, ticks."""
    return math.log1p(gamma / k) / gamma


@inlined
def buyer_skew(table: Floats, gamma: float, a: float, k: float, sigma: float, q: float) -> float:
    """ln(f_q / f_q+1)/k in ticks, between the table's points; inf at the inventory limit. A seller's is at -q."""
    limit = table.shape[1] // 2
    if q >= limit - 0.5:
        return math.inf
    eta = a * math.exp(-(1.0 + k / gamma) * math.log1p(gamma / k))
    ratio = 0.5 * k * gamma * sigma * sigma / eta
    row = (math.log10(max(ratio, 1e-300)) - LOG_LOW) * STEPS_A_DECADE
    row = min(max(row, 0.0), RATIOS - 1.000001)
    column = min(max(q + limit, 0.0), 2.0 * limit - 1.000001)
    i, j = int(row), int(column)
    u, v = row - i, column - j
    near = (1.0 - v) * table[i, j] + v * table[i, j + 1]
    far = (1.0 - v) * table[i + 1, j] + v * table[i + 1, j + 1]
    skew: float = ((1.0 - u) * near + u * far) / k
    return skew
