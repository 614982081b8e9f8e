"""Families second by second, against a twin that keeps everything and computes it anew with numpy."""

from __future__ import annotations

import math
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import AgentFamily, AgentLine, Agents
from engine.instrument import Instrument
from engine.risk.books import EWMA_FROM, KEPT, FamilyRisk, RiskState, Unit
from engine.risk.coverage import Coverage
from engine.risk.keep import check
from engine.risk.shown import risk_now
from engine.rules import RiskRule

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.001")
RULE = RiskRule(horizon_s=5.0, level=0.9)
BEGAN = 1_700_000_000
Course = list[tuple[int, int, int]]  # equity, position, fills of each second


def course(seed: int, seconds: int) -> Course:
    """Equity that walks, a position that is flat now and then, fills that come with its changes."""
    rng, equity, position, fills = random.Random(seed), 0, 0, 0
    told: Course = []
    for _ in range(seconds):
        if rng.random() < 0.2:
            position, fills = rng.choice((0, 0, rng.randint(-50, 50))), fills + 1
        equity += round(position * rng.gauss(0.0, 500.0)) if position else 0
        told.append((equity, position, fills))
    return told


def run(told: Course, rule: RiskRule = RULE, holes: frozenset[int] = frozenset()) -> RiskState:
    state = RiskState()
    for second, (equity, position, fills) in enumerate(told):
        if second in holes:
            continue
        family = AgentFamily("maker", 2, position, equity, 0, 0, fills, 1)
        lines = (AgentLine(0, position + 7, 0, 0, 0, 0, 0, 0, 0), AgentLine(0, -7, 0, 0, 0, 0, 0, 0, 0))
        state.on_agents(Agents(0, (family,), lines), BTC, (BEGAN + second) * 10**9, rule)
    return state


def changes_of(told: Course, rule: RiskRule, holes: frozenset[int]) -> list[int]:
    """From whole horizons of the course: both ends told of in neighbouring ones, something held or traded between."""
    length = int(rule.horizon_s)
    first: dict[int, int] = {}  # of each horizon, the first second that was told
    for second in range(len(told)):
        if second not in holes:
            first.setdefault((BEGAN + second) // length, second)
    found = []
    for step, begun in first.items():
        ended = first.get(step + 1)
        if ended is None:
            continue
        between = [told[s] for s in range(begun, ended + 1) if s not in holes]
        if any(position for _, position, _ in between) or between[0][2] != between[-1][2]:
            found.append(told[ended][0] - told[begun][0])
    return found


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(10, 900), st.frozensets(st.integers(0, 900), max_size=60))
def test_changes_forecasts_and_coverage(seed: int, seconds: int, holes: frozenset[int]) -> None:
    told = course(seed, seconds)
    family = run(told, RULE, holes).families.get("maker")
    if family is None:
        assert holes >= set(range(seconds))
        return
    changes = changes_of(told, RULE, holes)
    assert family.changes == changes
    failures = failures_ewma = tried = tried_ewma = 0
    variance = 0.0
    for i, change in enumerate(changes):
        if i >= 30:
            tried += 1
            failures += change < sorted(changes[:i])[int(i * 0.1 + 1e-9)]
        if i >= EWMA_FROM:
            tried_ewma += 1
            failures_ewma += -change > math.sqrt(variance) * 1.2815515655446004
        share = max(0.06, 1.0 / (i + 1))
        variance = (1 - share) * variance + share * change**2
    assert (family.held.forecasts, family.held.failures) == (tried, failures)
    assert (family.held_ewma.forecasts, family.held_ewma.failures) == (tried_ewma, failures_ewma)
    assert family.variance == pytest.approx(variance, rel=1e-9)
    seen = [told[s] for s in range(seconds) if s not in holes]
    equity = [e for e, _, _ in seen]
    assert family.drawdown == max(equity) - equity[-1]
    assert family.deepest == max(max(equity[: i + 1]) - e for i, e in enumerate(equity))


def test_a_window_is_the_latest_changes() -> None:
    told = course(5, (KEPT + 150) * 5)
    rule = RiskRule(horizon_s=5.0, level=0.5)
    family = run(told, rule).families["maker"]
    latest = changes_of(told, rule, frozenset())[-KEPT:]
    assert sorted(family.changes) == sorted(latest)
    assert family.var == -sorted(latest)[KEPT // 2]


def test_amounts_are_in_money_and_exposure_counts_agents_apart() -> None:
    told = course(9, 2000)
    told.append((told[-1][0], 40, told[-1][2] + 1))
    risk = run(told)
    shown, family = risk_now(risk, "maker", 60_000.0, RULE), risk.families["maker"]
    assert shown is not None
    assert shown.net == pytest.approx(40 * 0.001 * 60_000)
    assert shown.gross == pytest.approx((47 + 7) * 0.001 * 60_000)
    assert shown.drawdown == pytest.approx(family.drawdown * 0.01 * 0.001)
    assert shown.var == pytest.approx((family.var or 0.0) * 1e-5)
    assert shown.coverage.expected == pytest.approx(shown.coverage.forecasts * 0.1)
    assert 0.0 <= (shown.coverage.kupiec or 0.0) <= 1.0


def test_inventory_that_goes_one_way_is_told_by_its_speed() -> None:
    ramp = [(0, 3 * second, second) for second in range(600)]
    still = [(0, 500, 0)] * 600
    assert run(ramp).families["maker"].drift_lots_a_minute == pytest.approx(180.0, rel=0.02)
    assert run(still).families["maker"].drift_lots_a_minute == pytest.approx(0.0, abs=1e-6)


def test_sizes_are_the_formulas() -> None:
    told = [(25 * second + (-1) ** second * 10, 10, second) for second in range(3000)]
    rule = RiskRule(horizon_s=1.0, level=0.9, capital=1e-3, kelly_cap=1e9)
    risk = run(told, rule)
    risk.on_second(4.0, BEGAN * 10**9)
    family = risk.families["maker"]
    sizes = risk.sizes(family, 50_000.0, rule)
    assert sizes.volatility == pytest.approx(1e-3 * 0.01 / (4e-4 * math.sqrt(1440) * 50_000))
    changes = np.array(family.changes, float) * 1e-5
    sure = changes.mean() - changes.std(ddof=1) / math.sqrt(len(changes))
    multiple = 0.5 * sure * 1e-3 / changes.var(ddof=1)
    assert sizes.kelly == pytest.approx(multiple * 10 * 0.001, rel=1e-6)
    assert sizes.least == min(sizes.volatility or 0.0, sizes.kelly or 0.0)
    capped = risk.sizes(family, 50_000.0, msgspec.structs.replace(rule, kelly_cap=1e-9))
    assert capped.kelly == pytest.approx(1e-9 * 1e-3 / 50_000)


def test_a_profit_that_may_be_chance_has_no_kelly_size() -> None:
    rng = random.Random(2)
    told, equity = [], 0
    for second in range(2000):
        equity += round(rng.gauss(0.0, 1e5))
        told.append((equity - 200 * second, 10, second))
    assert run(told, RiskRule(horizon_s=1.0, level=0.9)).families["maker"].kelly == 0.0


@pytest.mark.parametrize("what", ["another grid", "a family is gone", "another symbol"])
def test_amounts_of_another_kind_begin_anew(what: str) -> None:
    risk = run(course(1, 500))
    instrument = msgspec.structs.replace(BTC, tick_size="0.1") if what == "another grid" else BTC
    name = "other" if what == "a family is gone" else "maker"
    note = Agents(int(what == "another symbol"), (AgentFamily(name, 1, 0, 0, 0, 0, 0, 0),), ())
    risk.on_agents(note, instrument, (BEGAN + 501) * 10**9, RULE)
    assert risk.families.keys() == {name}
    assert risk.families[name].changes == []


def test_who_joins_later_leaves_the_others_as_they_are() -> None:
    risk = run(course(1, 500))
    before = list(risk.families["maker"].changes)
    families = tuple(AgentFamily(name, 1, 0, 0, 0, 0, 0, 0) for name in ("maker", "you"))
    risk.on_agents(Agents(0, families, ()), BTC, (BEGAN + 500) * 10**9, RULE)
    assert risk.families["maker"].changes[: len(before)] == before
    assert risk.families["you"].at


def test_the_markets_variance_has_a_memory_of_ten_minutes() -> None:
    risk = RiskState()
    risk.on_second(10.0, BEGAN * 10**9)
    risk.on_second(math.nan, (BEGAN + 1) * 10**9)
    for second in range(1, 601):
        risk.on_second(20.0, (BEGAN + second) * 10**9)
    assert risk.minute_variance == pytest.approx(400.0 - 300.0 * math.exp(-1.0), rel=1e-9)


def test_what_it_remembers_passes_its_own_check() -> None:
    risk = run(course(3, 4000))
    check(risk)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(risk), type=RiskState)
    assert again == risk
    assert isinstance(again.families["maker"], FamilyRisk)


@pytest.mark.parametrize(
    "change",
    [
        {"unit": Unit(0, "a tick", "0.01")},
        {"unit": Unit(0, "1e999999999999999999", "0.01")},
        {"unit": None},
        {"equity": 2**63 - 1},
        {"exposure": math.nan},
        {"held": Coverage(3, 4)},
    ],
)
def test_what_no_session_could_have_come_to_is_refused(change: dict[str, object]) -> None:
    risk = RiskState(Unit(0, "0.01", "0.01"), {"maker": FamilyRisk()})
    check(risk)
    for name, value in change.items():
        setattr(risk if name == "unit" else risk.families["maker"], name, value)
    with pytest.raises(ValueError, match="expected"):
        check(risk)
