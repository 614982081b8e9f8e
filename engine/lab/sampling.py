"""A simulated market second by second, as the sample that stylised facts are measured on."""

from __future__ import annotations

import math

import numpy as np

from engine.agents.trading import ASK, BID
from engine.lab.stylised import Sample
from engine.market.kernel import (
    SEEN,
    SEEN_ASK,
    SEEN_BID,
    SEEN_BOUGHT,
    SEEN_DOUBT,
    SEEN_SOLD,
    SEEN_TRADES,
    STEPS_A_SECOND,
    level_sizes,
    run_steps,
)
from engine.market.source import NO_STATISTICS, WARM_STEPS
from engine.market.state import T_SIDE, T_VENUE, TRADES, Market, new_market
from engine.scenario import Scenario


def simulated(scenario: Scenario, seed: int, seconds: int) -> Sample:
    """Venue 0 over so many seconds, after the same warm-up as a session's."""
    market = new_market(scenario, seed)
    run_steps(market, WARM_STEPS, NO_STATISTICS)
    seen = np.zeros((seconds, SEEN))
    ofi = np.zeros(seconds)
    signs: list[np.ndarray] = []
    before = _best(market)
    for second in range(seconds):
        for _ in range(STEPS_A_SECOND):
            run_steps(market, 1, seen[second : second + 1])
            tape = market.tape[: int(market.counts[TRADES])]
            signs.append(1.0 - 2.0 * tape[tape[:, T_VENUE] == 0, T_SIDE])
            now = _best(market)
            ofi[second] += flow_imbalance(before, now)
            before = now
    return Sample(
        bid=seen[:, SEEN_BID],
        ask=seen[:, SEEN_ASK],
        trades=seen[:, SEEN_TRADES],
        volume=seen[:, SEEN_BOUGHT] + seen[:, SEEN_SOLD],
        ofi=ofi,
        doubt=seen[:, SEEN_DOUBT],
        signs=np.concatenate(signs),
    )


Best = tuple[float, int, float, int]  # bid ticks, lots, ask ticks, lots


def _best(market: Market) -> Best:
    bid, ask = float(market.sight[0, BID]), float(market.sight[0, ASK])
    if math.isnan(bid) or math.isnan(ask):
        return (math.nan, 0, math.nan, 0)
    wanted = np.array([[0, 0, int(bid)], [0, 1, int(ask)]], np.int64)
    sizes = np.empty(2, np.int64)
    level_sizes(market, wanted, sizes)
    return (bid, int(sizes[0]), ask, int(sizes[1]))


def flow_imbalance(before: Best, now: Best) -> float:
    """e of Cont, Kukanov and Stoikov between two bests, lots; zero where a side was missing.

    >>> flow_imbalance((100.0, 5, 101.0, 5), (100.0, 8, 101.0, 5))
    3.0
    """
    if math.isnan(before[0]) or math.isnan(now[0]):
        return 0.0
    bids = (now[1] if now[0] >= before[0] else 0) - (before[1] if now[0] <= before[0] else 0)
    asks = (now[3] if now[2] <= before[2] else 0) - (before[3] if now[2] >= before[2] else 0)
    return float(bids - asks)
