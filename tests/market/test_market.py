"""The simulated market against what must hold whatever agents do: conservation, equal seeds, forks, its books."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.agents.trading import ASK, BID, SLOTS
from engine.kernels.matching_state import EMPTY
from engine.market.kernel import SEEN, level_sizes, run_steps
from engine.market.report import agents_note, conserved
from engine.market.rows import resting
from engine.market.source import NO_STATISTICS
from engine.market.state import (
    CASH,
    COST,
    FILLS,
    MAKER,
    POSITION,
    REALISED,
    T_LOTS,
    T_MAKER,
    T_PRICE,
    T_SIDE,
    T_TAKER,
    TRADES,
    fork,
    new_market,
)
from engine.scenario import Counts, Scenario, Venue, World, with_counts
from tests.market.worlds import digest, ran

ONE_VENUE = Scenario(venues=(Venue("sim", 1.0),), counts=Counts(4, 6, 20, 0), world=World(leverage=0.0))
ROOT = Path(__file__).parents[2]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**63 - 1),
    st.tuples(st.integers(0, 6), st.integers(0, 8), st.integers(0, 20), st.integers(0, 3)).filter(any),
    st.booleans(),
)
def test_cash_inventory_and_fees_are_conserved(
    seed: int, counts: tuple[int, int, int, int], two_venues: bool
) -> None:
    scenario = Scenario(counts=Counts(*counts))
    if not two_venues:
        scenario = msgspec.structs.replace(scenario, venues=(Venue("sim", 1.0),))
    market = new_market(scenario, seed)
    for _ in range(5):
        run_steps(market, 200, NO_STATISTICS)
        assert set(conserved(market).values()) == {0}


def test_inventory_books_agree_with_one_kept_in_fractions() -> None:
    """Trade by trade from the tape, average cost in exact fractions: no rounding ever adds up."""
    market = new_market(ONE_VENUE, 5)
    agents = len(market.family)
    position, cost = [0] * agents, [Fraction(0)] * agents
    gained, fills = [Fraction(0)] * agents, [0] * agents
    for _ in range(6000):
        run_steps(market, 1, NO_STATISTICS)
        for row in market.tape[: market.counts[TRADES]].tolist():
            bought = row[T_LOTS] if row[T_SIDE] == 0 else -row[T_LOTS]
            for agent, lots in ((row[T_TAKER], bought), (row[T_MAKER], -bought)):
                fills[agent] += 1
                held = position[agent]
                closing = min(abs(lots), abs(held)) if held * lots < 0 else 0
                sign = 1 if lots > 0 else -1
                if closing:
                    freed = cost[agent] * closing / abs(held)
                    gained[agent] += -sign * closing * row[T_PRICE] - freed
                    cost[agent] -= freed
                cost[agent] += sign * (abs(lots) - closing) * row[T_PRICE]
                position[agent] += lots
    assert sum(fills) > 2000
    assert market.ledger[:agents, POSITION].tolist() == position
    assert market.ledger[:agents, FILLS].tolist() == fills
    for agent in range(agents):
        assert abs(market.ledger[agent, REALISED] - gained[agent]) <= fills[agent]
        assert abs(market.ledger[agent, COST] - cost[agent]) <= fills[agent]
        assert market.ledger[agent, CASH] == market.ledger[agent, REALISED] - market.ledger[agent, COST]


def test_equal_seeds_give_equal_markets_in_another_process() -> None:
    code = (
        "from tests.market.worlds import digest, ran; from engine.scenario import Scenario;"
        "print(digest(ran(Scenario(), 11, 2000)))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={**os.environ}, check=True
    )
    assert other.stdout.strip() == digest(ran(Scenario(), 11, 2000))
    assert digest(ran(Scenario(), 12, 2000)) != other.stdout.strip()


def test_a_fork_goes_on_alike_and_leaves_its_parent_alone() -> None:
    parent = ran(Scenario(), 3, 1500)
    before = digest(parent)
    child = fork(parent)
    run_steps(child, 700, NO_STATISTICS)
    assert digest(parent) == before
    run_steps(parent, 700, NO_STATISTICS)
    assert digest(parent) == digest(child)


def test_steps_one_by_one_are_steps_at_once() -> None:
    market = new_market(Scenario(), 4)
    for _ in range(600):
        run_steps(market, 1, NO_STATISTICS)
    whole = ran(Scenario(), 4, 600)
    assert (market.ledger == whole.ledger).all()
    assert (market.streams == whole.streams).all()


def test_removing_agents_leaves_the_others_draws_alone() -> None:
    many, few = new_market(Scenario(), 9), new_market(with_counts(Scenario(), informed=0), 9)
    makers = many.family == MAKER
    assert (many.streams[:-2][makers] == few.streams[:-2][few.family == MAKER]).all()
    assert (many.traits[makers] == few.traits[few.family == MAKER]).all()


def test_nobody_rests_where_the_book_would_cross_and_handles_match_owners() -> None:
    market = ran(Scenario(), 6, 3000)
    for venue, book in enumerate((market.book_a, market.book_b)):
        bids, asks = resting(market, venue)
        assert bids[0][0] < asks[0][0]
        assert bids[0][0] == -book.sides["best"][0] == market.sight[venue, BID]
        assert asks[0][0] == book.sides["best"][1] == market.sight[venue, ASK]
        live = np.flatnonzero(book.slots)
        tags = book.nodes["tag"][book.slots[live]]
        assert (tags & 0xFFFFFFFF == live).all()
        assert (tags >> 32 == live // SLOTS).all()
        by_order = int(book.nodes["qty"][book.slots[live]].sum())
        assert by_order == sum(lots for _, lots in bids + asks)


def test_a_market_of_takers_alone_has_empty_books_and_goes_on() -> None:
    market = ran(Scenario(counts=Counts(0, 30, 0, 3)), 1, 2000)
    assert market.counts[0] == 2000
    assert (market.book_a.sides["best"] == EMPTY).all()
    assert (market.ledger[:, POSITION] == 0).all()
    assert agents_note(market).families[0].name == "informed"


def test_makers_alone_quote_both_sides_and_do_not_trade_with_strangers() -> None:
    market = ran(Scenario(counts=Counts(6, 0, 0, 0), venues=(Venue("sim", 1.0),)), 1, 3000)
    bids, asks = resting(market, 0)
    assert bids
    assert asks
    assert asks[0][0] - bids[0][0] <= 6


def test_makers_cancel_before_they_requote() -> None:
    """No maker ever has more than its own slots at work, nor two orders on the same side and level."""
    market = new_market(Scenario(), 2)
    levels = Scenario().agents.maker.levels
    for _ in range(300):
        run_steps(market, 1, NO_STATISTICS)
        for book, home in ((market.book_a, 0), (market.book_b, 1)):
            live = np.flatnonzero(book.slots)
            owners, counts = np.unique(live // SLOTS, return_counts=True)
            of_makers = (market.family[owners] == MAKER) & (market.venue[owners] == home)
            assert (counts[of_makers] <= 2 * levels).all()


def test_the_levels_said_are_the_levels_there() -> None:
    market = ran(Scenario(), 8, 500)
    bids, _ = resting(market, 0)
    wanted = np.array([[0, 0, bids[0][0]], [0, 0, bids[0][0] + 1], [0, 1, 10]], np.int64)
    sizes = np.empty(3, np.int64)
    level_sizes(market, wanted, sizes)
    assert sizes.tolist() == [bids[0][1], 0, 0]


def test_statistics_count_what_the_tape_shows() -> None:
    one, other = new_market(Scenario(), 3), new_market(Scenario(), 3)
    seen = np.zeros((20, SEEN))
    run_steps(one, 200, seen)
    trades = 0
    for _ in range(200):
        run_steps(other, 1, NO_STATISTICS)
        tape = other.tape[: other.counts[TRADES]]
        trades += int((tape[:, 0] == 0).sum())
    assert int(seen[:, 2].sum()) == trades
    assert seen[-1, 0] == other.sight[0, BID]


@pytest.mark.parametrize("seed", range(3))
def test_prices_stay_where_a_market_is(seed: int) -> None:
    """An hour: books two-sided most of the time, volatility of a basis point a second, not ten and not none."""
    market = new_market(Scenario(), seed)
    seen = np.zeros((3600, SEEN))
    run_steps(market, 36_000, seen)
    both = ~np.isnan(seen[:, 0] + seen[:, 1])
    assert both.mean() > 0.95
    mid = 0.5 * (seen[both, 0] + seen[both, 1])
    sigma_bps = np.diff(np.log(mid)).std() * 1e4
    assert 0.3 < sigma_bps < 5.0
    assert np.median(seen[both, 1] - seen[both, 0]) <= 3
    assert 3.0 < seen[:, 2].mean() < 60.0
