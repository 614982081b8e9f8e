"""Which way made-up posts lean: the recorded index leads, and the price moves them around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.past.minutes import LeadPath, lead_path
from engine.past.posts import mood, posts
from engine.past.story import read
from tests.past.stories import two_hours

REPLAYS = Path(__file__).parents[2] / "replays"
DAY = 1440


@pytest.fixture(scope="module")
def march() -> tuple[np.ndarray, np.ndarray]:
    """The mood of March 2020 and its prices, minute by minute."""
    story = read(REPLAYS / "march2020.toml")
    path = lead_path(story, story.seed)
    return mood(story, path), np.exp(path.closes)


def test_the_day_with_the_lower_index_is_the_gloomier(march: tuple[np.ndarray, np.ndarray]) -> None:
    """14 on the 12th, 10 on the 13th."""
    moods, _ = march
    assert moods[DAY:].mean() < moods[:DAY].mean() - 0.05


def test_nobody_is_bullish_in_the_night_of_the_low(march: tuple[np.ndarray, np.ndarray]) -> None:
    moods, price = march
    night = slice(DAY + 170, DAY + 211)
    assert price[DAY + 200] > 1.2 * price[DAY + 136]  # a rebound that would have cheered anybody up
    assert moods[night].max() < -0.3
    assert moods.max() < -0.25


def test_a_fall_is_felt(march: tuple[np.ndarray, np.ndarray]) -> None:
    moods, _ = march
    assert moods[10 * 60 + 47] < moods[10 * 60] - 0.3
    assert moods[23 * 60 + 50] < moods[22 * 60 + 50] - 0.2


@given(st.lists(st.floats(-0.05, 0.05), min_size=120, max_size=120))
def test_no_price_turns_extreme_fear_into_its_opposite(returns: list[float]) -> None:
    """The story's index is 12 all day; the price may do what it likes."""
    path = LeadPath(
        np.log(100.0) + np.cumsum(returns), ((), ()), np.log([100.0, 100.0]), np.array([0.01, 0.01])
    )
    moods = mood(two_hours(), path)
    assert moods.min() > -1.0
    assert moods.max() < 0.0


def test_posts_say_what_the_mood_is() -> None:
    """Words of bears outnumber those of bulls in fear, as log odds of twice LEAN times the mood would have it."""
    story = two_hours()
    path = lead_path(story, story.seed)
    texts = [post.text for post in posts(story, path, story.seed) if post.synthetic]
    bears = sum("dump" in t or "panic" in t or "rekt" in t or "no bids" in t for t in texts)
    bulls = sum("bullish" in t or "moon" in t or "bulls" in t or "never selling" in t for t in texts)
    assert bears > 2 * bulls > 0
