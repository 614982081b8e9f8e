"""Coinbase's protocol against bytes of any kind, and against a line that loses, doubles and damages messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from fakes.coinbase import feed, message, snapshot, update
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.events import Kind
from engine.feeds.venue import ALIVE, LOST, UNKNOWN


@given(
    st.lists(
        st.one_of(st.binary(max_size=200), st.sampled_from([snapshot(0), update(1), update(2)])), max_size=12
    )
)
@settings(max_examples=200, deadline=None)
def test_no_bytes_at_all_break_it(messages: list[bytes]):
    one = feed()
    for data in messages:
        one.receive(data, 0)
    assert one.messages == len(messages)


class Numbered(RuleBasedStateMachine):
    """A server with two true books, a line that loses, doubles and damages messages, and a client that obeys.

    What the rows since the last snapshot make must be the true book whenever it is said to be SYNCED, unless
    the message that shows the damage has not come yet.
    """

    names = ("BTC-USD", "ETH-USD")

    @initialize()
    def begin(self) -> None:
        self.client = feed(*self.names)
        self.truth: list[dict[tuple[str, int], int]] = [{}, {}]
        self.found: list[dict[tuple[str, int], int]] = [{}, {}]
        self.subscribed = [False, False]
        self.number = 0
        self.owed = False  # a message was lost or spoilt, and none has come since
        self.sent: list[bytes] = []
        self.now = 1

    def _send(self, data: bytes) -> int:
        self.number += 1
        self.sent.append(data)
        return self._deliver(data)

    def _deliver(self, data: bytes) -> int:
        self.now += 1
        heard = self.client.receive(data, self.now)
        batch = self.client.builder.take()
        for row in batch.rows[np.isin(batch.rows["kind"], (Kind.SNAPSHOT, Kind.DELTA))]:
            book = self.found[int(row["symbol"])]
            if row["kind"] == Kind.SNAPSHOT:
                book.clear()
            start, turn = int(row["level_start"]), int(row["level_start"] + row["bid_count"])
            for side, part in (
                ("bid", batch.levels[start:turn]),
                ("offer", batch.levels[turn : turn + int(row["ask_count"])]),
            ):
                for price, lots in part.tolist():
                    book[side, price] = lots
                    if not lots:
                        del book[side, price]
        return heard

    def _levels(self, book: dict[tuple[str, int], int]) -> list[tuple[str, str, str]]:
        return [
            (side, f"{price / 100:.2f}", f"{lots / 1e8:.8f}") for (side, price), lots in sorted(book.items())
        ]

    @rule(which=st.integers(0, 1))
    def snapshot(self, which: int) -> None:
        """As the client asks for it, where it does."""
        if self.client.symbols[which].sync.state == "BUFFERING":
            self.client.snapshot_asked(which, self.now)
        self.subscribed[which] = True
        self.owed = False
        self._send(snapshot(self.number, self.names[which], self._levels(self.truth[which])))

    @rule(
        which=st.integers(0, 1),
        side=st.sampled_from(["bid", "offer"]),
        price=st.integers(1, 6),
        lots=st.integers(0, 3),
        fate=st.sampled_from(["told"] * 6 + ["lost", "cut", "spoilt", "doubled"]),
    )
    def change(self, which: int, side: str, price: int, lots: int, fate: str) -> None:
        book = self.truth[which]
        key = (side, price)
        if lots == 0 and key not in book:
            return
        book[key] = lots
        data = update(self.number, self.names[which], self._levels({key: lots}))
        if not lots:
            del book[key]
        if not self.subscribed[which]:
            return
        if fate == "lost":
            self.number += 1
            self.owed = True
        elif fate == "cut":
            self.number += 1
            self.owed = True
            self._deliver(data[: len(data) // 2])
        elif fate == "spoilt":
            self._send(data.replace(b'"price_level":"', b'"price_level":"x'))
        else:
            self.owed = False
            self._send(data)
            if fate == "doubled":
                assert self._deliver(data) == UNKNOWN

    @rule()
    def heartbeat(self) -> None:
        self.owed = False
        heard = self._send(message(self.number, "heartbeats"))
        assert heard in (ALIVE, LOST, UNKNOWN)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def old(self, data: Any) -> None:
        assert self._deliver(data.draw(st.sampled_from(self.sent))) == UNKNOWN or self.owed

    @precondition(lambda self: self.client._lost)
    @rule()
    def connect_again(self) -> None:
        self.client.disconnected("lost", self.now)
        self.client.connected(self.now)
        self.client.builder.take()
        self.subscribed, self.number, self.owed, self.sent = [False, False], 0, False, []

    @invariant()
    def what_is_synced_is_true(self) -> None:
        for which, symbol in enumerate(getattr(self, "client", feed()).symbols):
            if symbol.sync.state == "SYNCED" and not self.owed:
                assert self.found[which] == self.truth[which]


TestNumbered = Numbered.TestCase
TestNumbered.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
