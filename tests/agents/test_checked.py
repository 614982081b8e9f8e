"""The market and all its agents under bounds checks: no array is reached beyond, and nothing else changes."""

from __future__ import annotations

from engine.scenario import Scenario, parse
from tests.agents.own import python
from tests.market.test_market import digest, ran

CHECKED = """
from engine.market.kernel import SEEN, level_sizes, run_steps
from engine.market.state import new_market
from engine.scenario import Scenario
from tests.agents.test_checked import odd
from tests.market.test_market import digest, ran
import numpy as np

print(digest(ran(Scenario(), 11, 1500)))
market = new_market(odd(), 2)
seen = np.zeros((60, SEEN))
run_steps(market, 1500, seen)
sizes = np.zeros(3, np.int64)
level_sizes(market, np.array([[0, 0, 1], [1, 1, 10**8], [0, 1, 60_001]], np.int64), sizes)
print(digest(market))
market.family[0], market.venue[0] = 2, 2
try:
    run_steps(market, 50, seen)
except IndexError:
    print("found out")
"""


def odd() -> Scenario:
    """Parameters at their ends: many levels, long waits, Avellaneda and Stoikov, agents of every family."""
    return parse(
        "[counts]\nmaker = 4\ninformed = 6\nnoise = 30\narbitrage = 6\n"
        "[agents.maker]\nlevels = 6\nmodel = 'avellaneda-stoikov'\nlevel_step_ticks = 1000\n"
        "[agents.noise]\nwaits = 20.0\nwaits_s = 500.0\nrate = 20.0\n"
        "[agents.arbitrage]\nthreshold_ticks = 0.0\nacts = 10.0\n",
        "odd.toml",
    )


def test_market_and_agents_reach_beyond_no_array() -> None:
    checked = python(CHECKED, NUMBA_BOUNDSCHECK="1").split("\n")
    assert checked == [digest(ran(Scenario(), 11, 1500)), digest(ran(odd(), 2, 1500)), "found out"]
