"""Metaorders: what a large order, sliced over a minute, does to the price, and how that grows with its size.

The same market runs with and without the programme from one fork, so that both have the same randomness, and the
difference of their mids when the last slice is done is its impact. Who trades is the market's own person, who does
nothing else. On real markets impact grows about as the square root of size (Tóth et al., arXiv 1105.1694; Bouchaud
et al., "Trades, quotes and prices", 2018, ch. 12).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.kernels.matching_state import Do
from engine.lab.sampling import warmed
from engine.market.kernel import STEPS_A_SECOND, run_steps
from engine.market.people import ask
from engine.market.source import NO_STATISTICS
from engine.market.state import LAST_MID, Market, fork
from engine.scenario import Scenario

Floats = npt.NDArray[np.float64]

SIZES = (4.0, 8.0, 16.0, 32.0, 64.0)  # base units
SLICES = 60  # market orders, one a second
STARTS = 5  # programmes of each size and side that one seed sees
APART_S = 120  # between them
LEAST, MOST = 0.4, 0.7  # of the exponent
DRAWN = 2000  # resamplings of the seeds for the interval


@dataclass(frozen=True, slots=True)
class Impact:
    """Mean impact of each size over all programmes, and the exponent of size with its 95 % interval over seeds."""

    sizes: tuple[float, ...]
    ticks: tuple[float, ...]
    exponent: float
    low: float
    high: float
    programmes: int  # of each size

    @property
    def passes(self) -> bool:
        return LEAST <= self.exponent <= MOST


def programme(market: Market, side: int, lots: int) -> None:
    """Run for a minute and a second; the person takes an even share of `lots` in each second of the minute.

    `side`: 0 buys, 1 sells. With no lots the market runs alone.
    """
    for i in range(SLICES):
        part = lots * (i + 1) // SLICES - lots * i // SLICES
        if part > 0:
            ask(market, Do.MARKET, 0, side, lots=part)
        run_steps(market, STEPS_A_SECOND, NO_STATISTICS)
    run_steps(market, STEPS_A_SECOND, NO_STATISTICS)


def impacts(scenario: Scenario, seed: int) -> Floats:
    """Ticks by which programmes move the mid their way, shape (2 * STARTS, len(SIZES)): each start, both sides.

    NaN where there is no mid.
    """
    market = warmed(scenario, seed)
    rows = np.full((2 * STARTS, len(SIZES)), np.nan)
    for start in range(STARTS):
        without = _end(market, 0, 0)
        for side in range(2):
            for column, size in enumerate(SIZES):
                moved = _end(market, side, round(size * scenario.lots_a_unit)) - without
                rows[2 * start + side, column] = moved if side == 0 else -moved
        run_steps(market, APART_S * STEPS_A_SECOND, NO_STATISTICS)
    return rows


def _end(market: Market, side: int, lots: int) -> float:
    forked = fork(market)
    programme(forked, side, lots)
    return float(forked.world[0, LAST_MID])


def fitted(by_seed: Sequence[Floats]) -> Impact:
    """The exponent of log impact on log size, from each seed's `impacts`; NaN where a mean is not positive."""
    rows = np.array(by_seed)
    middle = rows.mean(axis=(0, 1))
    drawn = np.random.default_rng(0).integers(0, len(rows), (DRAWN, len(rows)))
    exponents = _slope(rows.mean(axis=1)[drawn].mean(axis=1))
    known = exponents[~np.isnan(exponents)]
    low, high = np.quantile(known, (0.025, 0.975)).tolist() if len(known) else (math.nan, math.nan)
    ticks = tuple(middle.tolist())
    return Impact(SIZES, ticks, float(_slope(middle[None])[0]), low, high, rows.shape[0] * rows.shape[1])


def _slope(ticks: Floats) -> Floats:
    """Least squares of log impact on log size, for each row of means."""
    x = np.log(SIZES) - np.mean(np.log(SIZES))
    with np.errstate(invalid="ignore", divide="ignore"):
        y = np.where(ticks > 0.0, np.log(ticks), np.nan)
    slope: Floats = (y @ x) / (x @ x)
    return slope
