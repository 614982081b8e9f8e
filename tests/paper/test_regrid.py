"""A symbol listed anew on a finer grid; positions of more lots than products of two can hold; a book eaten up."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import msgspec
import numba
import numpy as np
import pytest

from engine.agents.trading import VENUES
from engine.batch import OWN, Batch, BatchBuilder, Rows, concat
from engine.core import State, fold_all
from engine.events import FeedStatus, Kind, Listed
from engine.instrument import Instrument
from engine.kernels.level_book import BID, fill, levels_of
from engine.kernels.matching_state import Do
from engine.market.inventory import book_trade
from engine.market.state import CASH, COST, LEDGER, POSITION, REALISED
from engine.paper.rules import Rules
from engine.paper.state import MOST_OWN, MOST_TAKEN, O_AHEAD
from engine.paper.venue import open_venue
from engine.ports import CancelOrders, Command, Inject, PlaceOrder
from engine.shocks import parse
from tests.paper.flows import COIN, MID, START_NS, TICK_NS, Flow, flow, together
from tests.paper.world import CROWD, SCALE, run

AGAIN = 150  # the tick at which it is listed anew
FINER = msgspec.structs.replace(COIN, tick_size="0.001", lot_size="0.0001")
COUNTS = ("price_ticks", "size_lots", "ask_ticks", "ask_lots")


def relisted(instrument: Instrument) -> Iterator[Batch]:
    """The made market; from one tick on it is listed as `instrument`, with a new snapshot, and counted on its grid."""
    times = 10 if instrument is FINER else 1
    for number, (market, batch) in enumerate(flow(2, 400, scale=SCALE, resyncs=False), 1):
        out = BatchBuilder(4, 64)
        if number == AGAIN:
            ts = START_NS + number * TICK_NS - 2
            out.add_note(Listed(0, instrument), ts, 0)
            market.snapshot(out, ts)
        whole = concat([out.take(), batch])
        if number >= AGAIN:
            for name in COUNTS:
                whole.rows[name] *= times
            whole = replace(whole, levels=whole.levels * times)
        yield whole


def plan(times: int) -> dict[int, list[Command]]:
    """Orders before and behind it, some of which rest when it happens, and one that is on its way."""
    orders: dict[int, list[Command]] = {
        n: [PlaceOrder(1 if n % 3 else -1, 2000, MID - n % 11 + 4)] for n in range(20, AGAIN, 7)
    }
    orders[AGAIN - 1] = [PlaceOrder(1, 700, MID - 40)]
    orders[AGAIN + 20] = [PlaceOrder(-1, 900 * times)]
    orders |= {n: [PlaceOrder(1, 500 * times, (MID + n % 7 - 3) * times)] for n in range(200, 380, 9)}
    return orders | {390: [CancelOrders()]}


def test_on_a_finer_grid_everything_goes_on_as_it_would_have() -> None:
    rested: dict[int, list[int]] = {1: [], 10: []}
    runs = {}
    for times, instrument in ((1, COIN), (10, FINER)):

        def look(number: int, state: State, rows: Rows, times: int = times) -> None:
            if number == AGAIN + 3:
                mine = [o for o in state.resting.values() if o.owner == OWN]
                rested[times] = sorted(n * by for o in mine for n, by in ((o.ticks, 1), (o.lots, 1)))

        runs[times] = run(plan(times), relisted(instrument), look=look).told
    assert len(rested[1]) > 4
    assert rested[10] == [10 * n for n in rested[1]]
    before, finer = runs[1].fills, runs[10].fills
    late = before["ts_recv"] > START_NS + AGAIN * TICK_NS
    assert 20 < late.sum() < len(before) - 20
    for name in ("price_ticks", "size_lots"):
        np.testing.assert_array_equal(finer[name], before[name] * np.where(late, 10, 1))
    you, me = runs[1].books.families[0], runs[10].books.families[0]
    assert me.position_lots == 10 * you.position_lots
    assert me.realised + me.unrealised == 100 * (you.realised + you.unrealised)
    assert me.realised == pytest.approx(100 * you.realised, rel=1e-3)  # a share of the cost is a whole number
    assert me.fees == pytest.approx(100 * you.fees, rel=1e-6)


def test_agents_quote_on_the_new_grid() -> None:
    prices: dict[int, list[int]] = {}

    def look(number: int, state: State, rows: Rows) -> None:
        prices[number] = [order.ticks for order in state.resting.values()]

    run({}, relisted(FINER), scenario=CROWD, look=look)
    assert prices[AGAIN - 1]
    assert prices[AGAIN] == []  # counted in ticks that are gone
    assert len(prices[AGAIN + 2]) > 10
    assert all(abs(price - 10 * MID) < MID for price in prices[AGAIN + 2])


@numba.njit
def enter(ledger: np.ndarray, held: np.ndarray, lots: int, price: int) -> None:
    book_trade(ledger, held, 0, 0, lots, price, 0.0)


def test_profits_add_up_in_positions_of_any_size() -> None:
    rng = random.Random(4)
    ledger, held = np.zeros((1, LEDGER), np.int64), np.zeros((1, VENUES), np.int64)
    cost, position = Fraction(0), 0
    for _ in range(300):
        lots, price = rng.choice((1, -1)) * rng.randint(1, 10**11), rng.randint(900, 1100)
        enter(ledger, held, lots, price)
        if position and (lots > 0) != (position > 0):
            cost -= cost * min(abs(lots), abs(position)) / abs(position)
            opened = max(0, abs(lots) - abs(position))
            cost += opened * price * (1 if lots > 0 else -1)
        else:
            cost += lots * price
        position += lots
        assert ledger[0, POSITION] == position
        assert ledger[0, REALISED] == ledger[0, CASH] + ledger[0, COST]
        assert int(ledger[0, COST]) == pytest.approx(float(cost), rel=1e-9, abs=1e4)


def deep_book(levels: int) -> Iterator[Batch]:
    for number in range(1, 20):
        out, ts = BatchBuilder(4, 2 * levels), START_NS + number * TICK_NS
        if number == 1:
            out.add_note(Listed(0, COIN), ts - 2, 0)
            sides = ([(MID - side * k, 9) for k in range(1, levels)] for side in (1, -1))
            out.add_levels(Kind.SNAPSHOT, ts - 2, *sides, symbol=0, last_id=1, flags=3)
            out.add_note(FeedStatus("binance", "SYNCED", 0), ts - 2, 0)
        out.add(Kind.TICK, ts, symbol=-1)
        yield out.take()


def test_after_a_shock_larger_than_the_book_orders_still_find_room() -> None:
    orders: list[Command] = [PlaceOrder(1, 5, MID - 4000 - n) for n in range(100)]
    told = run({3: [Inject(parse("fat_finger:sell:1e6"))], 6: orders}, deep_book(3000))
    assert len(told.told.fills) == MOST_TAKEN
    assert len(told.state.resting) == 100
    assert any("the rest met no displayed size" in text for text in told.told.said)


def test_what_happened_on_the_second_venue_while_the_first_was_out_is_looked_at_anew() -> None:
    there = msgspec.structs.replace(COIN, venue="other")
    batches = list(together([Flow(1, resyncs=False), Flow(2, there, 1, resyncs=False)], 30))
    state = fold_all(State(), batches)
    venue, nothing = open_venue(state, (0, 1), None, Rules(latency_ms=0), 1), batches[-1]
    venue.step(state, nothing, halted=False)
    price, lots = levels_of(state.symbols[1].market.book, BID)[0].tolist()
    venue.send(1, 1, int(Do.POST_ONLY), 1, price, 5)
    venue.step(state, nothing, halted=False)
    order = venue.floor.orders[1, -MOST_OWN]
    assert order[O_AHEAD] == lots > 1
    state.symbols[0].book_state = "STALE"
    fill(
        state.symbols[1].market.book, BID, np.array([[price, 1]])
    )  # by an update that nobody here was told of
    venue.step(state, nothing, halted=False)
    assert order[O_AHEAD] == lots
    state.symbols[0].book_state = "SYNCED"
    venue.step(state, nothing, halted=False)
    assert order[O_AHEAD] == 1
