"""Which recorded facts a path meets: the worst of all windows found by looking at each, deviations by hand."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.past.met import deviation_bps, misses, moved, worst
from engine.past.story import parse
from tests.past.stories import TEXT

MINUTE_NS = 60_000_000_000
STORY = parse(TEXT, "two.toml", "two")
paths = st.lists(st.floats(80.0, 120.0), min_size=120, max_size=120)


@given(paths, st.integers(1, 60))
@settings(max_examples=50, deadline=None)
def test_the_worst_is_that_of_every_window_outside_the_outage(close: list[float], length: int) -> None:
    left_out = range(78, 90)  # lead is down from 13:18 and in disorder until 13:30
    found = [
        (close[end] / close[end - length] - 1.0, end)
        for end in range(length, 120)
        if end < left_out.start or end - length >= left_out.stop
    ]
    pct, at = worst(STORY, 0, np.array(close), length)
    assert (pct, at) == (pytest.approx(100.0 * min(found)[0]), STORY.begins_ns + min(found)[1] * MINUTE_NS)


@given(paths, st.sampled_from([(0, 60), (60, 120), (0, 120)]))
@settings(max_examples=20, deadline=None)
def test_the_deviation_is_that_of_the_returns_that_end_in_the_stretch(
    close: list[float], stretch: tuple[int, int]
) -> None:
    before = [STORY.bars[0].open, *close]
    returns = [math.log(before[m + 1] / before[m]) for m in range(*stretch)]
    first, stop = (STORY.begins_ns + minute * MINUTE_NS for minute in stretch)
    ours = deviation_bps(STORY, np.array(close), first, stop)
    assert ours == pytest.approx(1e4 * statistics.pstdev(returns))


def test_a_move_from_the_first_trade_on() -> None:
    story = parse(TEXT.replace("13:14 | lead | 10 | -9", "12:09 | lead | 10 | -2"), "two.toml")
    close = np.full(120, 98.0)
    assert moved(story, story.moves[0], close) == (pytest.approx(-2.0), story.begins_ns + 9 * MINUTE_NS)
    assert misses(story, (close, close)) == ()


def test_what_is_met_is_not_told_and_what_is_missed_has_both_numbers() -> None:
    close = np.full(120, 100.0)
    close[74:] = 91.0  # -9 % in the ten minutes that end with 13:14
    assert misses(STORY, (close, close)) == ()
    close[74:] = 93.0
    assert misses(STORY, (close, close)) == (
        "lead, 10 minutes: recorded -9 % to 19 May 13:14, here -7.00 % to 19 May 13:14",
    )
    story = parse(TEXT.replace("-9 | 1", "-7 | 1 | worst"), "two.toml")
    close[30] = 92.0
    assert misses(story, (close, close)) == (
        "lead, worst 10 minutes: recorded -7 % to 19 May 13:14, here -8.00 % to 19 May 12:30",
    )
