"""The paper world in a session: causes, conservation, refusals, frozen books, latency, two venues, plain agents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.agents.families import Family
from engine.agents.plain import Order, Trader
from engine.batch import OWN, Batch, BatchBuilder, Rows, concat
from engine.core import State
from engine.events import Agents, FeedStatus, Kind, Shock
from engine.instrument import Instrument
from engine.kernels.level_book import ASK, BID, levels_of
from engine.paper.rules import Rules
from engine.paper.shocks import Running, set_moods
from engine.paper.state import M_DOUBT, M_SENTIMENT, PROGRAMME
from engine.paper.venue import open_venue
from engine.ports import CancelOrders, Inject, PlaceOrder
from engine.shocks import parse
from tests.paper.flows import COIN, MID, START_NS, TICK_NS, Flow, flow, together
from tests.paper.world import CROWD, SCALE, Told, run


def shown(state: State, symbol: int = 0) -> dict[int, dict[int, int]]:
    book = state.symbols[symbol].market.book
    return {1: dict(levels_of(book, BID).tolist()), -1: dict(levels_of(book, ASK).tolist())}


class Causes:
    """Every fill has one: a trade at or through its price, a best that reached it, or size that was displayed."""

    def __init__(self, batches: list[Batch]) -> None:
        self.batches = batches
        self.waited = self.took = 0

    def __call__(self, number: int, state: State, rows: Rows) -> None:
        book = shown(state)
        real = self.batches[number - 1].rows
        trades = real[real["kind"] == Kind.TRADE]
        taken: dict[tuple[int, int], int] = {}
        for fill in rows[rows["kind"] == Kind.FILL]:
            side, price = int(fill["side"]), int(fill["price_ticks"])
            if fill["flags"] & 1:
                self.waited += 1
                through = (trades["side"] == -side) & (trades["price_ticks"] * side <= price * side)
                reached = any(other * side <= price * side for other in book[-side])
                assert through.any() or reached
            else:
                self.took += 1
                taken[-side, price] = taken.get((-side, price), 0) + int(fill["size_lots"])
        for (side, price), lots in taken.items():
            assert lots <= book[side].get(price, 0)


def test_no_fill_without_a_cause() -> None:
    batches = [batch for _, batch in flow(11, 600, scale=SCALE)]
    causes = Causes(batches)
    plan = {n: [PlaceOrder(1 if n % 2 else -1, 3000, MID + n % 7 - 3)] for n in range(10, 600, 5)}
    plan |= {n: [Inject(parse("sell:50/5s"))] for n in (100, 300)}
    run(plan, batches, scenario=CROWD, look=causes)
    assert causes.waited > 50
    assert causes.took > 50


def test_books_are_the_sums_of_the_fills() -> None:
    plan = {
        50: [PlaceOrder(1, 4000)],
        120: [PlaceOrder(-1, 2000, MID + 1)],
        200: [Inject(parse("sell:40/4s"))],
        300: [Inject(parse("cascade:longs:40/5s"))],
    }
    told = run(plan, ticks=900, scenario=CROWD).told
    fills, books = told.fills, told.books
    assert books.paper
    owners = [*range(len(books.agents) - 2), OWN, PROGRAMME]
    assert {int(owner) for owner in fills["last_id"]} <= set(owners)
    assert (fills["last_id"] == PROGRAMME).any()
    traded = 0
    for owner, line in zip(owners, books.agents, strict=True):
        mine = fills[fills["last_id"] == owner]
        signed = mine["size_lots"] * mine["side"]
        cash = -int((signed * mine["price_ticks"]).sum())
        assert line.position_lots == signed.sum()
        assert line.realised == cash + line.cost
        assert line.fees == mine["ask_ticks"].sum()
        assert line.fills >= len(mine)  # those of one order, price and tick are one row
        traded += len(mine)
    assert traded == len(fills) > 100
    assert [f.name for f in books.families] == ["maker", "informed", "you", "programme"]
    for family in books.families:
        members = [a for a in books.agents if books.families[a.family] is family]
        assert family.position_lots == sum(a.position_lots for a in members)


def test_orders_rest_as_rows_say() -> None:
    """What State keeps of the rows is what the venue has resting, agents and person, at every moment."""
    plan = {n: [PlaceOrder(1, 5, MID - 9), PlaceOrder(-1, 5, MID + 9)] for n in range(20, 60, 10)}
    done = run(plan | {100: [CancelOrders(number=1)], 200: [CancelOrders()]}, scenario=CROWD)
    assert not any(order.owner == OWN for order in done.state.resting.values())
    by_owner: dict[int, int] = {}
    for order in done.state.resting.values():
        by_owner[order.owner] = by_owner.get(order.owner, 0) + 1
    last = [note for _, note in done.told.notes if isinstance(note, Agents)][-1]
    makers = {i: line.orders for i, line in enumerate(last.agents[:3])}
    assert makers == {i: by_owner.get(i, 0) for i in range(3)}


def test_a_shock_never_touches_the_real_market() -> None:
    batches = [batch for _, batch in flow(5, 400, scale=SCALE)]
    seen: list[list[bytes]] = [[], []]
    shocks = {
        60: [Inject(parse("sell:200/5s")), Inject(parse("withdrawal:0.9/5s"))],
        120: [Inject(parse("fat_finger:buy:200")), Inject(parse("volatility:8/5s"))],
        200: [Inject(parse("halt/3s")), Inject(parse("whale:deposit:200/5s"))],
        250: [Inject(parse("sentiment:bearish:0.9/5s")), Inject(parse("cascade:shorts:100/5s"))],
    }
    for plan, frames in zip(({}, shocks), seen, strict=True):

        def look(number: int, state: State, rows: Rows, frames: list[bytes] = frames) -> None:
            market = state.symbols[0].market if 0 in state.symbols else ()
            frames.append(b"".join(np.ascontiguousarray(a).tobytes() for a in market))

        told = run(plan, batches, scenario=CROWD, look=look).told
    assert seen[0] == seen[1]
    assert [n.kind for _, n in told.notes if isinstance(n, Shock)] == [
        "programme", "withdrawal", "fat_finger", "volatility", "halt", "whale", "sentiment", "cascade",
    ]  # fmt: skip


def test_a_halt_stops_the_venue() -> None:
    def rows(told: Told, first: int, last: int) -> int:
        return sum(len(rows) for number, rows in told.rows if first <= number < last)

    halt = run({100: [Inject(parse("halt/5s"))]}, scenario=CROWD).told
    assert rows(halt, 101, 150) == 0 < rows(halt, 155, 200)


@pytest.mark.parametrize("shock", ["withdrawal:1.0/10s", "volatility:20/10s"])
def test_makers_go_in_a_withdrawal_and_in_volatility(shock: str) -> None:
    orders: dict[int, int] = {}
    plan = {100: [Inject(parse(shock))]}
    run(plan, scenario=CROWD, look=lambda n, s, _: orders.__setitem__(n, len(s.resting)))
    assert orders[95] > 0
    assert orders[150] == 0


def test_a_sentiment_shock_moves_the_mood_and_raises_doubt() -> None:
    venue = open_venue(run({}, ticks=20).state, (0,), CROWD, Rules(), 1)
    shock = Running(parse("sentiment:bearish:0.8/5s"), START_NS, 1000.0, "COIN")
    seen = []
    for seconds in (0.0, 2.5, 5.0, 145.0):
        set_moods(venue, [shock], START_NS + int(seconds * 1e9), 0.1, 0.25)
        seen.append(venue.floor.moods[[M_SENTIMENT, M_DOUBT]])
    moods, doubts = np.array(seen).T
    np.testing.assert_allclose(
        moods, [0.1, -0.3, -0.7, -0.3]
    )  # it rises while it lasts, then half is forgotten
    odds = 0.25 / 0.75 * np.exp(2.0 * np.array([0.0, 0.4, 0.8, 0.4]))
    np.testing.assert_allclose(doubts, odds / (1.0 + odds))


def test_a_cascade_closes_positions_of_its_side_and_no_others() -> None:
    held: dict[int, np.ndarray] = {}

    def look(number: int, state: State, rows: Rows) -> None:
        if state.agents is not None:
            held[number] = np.array([a.position_lots for a in state.agents.agents])

    fills = run({250: [Inject(parse("cascade:longs:9000/2s"))]}, scenario=CROWD, look=look).told
    forced = [r for n, r in fills.rows if 251 <= n <= 270]
    taken = np.concatenate(forced)
    taken = taken[(taken["kind"] == Kind.FILL) & (taken["flags"] == 0) & (taken["side"] < 0)]
    long = np.flatnonzero(held[250][:7] > 0)
    assert len(long)
    assert set(long) <= set(taken["last_id"])
    assert PROGRAMME in taken["last_id"]
    assert OWN not in taken["last_id"]


def test_a_book_out_of_sync_freezes_orders_and_keeps_them() -> None:
    def batches() -> Iterator[Batch]:
        for number, (market, batch) in enumerate(flow(2, 200, scale=SCALE, resyncs=False), 1):
            out = BatchBuilder(4, 4)
            state = {60: "STALE", 120: "SYNCED"}.get(number)
            if state is not None:
                out.add_note(FeedStatus("binance", state, 0), START_NS + number * TICK_NS - 2, 0)
            if number == 120:
                market.snapshot(out, START_NS + number * TICK_NS - 2)
            yield concat([out.take(), batch])

    fills: dict[int, int] = {}

    def look(number: int, state: State, rows: Rows) -> None:
        fills[number] = int((rows["kind"] == Kind.FILL).sum())

    plan = {30: [PlaceOrder(1, 1000, MID - 300)], 90: [PlaceOrder(1, 5), CancelOrders(number=7)]}
    done = run(plan, batches(), scenario=CROWD, look=look)
    assert sum(fills[n] for n in range(60, 120)) == 0
    assert sum(fills[n] for n in range(121, 200)) > 0
    assert done.state.resting[1].lots == 1000
    assert done.told.said == [
        "no order was placed: expected the COINUSDT book in sync with both sides, found STALE"
    ]


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (PlaceOrder(1, 0), "expected a size of one lot (0.001) or more, found 0 lots"),
        (PlaceOrder(1, -3, MID), "expected a size of one lot (0.001) or more, found -3 lots"),
        (PlaceOrder(1, 1, MID * 100), "a slip?"),
        (PlaceOrder(1, 1, 1), "a slip?"),
        (PlaceOrder(1, 1, symbol=9), "expected one of the 1 symbols of this session, found 9"),
        (PlaceOrder(1, 1, post_only=True), "a post-only order waits at a price: expected one, found none"),
        (PlaceOrder(3, 1), "expected a side of +1 or -1, found 3"),
        (PlaceOrder(1, 2**60), "expected a size up to"),
        (Inject(Shock("earthquake")), "no shock: expected a shock of programme"),
        (Inject(Shock("programme", float("nan"), 1, 1.0)), "no shock: programme: expected a size"),
        (Inject(Shock("halt", symbol=4, duration_s=1.0)), "no shock: there is no symbol 4 in this session"),
        (CancelOrders(), "there is no order to cancel"),
    ],
)
def test_what_cannot_be_done_is_said(order: PlaceOrder | Inject | CancelOrders, sentence: str) -> None:
    told = run({20: [order]}, ticks=40).told
    assert len(told.said) == 1
    assert sentence in told.said[0]
    assert not len(told.fills)


def test_a_post_only_order_that_would_trade_and_a_dry_book_are_told_of() -> None:
    plan = {20: [PlaceOrder(1, 5, MID + 8, post_only=True)], 25: [PlaceOrder(1, 1_000_000)]}
    told = run(plan, ticks=40).told
    assert told.said == [
        "order 1 ended: it would have traded at once, and post-only was asked for",
        "order 2 ended: the book displays no more",
    ]
    assert 0 < told.fills["size_lots"].sum() < 1_000_000


def test_orders_act_after_the_latency() -> None:
    for latency_ms, later in ((0.0, 0), (100.0, 1), (250.0, 3)):
        rules = Rules(latency_ms=latency_ms)
        told = run({30: [PlaceOrder(1, 5, MID - 30)]}, ticks=60, rules=rules).told
        first = next(number for number, rows in told.rows if len(rows))
        assert first == 30 + later


def test_a_programme_trades_evenly_and_says_what_found_nobody() -> None:
    told = run({50: [Inject(parse("sell:20/10s"))], 200: [Inject(parse("fat_finger:buy:90000"))]}).told
    fills = told.fills
    sold = fills[fills["side"] < 0]
    assert sold["size_lots"].sum() == 20_000
    assert 95 < np.ptp(sold["ts_recv"]) / TICK_NS < 105
    half = sold["size_lots"][sold["ts_recv"] <= START_NS + 100 * TICK_NS].sum()
    assert 9_000 <= half <= 11_000
    assert len(told.said) == 1
    bought = fills["size_lots"][fills["side"] > 0].sum() / 1000
    assert told.said[0].startswith(f"fat finger buy 90000 COIN: {bought:g} COIN found somebody on paper")


def test_arbitrageurs_work_between_two_venues_of_one_pair() -> None:
    other = Instrument("elsewhere", "COIN-USDT", "COIN", "USDT", "0.01", "0.001")
    here, there = Flow(1, COIN, 0, scale=SCALE), Flow(2, other, 1, scale=SCALE)

    def batches() -> Iterator[Batch]:
        for number, batch in enumerate(together([here, there], 600)):
            there.mid = here.mid + (400 if number % 200 > 120 else 0)
            yield batch

    told = run({}, batches(), scenario=CROWD).told
    assert [f.name for f in told.books.families] == ["maker", "informed", "arbitrage", "you"]
    fills = told.fills
    theirs = fills[np.isin(fills["last_id"], (7, 8))]
    for symbol, side in ((0, 1), (1, -1)):  # they buy here, where it is cheaper, and sell there
        mine = theirs[theirs["symbol"] == symbol]
        assert (mine["size_lots"] * mine["side"]).sum() * side > 0
    assert not (fills["symbol"][fills["last_id"] < 7] == 1).any()


class Params(msgspec.Struct, frozen=True):
    size: float = 1.0


class Buyer:
    """Wants one order far below the market, and once in ten steps buys at it."""

    def __init__(self, params: Params, seed: int) -> None:
        self.params, self.steps = params, 0

    def decide(self, sight: object, agent: object) -> list[Order]:
        self.steps += 1
        low = Order(1, self.params.size, sight.bid - 20)  # type: ignore[attr-defined]
        return [low, Order(1, self.params.size)] if self.steps % 10 == 0 else [low]


def test_agents_in_plain_python_trade_here_too(tmp_path: Path) -> None:
    family = Family("buyer", tmp_path / "buyer.py", Params, lambda _: (), Buyer)
    traders = [Trader(family, Params(), number, number) for number in range(2)]
    told = run({}, scenario=CROWD, plain=traders).told
    assert [t.fault for t in traders] == ["", ""]
    books = told.books
    assert [f.name for f in books.families] == ["maker", "informed", "buyer", "you"]
    buyers = books.families[2]
    assert buyers.count == 2
    assert buyers.orders == 2
    assert buyers.position_lots > 0
    assert buyers.position_lots == told.fills["size_lots"][np.isin(told.fills["last_id"], (7, 8))].sum()
