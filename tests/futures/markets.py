"""A market that has run for a while, and starts from it."""

from __future__ import annotations

import functools

from engine.agents.trading import ASK, BID
from engine.events import Shock
from engine.futures.pairs import Start
from engine.market.kernel import run_steps
from engine.market.source import NO_STATISTICS
from engine.market.state import Market, fork, new_market
from engine.scenario import Scenario


@functools.cache
def _ran(seed: int) -> Market:
    market = new_market(Scenario(), seed)
    run_steps(market, 3000, NO_STATISTICS)
    return market


def start(shock: Shock | None = None, seconds: int = 20, seed: int = 1, delay_s: int = 0) -> Start:
    market = fork(_ran(seed))
    mid = 0.5 * float(market.sight[0, BID] + market.sight[0, ASK])
    return Start(
        market=market,
        venue=0,
        mid_ticks=mid,
        price_a_tick=1.0,
        seed=7,
        seconds=seconds,
        basis="a test",
        venue_tick=1.0,
        shock=shock,
        delay_s=delay_s,
    )
