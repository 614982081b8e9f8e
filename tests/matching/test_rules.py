"""The rules of the market one by one, and what the engine says when it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from engine.kernels import matching_state
from engine.kernels.matching_exchange import Exchange
from engine.kernels.matching_state import (
    ASK,
    BID,
    MAX_HANDLES,
    MESSAGE,
    Do,
    Outcome,
    Prevention,
    new_state,
)
from tests.matching.reading import Queues, queues, rows
from tests.matching.twin import Message


def play(exchange: Exchange, *messages: Message) -> tuple[list[Outcome], list[tuple[int, int, int]]]:
    """Outcomes, and (maker, price, lots) of what happened."""
    batch = rows(list(messages))
    trades = exchange.process(batch)
    return (
        [Outcome(x) for x in batch["outcome"].tolist()],
        [tuple(row) for row in trades[["maker", "price", "qty"]].tolist()],
    )


def test_first_come_first_served_at_the_better_price() -> None:
    exchange = Exchange()
    outcomes, trades = play(
        exchange,
        Message(Do.LIMIT, ASK, 102, 5, 1),
        Message(Do.LIMIT, ASK, 101, 5, 2),
        Message(Do.LIMIT, ASK, 101, 5, 3),
        Message(Do.LIMIT, BID, 102, 12, 4),
    )
    assert outcomes == [Outcome.RESTING] * 3 + [Outcome.FILLED]
    assert trades == [(2, 101, 5), (3, 101, 5), (1, 102, 2)]
    assert queues(exchange.state) == {(ASK, 102): [(1, -1, 3)]}


def test_reduce_keeps_the_place_and_replace_loses_it() -> None:
    exchange = Exchange()
    play(exchange, *(Message(Do.LIMIT, BID, 100, 5, handle) for handle in (1, 2, 3)))
    play(exchange, Message(Do.REDUCE, qty=2, handle=1), Message(Do.REPLACE, BID, 100, 5, 2))
    assert queues(exchange.state) == {(BID, 100): [(1, -1, 3), (3, -1, 5), (2, -1, 5)]}


def test_a_replacement_may_trade() -> None:
    exchange = Exchange()
    outcomes, trades = play(
        exchange,
        Message(Do.LIMIT, ASK, 101, 3, 1),
        Message(Do.LIMIT, BID, 99, 5, 2),
        Message(Do.REPLACE, BID, 101, 5, 2),
    )
    assert outcomes[-1] == Outcome.RESTING
    assert trades == [(1, 101, 3)]
    assert queues(exchange.state) == {(BID, 101): [(2, -1, 2)]}


@pytest.mark.parametrize(
    ("kind", "qty", "outcome", "lots"),
    [
        (Do.FOK, 6, Outcome.EXPIRED, []),
        (Do.FOK, 5, Outcome.FILLED, [5]),
        (Do.IOC, 6, Outcome.EXPIRED, [5]),
        (Do.MARKET, 9, Outcome.EXPIRED, [5, 3]),
        (Do.POST_ONLY, 1, Outcome.WOULD_TRADE, []),
    ],
)
def test_kinds_at_a_limit(kind: Do, qty: int, outcome: Outcome, lots: list[int]) -> None:
    exchange = Exchange()
    play(exchange, Message(Do.LIMIT, ASK, 101, 5, 1), Message(Do.LIMIT, ASK, 105, 3, 2))
    outcomes, trades = play(exchange, Message(kind, BID, 103, qty, 9))
    assert outcomes == [outcome]
    assert [size for _, _, size in trades] == lots


@pytest.mark.parametrize(
    ("prevention", "outcome", "rest"),
    [
        (Prevention.NONE, Outcome.FILLED, {(ASK, 101): [(2, 8, 1)], (ASK, 102): [(3, 8, 5)]}),
        (Prevention.CANCEL_RESTING, Outcome.FILLED, {(ASK, 102): [(3, 8, 1)]}),
        (
            Prevention.CANCEL_INCOMING,
            Outcome.PREVENTED,
            {(ASK, 101): [(1, 7, 5), (2, 8, 4)], (ASK, 102): [(3, 8, 5)]},
        ),
    ],
)
def test_self_trade_prevention(prevention: Prevention, outcome: Outcome, rest: Queues) -> None:
    exchange = Exchange(prevention)
    outcomes, _ = play(
        exchange,
        Message(Do.LIMIT, ASK, 101, 5, 1, owner=7),
        Message(Do.LIMIT, ASK, 101, 4, 2, owner=8),
        Message(Do.LIMIT, ASK, 102, 5, 3, owner=8),
        Message(Do.IOC, BID, 102, 8, 9, owner=7),
    )
    assert outcomes[-1] == outcome
    assert queues(exchange.state) == rest


def test_empty_and_one_sided_books() -> None:
    exchange = Exchange()
    assert play(exchange, Message(Do.MARKET, BID, 0, 1), Message(Do.CANCEL, handle=3)) == (
        [Outcome.EXPIRED, Outcome.UNKNOWN],
        [],
    )
    outcomes, _ = play(exchange, Message(Do.LIMIT, BID, -5, 2, 0), Message(Do.MARKET, BID, 0, 1))
    assert outcomes == [Outcome.RESTING, Outcome.EXPIRED]
    assert queues(exchange.state) == {(BID, -5): [(0, -1, 2)]}


def test_refuses_beyond_its_largest_size_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching_state, "MAX_NODES", 5)
    exchange = Exchange(nodes=4, handles=2, levels=2)
    full = [Message(Do.LIMIT, BID, 10 - handle, 1, handle) for handle in range(7)]
    outcomes, _ = play(exchange, *full, Message(Do.CANCEL, handle=0), Message(Do.LIMIT, ASK, 11, 1, 7))
    assert outcomes == [Outcome.RESTING] * 5 + [Outcome.NO_ROOM] * 2 + [Outcome.DONE, Outcome.RESTING]
    bids = {(BID, 10 - handle): [(handle, -1, 1)] for handle in range(1, 5)}
    assert queues(exchange.state) == bids | {(ASK, 11): [(7, -1, 1)]}


def test_refuses_a_handle_out_of_range() -> None:
    exchange = Exchange()
    outcomes, _ = play(
        exchange, Message(Do.LIMIT, BID, 10, 1, MAX_HANDLES), Message(Do.LIMIT, BID, 10, 1, MAX_HANDLES - 1)
    )
    assert outcomes == [Outcome.NO_ROOM, Outcome.RESTING]
    assert len(exchange.state.slots) == MAX_HANDLES


def test_says_what_it_expects() -> None:
    with pytest.raises(ValueError, match="found 2, 4096 and 1024"):
        new_state(nodes=2)
    with pytest.raises(TypeError, match="contiguous row of MESSAGE"):
        Exchange().process(np.zeros(4, MESSAGE)[::2])
    with pytest.raises(TypeError, match="found int64"):
        Exchange().process(np.zeros(4, np.int64))
