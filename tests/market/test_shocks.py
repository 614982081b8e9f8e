"""Each kind of shock against the same market without it: what it moves, by how much, and that it ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.agents import maker
from engine.agents.informed import P_SENTIMENT
from engine.agents.trading import ASK, BID
from engine.kernels.matching_state import Do
from engine.market.people import ask
from engine.market.report import agents_note, conserved
from engine.market.shocks import LADDER, NUMBERS, WHALE_SOLD, begin
from engine.market.state import (
    AMOUNT,
    CLOSED,
    EXPIRES,
    HALTED,
    INFORMED,
    LAST_MID,
    LIQUIDATIONS,
    MAKER,
    MOOD,
    MOST_SHOCKS,
    NUMBER,
    POSITION,
    PROGRAMME,
    SETTLED,
    SHOCKS,
    STANDING,
    TOLD,
    TRADED,
    TRADES,
    TRIGGER,
    UNSURE,
    VALUE,
    W_WHAT,
    X_DONE,
    X_KIND,
    Market,
    fork,
)
from engine.market.world import marked
from engine.scenario import Scenario, World
from engine.shocks import KINDS, BadShock, parse
from tests.market.worlds import ran, step


@pytest.fixture(scope="module")
def calm() -> Market:
    return ran(Scenario(), 3, 3000)


def pair(market: Market, shock: str) -> tuple[Market, Market]:
    """Two markets of the same randomness, the second with the shock from the next step on."""
    plain, shocked = fork(market), fork(market)
    begin(shocked, parse(shock))
    return plain, shocked


def held(market: Market, who: int) -> float:
    return float(market.ledger[len(market.family) + who, POSITION]) / 1000.0


def mid(market: Market) -> float:
    return float(market.world[0, LAST_MID])


def test_every_kind_has_its_number_in_the_kernel() -> None:
    assert {kind.name: number for number, kind in enumerate(KINDS, 1)} == NUMBERS


@pytest.mark.parametrize(("shock", "sign"), [("sell:40/20s", -1.0), ("buy:40/20s", 1.0)])
def test_a_programme_trades_evenly_and_moves_the_price_its_way(calm: Market, shock: str, sign: float) -> None:
    plain, shocked = pair(calm, shock)
    for tenth in range(1, 11):
        step(plain, 20)
        step(shocked, 20)
        assert held(shocked, PROGRAMME) == pytest.approx(sign * 4.0 * tenth, abs=0.5)
    assert sign * (mid(shocked) - mid(plain)) > 20.0
    assert held(shocked, PROGRAMME) == sign * 40.0
    step(shocked, 1)
    assert shocked.counts[SHOCKS] == 0
    assert set(conserved(shocked).values()) == {0}
    family = agents_note(shocked).families[-1]
    assert (family.name, family.position_lots) == ("programme", int(sign * 40_000))


def test_a_programme_larger_than_the_market_waits_and_then_gives_up(calm: Market) -> None:
    _, shocked = pair(calm, "sell:100000/5s")
    step(shocked, 50)
    assert shocked.counts[SHOCKS] == 1  # what could not fill waits
    step(shocked, 101)
    assert shocked.counts[SHOCKS] == 0
    done = shocked.shocks[0, X_DONE]
    assert 0.0 < done < 5e6
    assert -held(shocked, PROGRAMME) == done / 1000.0
    assert shocked.sight[0, ASK] > 0 or math.isnan(shocked.sight[0, ASK])


def test_the_largest_shock_there_can_be_leaves_a_market_that_goes_on(calm: Market) -> None:
    for shock in ("sell:1000000000/3600s", "buy:1000000000/3600s", "fat_finger:sell:1000000000"):
        _, shocked = pair(calm, shock)
        step(shocked, 2000)
        assert set(conserved(shocked).values()) == {0}
        assert 1.0 <= mid(shocked) < 10.0 * 60_000


def test_makers_withdraw_at_once_and_return_slowly(calm: Market) -> None:
    plain, shocked = pair(calm, "withdrawal:0.9/10s")
    makers = calm.family == MAKER

    def shown(market: Market) -> float:
        return float(market.memory[makers, maker.PRESENCE].mean())

    step(shocked, 10)
    assert shown(shocked) < 0.11
    step(plain, 10)
    assert quoted(shocked) < 0.2 * quoted(plain)
    step(shocked, 90)
    assert shown(shocked) < 0.15
    course = []
    for _ in range(6):
        step(shocked, 150)
        course.append(shown(shocked))
    assert course == sorted(course)
    assert course[0] < 0.4
    assert course[-1] > 0.6


def quoted(market: Market) -> int:
    """Lots that makers have in the first venue's book."""
    nodes = market.book_a.nodes[market.book_a.slots[market.book_a.slots > 0]]
    agents = np.minimum(nodes["tag"] >> 32, len(market.family) - 1)
    return int(nodes["qty"][market.family[agents] == MAKER].sum())


def test_a_burst_of_posts_moves_mood_and_doubt(calm: Market) -> None:
    plain, shocked = pair(calm, "sentiment:bearish:0.5/10s")
    step(plain, 100)
    step(shocked, 100)
    fallen = float(plain.shared[MOOD] - shocked.shared[MOOD])
    clamped = float(shocked.shared[MOOD]) == -1.0
    assert clamped or fallen == pytest.approx(0.5, abs=0.03)
    assert float(shocked.shared[UNSURE] - plain.shared[UNSURE]) == pytest.approx(1.0, abs=0.05)
    assert float(shocked.shared[VALUE]) == float(plain.shared[VALUE])
    follow = 0.5 * plain.params[INFORMED, P_SENTIMENT]  # what everybody reads, everybody quotes
    for venue in range(2):
        assert float(plain.world[venue, SETTLED] - shocked.world[venue, SETTLED]) > 0.4 * follow


def test_volatility_widens_where_the_market_goes() -> None:
    spread = {}
    for shock in (None, "volatility:8/60s"):
        ends = []
        for seed in range(12):
            market = ran(Scenario(), seed, 30)
            if shock is not None:
                begin(market, parse(shock))
            before = float(market.world[0, LAST_MID])
            step(market, 600)
            ends.append(float(market.world[0, LAST_MID]) - before)
        spread[shock] = np.std(ends)
    assert spread["volatility:8/60s"] > 1.5 * spread[None]


def test_a_volatility_burst_multiplies_the_fundamentals_moves_and_ends() -> None:
    quiet = Scenario(world=World(jumps_a_hour=0.0))
    plain, shocked = pair(ran(quiet, 5, 10), "volatility:7/2s")
    for _ in range(20):
        before = [float(m.shared[VALUE]) for m in (plain, shocked)]
        for market in (plain, shocked):
            step(market, 1)
        moves = [float(m.shared[VALUE]) - b for m, b in zip((plain, shocked), before, strict=True)]
        if _ > 0:  # from the second step on: the first one's draw came before the shock acted
            assert moves[1] == pytest.approx(7.0 * moves[0], rel=1e-6)
    step(plain, 1)
    step(shocked, 1)
    before = [float(m.shared[VALUE]) for m in (plain, shocked)]
    step(plain, 1)
    step(shocked, 1)
    assert shocked.shared[VALUE] - before[1] == pytest.approx(plain.shared[VALUE] - before[0], rel=1e-6)


def test_a_halt_freezes_one_book_and_the_other_goes_on(calm: Market) -> None:
    _, shocked = pair(calm, "halt/5s")
    book = shocked.book_a.nodes.copy()
    other = 0
    for number in range(50):
        ask(shocked, Do.LIMIT, 0, 0, 59_000, 10)
        step(shocked, 1)
        assert shocked.counts[HALTED] == 1
        assert (shocked.book_a.nodes == book).all()
        assert not (shocked.tape[: shocked.counts[TRADES], 0] == 0).any()
        other += int((shocked.tape[: shocked.counts[TRADES], 0] == 1).sum())
        assert shocked.counts[TOLD] == 1, number
        assert shocked.told[0, W_WHAT] == CLOSED
    assert shocked.counts[NUMBER] == 0
    assert other > 0
    trades = []
    for _ in range(10):
        step(shocked, 1)
        trades.append(int((shocked.tape[: shocked.counts[TRADES], 0] == 0).sum()))
    assert shocked.counts[HALTED] == 0
    assert sum(trades) > 3 * 2.0  # what waited floods in; usual are two trades a step


def test_liquidations_feed_themselves_only_where_enough_stands(calm: Market) -> None:
    """The same ladder, thin and thick: a thin one peters out, a thick one drives the price through its rungs."""
    shares = []
    for size in (10, 300):
        plain, shocked = pair(calm, f"cascade:longs:{size}/120s")
        before = held(shocked, LIQUIDATIONS)
        step(shocked, 300)
        step(plain, 300)
        shares.append((before - held(shocked, LIQUIDATIONS)) / size)
        if size == 300:
            assert mid(shocked) < mid(plain) * (1.0 - 0.5 * LADDER)
    assert shares[0] < 0.5
    assert shares[1] > 2.0 * shares[0] + 0.1 or shares[1] > 0.5


def test_a_ladder_stands_where_it_should_and_expires(calm: Market) -> None:
    _, shocked = pair(calm, "cascade:shorts:64/2s")
    rungs = shocked.leverage[0, 1, STANDING:]
    rungs = rungs[rungs[:, AMOUNT] > 0]
    assert rungs[:, AMOUNT].sum() == 64_000
    away = rungs[:, TRIGGER] / mid(calm) - 1.0
    step_away = LADDER / 32
    assert away == pytest.approx(np.arange(-2, 30) * step_away)
    begin(shocked, parse("cascade:shorts:64/2s"))
    with pytest.raises(BadShock, match="two ladders of liquidations stand on that side already"):
        begin(shocked, parse("cascade:shorts:64/2s"))
    step(shocked, 30)
    begin(shocked, parse("cascade:shorts:1/2s"))  # there is room again
    assert (shocked.leverage[0, 1, STANDING:, EXPIRES] > 0).any()


def test_standing_leverage_is_renewed_around_the_price_and_stays_small(calm: Market) -> None:
    market = fork(calm)
    market.world[0, :] = calm.world[0, :]
    step(market, 36_000)
    longs = market.leverage[0, 0, :STANDING]
    shorts = market.leverage[0, 1, :STANDING]
    assert (longs[longs[:, AMOUNT] > 0][:, TRIGGER] < mid(market)).all()
    assert (shorts[shorts[:, AMOUNT] > 0][:, TRIGGER] > mid(market)).all()
    most = Scenario().world.leverage * 1000
    assert longs[:, AMOUNT].sum() <= most
    changed = longs[:, TRIGGER] != calm.leverage[0, 0, :STANDING, TRIGGER]
    assert changed.mean() > 0.5  # an hour is twice as long as one is held


def test_whoever_sees_a_whale_expects_it_to_sell(calm: Market) -> None:
    plain, shocked = pair(calm, "whale:deposit:200/60s")
    world = Scenario().world
    root = math.sqrt(world.impact_scale)
    whole = world.impact_ticks * 2.0 * root * (math.sqrt(200.0 + world.impact_scale) - root)
    step(plain, 1)
    step(shocked, 1)
    assert float(plain.shared[VALUE] - shocked.shared[VALUE]) == pytest.approx(world.permanent * whole)
    step(plain, 600)
    step(shocked, 600)
    assert held(shocked, PROGRAMME) == pytest.approx(-200.0 * WHALE_SOLD, rel=0.05)
    informed = agents_note(shocked).families[1].position_lots
    assert informed < agents_note(plain).families[1].position_lots


def test_a_fat_finger_sweeps_what_is_there_and_no_more(calm: Market) -> None:
    _, shocked = pair(calm, "fat_finger:buy:100000")
    before = calm.book_a
    asks = before.nodes["qty"][before.slots[before.slots > 0]]
    orders = calm.resting[0][before.slots > 0]
    there = int(asks[orders[:, 1] == 1].sum())
    lowest = float(calm.sight[0, ASK])
    step(shocked, 1)
    took = held(shocked, PROGRAMME) * 1000
    assert took == pytest.approx(there, rel=0.2)  # some come and go within the step
    assert shocked.tape[: shocked.counts[TRADES], 1].max() > lowest
    step(shocked, 1)
    assert shocked.shocks[0, X_KIND] < 0
    assert held(shocked, PROGRAMME) * 1000 == took


def test_several_run_at_once_and_one_too_many_is_refused(calm: Market) -> None:
    market = fork(calm)
    for _ in range(MOST_SHOCKS):
        begin(market, parse("withdrawal:0.5/10s"))
    with pytest.raises(BadShock, match="16 shocks run already; wait until one is over"):
        begin(market, parse("sell:5/10s"))
    step(market, 101)
    assert market.counts[SHOCKS] == 0
    begin(market, parse("sell:5/10s"))


def test_a_venue_that_is_not_there_is_named(calm: Market) -> None:
    shock = parse("sell:5/10s")
    with pytest.raises(BadShock, match="programme: expected a symbol below 2, found 7"):
        begin(fork(calm), type(shock)(shock.kind, shock.size, shock.side, shock.duration_s, 7))


prices = st.one_of(st.just(math.nan), st.floats(1.0, 1e6))


@given(prices, prices, prices)
def test_a_price_is_marked_where_one_can_be(bid: float, ask_price: float, last: float) -> None:
    """Written the long way: both sides, one side, none; with and without a past."""
    found = marked.py_func(bid, ask_price, last)  # the kernel is made to be inlined
    known = [p for p in (bid, ask_price) if not math.isnan(p)]
    if len(known) == 2:
        assert found == pytest.approx(sum(known) / 2)
    elif math.isnan(last):
        assert math.isnan(found)
    elif not known:
        assert found == last
    else:
        limit = known[0]
        assert found == (max(limit, last) if limit == bid else min(limit, last))


def test_an_empty_side_frightens_makers_who_are_there_and_nobody_else() -> None:
    """Volatility as makers see it, over an hour whose bids were swept for a while."""
    market = ran(Scenario(), 3, 3000)
    begin(market, parse("sell:400/20s"))
    strained = []
    for _ in range(60):
        step(market, 10)
        strained.append(float(market.sight[0, BID]))
    assert np.isnan(strained).any()
    assert market.ledger[len(market.family) + PROGRAMME, TRADED] > 0
