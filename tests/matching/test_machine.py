"""A state machine plays any orders it can think of against the kernel and its twin, from the smallest capacities."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.kernels.matching_exchange import Exchange
from engine.kernels.matching_state import ASK, BID, MAX_KEY, MAX_QTY, Do, Prevention
from tests.matching.reading import happened, queues, rows
from tests.matching.twin import Message, Twin

SIDES = st.sampled_from([BID, ASK])
NEAR = st.integers(-6, 6)
PRICES = st.one_of(NEAR, NEAR, st.sampled_from([-5000, 2047, 2048, 4095, 4096, 9000, MAX_KEY - 1, -MAX_KEY]))
SIZES = st.one_of(st.integers(1, 9), st.sampled_from([MAX_QTY]))
HANDLES = st.integers(0, 40)
OWNERS = st.integers(-1, 2)
ORDERS = st.builds(Message, st.sampled_from(list(Do)), SIDES, PRICES, SIZES, HANDLES, OWNERS)
WRONG = st.builds(
    Message,
    st.integers(0, 255),
    st.integers(0, 255),
    st.sampled_from([0, MAX_KEY, -MAX_KEY - 1, 2**63 - 1, -(2**63)]),
    st.sampled_from([-1, 0, 1, MAX_QTY + 1, 2**63 - 1, -(2**63)]),
    st.sampled_from([-(2**31), -1, 0, 1, 40]),
    st.sampled_from([-(2**31), 0, 2**31 - 1]),
)


class Matching(RuleBasedStateMachine):
    @initialize(prevention=st.sampled_from(list(Prevention)))
    def open(self, prevention: Prevention) -> None:
        self.exchange = Exchange(prevention, nodes=4, handles=1, levels=1, trades=1)
        self.twin = Twin(prevention)

    def _play(self, batch: list[Message]) -> None:
        messages = rows(batch)
        trades = self.exchange.process(messages)
        for i, message in enumerate(batch):
            outcome, expected = self.twin.submit(message)
            assert messages["outcome"][i] == outcome
            assert happened(trades[trades["message"] == i]) == expected

    @rule(batch=st.lists(ORDERS, min_size=1, max_size=12))
    def orders(self, batch: list[Message]) -> None:
        self._play(batch)

    @rule(prices=st.lists(PRICES, min_size=5, max_size=20), side=SIDES, first=st.integers(0, 20))
    def build(self, prices: list[int], side: int, first: int) -> None:
        self._play([Message(Do.LIMIT, side, price, 3, first + i, -1) for i, price in enumerate(prices)])

    @rule(
        side=SIDES, qty=SIZES, owner=OWNERS, kind=st.sampled_from([Do.MARKET, Do.FOK, Do.IOC]), price=PRICES
    )
    def sweep(self, side: int, qty: int, owner: int, kind: Do, price: int) -> None:
        self._play([Message(kind, side, price, qty, -1, owner)])

    @rule(message=WRONG)
    def nonsense(self, message: Message) -> None:
        self._play([message])

    @rule()
    def fork(self) -> None:
        """The fork plays on; the original is overwritten, which must not matter."""
        left = self.exchange
        self.exchange = left.fork()
        for array in left.state._replace(slots=left.state.head):
            array.view("u1")[...] = 255

    @invariant()
    def queues_are_equal(self) -> None:
        if hasattr(self, "twin"):
            assert queues(self.exchange.state) == self.twin.queues()


TestMatching = Matching.TestCase
TestMatching.settings = settings(max_examples=120, stateful_step_count=25, deadline=None)
