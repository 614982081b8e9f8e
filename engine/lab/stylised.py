"""Statistics of a market second by second: returns, tails, memory, spreads, unit roots, distances of distributions.

Sources: Cont, "Empirical properties of asset returns" (2001); tails: Hill (1975); unit roots: Dickey and Fuller
(1979), p-values from MacKinnon (1994); two samples: Kolmogorov and Smirnov, Wasserstein. Each is tested against a
series whose answer is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ADF_5_PERCENT = -2.86  # with a constant, many observations
# MacKinnon (1994): p = Φ(τ₀ + τ₁ t + τ₂ t²) of a Dickey-Fuller t with a constant, where it is below -1.61
_MACKINNON = (2.1659, 1.4412, 0.038269)
_FIT_FROM, _FIT_TO = -18.83, -1.61


@dataclass(frozen=True, slots=True)
class Sample:
    """One market, a value a second; a second without both sides has a NaN bid and ask."""

    bid: Floats  # ticks
    ask: Floats
    trades: Floats
    volume: Floats  # lots
    ofi: Floats  # lots
    round_trip: Floats  # cost of buying and selling a size at once, ticks; NaN where the book is too thin
    doubt: Floats  # uncertainty of sentiment, 0..1; NaN where there is none
    signs: Floats  # of every trade in order: +1 bought, -1 sold

    @property
    def mid(self) -> Floats:
        """Filled forward where a side was empty."""
        mid = 0.5 * (self.bid + self.ask)
        known = np.maximum.accumulate(np.where(np.isnan(mid), 0, np.arange(len(mid))))
        filled: Floats = mid[known]
        return filled[~np.isnan(filled)]

    @property
    def returns_bps(self) -> Floats:
        """Log returns of one second."""
        return np.diff(np.log(self.mid)) * 1e4

    @property
    def spread(self) -> Floats:
        """Ticks, of the seconds that have one."""
        return _known(self.ask - self.bid)

    @property
    def spread_bps(self) -> Floats:
        return _known(2e4 * (self.ask - self.bid) / (self.ask + self.bid))

    @property
    def round_trip_bps(self) -> Floats:
        return _known(2e4 * self.round_trip / (self.ask + self.bid))

    def part(self, start: int, stop: int) -> Sample:
        """Seconds `start` to `stop`, with the signs of their trades."""
        first, last = int(self.trades[:start].sum()), int(self.trades[:stop].sum())
        return Sample(
            self.bid[start:stop],
            self.ask[start:stop],
            self.trades[start:stop],
            self.volume[start:stop],
            self.ofi[start:stop],
            self.round_trip[start:stop],
            self.doubt[start:stop],
            self.signs[first:last],
        )


def _known(values: Floats) -> Floats:
    known: Floats = values[~np.isnan(values)]
    return known


def acf(values: Floats, lag: int) -> float:
    """Autocorrelation.

    >>> round(acf(np.array([1.0, -1.0] * 50), 1), 2)
    -0.99
    """
    centred = values - values.mean()
    total = float((centred * centred).sum())
    return float((centred[:-lag] * centred[lag:]).sum()) / total if total > 0 else math.nan


def variance_ratio(returns: Floats, seconds: int) -> float:
    """Variance of overlapping returns over so many seconds, over that many times the variance of one."""
    path = np.concatenate([[0.0], np.cumsum(returns)])
    return float(np.var(path[seconds:] - path[:-seconds]) / (seconds * np.var(returns)))


def excess_kurtosis(values: Floats) -> float:
    centred = values - values.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2 - 3.0)


def hill(values: Floats, share: float = 0.05) -> float:
    """Tail exponent of the largest `share` of absolute values."""
    ordered = np.sort(np.abs(values))[::-1]
    count = max(2, int(len(ordered) * share))
    return float(1.0 / np.mean(np.log(ordered[:count] / ordered[count])))


def spearman(x: Floats, y: Floats) -> float:
    """Rank correlation, ties at their mean rank."""
    return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])


def _ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks: Floats = (last - 0.5 * (count - 1))[place]
    return ranks


def adf(values: Floats, lags: int = 10) -> float:
    """The augmented Dickey-Fuller statistic with a constant; below -2.86 is p < .05. NaN of a constant series."""
    change = np.diff(values)
    rows = len(change) - lags
    if rows <= lags + 2 or not change.any():
        return math.nan
    columns = [values[lags:-1], np.ones(rows)]
    columns += [change[lags - i : len(change) - i] for i in range(1, lags + 1)]
    design, wanted = np.column_stack(columns), change[lags:]
    found, _, _, _ = np.linalg.lstsq(design, wanted, rcond=None)
    rest = wanted - design @ found
    variance = float(rest @ rest) / (rows - design.shape[1])
    error = math.sqrt(variance * float(np.linalg.inv(design.T @ design)[0, 0]))
    return float(found[0]) / error


def half_life_s(values: Floats) -> float:
    """Of an AR(1) through the values, seconds."""
    first = acf(values, 1)
    return math.log(0.5) / math.log(first) if 0.0 < first < 1.0 else 0.0


def adf_p(statistic: float) -> float:
    """p-value of `adf` by MacKinnon's response surface; 1 above -1.61, where nobody would reject.

    >>> round(adf_p(-2.86), 3)
    0.05
    """
    if statistic > _FIT_TO:
        return 1.0
    if statistic < _FIT_FROM:
        return 0.0
    zero, one, two = _MACKINNON
    z = zero + one * statistic + two * statistic * statistic
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def wasserstein(x: Floats, y: Floats) -> float:
    """W1: the area between two empirical distribution functions, in the values' own unit.

    >>> wasserstein(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    2.0
    """
    places = np.sort(np.concatenate([x, y]))
    left = np.searchsorted(np.sort(x), places[:-1], side="right") / len(x)
    right = np.searchsorted(np.sort(y), places[:-1], side="right") / len(y)
    return float(np.sum(np.abs(left - right) * np.diff(places)))


def kolmogorov_smirnov(x: Floats, y: Floats) -> tuple[float, float]:
    """(largest distance of two distribution functions, its asymptotic p-value)."""
    places = np.concatenate([x, y])
    left = np.searchsorted(np.sort(x), places, side="right") / len(x)
    right = np.searchsorted(np.sort(y), places, side="right") / len(y)
    distance = float(np.max(np.abs(left - right)))
    root = math.sqrt(len(x) * len(y) / (len(x) + len(y)))
    scale = (root + 0.12 + 0.11 / root) * distance  # Stephens (1970)
    if scale < 0.2:
        return distance, 1.0
    p = 2.0 * sum((-1.0) ** (k - 1) * math.exp(-2.0 * (k * scale) ** 2) for k in range(1, 101))
    return distance, min(max(p, 0.0), 1.0)
