"""A condition second by second, against the same said about whole stretches of its past."""

from __future__ import annotations

from unittest.mock import patch

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.alerts import condition as module
from engine.alerts.condition import Condition, condition_of
from engine.rules import AlertRule

SECOND = 1_000_000_000
MEASURE = st.one_of(st.none(), st.floats(0.0, 3.0))


def told(measures: list[float | None], rule: AlertRule, condition: Condition | None = None) -> list[int]:
    condition = condition or Condition()
    return [at for at, x in enumerate(measures, 1) if condition.step(x, 0, rule, at * SECOND)]


def episodes(measures: list[float | None], rule: AlertRule) -> list[int]:
    """When each stretch above the threshold had lasted long enough, searched in whole stretches."""
    found, at = [], 1
    while at <= len(measures):
        x = measures[at - 1]
        if x is None or x < 1.0:
            at += 1
            continue
        begun = at
        while at <= len(measures) and (measures[at - 1] or 0.0) >= 1.0 and at - begun < rule.for_s:
            at += 1
        if at > len(measures) or (measures[at - 1] or 0.0) < 1.0:
            continue  # it ended too soon
        found.append(at)
        at += 1
        while at <= len(measures) and (measures[at - 1] is None or measures[at - 1] >= rule.clear):
            at += 1
    return found


@given(st.lists(MEASURE, max_size=120), st.integers(0, 5), st.floats(0.1, 1.0), st.integers(0, 40))
def test_it_tells_of_each_episode_once_and_not_too_often(
    measures: list[float | None], for_s: int, clear: float, every_s: int
) -> None:
    rule = AlertRule("x", "move", threshold=1.0, for_s=for_s, clear=clear, every_s=every_s)
    expected: list[int] = []
    for at in episodes(measures, rule):
        if not expected or at - expected[-1] >= every_s:
            expected.append(at)
    assert told(measures, rule) == expected


def test_what_was_not_told_is_counted_in_the_next() -> None:
    rule = AlertRule("x", "move", threshold=1.0, every_s=10.0)
    condition = Condition()
    assert told([2.0, 0.0, 2.0, 0.0, 2.0, 0.0], rule, condition) == [1]
    assert condition.step(2.0, 0, rule, 11 * SECOND)
    assert condition.again() == "; 2 more since the last alert"
    assert condition.again() == ""


def test_the_other_direction_is_told_at_once() -> None:
    rule = AlertRule("x", "move", threshold=1.0, every_s=0.0)
    condition = Condition()
    assert condition.step(2.0, 1, rule, SECOND)
    assert not condition.step(2.0, 1, rule, 2 * SECOND)
    assert condition.step(2.0, -1, rule, 3 * SECOND)


def test_between_the_threshold_and_clear_it_stays_as_it_is() -> None:
    rule = AlertRule("x", "move", threshold=1.0, clear=0.5, every_s=0.0)
    assert told([0.9, 1.0, 0.6, 1.1, 0.4, 0.9, 1.2], rule) == [2, 7]


@given(st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=80), st.integers(1, 6))
def test_beyond_the_bound_the_one_not_asked_for_the_longest_begins_anew(
    asked: list[tuple[int, bool]], most: int
) -> None:
    """Against when each was last asked for; now and then what is remembered goes through a checkpoint."""
    conditions: dict[str, Condition] = {}
    last: dict[str, int] = {}
    begun: dict[str, int] = {}
    with patch.object(module, "MOST_CONDITIONS", most):
        for at, (number, kept) in enumerate(asked, 1):
            name = f"rule|{number}"
            if name not in last:
                if len(last) == most:
                    oldest = min(last, key=lambda other: last[other])
                    del last[oldest], begun[oldest]
                begun[name] = at
            last[name] = at
            found = condition_of(conditions, name)
            found.told_at = found.told_at or at
            if kept:
                packed = msgspec.msgpack.encode(conditions)
                conditions = msgspec.msgpack.decode(packed, type=dict[str, Condition])
    assert {name: found.told_at for name, found in conditions.items()} == begun
