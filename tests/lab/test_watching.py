"""The watching kernel against the same market read level by level in Python."""

from __future__ import annotations

import numpy as np
import pytest

from engine.agents.trading import DOUBT
from engine.lab import watching as w
from engine.lab.sampling import warmed
from engine.market.kernel import run_steps
from engine.market.rows import resting
from engine.market.source import NO_STATISTICS
from engine.market.state import T_LOTS, T_SIDE, T_VENUE, TRADES
from engine.scenario import Scenario, with_counts

LOTS = 1667
Levels = list[tuple[int, int]]


def imbalance(before: tuple[Levels, Levels], now: tuple[Levels, Levels]) -> int:
    """e of Cont, Kukanov and Stoikov, written as in their paper's equation (4)."""
    if not all((*before, *now)):
        return 0
    (b0, qb0), (a0, qa0) = before[0][0], before[1][0]
    (b1, qb1), (a1, qa1) = now[0][0], now[1][0]
    return (b1 >= b0) * qb1 - (b1 <= b0) * qb0 - (a1 <= a0) * qa1 + (a1 >= a0) * qa0


def cost(levels: Levels, lots: int) -> float:
    paid, left = 0.0, lots
    for price, size in levels:
        here = min(left, size)
        paid, left = paid + here * price, left - here
    return paid if left == 0 else np.nan


@pytest.mark.parametrize("scenario", [Scenario(), with_counts(Scenario(), maker=1, noise=6)])
def test_every_column_is_what_the_books_and_the_tape_say(scenario: Scenario) -> None:
    seconds = 40
    market, twin = warmed(scenario, 3), warmed(scenario, 3)
    rows, signs = np.zeros((seconds, w.WIDTH)), np.zeros(100_000, np.int8)
    count = w.watch(market, NO_STATISTICS, LOTS, rows, signs)
    wanted, sides = np.zeros((seconds, w.WIDTH)), []
    before = resting(twin, 0)
    for second in range(seconds):
        row = wanted[second]
        for _ in range(10):
            run_steps(twin, 1, NO_STATISTICS)
            for trade in twin.tape[: int(twin.counts[TRADES])].tolist():
                if trade[T_VENUE] == 0:
                    row[w.TRADED] += 1
                    row[w.BOUGHT + trade[T_SIDE]] += trade[T_LOTS]
                    sides.append(1 - 2 * trade[T_SIDE])
            now = resting(twin, 0)
            row[w.OFI] += imbalance(before, now)
            before = now
        bids, asks = before
        row[w.BID], row[w.ASK] = (bids[0][0], asks[0][0]) if bids and asks else (np.nan, np.nan)
        row[w.UNSURE] = twin.sight[0, DOUBT]
        row[w.ROUND_TRIP] = (cost(asks, LOTS) - cost(bids, LOTS)) / LOTS
    np.testing.assert_allclose(rows, wanted, rtol=1e-9, atol=1e-6)
    assert signs[:count].tolist() == sides


def test_signs_that_do_not_fit_are_left_out() -> None:
    market = warmed(Scenario(), 4)
    signs = np.zeros(5, np.int8)
    assert w.watch(market, NO_STATISTICS, LOTS, np.zeros((60, w.WIDTH)), signs) == 5
    assert set(signs.tolist()) <= {-1, 1}
