"""A crash looks like one, and afterwards the market comes back, or not, for a reason that can be named."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pytest

from engine.agents.trading import ASK, BID
from engine.market.report import conserved
from engine.market.shocks import begin
from engine.market.state import LAST_MID, LIQUIDATIONS, QUOTING, TRADED, Market, fork
from engine.scenario import Scenario, World, with_counts
from engine.shocks import parse
from tests.market.worlds import ran, step


@dataclass
class Course:
    """The first venue, second by second."""

    mids: list[float] = field(default_factory=list)
    spreads: list[float] = field(default_factory=list)  # every tenth of a second that has one
    presence: list[float] = field(default_factory=list)
    one_sided: list[float] = field(default_factory=list)  # share of a second

    def watch(self, market: Market, seconds: int) -> None:
        for _ in range(seconds):
            empty = 0
            for _ in range(10):
                step(market, 1)
                spread = float(market.sight[0, ASK] - market.sight[0, BID])
                if math.isnan(spread):
                    empty += 1
                else:
                    self.spreads.append(spread)
            self.mids.append(float(market.world[0, LAST_MID]))
            self.presence.append(float(market.world[0, QUOTING]))
            self.one_sided.append(empty / 10)


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_selling_500_makes_a_crash(seed: int) -> None:
    market = ran(Scenario(), seed, 6000)
    calm, crash, after = Course(), Course(), Course()
    calm.watch(market, 60)
    forced = int(market.ledger[len(market.family) + LIQUIDATIONS, TRADED])
    begin(market, parse("sell:500/60s"))
    crash.watch(market, 120)
    assert min(crash.mids) < calm.mids[-1] * 0.996
    assert min(crash.presence) < 0.6 < 0.9 < min(calm.presence)
    assert max(crash.spreads) > 8 * np.median(calm.spreads)
    assert np.mean(crash.one_sided) > 0.2
    assert market.ledger[len(market.family) + LIQUIDATIONS, TRADED] > forced
    assert set(conserved(market).values()) == {0}
    step(market, 6000)
    after.watch(market, 120)
    assert np.mean(after.presence) > 0.4  # slowly: some take fright a second time
    assert np.mean(after.one_sided) < 0.5 * np.mean(crash.one_sided)


@pytest.mark.parametrize(
    ("permanent", "informed", "recovers"),
    [(0.0, 0, True), (0.3, 40, True), (1.0, 0, False)],
    ids=["impact fades", "informed traders know better", "impact settles and nobody knows better"],
)
def test_a_market_recovers_or_not_for_a_reason(permanent: float, informed: int, recovers: bool) -> None:
    """A quarter of an hour after the same selling, against the same markets without it."""
    world = World(permanent=permanent, value_sigma_ticks=0.0, jumps_a_hour=0.0, leverage=0.0)
    scenario = with_counts(msgspec.structs.replace(Scenario(), world=world), informed=informed)
    fallen, left = [], []
    for seed in range(4):
        shocked = ran(scenario, seed, 4000)
        plain = fork(shocked)
        begin(shocked, parse("sell:100/30s"))
        for steps, found in ((310, fallen), (9000, left)):
            step(shocked, steps)
            step(plain, steps)
            found.append(float(plain.world[0, LAST_MID] - shocked.world[0, LAST_MID]))
    assert min(fallen) > 50.0
    share = float(np.mean(left) / np.mean(fallen))
    assert share < 0.4 if recovers else share > 0.7
