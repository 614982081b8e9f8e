"""A simulated market second by second, as the sample that stylised facts are measured on."""

from __future__ import annotations

import numpy as np

from engine.lab import watching as w
from engine.lab.stylised import Sample
from engine.market.kernel import run_steps
from engine.market.source import NO_STATISTICS, WARM_STEPS
from engine.market.state import Market, new_market
from engine.scenario import Scenario

ROUND_TRIP_QUOTE = 100_000.0  # what live sessions show the cost of, by default
MOST_TRADES_A_SECOND = 400  # of which the signs are kept, on average over a run


def warmed(scenario: Scenario, seed: int) -> Market:
    """The market of a scenario after the same warm-up as a session's."""
    market = new_market(scenario, seed)
    run_steps(market, WARM_STEPS, NO_STATISTICS)
    return market


def simulated(
    scenario: Scenario, seed: int, seconds: int, round_trip_quote: float = ROUND_TRIP_QUOTE
) -> Sample:
    """Venue 0 over so many seconds, after the warm-up. The round trip is worth so much at the first price."""
    market = warmed(scenario, seed)
    price = scenario.start_ticks * float(scenario.tick_size)
    lots = max(1, round(round_trip_quote * scenario.lots_a_unit / price))
    rows = np.zeros((seconds, w.WIDTH))
    signs = np.zeros(MOST_TRADES_A_SECOND * seconds, np.int8)
    count = w.watch(market, NO_STATISTICS, lots, rows, signs)
    return Sample(
        bid=rows[:, w.BID],
        ask=rows[:, w.ASK],
        trades=rows[:, w.TRADED],
        volume=rows[:, w.BOUGHT] + rows[:, w.SOLD],
        ofi=rows[:, w.OFI],
        round_trip=rows[:, w.ROUND_TRIP],
        doubt=rows[:, w.UNSURE],
        signs=signs[:count].astype(np.float64),
    )
