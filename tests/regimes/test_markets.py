"""Simulated markets with a planted change of regime, and quiet ones: the right word in time, and no other."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.core import State, apply
from engine.events import Alert, FactorTick
from engine.feeds.clock import SystemClock
from engine.market.source import SimSource
from engine.scenario import Planned, read

ROOT = Path(__file__).parents[2]
START_NS = 1_767_225_600_000_000_000
CALM_S = 300
WITHIN_S = 120


async def folded(shock: str, seed: int, seconds: int) -> tuple[list[FactorTick], list[Alert]]:
    """A calm market into which the shock comes after five minutes: the first venue's rows and changes of regime."""
    scenario = read(ROOT / "replays" / "calm.toml")
    if shock:
        scenario = msgspec.structs.replace(scenario, shocks=(Planned(float(CALM_S), shock),))
    source = SimSource(scenario, seed, SystemClock(), speed=0.0, seconds=seconds, started=START_NS)
    state, ticks, alerts = State(), list[FactorTick](), list[Alert]()
    async for batch in source.batches():
        for item in apply(state, batch)[0]:
            if isinstance(item, FactorTick) and item.symbol == 0:
                ticks.append(item)
            elif isinstance(item, Alert) and item.kind == "REGIME" and item.symbol == 0:
                alerts.append(item)
    return ticks, alerts


@pytest.mark.parametrize(
    ("shock", "expected"),
    [
        ("volatility:20/120s", {"STRESSED", "DISLOCATED"}),
        ("withdrawal:0.9/120s", {"STRESSED", "DISLOCATED"}),
        ("sell:150/120s", {"TRENDING", "STRESSED"}),
    ],
)
async def test_a_planted_change_is_seen_within_two_minutes(shock: str, expected: set[str]) -> None:
    ticks, alerts = await folded(shock, 1, CALM_S + WITHIN_S + 5)
    begun = START_NS + CALM_S * 10**9
    assert {tick.regime for tick in ticks if tick.ts < begun} == {"CALM"}
    after = [tick for tick in ticks if tick.regime != "CALM"]
    assert after
    assert after[0].regime in expected
    assert after[0].ts - begun <= WITHIN_S * 10**9
    assert alerts[0].ts >= begun
    assert alerts[0].text.startswith("calm → ")


async def test_a_quiet_market_stays_quiet() -> None:
    ticks, alerts = await folded("", 2, 600)
    assert {tick.regime for tick in ticks} == {"CALM"}
    assert alerts == []
