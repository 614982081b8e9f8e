"""Anything that people and agents may do to a market, in any order: nothing is lost, and equal pasts are equal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.agents.trading import SLOTS
from engine.events import Shock
from engine.kernels.matching_state import EMPTY, Do
from engine.kernels.matching_state import State as Book
from engine.market.people import ask
from engine.market.report import agents_note, conserved
from engine.market.shocks import begin
from engine.market.state import (
    AMOUNT,
    O_LOTS,
    O_NUMBER,
    O_VENUE,
    STEPS,
    X_DONE,
    X_WANTED,
    YOU,
    Market,
    fork,
    new_market,
)
from engine.shocks import BY_NAME, KINDS, BadShock
from tests.market.worlds import SMALL, digest, step


class AnyMarket(RuleBasedStateMachine):
    """A market, a fork of it from some moment on that is treated alike, and a list of what was done."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.seed = seed
        self.market = new_market(SMALL, seed)
        self.forked: Market | None = None
        self.past: list[Callable[[Market], object]] = []
        self.do(lambda market: step(market, 300))

    def do(self, deed: Callable[[Market], object]) -> None:
        self.past.append(deed)
        deed(self.market)
        if self.forked is not None:
            deed(self.forked)

    @rule(steps=st.integers(1, 80))
    def time_passes(self, steps: int) -> None:
        self.do(lambda market: step(market, steps))

    @rule(
        kind=st.sampled_from(KINDS),
        size=st.floats(0.0, 1.0),
        side=st.sampled_from((-1, 1)),
        duration_s=st.sampled_from((0.0, 0.3, 2.0, 30.0)),
        symbol=st.integers(0, 1),
    )
    def somebody_shocks_it(
        self, kind: object, size: float, side: int, duration_s: float, symbol: int
    ) -> None:
        found = BY_NAME[getattr(kind, "name", "")]
        most = min(found.most, 1000.0)
        amount = found.least + size * (most - found.least) if found.unit else 0.0
        shock = Shock(found.name, amount, side if found.sides[0] else 0, duration_s, symbol)

        def deed(market: Market) -> None:
            try:
                begin(market, shock)
            except BadShock as error:
                assert "wait until one is over" in str(error)  # noqa: PT017  it need not be raised

        self.do(deed)

    @rule(
        do=st.sampled_from((Do.LIMIT, Do.POST_ONLY, Do.MARKET)),
        venue=st.integers(0, 1),
        side=st.integers(0, 1),
        away=st.integers(-40, 40),
        lots=st.integers(1, 20_000),
    )
    def the_person_orders(self, do: Do, venue: int, side: int, away: int, lots: int) -> None:
        price = SMALL.start_ticks + away
        self.do(lambda market: ask(market, do, venue, side, price, lots))

    @rule(venue=st.integers(0, 1), number=st.integers(0, 5))
    def the_person_cancels(self, venue: int, number: int) -> None:
        self.do(lambda market: ask(market, Do.CANCEL, venue, number=number))

    @precondition(lambda self: self.forked is None)
    @rule()
    def somebody_forks_it(self) -> None:
        self.forked = fork(self.market)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert set(conserved(self.market).values()) == {0}
        done, wanted = self.market.shocks[:, X_DONE], self.market.shocks[:, X_WANTED]
        assert (done <= wanted).all()
        assert (self.market.leverage[..., AMOUNT] >= 0.0).all()
        assert agents_note(self.market).families

    @invariant()
    def books_are_whole(self) -> None:
        for venue, book in enumerate((self.market.book_a, self.market.book_b)):
            bid, ask_key = int(book.sides["best"][0]), int(book.sides["best"][1])
            assert EMPTY in (bid, ask_key) or -bid < ask_key
            live = np.flatnonzero(book.slots)
            tags = book.nodes["tag"][book.slots[live]]
            assert (tags & 0xFFFFFFFF == live).all()
            agents = len(self.market.family)
            assert (tags >> 32 == np.where(live < agents * SLOTS, live // SLOTS, agents + YOU)).all()
            self.own_orders_are_the_books(venue, book)

    def own_orders_are_the_books(self, venue: int, book: Book) -> None:
        """By handle: what the person is told rests, and nothing else of theirs does."""
        mine = self.market.own[(self.market.own[:, O_NUMBER] > 0) & (self.market.own[:, O_VENUE] == venue)]
        slots = book.slots[len(self.market.family) * SLOTS :]
        assert sorted(mine[:, O_LOTS].tolist()) == sorted(book.nodes["qty"][slots[slots > 0]].tolist())

    def teardown(self) -> None:
        """The fork went the same way, and so does a new market with the same past."""
        if not hasattr(self, "past"):
            return
        if self.forked is not None:
            assert digest(self.forked) == digest(self.market)
        again = new_market(SMALL, self.seed)
        for deed in self.past:
            deed(again)
        assert int(again.counts[STEPS]) == int(self.market.counts[STEPS])
        assert digest(again) == digest(self.market)


TestAnyMarket = pytest.mark.filterwarnings("ignore")(AnyMarket.TestCase)
TestAnyMarket.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
