"""The two laws with advisers: a baseline, own words now and then, posts with events; a replay needs nobody."""

from __future__ import annotations

import pytest

from engine.batch import Batch, BatchBuilder
from engine.core import State
from engine.events import Advised, AdviserRule, Baseline, Post, Scored, Setup, SignalRule, Tally
from store.recording import Recording
from tests.laws.beside import Recorded, Speaker, assert_seeks, recorded_beside
from tests.laws.test_laws import replayed

Mids = dict[int, list[float | None]]  # at each tick, by symbol
RULE = AdviserRule(3.0, 10.0, 8.0, 8.0, 5.0, decision_s=4.0, least_probability=0.5)


class Adviser(Speaker):
    """A producer of what advisers live on: words of a person's own, posts with and without an event."""

    def after(self, state: State, batch: Batch) -> Batch | None:
        rng, out, ts = self._rng, BatchBuilder(), state.ts
        self._number += 1
        if self._number == 1:
            setup = Setup(signal=SignalRule(hold_s=5.0, gate_window_s=60), advisers=RULE)
            out.add_note(setup, ts)
        if self._number == 4:
            tally = Tally("mine", 6.0, (5, 5, 60), (2, 3, 40), 40, 20, 12.0, 3.0, 60.0)
            out.add_note(Baseline((tally,), 2), ts)
        if rng.random() < 0.1:
            score = rng.choice((None, 0.9, -0.9, rng.uniform(-1, 1)))
            out.add_note(Advised("mine", rng.randrange(2), score, 6.0, "because"), ts)
        if rng.random() < 0.1:
            text = rng.choice(("BTC exploit, funds stolen", "Binance resumes withdrawals", "good morning"))
            name = f"p{self._number}"
            out.add_note(Post(name, "news:x", ts, text, "a", ("BTC",)), ts)
            out.add_note(Scored(name, ts, ("BTC",), rng.uniform(-1, 1), 0.9, 0.2, 0.1, 0.5, "embedded"), ts)
        return out.take()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recorded, Mids]:
    mids: Mids = {}

    def look(state: State, _: object) -> None:
        mids[state.ts] = [symbol.feature("mid") for symbol in state.symbols.values()]

    folder = tmp_path_factory.mktemp("advisers")
    return recorded_beside(folder, Adviser(4), seed=9, ticks=1000, observers=[look]), mids


def test_advice_is_marked_by_what_the_market_did(recorded: tuple[Recorded, Mids]) -> None:
    """Every row of `outcomes` against the mids that were seen at its two times."""
    session, mids = recorded
    with Recording(session.path) as recording:
        outcomes = recording.query(
            "select given, ts, symbol, direction, move_bps, hit, horizon_s from outcomes"
        )
        said = {adviser for (adviser,) in recording.query("select distinct adviser from advice")}
        decisions = recording.query("select count(*) from decisions")
    assert {"mine", "news"} <= said
    assert decisions[0][0] > 0
    assert len(outcomes) > 20
    for given, ts, symbol, direction, move_bps, hit, horizon_s in outcomes:
        before, after = mids[given][symbol], mids[ts][symbol]
        assert before is not None
        assert after is not None
        assert move_bps == pytest.approx((after / before - 1.0) * 1e4 * direction, abs=1e-9)
        assert hit == int(move_bps > 0)
        assert given + horizon_s * 1e9 <= ts <= given + 1.5 * horizon_s * 1e9


def test_law_1_a_replay_says_what_the_session_said(recorded: tuple[Recorded, Mids]) -> None:
    session, _ = recorded
    assert replayed(session.path) == session.frames


def test_law_2_a_seek_finds_the_records_of_that_moment(recorded: tuple[Recorded, Mids]) -> None:
    session, _ = recorded
    assert_seeks(session.path, session.frames, 3)
