"""The path between known prices: no swing that nobody recorded, and nothing that knows of what comes."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.past.minutes import LeadPath, last_hour_sigma, lead_path
from engine.past.prices import hour_prices
from engine.past.recipe import liquidity
from engine.past.story import Deviation, Story, hours_of, read
from tests.past.stories import two_hours

REPLAYS = Path(__file__).parents[2] / "replays"
WILD_BPS = 350.0


def crash_without_warning() -> Story:
    """A calm hour, then half an hour of which both ends are known and near each other, then a fall by a quarter.

    Of the second hour a deviation of returns is recorded that only its second half can have had.
    """
    hours = """
2021-05-19 12 | 100 100.5 99.5 100 2.5 | 100 100.5 99.5 100 900
2021-05-19 13 | 100 100.2 72 80 9      | 100 100.2 72 80 4000
"""
    path = """
2021-05-19 13:29 | lead | close | 98.5 | 1
2021-05-19 13:45 | lead | low   | 72   | 1
"""
    begins = datetime(2021, 5, 19, 13, tzinfo=UTC)
    wild = Deviation("lead", begins, begins + timedelta(hours=1), WILD_BPS)
    return msgspec.structs.replace(
        two_hours(), hours=hours, path=path, facts="", events=(), deviations=(wild,)
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_crash_is_not_announced_by_a_swing(seed: int) -> None:
    """From 100 to 98.5 it walks no farther than a bridge of that speed does: four deviations of its middle."""
    closes = lead_path(crash_without_warning(), seed).closes
    before = closes[59:90]
    speed = math.log(100.2 / 98.5) / math.sqrt(20)  # the hour's high may come ten minutes after its beginning
    assert np.exp(before.min()) > 98.5 * math.exp(-4 * speed * math.sqrt(30) / 2)
    assert np.diff(before).std() < 1.8 * speed
    assert np.exp(closes[89]) == pytest.approx(98.5)
    assert np.diff(closes[59:]).std() * 1e4 > 0.7 * WILD_BPS


def test_before_the_first_leg_nothing_is_invented() -> None:
    """From 7,354 at ten o'clock to 7,203 half an hour later: sources tell of no other price in between."""
    closes = np.exp(lead_path(read(REPLAYS / "march2020.toml"), 312).closes)
    before = closes[599:631]
    assert before[[0, -1]] == pytest.approx([7354, 7203])
    assert before.min() > 7203 * 0.995
    assert before.max() <= 7364
    assert np.diff(np.log(before)).std() * 1e4 < 40
    assert np.diff(np.log(closes[599:720])).std() * 1e4 == pytest.approx(152, abs=3)


def test_the_last_hours_range_against_loops() -> None:
    story = two_hours()
    path = lead_path(story, 3)
    known = [float(path.opens[0]), *path.closes.tolist()]
    for minute, found in enumerate(last_hour_sigma(path).tolist()):
        last = known[max(minute - 59, 0) : max(minute, 59) + 2]
        wanted = (max(last) - min(last)) / (2 * math.sqrt(60 * math.log(2)))
        assert found == pytest.approx(wanted), minute


def test_books_and_seconds_know_nothing_of_what_comes() -> None:
    """One past and two futures: up to half past the second hour spread, depth and noise are the same."""
    story = crash_without_warning()
    path = lead_path(story, 5)
    closes = path.closes.copy()
    closes[90:] += np.log(np.linspace(1.02, 1.3, 30))
    other = LeadPath(closes, path.pins, path.opens, path.sigma * 7.0)
    for one, two in zip(liquidity(story, path, 5), liquidity(story, other, 5), strict=True):
        np.testing.assert_array_equal(one.spread_bps[:90], two.spread_bps[:90])
        np.testing.assert_array_equal(one.depth[:90], two.depth[:90])
        assert (one.spread_bps[90:] != two.spread_bps[90:]).mean() > 0.5
    bars = [bars for _, bars in hours_of(story)][1]
    made = [hour_prices(story, 1, each, bars, (100.0, 100.0), 5).venues[0].prices for each in (path, other)]
    np.testing.assert_array_equal(made[0][: 30 * 60], made[1][: 30 * 60])
