"""The bucket: never more than it lets through, nothing is lost uncounted, a person's own words always pass."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.alerts.gate import AlertsState, told_of
from engine.events import Alert
from engine.rules import AlertRule, AlertRules

SECOND = 1_000_000_000
BEGAN = 1_700_000_000


@given(st.lists(st.integers(0, 120), min_size=1, max_size=150), st.integers(1, 20), st.floats(1.0, 3600.0))
def test_what_passes_is_bounded_and_the_rest_is_counted(
    waits: list[int], burst: int, per_hour: float
) -> None:
    rules, state = AlertRules((), burst, per_hour), AlertsState()
    now, passed, told, raised = BEGAN, list[int](), 0, 0
    for wait in waits:
        now += wait
        raised += 1
        if state.admit(Alert(now * SECOND, 0, "MOVE", None, "x"), None, rules, now * SECOND) is not None:
            passed.append(now)
        line = state.held_back(rules, now * SECOND)
        if line is not None:
            told += int(line.text.split()[0])
            assert state.admit(line, None, rules, line.ts) is not None
            passed.append(now)
    lines = len(passed) - (raised - told - sum(state.held.values()))
    assert lines >= 0
    for first, began in enumerate(passed):  # in any stretch: the burst and what came in since
        for last in range(first, len(passed)):
            allowed = burst + (passed[last] - began) * per_hour / 3600.0
            assert last - first + 1 <= allowed + 1e-6


def test_each_alert_passes_is_held_or_is_told_of_in_a_line() -> None:
    rules, state = AlertRules((), 2, 60.0), AlertsState()
    now = BEGAN * SECOND
    for kind in ("MOVE", "MOVE", "MOVE", "FEED", "MOVE"):
        state.admit(Alert(now, 0, kind, None, "x"), None, rules, now)
    assert state.held == {"MOVE": 2, "FEED": 1}
    assert state.held_back(rules, now + 59 * SECOND) is None
    line = state.held_back(rules, now + 61 * SECOND)
    assert line is not None
    assert line.kind == "HELD"
    assert line.text == "3 more alerts were held back in 61 s: 2 MOVE, 1 FEED"
    assert state.held == {}


def test_a_persons_own_always_pass_and_cost_nothing() -> None:
    rules, state = AlertRules((), 1, 1.0), AlertsState()
    for kind in ("MARK", "SHOCK", "FILL", "SAID") * 20:
        assert state.admit(Alert(5, 0, kind, None, "x"), None, rules, BEGAN) is not None
    assert state.admit(Alert(5, 0, "LONG", 0.5, "x"), None, rules, BEGAN) is not None


def test_an_event_knows_its_rule() -> None:
    rule = AlertRule("mine", "move", threshold=1.0, bell=True, notify=True)
    event = AlertsState().admit(Alert(5, 0, "MOVE", 0.9, "x"), rule, AlertRules(), BEGAN)
    assert event is not None
    assert (event.rule, event.bell, event.notify, event.confidence) == ("mine", True, True, 0.9)


def test_trouble_of_a_feed_falls_under_the_first_rule_for_it() -> None:
    one = AlertRule("one", "feed", symbol="ETHUSDT", bell=True)
    other = AlertRule("all", "feed")
    rules = AlertRules((one, other))
    assert told_of(rules, "binance:ETHUSDT") is one
    assert told_of(rules, "binance:BTCUSDT") is other
    assert told_of(rules, "binance") is other
    assert told_of(AlertRules((one,)), "binance") is None
