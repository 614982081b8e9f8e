"""Shocks as people write them, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import Shock
from engine.shocks import BY_NAME, KINDS, LONGEST_S, BadShock, checked, describe, parse


@pytest.mark.parametrize(
    ("text", "shock", "words"),
    [
        ("sell:500", Shock("programme", 500.0, -1, 30.0), "sell 500 BTC over 30 s"),
        ("BUY:2.5/2m", Shock("programme", 2.5, 1, 120.0), "buy 2.5 BTC over 120 s"),
        ("halt/45s", Shock("halt", 0.0, 0, 45.0), "venue halt for 45 s"),
        ("fat-finger:sell:30", Shock("fat_finger", 30.0, -1, 0.0), "fat finger sell 30 BTC"),
        ("withdrawal:0.5", Shock("withdrawal", 0.5, 0, 60.0), "withdrawal 50% for 60 s"),
        ("sentiment:bullish:0.3", Shock("sentiment", 0.3, 1, 30.0), "sentiment bullish 30% for 30 s"),
        ("volatility:4/10s", Shock("volatility", 4.0, 0, 10.0), "volatility 4× for 10 s"),
        ("cascade:shorts", Shock("cascade", 200.0, 1, 120.0), "liquidations shorts 200 BTC over 120 s"),
    ],
)
def test_a_shock_is_read_and_said(text: str, shock: Shock, words: str) -> None:
    assert parse(text) == shock
    assert describe(shock, "BTC") == words


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected a shock such as"),
        ("sell:-5", "expected a shock such as"),
        ("sell:0", "expected a size of 1e-06 to 1e+09, found 0"),
        ("boom:5", "expected one of sell, buy, programme"),
        ("cascade:down:5", "expected longs or shorts, found 'down'"),
        ("halt:sell:5", "expected no side"),
        ("sell:1.2.3", "expected a number"),
        ("sell:5/2h", "expected a shock such as"),
        ("sell:5/90m", "expected a duration of 0 to 3600 s"),
        ("withdrawal:2", "expected a size of 0.01 to 1"),
        ("x\x1b[31m:5", "expected a shock such as"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(BadShock, match=says.replace("+", r"\+").replace(".", r"\.")):
        parse(text)


@given(st.text(max_size=60))
def test_any_text_is_a_shock_or_a_sentence(text: str) -> None:
    try:
        shock = parse(text)
    except BadShock as error:
        said = str(error)
    else:
        said = describe(checked(shock))
    assert said.isprintable()


@given(
    st.sampled_from([*BY_NAME, "other"]),
    st.floats(),
    st.integers(-3, 3),
    st.floats(),
    st.integers(-2, 2000),
)
def test_what_passes_can_be_computed_with(kind: str, size: float, side: int, s: float, symbol: int) -> None:
    shock = Shock(kind, size, side, s, symbol)
    try:
        checked(shock)
    except BadShock:
        return
    assert math.isfinite(size)
    assert 0 <= s <= LONGEST_S
    assert describe(shock)


def test_every_kind_has_a_default_that_passes() -> None:
    for kind in KINDS:
        side = -1 if kind.sides[0] else 0
        assert checked(Shock(kind.name, kind.size, side, kind.duration_s)).kind == kind.name
