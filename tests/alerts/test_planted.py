"""From the feed to the alert: a planted imbalance within five seconds of its minute; a calm market stays quiet."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from engine.core import State, apply
from engine.events import Alert
from engine.feeds.capture import capture_batches
from engine.feeds.clock import SystemClock
from engine.market.source import SimSource
from engine.scenario import read
from tests.alerts.planted import BTC, CALM_S, alerts_of, delay_s, leaning

CALM = Path(__file__).parents[2] / "replays" / "calm.toml"
START_NS = 1_767_225_600_000_000_000


@pytest.mark.parametrize("side", [-1, 1])
def test_a_planted_imbalance_is_told_within_five_seconds_of_its_minute(side: int) -> None:
    assert 0.0 <= delay_s(side) <= 5.0


def test_the_same_book_without_it_says_nothing() -> None:
    assert alerts_of(leaning(CALM_S + 70, 10_000.0)) == []


def test_minutes_of_a_real_market_are_no_past_to_call_anything_unusual_by(captures: Path) -> None:
    file = captures / "binance_spot_btcusdt_20240808.gz"
    told = alerts_of(islice(capture_batches(file, BTC), 2800))
    assert {alert.kind for alert in told} <= {"LONG", "SHORT", "REGIME", "MOVE"}
    assert len(told) <= 6


async def test_a_calm_market_stays_quiet() -> None:
    source = SimSource(read(CALM), 7, SystemClock(), speed=0.0, seconds=420, started=START_NS)
    state, told = State(), list[Alert]()
    async for batch in source.batches():
        told += [item for item in apply(state, batch)[0] if isinstance(item, Alert)]
    assert {alert.kind for alert in told} <= {"REGIME"}, told  # its own tests hold that one
    assert len(told) <= 3
    assert state.ts - START_NS >= 410 * 10**9
