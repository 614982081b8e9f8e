"""The queue estimate and the walk through displayed depth against a slow twin: random flows, a real capture."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import Batch
from engine.core import State, apply
from engine.feeds.capture import capture_batches
from engine.kernels.matching_state import Do
from engine.market.state import CASH, COST, FEES, POSITION, REALISED, REBATES
from engine.paper.rules import Rules
from engine.paper.state import (
    C_FILLS,
    C_INCOME,
    F_FEE,
    F_LOTS,
    F_NUMBER,
    F_PRICE,
    F_SIDE,
    F_WAITED,
    O_AHEAD,
    O_LOTS,
    O_NUMBER,
    O_PRICE,
    O_SIDE,
)
from engine.paper.venue import PaperVenue, open_venue
from tests.laws.generated import BTC
from tests.paper.flows import Flow, flow
from tests.paper.twin import Fill, Twin

AT_ONCE = Rules(
    maker_fee_bps=-1.0, taker_fee_bps=5.0, own_maker_fee_bps=-2.0, own_taker_fee_bps=7.0, latency_ms=0
)


class Pair:
    """A paper venue and its twin on the same market; every tick they must agree."""

    def __init__(self) -> None:
        self.state, self.twin = State(), Twin(0)
        self.venue: PaperVenue | None = None
        self.cash = self.position = self.fees = 0
        self.fills = 0

    def tick(
        self, batch: Batch, orders: Iterable[tuple[str, int, int, int, int]] = (), halted: bool = False
    ) -> None:
        """A batch; then the person's orders as (what, number, side, price, lots), which act at once."""
        apply(self.state, batch)
        if self.venue is None and self.state.symbols and self.state.symbols[0].trusted:
            self.venue = open_venue(self.state, (0,), None, AT_ONCE, 1)
        if self.venue is None:
            self.twin.market(batch)
            return
        for what, number, side, price, lots in orders:
            if what == "cancel":
                self.venue.cancel(0, number)
            else:
                kind = {"market": Do.MARKET, "limit": Do.LIMIT, "post": Do.POST_ONLY}[what]
                self.venue.send(0, number, int(kind), side, price, lots)
        self.venue.step(self.state, batch, halted)
        self.twin.market(batch, halted)
        if not halted:
            self._arrive(orders)
        self._compare()
        self.venue.told(self.state.ts)

    def _arrive(self, orders: Iterable[tuple[str, int, int, int, int]]) -> None:
        for what, number, side, price, lots in orders:
            if what == "cancel":
                self.twin.cancel(number)
            elif what == "market":
                self.twin.take(number, side, lots)
            else:
                self.twin.rest(number, side, price, lots, what == "post")

    def _compare(self) -> None:
        assert self.venue is not None
        floor = self.venue.floor
        rows = floor.fills[: int(floor.counts[C_FILLS])]
        found: list[Fill] = [
            (int(r[F_NUMBER]), 1 - 2 * int(r[F_SIDE]), int(r[F_PRICE]), int(r[F_LOTS]), bool(r[F_WAITED]))
            for r in rows
        ]
        assert found == self.twin.fills
        assert [number for number, _ in self.venue.refusals()] == self.twin.refused
        resting = floor.orders[0][floor.orders[0][:, O_LOTS] > 0]
        resting = resting[np.argsort(resting[:, O_NUMBER])]
        ours = resting[:, [O_NUMBER, O_SIDE, O_PRICE, O_LOTS, O_AHEAD]].tolist()
        theirs = sorted([o.number, (1 - o.side) // 2, o.price, o.lots, o.ahead] for o in self.twin.orders)
        assert ours == theirs
        self._book(rows.tolist())

    def _book(self, rows: list[list[int]]) -> None:
        """Position, cash and fees are the sums of the fills; profit is cash and what the position cost."""
        assert self.venue is not None
        self.fills += len(rows)
        for row in rows:
            signed = row[F_LOTS] * (1 - 2 * row[F_SIDE])
            self.position += signed
            self.cash -= signed * row[F_PRICE]
            rate = -200 if row[F_WAITED] else 700
            fee = (row[F_LOTS] * row[F_PRICE] * abs(rate) * 2 + 1_000_000) // 2_000_000  # half up
            assert row[F_FEE] == (fee if rate > 0 else -fee)
            self.fees += row[F_FEE]
        ledger = self.venue.floor.ledger[self.venue.you]
        assert (int(ledger[POSITION]), int(ledger[CASH])) == (self.position, self.cash)
        assert int(ledger[FEES] - ledger[REBATES]) == self.fees == int(self.venue.floor.counts[C_INCOME])
        assert int(ledger[CASH] + ledger[COST]) == int(ledger[REALISED])
        assert self.venue.floor.held[self.venue.you, 0] == self.position


def orders_of(rng: random.Random, market: Flow, first: int) -> list[tuple[str, int, int, int, int]]:
    """A few orders near the touch, on either side of it, and cancels now and then."""
    orders = []
    for number in range(first, first + rng.choice((0, 0, 1, 1, 2, 3))):
        side = rng.choice((1, -1))
        what = rng.choice(("limit", "limit", "post", "post", "market"))
        orders.append((what, number, side, market.mid + rng.randint(-5, 5), rng.randint(1, 50)))
    if rng.random() < 0.1:
        orders.append(("cancel", rng.choice((0, max(1, first - rng.randint(1, 9)))), 0, 0, 0))
    return orders


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(10, 60))
def test_random_flows_fill_and_queue_as_the_twin_says(seed: int, ticks: int) -> None:
    pair, rng, number, halted = Pair(), random.Random(seed), 1, False
    for market, batch in flow(seed, ticks):
        orders = orders_of(rng, market, number) if pair.venue is not None else []
        if halted:  # while nothing trades a cancel acts at once, before orders that were sent with it
            orders = [order for order in orders if order[0] != "cancel"]
        number += sum(order[0] != "cancel" for order in orders)
        halted = rng.random() < 0.03 and not orders
        pair.tick(batch, orders, halted)


def test_long_flow_meets_every_rule() -> None:
    """One long run, so that a rule that never acts cannot hide behind short ones."""
    pair, rng, number = Pair(), random.Random(3), 1
    kinds: set[tuple[bool, bool]] = set()
    for market, batch in flow(3, 2000):
        orders = orders_of(rng, market, number) if pair.venue is not None else []
        number += sum(order[0] != "cancel" for order in orders)
        pair.tick(batch, orders)
        kinds |= {(waited, side > 0) for _, side, _, _, waited in pair.twin.fills}
    assert pair.fills > 1500
    assert len(kinds) == 4


def test_the_captured_market_fills_and_queues_as_the_twin_says(captures: Path) -> None:
    pair, rng, number = Pair(), random.Random(5), 1
    for batch in islice(capture_batches(captures / "binance_spot_btcusdt_20240808.gz", BTC), 1800):
        orders = []
        symbol = pair.state.symbols.get(0)
        if pair.venue is not None and symbol is not None and rng.random() < 0.2:
            bid, ask = symbol.feature("best_bid_ticks"), symbol.feature("best_ask_ticks")
            if bid is not None and ask is not None:
                side = rng.choice((1, -1))
                price = int(bid if side > 0 else ask) - side * rng.choice((0, 0, 1, 50, -100))
                orders = [(rng.choice(("limit", "post")), number, side, price, rng.randint(1, 50_000))]
                number += 1
                if rng.random() < 0.2:
                    orders.append(("cancel", 0, 0, 0, 0))
        pair.tick(batch, orders)
    assert pair.fills > 300
