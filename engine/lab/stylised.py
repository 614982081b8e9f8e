"""Stylised facts: what returns, spreads and trades of real markets look like, measured on a market second by second.

Which facts, and why these: Cont, "Empirical properties of asset returns" (2001); order flow imbalance: Cont, Kukanov
and Stoikov, arXiv 1011.6402; tails: Hill (1975); unit roots: Dickey and Fuller (1979), critical value of MacKinnon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ADF_5_PERCENT = -2.86  # with a constant, many observations


@dataclass(frozen=True, slots=True)
class Sample:
    """One market, a value a second; a second without both sides has a NaN bid or ask."""

    bid: Floats  # ticks
    ask: Floats
    trades: Floats
    volume: Floats  # lots
    ofi: Floats  # lots
    doubt: Floats  # uncertainty of sentiment, 0..1
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
        spread: Floats = self.ask - self.bid
        return spread[~np.isnan(spread)]


@dataclass(frozen=True, slots=True)
class Fact:
    """A statistic, what is accepted, and what live markets showed (BTC and ETH in August 2024)."""

    name: str
    measure: Callable[[Sample], float]
    least: float
    most: float
    live: str

    def passes(self, value: float) -> bool:
        return math.isfinite(value) and self.least < value < self.most


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
    """The augmented Dickey-Fuller statistic with a constant; below -2.86 is p < .05."""
    change = np.diff(values)
    rows = len(change) - lags
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


def ofi_r2(sample: Sample) -> float:
    """Share of the variance of one-second mid changes that order flow imbalance explains."""
    moves = np.diff(0.5 * (sample.bid + sample.ask))
    flow = sample.ofi[1:]
    known = ~np.isnan(moves)
    return float(np.corrcoef(moves[known], flow[known])[0, 1] ** 2)


def _with_spread(sample: Sample) -> float:
    spread, mid = sample.ask - sample.bid, np.log(0.5 * (sample.bid + sample.ask))
    moves = np.abs(np.diff(mid))
    known = ~np.isnan(moves)
    return spearman(spread[1:][known], moves[known])


def _with_volume(sample: Sample) -> float:
    moves = np.abs(np.diff(np.log(0.5 * (sample.bid + sample.ask))))
    known = ~np.isnan(moves)
    return spearman(sample.volume[1:][known], moves[known])


def _kurtosis_falls(sample: Sample) -> float:
    returns = sample.returns_bps
    long = np.add.reduceat(returns[: len(returns) // 30 * 30], np.arange(0, len(returns) // 30 * 30, 30))
    return excess_kurtosis(returns) - excess_kurtosis(long)


def doubt_and_spread(sample: Sample) -> float:
    """Correlation of spreads with the sentiment's uncertainty, given volatility over the last 30 s.

    The uncertainty comes from outside and knows nothing of volatility; what is left is the makers' own doing.
    """
    mid = np.log(0.5 * (sample.bid + sample.ask))
    moves = np.concatenate([[0.0], np.abs(np.nan_to_num(np.diff(mid)))])
    volatility = np.convolve(moves, np.ones(30) / 30.0)[: len(moves)]
    spread = sample.ask - sample.bid
    known = ~np.isnan(spread)
    given = np.column_stack([np.ones(int(known.sum())), volatility[known]])
    rest = [
        v - given @ np.linalg.lstsq(given, v, rcond=None)[0] for v in (spread[known], sample.doubt[known])
    ]
    return float(np.corrcoef(rest[0], rest[1])[0, 1])


_INF = math.inf
FACTS: tuple[Fact, ...] = (
    Fact("ACF(r, 1)", lambda s: acf(s.returns_bps, 1), -0.10, 0.10, "-.04 … +.16"),
    Fact("variance ratio 30 s", lambda s: variance_ratio(s.returns_bps, 30), 0.7, 1.3, ".63 … 1.40"),
    Fact("excess kurtosis 1 s", lambda s: excess_kurtosis(s.returns_bps), 3.0, _INF, "3.4 … 17.7"),
    Fact("Hill, top 5 %", lambda s: hill(s.returns_bps), 2.0, 5.0, "1.9 … 4.4"),
    Fact("kurtosis falls 1 s → 30 s by", _kurtosis_falls, 0.0, _INF, "–"),
    Fact("ACF(|r|, 10)", lambda s: acf(np.abs(s.returns_bps), 10), 0.1, 1.0, "-.04 … .11"),
    Fact("ACF(|r|, 50)", lambda s: acf(np.abs(s.returns_bps), 50), 0.03, 1.0, "-.00 … .08"),
    Fact("spread ADF (p < .05 below -2.86)", lambda s: adf(s.spread), -_INF, ADF_5_PERCENT, "p ≤ 1e-9"),
    Fact("spread half-life, s", lambda s: half_life_s(s.spread), -1.0, 60.0, "–"),
    Fact("trade-sign ACF 1", lambda s: acf(s.signs, 1), 0.4, 1.0, ".8"),
    Fact("trade-sign ACF 10", lambda s: acf(s.signs, 10), 0.1, 1.0, ".55"),
    Fact("Spearman(volume, |r|)", _with_volume, 0.3, 1.0, ".63 … .70"),
    Fact("Spearman(spread, |r|)", _with_spread, 0.05, 1.0, ".10 … .14"),
    Fact("OFI R², 1 s", ofi_r2, 0.35, 0.8, ".39 … .75"),
    Fact("Fano factor of trades/s", lambda s: float(s.trades.var() / s.trades.mean()), 5.0, _INF, "34 … 390"),
    Fact("σ 1 s, bp (± 25 % of live)", lambda s: float(s.returns_bps.std()), 0.9, 1.5, "1.2"),
    Fact("trades/s (± 25 % of live)", lambda s: float(s.trades.mean()), 16.5, 77.5, "22 … 62"),
)
NOT_MEASURED: Mapping[str, str] = {
    "spread against a live recording (W1, share at one tick)": "needs a recording to hold it against",
    "metaorder impact exponent": "needs programmes of orders, which this market does not have yet",
}


def measure(sample: Sample) -> list[float]:
    """Every fact of `FACTS`, in their order; NaN where it cannot be had."""
    with np.errstate(all="ignore"):
        return [fact.measure(sample) for fact in FACTS]
