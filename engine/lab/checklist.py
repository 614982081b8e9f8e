"""The checklist: facts that live markets show, what is accepted of a market, and why one is missed.

Rows are numbered as in docs/realism.md. Which facts, and why these: Cont, "Empirical properties of asset returns"
(2001); order flow imbalance: Cont, Kukanov and Stoikov, arXiv 1011.6402.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.lab.stylised import (
    ADF_5_PERCENT,
    Sample,
    acf,
    adf,
    excess_kurtosis,
    half_life_s,
    hill,
    spearman,
    variance_ratio,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A statistic, what is accepted, what BTC and ETH showed live in 2024, and what usually is to blame."""

    row: int
    name: str
    measure: Callable[[Sample], float]
    least: float
    most: float
    live: str
    below: str = ""  # why a market lies below `least`
    above: str = ""

    @property
    def accepted(self) -> str:
        """The bounds in words; those that no value can reach are left out."""
        if self.most in (1.0, math.inf):
            return f"> {self.least:g}"
        if self.least in (-1.0, -math.inf):
            return f"< {self.most:g}"
        return f"{self.least:.3g} … {self.most:.3g}"

    def passes(self, value: float) -> bool:
        return math.isfinite(value) and self.least < value < self.most

    def why(self, value: float) -> str:
        """What usually makes a market miss it; empty where it does not."""
        if self.passes(value):
            return ""
        if not math.isfinite(value):
            return "it cannot be had: too few seconds with both sides, or nothing moved"
        return self.below if value <= self.least else self.above


def ofi_r2(sample: Sample) -> float:
    """Share of the variance of one-second mid changes that order flow imbalance explains."""
    moves = np.diff(0.5 * (sample.bid + sample.ask))
    known = ~np.isnan(moves)
    return float(np.corrcoef(moves[known], sample.ofi[1:][known])[0, 1] ** 2)


def _with_spread(sample: Sample) -> float:
    moves = np.abs(np.diff(np.log(0.5 * (sample.bid + sample.ask))))
    known = ~np.isnan(moves)
    return spearman((sample.ask - sample.bid)[1:][known], moves[known])


def _with_volume(sample: Sample) -> float:
    moves = np.abs(np.diff(np.log(0.5 * (sample.bid + sample.ask))))
    known = ~np.isnan(moves)
    return spearman(sample.volume[1:][known], moves[known])


def _kurtosis_falls(sample: Sample) -> float:
    returns = sample.returns_bps
    whole = len(returns) // 30 * 30
    return excess_kurtosis(returns) - excess_kurtosis(returns[:whole].reshape(-1, 30).sum(axis=1))


def one_tick(sample: Sample) -> float:
    """Share of seconds whose spread is one tick."""
    return float((sample.spread <= 1.0).mean())


SIGMA_BPS, TRADES_A_SECOND = "σ 1 s, bp", "trades/s"  # held against a recording where there is one

_INF = math.inf
FACTS: tuple[Fact, ...] = (
    Fact(
        1, "ACF(r, 1)", lambda s: acf(s.returns_bps, 1), -0.10, 0.10, "-.04 … +.16",
        "the mid bounces: best prices come and go without the fair price moving",
        "makers follow the fair price too slowly, so that a move goes on for a second",
    ),
    Fact(
        2, "variance ratio 30 s", lambda s: variance_ratio(s.returns_bps, 30), 0.7, 1.3, ".63 … 1.40",
        "moves are taken back within half a minute: impact fades, or the other venue pulls, too slowly",
        "moves go on for half a minute: order flow leans one way for longer than makers expect",
    ),
    Fact(
        3, "excess kurtosis 1 s", lambda s: excess_kurtosis(s.returns_bps), 3.0, _INF, "3.4 … 17.7",
        "activity is too even, or order sizes are too much alike",
    ),
    Fact(
        4, "Hill, top 5 %", lambda s: hill(s.returns_bps), 2.0, 5.0, "1.9 … 4.4",
        "single seconds carry the variance: gaps in the book, or makers gone",
        "tails are thin: sizes are capped too low, or activity is too even",
    ),
    Fact(
        5, "kurtosis falls, 1 s to 30 s", _kurtosis_falls, 0.0, _INF, "–",
        "long returns are no closer to normal than short ones: a few jumps are all there is",
    ),
    Fact(
        6, "ACF(|r|, 10)", lambda s: acf(np.abs(s.returns_bps), 10), 0.1, 1.0, "-.04 … .11",
        "volatility does not cluster: activity is too even, or forgotten too fast",
    ),
    Fact(
        7, "ACF(|r|, 50)", lambda s: acf(np.abs(s.returns_bps), 50), 0.03, 1.0, "-.00 … .08",
        "volatility is forgotten within a minute",
    ),
    Fact(
        8, "spread ADF (p < .05 below -2.86)", lambda s: adf(s.spread), -_INF, ADF_5_PERCENT, "p ≤ 1e-9",
        above="the spread wanders: makers leave and do not come back",
    ),
    Fact(
        8, "spread half-life, s", lambda s: half_life_s(s.spread), -1.0, 60.0, "–",
        above="a wide spread stays: makers return too slowly",
    ),
    Fact(
        10, "trade-sign ACF 1", lambda s: acf(s.signs, 1), 0.4, 1.0, ".8",
        "buyers and sellers alternate: orders meet one resting order each, and do not cluster by side",
    ),
    Fact(
        10, "trade-sign ACF 10", lambda s: acf(s.signs, 10), 0.1, 1.0, ".55",
        "clusters of one side are shorter than ten trades",
    ),
    Fact(
        11, "Spearman(volume, |r|)", _with_volume, 0.3, 1.0, ".63 … .70",
        "price moves without trades, or trades without price",
    ),
    Fact(
        12, "Spearman(spread, |r|)", _with_spread, 0.05, 1.0, ".10 … .14",
        "makers do not widen when it is volatile, or a tick is too coarse for it to show",
    ),
    Fact(
        13, "OFI R², 1 s", ofi_r2, 0.35, 0.8, ".39 … .75",
        "price moves by quotes rather than by what happens at the best prices",
        "price does nothing but follow the best prices' sizes",
    ),
    Fact(
        14, "Fano factor of trades/s", lambda s: float(s.trades.var() / s.trades.mean()), 5.0, _INF, "34 … 390",
        "trades come too evenly: arrivals do not cause one another",
    ),
    Fact(
        16, SIGMA_BPS, lambda s: float(s.returns_bps.std()), 0.9, 1.5, "1.2",
        "calmer than live: impact of flow, or the fundamental, is too small",
        "wilder than live: impact of flow, or the fundamental, is too large",
    ),
    Fact(
        16, TRADES_A_SECOND, lambda s: float(s.trades.mean()), 16.5, 77.5, "22 … 62",
        "fewer trades than live: noise traders come too seldom",
        "more trades than live: noise traders come too often",
    ),
)  # fmt: skip
SPREAD_ROW, IMPACT_ROW = 9, 15  # measured elsewhere: `engine.lab.against`, `engine.lab.impact`
ROWS = tuple(range(1, 17))
NEEDED = 13  # of 16, on the median over seeds
FEWEST = 55  # seconds with both sides, and trades, below which nothing is measured: the longest lag is 50


def measure(sample: Sample) -> list[float]:
    """Every fact of `FACTS`, in their order; NaN where it cannot be had."""
    if min(len(sample.returns_bps), len(sample.spread), len(sample.signs)) < FEWEST:
        return [math.nan] * len(FACTS)
    with np.errstate(all="ignore"):
        return [fact.measure(sample) for fact in FACTS]
