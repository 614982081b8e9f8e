"""The shock deck: what it can be set to is always a shock that a market takes, and it says what it will do."""

from __future__ import annotations

import frames
import msgspec
import pytest
import worlds
from frames import NOW, SECOND
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from stage import stage

from engine.events import Shock
from engine.frame import Frame
from engine.frame.symbol import Band, Features
from engine.ports import GoLive, Inject, WhatIf
from engine.shocks import KINDS, checked, describe
from tui.deck import Deck

BY = st.sampled_from([-1, 1])


def with_depth(bid: float | None, ask: float | None, symbol: int = 0) -> Frame:
    frame = frames.several()
    features = Features(bands=(Band(100.0, 100.0, bid, ask, None, None),))
    detail = msgspec.structs.replace(frame.market.detail, features=features)
    return msgspec.structs.replace(
        frame, market=msgspec.structs.replace(frame.market, detail=detail, symbol=symbol)
    )


class DeckMachine(RuleBasedStateMachine):
    """Whatever is pressed, the deck holds a shock that `engine.shocks` accepts, in the symbol in sight."""

    def __init__(self) -> None:
        super().__init__()
        self.deck = Deck()
        self.frame = with_depth(23.4, 46.1)

    @rule(depth=st.none() | st.floats(1e-9, 1e12), symbol=st.integers(0, 2))
    def look_elsewhere(self, depth: float | None, symbol: int) -> None:
        self.deck.open()
        self.frame = with_depth(depth, depth, symbol)

    @rule(by=BY)
    def move(self, by: int) -> None:
        self.deck.move(by)

    @rule(by=BY, times=st.integers(1, 40))
    def resize(self, by: int, times: int) -> None:
        for _ in range(times):
            before = self.deck.size(self.frame, self.deck.kind)
            self.deck.resize(self.frame, by)
            after = self.deck.size(self.frame, self.deck.kind)
            assert (after - before) * by >= 0

    @rule(by=BY, times=st.integers(1, 15))
    def last(self, by: int, times: int) -> None:
        for _ in range(times):
            self.deck.last_longer(self.frame.market.symbol, by)

    @rule()
    def flip(self) -> None:
        symbol = self.frame.market.symbol
        before = self.deck.setting(symbol, self.deck.kind).side
        self.deck.flip(symbol)
        assert self.deck.setting(symbol, self.deck.kind).side == -before

    @invariant()
    def every_kind_is_a_shock_that_is_taken(self) -> None:
        for kind in KINDS:
            shock = self.deck.shock(self.frame, kind)
            assert checked(shock) == shock
            assert shock.symbol == self.frame.market.symbol
            assert shock.duration_s > 0 or kind.unit == "base"


TestDeck = DeckMachine.TestCase


@given(st.floats(1e-4, 1e6), st.floats(1e-4, 1e6))
def test_a_programme_is_about_half_of_the_depth_it_meets(bid: float, ask: float) -> None:
    deck, frame = Deck(), with_depth(bid, ask)
    assert 0.3 <= deck.shock(frame).size / bid <= 0.8
    deck.flip(0)
    assert 0.3 <= deck.shock(frame).size / ask <= 0.8


def test_what_was_shown_is_what_is_done_however_the_depth_moves_meanwhile() -> None:
    deck = Deck()
    shown = deck.shock(with_depth(23.4, 46.1))
    assert deck.shock(with_depth(230.0, 1.0)) == shown
    deck.open()
    assert deck.shock(with_depth(230.0, 1.0)).size == 100.0


def test_without_a_known_depth_the_sizes_are_the_kinds_own() -> None:
    frame = with_depth(None, None)
    assert [Deck().shock(frame, kind).size for kind in KINDS] == [kind.size for kind in KINDS]


async def test_keys_set_the_deck_and_enter_fires_it() -> None:
    async with stage(worlds.simulated, (80, 24)) as (it, pilot):
        await it.press(pilot, "s")
        assert "sell 10 BTC over 30 s, in this market, now" in it.text()
        await it.press(pilot, "tab", "right", "plus", "right_square_bracket")
        assert "buy 100 BTC over 60 s, in this market, now" in it.text()
        await it.press(pilot, "enter")
        fired = Shock("programme", 100.0, 1, 60.0)
        assert it.said == [Inject(fired)]
        assert "shock deck" not in it.text()
        (toast,) = it.app._notifications
        assert f"{describe(fired, 'BTC')}, in this market" in toast.message
        await it.press(pilot, "S")
        assert it.said == [Inject(fired)] * 2


@pytest.mark.parametrize("place", range(len(KINDS)))
async def test_a_digit_chooses_a_kind_at_any_size(place: int) -> None:
    kind = KINDS[place]
    for size in ((160, 48), (80, 24), (60, 15)):
        async with stage(worlds.on_paper, size) as (it, pilot):
            await it.press(pilot, "s", str(place + 1))
            text = it.text()
            assert kind.title in text
            assert "esc closes" in text
            assert "paper, plainly ours" in text
            await it.press(pilot, "enter")
            (command,) = it.said
            assert isinstance(command, Inject)
            assert command.shock.kind == kind.name


async def test_at_a_time_and_a_typed_one() -> None:
    async with stage(worlds.simulated, (80, 24)) as (it, pilot):
        await it.press(pilot, "s", "colon")
        await it.press(pilot, *"sel:5", "enter")
        assert "expected one of sell, buy" in it.text()
        await it.press(pilot, *["backspace"] * 5, *"cascade:shorts:3/60s", "enter")
        assert "liquidations shorts 3 BTC over 60 s, in this market, now" in it.text()
        await it.press(pilot, "at")
        await it.press(pilot, *"-5s", "enter")
        assert "a shock can begin from" in it.text()
        await it.press(pilot, *["backspace"] * 3, *"+30s", "enter")
        assert "over 60 s, in this market, at 00:00:14" in it.text()
        await it.press(pilot, "enter")
        assert it.said == [Inject(Shock("cascade", 3.0, 1, 60.0, 0, NOW + 30 * SECOND))]
        await it.press(pilot, "S")  # again is now, not at that time
        assert it.said[1:] == [Inject(Shock("cascade", 3.0, 1, 60.0, 0, 0))]


async def test_w_in_the_deck_asks_what_if_and_fires_nothing() -> None:
    async with stage(worlds.simulated) as (it, pilot):
        await it.press(pilot, "w")
        assert it.said == [WhatIf(None)]
        await it.press(pilot, "s", "8", "w")
        shock = Shock("fat_finger", 20.0, -1, 0.0)
        assert it.said[1:] == [WhatIf(shock)]
        await it.press(pilot, "w", "W", "x")
        assert it.said[2:4] == [WhatIf(shock), WhatIf(None)]
        assert [type(command).__name__ for command in it.said[4:]] == ["ClearWhatIf"]


async def test_in_a_recording_it_says_that_a_session_of_its_own_begins() -> None:
    def watched(view: frames.View) -> Frame:
        frame = frames.replay(view)
        host = msgspec.structs.replace(frame.host, accepts=frames.REPLAY | worlds.CHANGED)
        return msgspec.structs.replace(frame, host=host)

    async with stage(watched) as (it, pilot):
        await it.press(pilot, "s")
        assert "on paper, in a session of its own from here" in it.text()


async def test_where_nothing_can_be_done_the_keys_say_so() -> None:
    async with stage(frames.live) as (it, pilot):
        for key in "sSwWxo":
            await it.press(pilot, key)
        assert it.said == []
        assert "shock: not in this session" in it.text()
        footer = it.lines()[-1]
        assert "shock" not in footer
        assert "what-if" not in footer


async def test_the_mouse_sets_the_deck_and_leaves_it() -> None:
    async with stage(worlds.simulated, (100, 30)) as (it, pilot):
        await it.press(pilot, "s")
        for word in ("fat finger", " buy ", "enter does"):
            lines = it.lines()
            y = next(i for i, row in enumerate(lines) if word in row)
            await pilot.click(offset=(lines[y].index(word) + 1, y))
            await it.settle(pilot)
        assert it.said == [Inject(Shock("fat_finger", 50.0, 1, 0.0))]
        await it.press(pilot, "s")
        await pilot.click(offset=(2, 2))
        await it.settle(pilot)
        assert "shock deck" not in it.text()


async def test_the_palette_lists_kinds_and_reads_a_typed_shock() -> None:
    async with stage(worlds.simulated) as (it, pilot):
        await it.press(pilot, "colon", *"whale", "enter")
        assert "shock deck" in it.text()
        assert "whale transfer deposit" in " ".join(it.text().split())
        await it.press(pilot, "escape", "colon", *"buy:7/5s")
        assert "buy 7 BTC over 5 s, in this market" in it.text()
        await it.press(pilot, "down", "enter")
        shock = Shock("programme", 7.0, 1, 5.0)
        assert it.said == [WhatIf(shock)]
        await it.press(pilot, "colon", *"buy:7/5s", "enter")
        assert it.said[1:] == [Inject(shock)]


async def test_q_quits_from_the_deck() -> None:
    async with stage(worlds.simulated) as (it, pilot):
        await it.press(pilot, "s", "q")
        assert it.app._exit


async def test_the_deck_in_ascii_is_ascii() -> None:
    async with stage(worlds.on_paper, (80, 24), ascii_only=True) as (it, pilot):
        await it.press(pilot, "s")
        assert it.text().isascii()


async def test_end_leaves_a_child_session() -> None:
    async with stage(worlds.child) as (it, pilot):
        assert "End now" in it.lines()[-1]
        await it.press(pilot, "end")
        assert it.said == [GoLive()]
