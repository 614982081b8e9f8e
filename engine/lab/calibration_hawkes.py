"""Branching of arrivals by maximum likelihood: a Hawkes process of buyers and sellers with two exponential kernels.

Intensity of side s: λ_s(t) = μ + Σ n (1 − c or c) (w β₁ e^(−β₁Δ) + (1 − w) β₂ e^(−β₂Δ)) over arrivals before t, Δ ago,
with 1 − c where they are of the same side and c where of the other: the noise traders' own law (`engine.market.world`)
but for their slow activity. The likelihood is exact and needs one pass (Ozaki 1979); its maximum is found by
expectation and maximisation over who caused whom (Veen and Schoenberg 2008). Intervals are Wald's, on the logit of n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.kernels import jit

Floats = npt.NDArray[np.float64]

MU, N, CROSS, WEIGHT, FAST, SLOW = range(6)
ROUNDS = 400
ENOUGH = 1e-4  # of log likelihood an arrival-weighted round must still gain, per thousand arrivals
_STEP = 1e-3  # of the numerical second derivatives, in logs and logits
Z_95 = 1.959964

# what one pass adds up: log likelihood, expected immigrants, children of either kernel by side, their ages, exposures
(
    _LOG,
    _ALONE,
    _FAST_SAME,
    _FAST_CROSS,
    _SLOW_SAME,
    _SLOW_CROSS,
    _FAST_AGE,
    _SLOW_AGE,
    _FAST_LIVED,
    _SLOW_LIVED,
) = range(10)


@jit
def one_pass(times: Floats, sides: Floats, end_s: float, p: Floats, sums: Floats) -> None:
    """Write the log likelihood of arrivals in [0, end_s), and what maximisation needs, to `sums`, shape (10,).

    `times` ascending, `sides` +1 or -1, `p` by MU … SLOW.
    """
    sums[:] = 0.0
    mu, n, c, w, fast, slow = p[0], p[1], p[2], p[3], p[4], p[5]
    heat = np.zeros((2, 2))  # by kernel and side: Σ e^(−βΔ)
    aged = np.zeros((2, 2))  # Σ Δ e^(−βΔ)
    last = 0.0
    for i in range(len(times)):
        gone = times[i] - last
        last = times[i]
        for k in range(2):
            keep = math.exp(-(fast if k == 0 else slow) * gone)
            for s in range(2):
                aged[k, s] = keep * (aged[k, s] + gone * heat[k, s])
                heat[k, s] *= keep
        s = 0 if sides[i] > 0.0 else 1
        f, g = n * w * fast, n * (1.0 - w) * slow
        fast_same, fast_cross = f * (1.0 - c) * heat[0, s], f * c * heat[0, 1 - s]
        slow_same, slow_cross = g * (1.0 - c) * heat[1, s], g * c * heat[1, 1 - s]
        rate = mu + fast_same + fast_cross + slow_same + slow_cross
        sums[0] += math.log(rate)
        sums[1] += mu / rate
        sums[2] += fast_same / rate
        sums[3] += fast_cross / rate
        sums[4] += slow_same / rate
        sums[5] += slow_cross / rate
        sums[6] += f * ((1.0 - c) * aged[0, s] + c * aged[0, 1 - s]) / rate
        sums[7] += g * ((1.0 - c) * aged[1, s] + c * aged[1, 1 - s]) / rate
        sums[8] += 1.0 - math.exp(-fast * (end_s - times[i]))
        sums[9] += 1.0 - math.exp(-slow * (end_s - times[i]))
        heat[0, s] += 1.0
        heat[1, s] += 1.0
    sums[0] -= 2.0 * mu * end_s + n * (w * sums[8] + (1.0 - w) * sums[9])


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The law at its likeliest: μ a side and second, n with its 95 % interval, c, w, and decays a second."""

    mu: float
    branching: float
    low: float
    high: float
    cross: float
    fast_share: float
    fast_decay: float
    slow_decay: float
    log_likelihood: float


def log_likelihood(times: Floats, sides: Floats, end_s: float, p: Floats) -> float:
    sums = np.zeros(10)
    one_pass(times, sides, end_s, p, sums)
    return float(sums[_LOG])


def fitted(times: Floats, sides: Floats, end_s: float) -> Arrivals:
    """The likeliest law of arrivals in [0, end_s). Raises ValueError with fewer than fifty."""
    if len(times) < 50:
        raise ValueError(f"expected at least 50 arrivals, found {len(times)}")
    best = max((_climbed(times, sides, end_s, start) for start in _starts(times, end_s)), key=lambda r: r[1])
    p, value = best
    low, high = _interval(times, sides, end_s, p)
    return Arrivals(p[MU], p[N], low, high, p[CROSS], p[WEIGHT], p[FAST], p[SLOW], value)


def _starts(times: Floats, end_s: float) -> list[Floats]:
    rate = len(times) / end_s / 2.0
    return [
        np.array([rate * 0.3, 0.7, 0.2, share, fast, slow])
        for share, fast, slow in ((0.7, 5.0, 0.05), (0.5, 0.5, 0.02))
    ]


def _climbed(times: Floats, sides: Floats, end_s: float, p: Floats) -> tuple[Floats, float]:
    """Expectation and maximisation from `p` until it gains next to nothing."""
    sums, before = np.zeros(10), -math.inf
    for _ in range(ROUNDS):
        one_pass(times, sides, end_s, p, sums)
        value = float(sums[_LOG])
        if value - before < ENOUGH * len(times) / 1000.0:
            break
        before = value
        fast, slow = sums[_FAST_SAME] + sums[_FAST_CROSS], sums[_SLOW_SAME] + sums[_SLOW_CROSS]
        of_fast, of_slow = fast / max(sums[_FAST_LIVED], 1e-9), slow / max(sums[_SLOW_LIVED], 1e-9)
        n = of_fast + of_slow
        p = np.array([
            sums[_ALONE] / (2.0 * end_s), n,
            (sums[_FAST_CROSS] + sums[_SLOW_CROSS]) / max(fast + slow, 1e-12),
            of_fast / max(n, 1e-12),
            fast / max(sums[_FAST_AGE], 1e-12), slow / max(sums[_SLOW_AGE], 1e-12),
        ])  # fmt: skip
        p[1:4] = np.clip(p[1:4], 1e-6, 1.0 - 1e-6)
    return p, value


def _free(p: Floats) -> Floats:
    """Logs of rates, logits of shares."""
    x: Floats = np.log(p)
    x[N : WEIGHT + 1] -= np.log1p(-p[N : WEIGHT + 1])
    return x


def _bound(x: Floats) -> Floats:
    p: Floats = np.exp(x)
    p[N : WEIGHT + 1] /= 1.0 + p[N : WEIGHT + 1]
    return p


def _interval(times: Floats, sides: Floats, end_s: float, p: Floats) -> tuple[float, float]:
    """Of n: from the curvature of the log likelihood, the other parameters free; NaN where there is none."""
    x, size = _free(p), len(p)

    def at(*moves: tuple[int, float]) -> float:
        there = x.copy()
        for i, by in moves:
            there[i] += by
        return log_likelihood(times, sides, end_s, _bound(there))

    middle, h = at(), _STEP * 10.0
    curved = np.zeros((size, size))
    for i in range(size):
        curved[i, i] = (at((i, h)) - 2.0 * middle + at((i, -h))) / h**2
        for j in range(i):
            mixed = at((i, h), (j, h)) - at((i, h), (j, -h)) - at((i, -h), (j, h)) + at((i, -h), (j, -h))
            curved[i, j] = curved[j, i] = mixed / (4.0 * h**2)
    try:
        variance = float(np.linalg.inv(-curved)[N, N])
    except np.linalg.LinAlgError:
        return math.nan, math.nan
    if not variance > 0.0:
        return math.nan, math.nan
    ends = [x[N] + sign * Z_95 * math.sqrt(variance) for sign in (-1.0, 1.0)]
    return 1.0 / (1.0 + math.exp(-ends[0])), 1.0 / (1.0 + math.exp(-ends[1]))
