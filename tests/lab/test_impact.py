"""The impact of metaorders: the fit on made impacts, the programme by its own books."""

from __future__ import annotations

import numpy as np
import pytest

from engine.lab.impact import SIZES, fitted, programme
from engine.lab.sampling import warmed
from engine.market.kernel import run_steps
from engine.market.report import conserved
from engine.market.source import NO_STATISTICS
from engine.market.state import LAST_MID, POSITION, YOU, fork
from engine.scenario import Scenario

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_the_exponent_of_made_impacts_is_found_with_an_interval_around_it(exponent: float) -> None:
    true = 5.0 * np.array(SIZES) ** exponent
    found = fitted([true + RNG.normal(0.0, 0.2 * true, (10, len(SIZES))) for _ in range(16)])
    assert found.exponent == pytest.approx(exponent, abs=0.04)
    assert found.low < exponent < found.high
    assert found.high - found.low < 0.15
    assert found.programmes == 160
    assert found.passes == (exponent == 0.5)


def test_impact_that_cannot_be_had_does_not_pass() -> None:
    assert not fitted([np.full((2, len(SIZES)), -1.0)] * 3).passes
    assert not fitted([np.full((2, len(SIZES)), np.nan)] * 3).passes


def test_a_programme_buys_what_it_should_and_moves_the_price_up() -> None:
    market = warmed(Scenario(), 2000)
    you = len(market.family) + YOU
    mids, held = [], []
    for side, lots in ((0, 0), (0, 40_000), (1, 40_000)):
        run = fork(market)
        programme(run, side, lots)
        assert not any(conserved(run).values())
        mids.append(float(run.world[0, LAST_MID]))
        held.append(int(run.ledger[you, POSITION]))
    assert held[0] == 0
    assert 36_000 <= held[1] <= 40_000
    assert -40_000 <= held[2] <= -36_000
    assert mids[2] < mids[0] < mids[1]


def test_a_programme_of_nothing_is_the_market_alone() -> None:
    one, other = warmed(Scenario(), 2001), warmed(Scenario(), 2001)
    programme(one, 0, 0)
    run_steps(other, 610, NO_STATISTICS)
    np.testing.assert_array_equal(one.ledger, other.ledger)
    np.testing.assert_array_equal(one.streams, other.streams)
