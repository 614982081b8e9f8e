"""Minutes of a real market: nothing claims more than minutes can carry."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from engine.advisers.calibration import FIRST, UNKNOWN
from engine.advisers.sight import COORDINATOR
from engine.advisers.table import Marked, lines
from engine.core import State, apply
from engine.events import Advice, Decision, Derived, Outcome
from engine.feeds.capture import capture_batches
from engine.frame import View
from engine.instrument import Instrument
from engine.picture import picture

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
BATCHES = 3000  # five minutes


@pytest.fixture(
    scope="module", params=["binance_spot_btcusdt_20240808.gz", "binance_usdm_btcusdt_20240808.gz"]
)
def told(request: pytest.FixtureRequest, captures: Path) -> tuple[State, list[Derived]]:
    state, said = State(), []
    for batch in islice(capture_batches(captures / request.param, BTC), BATCHES):
        said += apply(state, batch)[0]
    return state, said


def test_no_word_is_surer_than_the_table_and_what_was_measured(told: tuple[State, list[Derived]]) -> None:
    state, said = told
    spoken = [s for s in said if isinstance(s, Advice) and s.confidence is not None]
    assert {s.adviser for s in spoken} <= {"microstructure", "technical"}
    right = [o.hit for o in said if isinstance(o, Outcome) and o.adviser != COORDINATOR]
    pieces = len(right)
    for advice in spoken:
        first = max(FIRST.get(advice.adviser, UNKNOWN))
        most = (first * state.setup.advisers.prior_pieces + pieces) / (
            state.setup.advisers.prior_pieces + pieces
        )
        assert advice.confidence is not None
        assert advice.confidence <= most
    for decision in said:
        if isinstance(decision, Decision) and decision.probability is not None:
            assert decision.probability < 0.7


def test_no_rate_of_minutes_is_called_better_or_worse_than_a_coin(told: tuple[State, list[Derived]]) -> None:
    _, said = told
    rows = [
        Marked(0, o.adviser, o.given, o.horizon_s, o.direction, o.confidence, o.move_bps, o.cost_bps, o.hit)
        for o in said
        if isinstance(o, Outcome)
    ]
    for line in lines(rows):
        assert line.verdict in ("too little data", "not shown to differ from a coin")
        assert line.net_low is None


def test_the_frame_counts_what_the_rows_say(told: tuple[State, list[Derived]]) -> None:
    state, said = told
    shown = picture(state, View()).advisers
    assert shown is not None
    for adviser in (*shown.advisers, shown.coordinator):
        rows = [o for o in said if isinstance(o, Outcome) and o.adviser == adviser.name]
        assert adviser.pieces == len(rows)
        if rows:
            assert adviser.hit == pytest.approx(sum(o.hit for o in rows) / len(rows))
