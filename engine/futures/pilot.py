"""A few short futures of a market, to measure what it does of itself."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.agents.trading import ASK, BID, Floats
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
    mids, lots = zip(*found, strict=True)
    traded = sum(lots) / float(market.physics[K_LOTS])
    return Measured(sigma_of(carried(np.array(mids))), traded / (runs * RUN_S))


def sigma_of(mid_ticks: Floats) -> float:
    """Per square root of a second, of futures of RUN_S seconds or more, a row each, of which none is missing."""
    spans = np.arange(FROM_S, RUN_S + 1)
    starts = range(0, mid_ticks.shape[1] - RUN_S, RUN_S)
    moves = [mid_ticks[:, first + spans] - mid_ticks[:, first, None] for first in starts]
    return math.sqrt(float((np.array(moves) ** 2 / spans).mean()))


def _run(market: Market, seed: int, run: int) -> tuple[Floats, int]:
    """The mid each second, and lots traded."""
    start = Start(
        market, 0, 0.5 * float(market.sight[0, BID] + market.sight[0, ASK]), 1.0, seed, RUN_S, "", 1.0
    )
    growing = Growing(start, run, shocked=False)
    while (path := growing.grow()) is None:
        pass
    return path.mid_ticks, int(growing.market.ledger[:, TRADED].sum()) // 2  # each trade has two sides
