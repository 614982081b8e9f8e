"""An order of one's own: what is placed is what was said, and what rests can be cancelled."""

from __future__ import annotations

import frames
import msgspec
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st
from stage import stage

from engine.frame import Frame, View
from engine.frame.symbol import Top
from engine.ports import CancelOrders, PlaceOrder
from tui.ticket import LIMIT, MARKET, POST_ONLY, NotANumber, Ticket, takes_at_once

BID, ASK = 6_169_372, 6_169_373


def with_top(top: Top, view: View = frames.ANY) -> Frame:
    frame = worlds.simulated(view)
    line = msgspec.structs.replace(frame.market.lines[0], top=top)
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, lines=(line,)))


def test_the_price_follows_its_own_side_until_it_is_set() -> None:
    ticket = Ticket()
    assert ticket.price_ticks(with_top(Top(100, 1, 110, 1)).market) == 100
    assert ticket.price_ticks(with_top(Top(102, 1, 110, 1)).market) == 102
    ticket.step_price(with_top(Top(102, 1, 110, 1)).market, -3)
    assert ticket.price_ticks(with_top(Top(105, 1, 110, 1)).market) == 99
    ticket.turn(-1)
    assert ticket.price_ticks(with_top(Top(105, 1, 110, 1)).market) == 110
    assert ticket.price_ticks(with_top(Top(105, 1, None, None)).market) == 105
    assert ticket.price_ticks(with_top(Top()).market) is None
    assert ticket.order(with_top(Top())) is None
    ticket.way = MARKET
    assert ticket.order(with_top(Top())) == PlaceOrder(-1, ticket.lots(with_top(Top())), None)


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(1, 10**9), st.sampled_from([1, -1]))
def test_an_order_takes_exactly_when_it_meets_the_other_side(
    bid: int, wide: int, price: int, side: int
) -> None:
    line = with_top(Top(bid, 1, bid + wide, 1)).market.lines[0]
    rests = price < bid + wide if side > 0 else price > bid
    assert takes_at_once(PlaceOrder(side, 1, price), line) is not rests


@given(st.integers(1, 2**53), st.sampled_from(["plain", "grouped", "commas"]))
def test_a_typed_price_is_that_many_ticks(ticks: int, way: str) -> None:
    market, ticket = worlds.simulated().market, Ticket()
    text = f"{ticks // 100}.{ticks % 100:02d}"
    if way != "plain":
        text = f"{ticks // 100:,}.{ticks % 100:02d}".replace(",", " " if way == "grouped" else ",")
    ticket.type_price(text, market)
    assert ticket.price_ticks(market) == ticks


@pytest.mark.parametrize("text", ["", "abc", "-1", "0", "nan", "inf", "1e999", "61693.735", "9" * 400, "½"])
def test_what_is_no_price_is_refused_and_changes_nothing(text: str) -> None:
    market, ticket = worlds.simulated().market, Ticket()
    with pytest.raises(NotANumber, match="price"):
        ticket.type_price(text, market)
    assert ticket.price_ticks(market) == BID


async def test_keys_make_an_order_and_enter_places_it() -> None:
    async with stage(worlds.simulated, (80, 24)) as (it, pilot):
        await it.press(pilot, "o")
        assert "buy 0.1 BTC at 61 693.72, in this market" in it.text()
        await it.press(pilot, "down", "down", "up", "left", "enter")
        assert it.said == [PlaceOrder(1, 5_000, BID - 1)]
        await it.press(pilot, "s", "k")
        assert "sell 0.05 BTC at 61 693.73, post only, in this market" in it.text()
        await it.press(pilot, "enter", "k")
        assert "sell 0.05 BTC at the market, in this market" in it.text()
        await it.press(pilot, "enter")
        assert it.said[1:] == [PlaceOrder(-1, 5_000, ASK, post_only=True), PlaceOrder(-1, 5_000, None)]


async def test_a_typed_price_and_size() -> None:
    async with stage(worlds.on_paper, (80, 24)) as (it, pilot):
        await it.press(pilot, "o", "p", *"61 69x", "enter")
        assert "expected a decimal number" in it.text()
        await it.press(pilot, "backspace", *"4.5", "enter", "a", *"0.00012", "enter")
        assert "buy 0.00012 BTC at 61 694.50, on paper, plainly ours; it" in it.text()
        assert "it takes at once" in " ".join(it.text().replace("│", " ").split())
        await it.press(pilot, "k")
        assert "it would be refused: it meets the other side" in " ".join(it.text().replace("│", " ").split())
        await it.press(pilot, "k", "k", "enter")
        assert it.said == [PlaceOrder(1, 12, 6_169_450)]
        await it.press(pilot, "backspace")
        assert "the best bid" in it.text()


async def test_what_rests_is_listed_and_cancelled_one_by_one_or_all() -> None:
    async with stage(worlds.simulated, (80, 24)) as (it, pilot):
        await it.press(pilot, "o")
        assert "2 of yours rest" in it.text()
        assert "0.5 at 61 703.00   1.058 ahead" in it.text()
        assert "0.2 at 61 688.00   first in the queue" in it.text()
        await it.press(pilot, "2", "9", "c")
        assert it.said == [CancelOrders(0, 9), CancelOrders(0)]


async def test_paper_is_said_wherever_the_market_is_real() -> None:
    async with stage(worlds.on_paper) as (it, pilot):
        assert "PAPER" in it.lines()[0]
        assert "o paper order" in it.lines()[-1]
        await it.press(pilot, "o")
        assert "PAPER" in next(line for line in it.lines() if "order of your own" in line)
        assert "no order leaves this machine" in it.text()
    async with stage(worlds.simulated) as (it, pilot):
        await it.press(pilot, "o")
        assert "PAPER" not in it.text()


async def test_the_mouse_places_and_cancels() -> None:
    async with stage(worlds.simulated, (100, 30)) as (it, pilot):
        await it.press(pilot, "o")
        for word in (" sell  ", "post only", "enter places", "0.5 at", "cancels all"):
            lines = it.lines()
            y = next(i for i, row in enumerate(lines) if word in row)
            await pilot.click(offset=(lines[y].index(word) + 1, y))
            await it.settle(pilot)
        assert it.said == [PlaceOrder(-1, 20_000, ASK, post_only=True), CancelOrders(0, 7), CancelOrders(0)]


def test_ways_are_three_and_come_round() -> None:
    ticket, seen = Ticket(), []
    for _ in range(4):
        seen.append(ticket.way)
        ticket.next_way()
    assert seen == [LIMIT, POST_ONLY, MARKET, LIMIT]
