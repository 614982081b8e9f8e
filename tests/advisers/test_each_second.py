"""Advice from second to second: pieces never overlap, marks can be checked by hand, nothing is from the future."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.advisers.coordinator import BASE
from engine.advisers.each_second import BEGIN, END, AdvisersState
from engine.advisers.keep import check
from engine.advisers.sight import COORDINATOR, Sight
from engine.batch import BatchBuilder
from engine.checkpoint import BadCheckpoint, pack, unpack
from engine.core import State, apply
from engine.events import Advice, Advised, AdviserRule, Baseline, Decision, Derived, Outcome, Setup, Tally
from engine.frame import View
from engine.frame.symbol import SignalNow
from engine.kernels import indicators as indicator_kernel
from engine.kernels import seconds as grid
from engine.picture import picture
from engine.text import clean
from tests.laws.generated import generated_batches

SECOND = grid.SECOND_NS
START = 1_700_000_000 * SECOND
NOTHING = Baseline()
RULE = AdviserRule(decision_s=20.0)
QUIET = [math.nan] * indicator_kernel.TOLD


def sight(second: int, mid: float, spread: float = 0.5, regime: str = "CALM") -> Sight:
    row = [math.nan] * grid.WIDTH
    row[grid.MID], row[grid.SPREAD_BPS] = mid, spread
    return Sight(START + second * SECOND, "BTC", row, QUIET, SignalNow(), regime)


def advised(score: float | None, horizon_s: float = 30.0) -> Advised:
    return Advised("own", 0, score, horizon_s, "because")


def played(
    script: list[tuple[float, float | None]], horizon_s: float = 30.0, baseline: Baseline = NOTHING
) -> tuple[AdvisersState, list[Derived]]:
    """One own adviser's scores over a market, second by second: (mid, score)."""
    state, said = AdvisersState(), []
    for second, (mid, score) in enumerate(script):
        state.on_advised(advised(score, horizon_s), START + second * SECOND)
        said += state.second(sight(second, mid), 0, RULE, baseline)
    return state, said


scripts = st.lists(
    st.tuples(
        st.one_of(st.floats(90, 110), st.floats(90, 110), st.just(math.nan), st.just(100.0)),
        st.one_of(st.none(), st.floats(-1, 1), st.sampled_from((0.05, 0.2, 0.9, -0.9))),
    ),
    min_size=1,
    max_size=150,
)


@settings(deadline=None, max_examples=60)
@given(scripts)
def test_pieces_follow_each_other_and_are_marked_as_the_market_went(
    script: list[tuple[float, float | None]],
) -> None:
    """Against a slow account of one adviser, kept in seconds and lists."""
    state, said = played(script)
    direction, open_, wanted = 0, None, []
    for second, (mid, score) in enumerate(script):
        if not mid > 0:
            direction = 0
            if open_ is not None and second > open_[0] + 45:
                open_ = None
            continue
        if open_ is not None and second >= open_[0] + 30:
            given_at, way, price = open_
            open_ = None
            if second <= given_at + 45:
                wanted.append((given_at, second, way, (mid / price - 1) * 1e4 * way))
        if score is None:
            direction = 0
        elif abs(score) >= BEGIN:
            direction = 1 if score > 0 else -1
        elif score * direction < END:
            direction = 0
        if direction and open_ is None:
            open_ = (second, direction, mid)
    found = [o for o in said if isinstance(o, Outcome) and o.adviser == "own"]
    assert [((o.given - START) // SECOND, (o.ts - START) // SECOND, o.direction) for o in found] == [
        (a, b, way) for a, b, way, _ in wanted
    ]
    for outcome, (*_, move) in zip(found, wanted, strict=True):
        assert outcome.move_bps == pytest.approx(move)
        assert outcome.hit == (move > 0)
        assert outcome.cost_bps == 0.5
    if "own" in state.stances:
        assert state.stances["own"].record.count == len(wanted)
    check(state)


@settings(deadline=None, max_examples=40)
@given(scripts, scripts, st.integers(0, 149))
def test_what_was_said_is_not_changed_by_what_came_after(
    script: list[tuple[float, float | None]], other: list[tuple[float, float | None]], cut: int
) -> None:
    cut = min(cut, len(script))
    _, said = played(script)
    _, different = played(script[:cut] + other)
    before = START + cut * SECOND
    assert [d for d in said if d.ts < before] == [d for d in different if d.ts < before]


def test_advice_is_told_when_it_changes_and_not_each_second() -> None:
    _, said = played([(100.0, 0.9)] * 20 + [(100.0, 0.2)] * 5 + [(100.0, 0.05)] * 5 + [(100.0, -0.4)] * 5)
    told = [(s.direction, (s.ts - START) // SECOND) for s in said if isinstance(s, Advice)]
    assert told == [(1, 0), (0, 25), (-1, 30)]


def test_a_lost_book_ends_all_words_at_once() -> None:
    state, said = played([(100.0, 0.9)] * 3 + [(math.nan, 0.9)] * 2)
    assert [s.direction for s in said if isinstance(s, Advice)] == [1, 0]
    assert "not trusted" in state.stances["own"].reason
    assert state.coordinator.verdict.direction == 0


def test_the_record_moves_the_probability_and_the_coordinator_follows() -> None:
    """A market that zigzags as foretold: rises for a minute, falls for a minute, and the adviser knows."""
    script, mid = [], 100.0
    for minute in range(400):
        way = 1 if minute % 2 else -1
        for _ in range(30):
            script.append((mid, 0.9 * way))
            mid *= 1 + 1e-5 * way
    state, said = played(script, horizon_s=30.0)
    stance = state.stances["own"]
    assert stance.record.right == stance.record.count > 150
    assert stance.confidence is not None
    assert stance.confidence > 0.75
    decisions = [d for d in said if isinstance(d, Decision)]
    assert decisions[-1].direction in (1, -1)
    assert "own" in decisions[-1].parts
    own = [o for o in said if isinstance(o, Outcome) and o.adviser == COORDINATOR]
    assert np.mean([o.hit for o in own[-50:]]) > 0.9


def test_earlier_sessions_stand_behind_the_first_word() -> None:
    tally = Tally("own", 30.0, (0, 0, 400), (0, 0, 100), brier=90.0)
    baseline = Baseline((tally, msgspec.structs.replace(tally, horizon_s=60.0)), 3)
    state, _ = played([(100.0, 0.9)], baseline=baseline)
    confidence = state.stances["own"].confidence  # the strongest words are the least true: all are pooled
    assert confidence == pytest.approx((50 * (0.50 + 0.50 + 0.51) + 100) / 550)
    assert state.stances["own"].record.count == 0


@pytest.mark.parametrize("name", ["", "news", "coordinator", "technical", "base rate"])
def test_nobody_speaks_under_one_of_our_names(name: str) -> None:
    state = AdvisersState()
    state.on_advised(Advised(name, 0, 1.0, 30.0), START)
    assert not state.advised


def test_an_own_adviser_that_falls_silent_says_nothing_after_its_horizon() -> None:
    state = AdvisersState()
    state.on_advised(advised(0.9), START)
    directions = []
    for second in range(40):
        state.second(sight(second, 100.0), 0, RULE, Baseline())
        directions.append(state.stances["own"].direction)
    assert directions == [1] * 30 + [0] * 10


def folded(seed: int = 5, ticks: int = 900) -> State:
    state = State()
    for number, batch in enumerate(generated_batches(seed, ticks)):
        apply(state, batch)
        if number == 5:
            for index, symbol in state.symbols.items():
                symbol.advisers.on_advised(Advised("own", index, 0.8, 20.0, "always up"), state.ts)
    return state


def test_a_checkpoint_holds_all_that_advisers_remember() -> None:
    state = folded()
    again = unpack(pack(state))
    assert pack(again) == pack(state)
    assert picture(again, View()).advisers == picture(state, View()).advisers
    assert any(
        symbol.advisers.stances["microstructure"].score is not None for symbol in state.symbols.values()
    )
    for batch in list(generated_batches(5, 1100))[900:]:
        assert apply(again, batch)[0] == apply(state, batch)[0]
    assert pack(again) == pack(state)


def test_a_strangers_state_of_advisers_is_refused() -> None:
    def spoilt(**changes: object) -> State:
        state = folded(ticks=60)
        advisers = next(iter(state.symbols.values())).advisers
        stance = advisers.stances[COORDINATOR]
        for name, value in changes.items():
            setattr(stance if hasattr(stance, name) else advisers.coordinator, name, value)
        return state

    bad_record = spoilt()
    next(iter(bad_record.symbols.values())).advisers.stances[COORDINATOR].record.hits[0] = 5
    taken = spoilt()
    of_ours = next(iter(taken.symbols.values())).advisers
    of_ours.advised[BASE], of_ours.advised_at[BASE] = Advised(BASE, 0, 1.0, 30.0), START
    cases = [
        taken,
        spoilt(direction=7),
        spoilt(confidence=2.0),
        spoilt(horizon_s=math.inf),
        spoilt(brier=-1.0),
        bad_record,
    ]
    for state in cases:
        with pytest.raises(BadCheckpoint):
            unpack(pack(state))


@pytest.mark.parametrize("character", ["\x1b", "\x9b", "\x7f", "\n", "\u202e", "\u2066", "\u200b", "\u2028"])
def test_a_strangers_words_that_would_steer_a_terminal_are_cleaned(character: str) -> None:
    """A note's words are cleaned where it is read, and a checkpoint's go the same road."""
    state = folded(ticks=60)
    stance = next(iter(state.symbols.values())).advisers.stances[COORDINATOR]
    stance.reason = "a \\u001b that is text, “quoted”\\"
    untouched = pack(state)
    assert pack(unpack(untouched)) == untouched
    stance.reason += character + "gnp"
    once = unpack(pack(state))
    assert once.symbols[0].advisers.stances[COORDINATOR].reason == clean(stance.reason)
    stance.reason = clean(stance.reason)
    assert pack(once) == pack(state)  # and nothing else is touched


@pytest.mark.parametrize("on", [True, False])
def test_advisers_that_are_off_say_nothing(on: bool) -> None:
    """In a session whose path is made up, such as a story of the past."""
    state, said = State(), []
    out = BatchBuilder()
    rule = AdviserRule(3.0, 10.0, 8.0, 8.0, 5.0, decision_s=4.0, on=on)
    for number, batch in enumerate(generated_batches(9, 600)):
        said += apply(state, batch)[0]
        if number % 50 == 0:
            out.add_note(Setup(advisers=rule), state.ts)
            out.add_note(Advised("mine", 0, 0.9, 6.0, "because"), state.ts)
            apply(state, out.take())
    spoken = [item for item in said if isinstance(item, Advice | Outcome | Decision)]
    assert bool(spoken) is on
