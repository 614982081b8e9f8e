"""A few short futures of a market, to measure what it does of itself."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.agents.trading import ASK, BID
from engine.futures.crew import THREADS, give_way
from engine.futures.fan import carried
from engine.futures.pairs import Growing, Start
from engine.market.state import K_LOTS, TRADED, Market

RUN_S = 30
FROM_S = 20  # volatility is the mean of squared moves over 20 to 30 s: what a fan looks like, not how a mid bounces


@dataclass(frozen=True)
class Measured:
    sigma_ticks: float  # per square root of a second
    units_per_s: float  # traded, base units of the market


def measure(market: Market, seed: int, runs: int) -> Measured:
    """Over so many futures of RUN_S seconds each, none of which disturbs the market."""
    with ThreadPoolExecutor(THREADS, initializer=give_way) as crew:
        found = list(crew.map(partial(_run, market, seed), range(runs)))
    variances, lots = zip(*found, strict=True)
    traded = sum(lots) / float(market.physics[K_LOTS])
    return Measured(math.sqrt(sum(variances) / runs), traded / (runs * RUN_S))


def _run(market: Market, seed: int, run: int) -> tuple[float, int]:
    """Variance a second, and lots traded."""
    start = Start(
        market, 0, 0.5 * float(market.sight[0, BID] + market.sight[0, ASK]), 1.0, seed, RUN_S, "", 1.0
    )
    growing = Growing(start, run, shocked=False)
    while (path := growing.grow()) is None:
        pass
    mid = carried(path.mid_ticks[None])[0]
    spans = np.arange(FROM_S, RUN_S + 1)
    variance = ((mid[spans] - mid[0]) ** 2 / spans).mean()
    return float(variance), int(growing.market.ledger[:, TRADED].sum()) // 2  # each trade has two sides
