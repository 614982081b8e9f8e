"""The person's orders in the simulated market: real priority, true numbers, and a sentence for every refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from engine.agents.trading import ASK, BID, SLOTS
from engine.batch import OWN, Batch
from engine.core import State, apply
from engine.events import Agents, Kind, Said
from engine.kernels.matching_state import Do
from engine.market.people import ask
from engine.market.report import conserved
from engine.market.source import SimSource
from engine.market.state import (
    ASKS,
    NOBODY,
    O_NUMBER,
    OWN_ORDERS,
    RESTS,
    T_FEE,
    T_LOTS,
    T_MAKER,
    T_NUMBER,
    T_PRICE,
    T_TAKER,
    TOLD,
    TRADES,
    W_AHEAD,
    W_LOTS,
    W_NUMBER,
    W_WHAT,
    YOU,
    Market,
)
from engine.ports import CancelOrders, Command, Inject, PlaceOrder
from engine.scenario import Counts, Scenario
from engine.shocks import parse
from tests.market.worlds import SMALL, FakeClock, ran, step


def queue(market: Market, handle: int) -> list[int]:
    """Handles of the whole queue that an order stands in, first in front, from the level's own end of the list."""
    nodes = market.book_a.nodes
    order = int(market.book_a.slots[handle])
    level = int(nodes[order]["level"])
    found, at = [], int(nodes[level]["next"])
    while at != level:
        found.append(int(nodes[at]["tag"]) & 0xFFFFFFFF)
        at = int(nodes[at]["next"])
    return found


def lots_of(market: Market, handle: int) -> int:
    return int(market.book_a.nodes[int(market.book_a.slots[handle])]["qty"])


def test_what_is_told_to_stand_ahead_stands_ahead_and_goes_first() -> None:
    """Read from the front of the queue; nobody who came later ever trades before the person at that price."""
    market = ran(Scenario(), 4, 3000)
    mine = len(market.family) * SLOTS
    price = int(market.sight[0, BID]) - 1
    ask(market, Do.LIMIT, 0, 0, price, 200)
    step(market, 1)
    assert market.told[0, W_WHAT] == RESTS
    before = set(queue(market, mine)) - {mine}
    assert before
    behind: set[int] = set()
    told_ahead, fills = int(market.told[0, W_AHEAD]), 0
    for _ in range(3000):
        if market.own[0, O_NUMBER] == 0:
            break
        handles = queue(market, mine)
        ahead = handles[: handles.index(mine)]
        assert sum(lots_of(market, h) for h in ahead) == told_ahead
        assert not behind.intersection(ahead)
        behind = set(handles[handles.index(mine) + 1 :])
        step(market, 1)
        for row in market.told[: market.counts[TOLD]].tolist():
            told_ahead = row[W_AHEAD]
        tape = market.tape[: market.counts[TRADES]].tolist()
        fills += sum(row[T_LOTS] for row in tape if row[T_NUMBER])
    assert fills == 200
    assert market.ledger[len(market.family) + YOU, 0] == 200


def test_every_fill_is_on_the_tape_with_its_order_and_its_fee() -> None:
    market = ran(Scenario(), 5, 3000)
    you = len(market.family) + YOU
    scenario = Scenario()
    ask(market, Do.MARKET, 0, 0, 0, 1500)
    ask(market, Do.LIMIT, 0, 1, int(market.sight[0, ASK]) + 1, 700)
    bought = sold = paid = 0
    for _ in range(1500):
        step(market, 1)
        for row in market.tape[: market.counts[TRADES]].tolist():
            if you not in (row[T_MAKER], row[T_TAKER]):
                assert row[T_NUMBER] == 0
                continue
            took = row[T_TAKER] == you
            assert row[T_NUMBER] == (1 if took else 2)
            venue = scenario.venues[0]
            bps = venue.taker_fee_bps if took else venue.maker_fee_bps
            assert row[T_FEE] == pytest.approx(row[T_PRICE] * row[T_LOTS] * bps * 1e-4, abs=0.5)
            paid += row[T_FEE]
            bought, sold = (bought + row[T_LOTS], sold) if took else (bought, sold + row[T_LOTS])
    assert (bought, sold) == (1500, 700)
    ledger = market.ledger[you]
    assert (ledger[0], ledger[4] - ledger[5]) == (800, paid)
    assert set(conserved(market).values()) == {0}


def test_a_market_order_into_an_empty_side_says_what_found_nobody() -> None:
    market = ran(Scenario(counts=Counts(0, 30, 0, 0)), 1, 100)
    ask(market, Do.MARKET, 0, 1, 0, 77)
    step(market, 1)
    assert market.told[0, [W_WHAT, W_NUMBER, W_LOTS]].tolist() == [NOBODY, 1, 77]


# Through the source: what the person and a recording get.


async def told_by(
    scenario: Scenario, deeds: dict[int, Callable[[SimSource], Command]], ticks: int
) -> list[Batch]:
    """`deeds` by the number of the tick they follow."""
    sim = SimSource(scenario, 3, FakeClock(), speed=0.0)
    found: list[Batch] = []
    async for batch in sim.batches():
        found.append(batch)
        deed = deeds.get(len(found))
        if deed is not None:
            await sim.command(deed(sim))
        if len(found) == ticks:
            break
    return found


def said(batches: list[Batch]) -> list[str]:
    return [note.text for batch in batches for note in batch.notes if isinstance(note, Said)]


def best(sim: SimSource, side: int) -> int:
    return int(sim.market.sight[0, side])


def test_orders_and_fills_are_rows_that_the_core_folds() -> None:
    deeds: dict[int, Callable[[SimSource], Command]] = {
        5: lambda sim: PlaceOrder(1, 400, best(sim, BID) - 5),
        6: lambda sim: PlaceOrder(-1, 300),
        7: lambda sim: PlaceOrder(-1, 250, best(sim, ASK) + 400, post_only=True),
        30: lambda _: CancelOrders(number=3),
    }
    batches = asyncio.run(told_by(Scenario(), deeds, 40))
    state = State()
    for number, batch in enumerate(batches, 1):
        assert apply(state, batch)[1] == []
        if number == 20:
            assert 3 in state.resting
            assert (state.resting[3].owner, state.resting[3].side, state.resting[3].lots) == (OWN, -1, 250)
    assert 3 not in state.resting
    rows = [row for batch in batches for row in batch.rows[batch.rows["kind"] == Kind.FILL]]
    market_fills = [row for row in rows if row["first_id"] == 2]
    assert sum(int(row["size_lots"]) for row in market_fills) == 300
    assert {(int(row["side"]), int(row["flags"]), int(row["last_id"])) for row in market_fills} == {
        (-1, 0, OWN)
    }
    assert any(event.text.startswith("you sold 0.") for event in state.events)
    last = [note for batch in batches for note in batch.notes if isinstance(note, Agents)][-1]
    you = next(family for family in last.families if family.name == "you")
    assert you.position_lots == sum(int(row["side"]) * int(row["size_lots"]) for row in rows)


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (PlaceOrder(1, 0), "expected a size of 0.001 to 1.66"),
        (PlaceOrder(1, -5), "found -0.005 BTC"),
        (PlaceOrder(1, 10**15), "found 1e+12 BTC"),
        (PlaceOrder(3, 5), "expected side 1 to buy or -1 to sell, found 3"),
        (PlaceOrder(1, 5, 0), "expected a limit from 5"),
        (PlaceOrder(1, 5, 10**9), "found 1000000000"),
        (PlaceOrder(1, 5, symbol=4), "expected a symbol from 0 to 1, found 4"),
        (PlaceOrder(1, 5, None, post_only=True), "a post-only order waits at a price: expected one, found none"),
        (PlaceOrder(1, 5, 500_000, post_only=True), "refused: post-only at 500000 would trade at once"),
        (CancelOrders(), "nothing to cancel: no order of yours rests"),
        (CancelOrders(number=9), "nothing to cancel: order 9 does not rest"),
        (CancelOrders(number=-9), "expected an order's number, found -9"),
        (Inject(parse("sell:5/10s").__class__("riot")), "expected a shock of programme, withdrawal"),
        (Inject(parse("sell:5/10s").__class__("programme", -5.0, -1)), "expected a size of 1e-06 to 1e+09, found -5"),
        (Inject(parse("sell:5/10s").__class__("halt", symbol=9)), "halt: expected a symbol up to 1, found 9"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_sentence_in_the_stream(order: Command, sentence: str) -> None:
    batches = asyncio.run(told_by(SMALL, {3: lambda _: order}, 5))
    (text,) = said(batches)
    assert sentence in text
    assert not any((batch.rows["kind"] == Kind.FILL).any() for batch in batches)


def test_a_halted_venue_a_full_book_and_too_much_at_once_are_said() -> None:
    async def run() -> list[str]:
        sim = SimSource(SMALL, 3, FakeClock(), speed=0.0)
        texts: list[str] = []
        number = 0
        async for batch in sim.batches():
            texts += said([batch])
            number += 1
            if number in (2, 3):
                for _ in range(ASKS):
                    await sim.command(PlaceOrder(1, 1, 50_000))
            if number == 3:
                await sim.command(PlaceOrder(1, 1, 50_000))
            if number == 6:
                await sim.command(Inject(parse("halt/1s")))
            if number == 8:
                await sim.command(CancelOrders())
            if number == 10:
                break
        return texts

    texts = asyncio.run(run())
    full = f"refused: {OWN_ORDERS} of your orders rest already; cancel one first"
    assert texts.count(full) == 2 * ASKS - OWN_ORDERS
    assert f"expected at most {ASKS} orders within a tenth of a second" in texts
    assert "refused: sim has halted, it takes no orders and no cancels" in texts
