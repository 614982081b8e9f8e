"""Agents in plain Python: what they return becomes rows that a venue can carry out, what they raise stays theirs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.agents.families import Family, read
from engine.agents.plain import MOST_FAULTS, Agent, Order, Sight, Trader
from engine.agents.trading import ASK, BID, ORDERS, SAID, SIGHT, SLOTS, VENUES
from engine.kernels.matching_state import Do
from tests.agents.own import PATIENT, written


class Params(msgspec.Struct):
    size: float = 1.0


def trader(answer: Callable[[Sight, Agent], Any], path: Path = Path("mine.py")) -> Trader:
    class Mind:
        def __init__(self, params: msgspec.Struct, seed: int) -> None:
            self.seed = seed

        def decide(self, sight: Sight, agent: Agent) -> Any:
            return answer(sight, agent)

    return Trader(Family("mine", path, Params, lambda _: (), Mind), Params(), 2, 7)


def asked(who: Trader, venue: int = 0, held_lots: int = 0, bid: float = 100.0) -> list[tuple[int, ...]]:
    sight = np.zeros((VENUES, SIGHT))
    sight[venue, BID], sight[venue, ASK] = bid, 103.0
    out = np.full((ORDERS, SAID), 99, np.int64)
    count = who.decide(sight, venue, held_lots, 1000.0, out)
    return [tuple(row) for row in out[:count].tolist()]


def test_orders_become_rows_with_slots_of_their_own() -> None:
    who = trader(lambda s, a: [Order(1, 0.5, 99.0), Order(-1, 0.25), Order(-1, 0.1, 105.0, True)])
    assert asked(who, venue=1) == [
        (1, Do.LIMIT, 0, 99, 500, 0),
        (1, Do.MARKET, 1, 0, 250, -1),
        (1, Do.POST_ONLY, 1, 105, 100, 1),
    ]


def test_what_is_not_wanted_any_more_is_cancelled_and_none_changes_nothing() -> None:
    answers: list[Any] = [[Order(1, 1.0, 90.0), Order(1, 1.0, 80.0)], None, [Order(1, 1.0, 90.0)], [], []]
    who = trader(lambda s, a: answers.pop(0))
    assert len(asked(who)) == 2
    assert asked(who) == []
    assert asked(who) == [(0, Do.LIMIT, 0, 90, 1000, 0), (0, Do.LIMIT, 0, 0, 0, 1)]
    assert asked(who) == [(0, Do.LIMIT, 0, 0, 0, 0)]
    assert asked(who) == []


def test_it_sees_prices_and_what_it_holds_and_none_for_what_is_missing() -> None:
    seen: list[tuple[Sight, Agent]] = []
    asked(trader(lambda s, a: seen.append((s, a))), held_lots=-1500, bid=math.nan)
    ((sight, agent),) = seen
    assert (sight.bid, sight.ask) == (None, 103.0)
    assert agent == Agent(2, -1.5)


@pytest.mark.parametrize(
    "order",
    [
        (2, 1.0, 90.0),
        (1, -1.0, 90.0),
        (1, 0.0, 90.0),
        (1, math.nan, 90.0),
        (1, 1e30, 90.0),
        (1, 1.0, 0.0),
        (1, 1.0, math.nan),
        (1, 1.0, 1e15),
        (1, "much", 90.0),
        "buy",
        7,
    ],
)
def test_an_order_that_is_none_is_a_fault_and_nothing_else(order: Any) -> None:
    who = trader(lambda s, a: [order])
    assert asked(who) == []
    assert who.faults == 1
    assert who.fault.startswith("mine.py:1: mine: ")


def test_more_orders_than_slots_are_not_placed() -> None:
    who = trader(lambda s, a: (Order(1, 1.0, 90.0 - i) for i in range(10**9)))
    rows = asked(who)
    assert [row[5] for row in rows] == list(range(SLOTS))


def test_one_that_keeps_raising_is_asked_no_more_and_its_orders_end(tmp_path: Path) -> None:
    calls: list[int] = []

    def answer(sight: Sight, agent: Agent) -> list[Order]:
        calls.append(1)
        if len(calls) == 1:
            return [Order(1, 1.0, 90.0)]
        return [1 / 0]  # type: ignore[list-item]

    who = trader(answer, Path(__file__))
    for _ in range(MOST_FAULTS + 1):
        asked(who)
    assert who.stopped
    assert asked(who) == [(0, Do.LIMIT, 0, 0, 0, 0)]
    assert len(calls) == MOST_FAULTS + 1
    line = next(n for n, text in enumerate(Path(__file__).read_text().splitlines(), 1) if "[1 / 0]" in text)
    assert who.fault == f"{__file__}:{line}: mine: ZeroDivisionError: division by zero"


def test_a_class_that_cannot_be_made_is_stopped_from_the_start() -> None:
    def make(params: msgspec.Struct, seed: int) -> Any:
        raise RuntimeError("no licence")

    who = Trader(Family("mine", Path("mine.py"), Params, lambda _: (), make), Params(), 0, 1)
    assert who.stopped
    assert asked(who) == []
    assert who.fault == "mine.py:1: mine: RuntimeError: no licence"


def test_the_documented_family_quotes_around_the_best_up_to_its_limit() -> None:
    family = read(written("patient", PATIENT))
    who = Trader(family, family.params(), 0, 1)
    assert asked(who) == [(0, Do.POST_ONLY, 0, 95, 50, 0), (0, Do.POST_ONLY, 1, 108, 50, 1)]
    assert asked(who, held_lots=500) == [(0, Do.POST_ONLY, 1, 108, 50, 0), (0, Do.LIMIT, 0, 0, 0, 1)]
    assert asked(who, bid=math.nan) == [(0, Do.LIMIT, 0, 0, 0, 0)]
