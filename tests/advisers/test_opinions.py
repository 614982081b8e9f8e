"""What each adviser makes of what it sees: which way, how strongly, and silence where too little is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.advisers import chain, microstructure, sentiment, technical
from engine.advisers.sight import Flows, Opinion, Sight
from engine.frame.symbol import SignalNow
from engine.kernels import indicators as kernel
from engine.kernels import seconds as grid
from engine.signals.mood import Decayed, Mood, Sample
from engine.signals.sentiment import AssetState

NOW = 1_700_000_000 * 1_000_000_000


def sight(told: dict[int, float] | None = None, spread: float = 1.0, **more: Any) -> Sight:
    row = [math.nan] * grid.WIDTH
    row[grid.MID], row[grid.SPREAD_BPS] = 100.0, spread
    known = [math.nan] * kernel.TOLD
    for place, value in (told or {}).items():
        known[place] = value
    return Sight(NOW, "BTC", row, known, more.pop("signal", SignalNow()), **more)


def mirrored(told: dict[int, float]) -> dict[int, float]:
    """The same market upside down, around a price of 100."""
    flipped = {place: -value for place, value in told.items()}
    for place in (kernel.ATR, kernel.BAND_WIDTH, kernel.VPIN):
        if place in told:
            flipped[place] = told[place]
    for place in (kernel.FAST, kernel.SLOW, kernel.BAND_MIDDLE, kernel.CLOSE):
        if place in told:
            flipped[place] = 200.0 - told[place]
    if kernel.RSI in told:
        flipped[kernel.RSI] = 100.0 - told[kernel.RSI]
    if kernel.CHANNEL_HIGH in told:
        flipped[kernel.CHANNEL_HIGH] = 200.0 - told[kernel.CHANNEL_LOW]
        flipped[kernel.CHANNEL_LOW] = 200.0 - told[kernel.CHANNEL_HIGH]
    return flipped


numbers = st.one_of(st.just(math.nan), st.floats(-200, 200), st.just(0.0))


@pytest.mark.parametrize("advise", [microstructure.advise, technical.advise, sentiment.advise, chain.advise])
@given(
    st.lists(numbers, min_size=kernel.TOLD, max_size=kernel.TOLD),
    numbers,
    st.sampled_from(("", "CALM", "TRENDING")),
)
def test_whatever_is_seen_gives_a_score_within_bounds_and_a_reason(
    advise: Callable[[Sight], Opinion], told: list[float], spread: float, regime: str
) -> None:
    opinion = advise(sight(dict(enumerate(told)), spread, regime=regime))
    assert opinion.reason
    assert opinion.score is None or -1.0 <= opinion.score <= 1.0


bars = st.fixed_dictionaries(
    {
        kernel.FAST: st.floats(98, 102),
        kernel.SLOW: st.floats(98, 102),
        kernel.RSI: st.floats(0, 100),
        kernel.ATR: st.floats(0.01, 2),
        kernel.BAND_MIDDLE: st.floats(98, 102),
        kernel.BAND_WIDTH: st.floats(0.01, 2),
        kernel.CHANNEL_HIGH: st.floats(100, 103),
        kernel.CHANNEL_LOW: st.floats(97, 100),
        kernel.CLOSE: st.floats(96, 104),
    }
)


@given(bars)
def test_a_market_upside_down_is_the_opposite_advice(told: dict[int, float]) -> None:
    up, down = technical.advise(sight(told)), technical.advise(sight(mirrored(told)))
    assert up.score is not None
    assert down.score == pytest.approx(-up.score, abs=1e-6)


@given(st.floats(-8, 8), st.floats(-1, 1), st.floats(0, 1), st.floats(-1, 1))
def test_microstructure_is_even_handed_and_follows_its_parts(
    z: float, drift: float, vpin: float, lean: float
) -> None:
    told = {kernel.OFI_Z: z, kernel.DRIFT_BPS: drift, kernel.VPIN: vpin, kernel.LEAN: lean}
    up, down = microstructure.advise(sight(told)), microstructure.advise(sight(mirrored(told)))
    assert up.score is not None
    assert down.score == pytest.approx(-up.score, abs=1e-12)
    more = microstructure.advise(sight({**told, kernel.OFI_Z: z + 1.0}))
    assert more.score is not None
    assert more.score >= up.score - 1e-12


def test_microstructure_hears_the_imbalance_signal() -> None:
    told = {kernel.OFI_Z: 0.0, kernel.DRIFT_BPS: 0.0}
    short = SignalNow("SHORT", 0.75, 0.3, 80.0, "book 1 : 3.3 asks for 80 s")
    opinion = microstructure.advise(sight(told, signal=short))
    assert opinion.score == pytest.approx(-0.25 / 0.85)
    assert "1 : 3.3 asks for 80 s" in opinion.reason


def test_a_breakout_with_the_trend_is_strong_and_an_exhausted_one_weaker() -> None:
    told = {
        kernel.FAST: 101.0, kernel.SLOW: 100.0, kernel.RSI: 60.0, kernel.ATR: 0.5, kernel.BAND_MIDDLE: 100.5,
        kernel.BAND_WIDTH: 0.5, kernel.CHANNEL_HIGH: 101.0, kernel.CHANNEL_LOW: 99.0, kernel.CLOSE: 101.4,
    }  # fmt: skip
    strong = technical.advise(sight(told))
    tired = technical.advise(sight({**told, kernel.RSI: 95.0}))
    calm = technical.advise(sight({**told, kernel.RSI: 95.0}, regime="CALM"))
    assert strong.score is not None and tired.score is not None and calm.score is not None  # noqa: PT018
    assert strong.score == pytest.approx(1.0)
    assert calm.score < tired.score < strong.score
    assert "above the high of 20 bars" in strong.reason
    assert "RSI 95" in tired.reason


def test_a_price_that_never_moves_has_no_indicators() -> None:
    flat = {
        kernel.FAST: 100.0, kernel.SLOW: 100.0, kernel.RSI: 50.0, kernel.ATR: 0.0, kernel.BAND_MIDDLE: 100.0,
        kernel.BAND_WIDTH: 0.0, kernel.CHANNEL_HIGH: 100.0, kernel.CHANNEL_LOW: 100.0, kernel.CLOSE: 100.0,
    }  # fmt: skip
    opinion = technical.advise(sight(flat))
    assert opinion.score is None
    assert "not moved" in opinion.reason


def mood(polarities: list[float], before: list[float] = []) -> AssetState:  # noqa: B006  never changed
    """Posts of an hour ago and of now."""
    state = Mood(Decayed(300.0))
    for polarity in before:
        state.take(Sample(NOW - 2400 * 10**9, 1.0, polarity, 0.2, 0.05, 0.5), NOW - 2400 * 10**9)
    for polarity in polarities:
        state.take(Sample(NOW, 1.0, polarity, 0.2, 0.05, 0.5), NOW)
    return AssetState(state)


def test_sentiment_goes_by_level_and_change_and_less_where_people_disagree() -> None:
    good = sentiment.advise(sight(mood=mood([0.5] * 10)))
    turned = sentiment.advise(sight(mood=mood([0.5] * 10, [-0.5] * 20)))
    torn = sentiment.advise(sight(mood=mood([1.0, 0.0] * 5)))
    bad = sentiment.advise(sight(mood=mood([-0.5] * 10)))
    scores = [opinion.score for opinion in (good, turned, torn, bad)]
    assert None not in scores
    level, change, apart, down = (score or 0.0 for score in scores)
    assert change > level > apart > 0.0 > down
    assert down == pytest.approx(-level)
    assert "+0.50" in good.reason
    assert "10 posts" in good.reason


def test_sentiment_of_few_posts_or_none_is_silence() -> None:
    assert sentiment.advise(sight()).score is None
    few = sentiment.advise(sight(mood=mood([1.0, 1.0])))
    assert few.score is None
    assert "2.0 posts" in few.reason


def test_a_swing_that_lasts_counts() -> None:
    plain = sentiment.advise(sight(mood=mood([0.3] * 10)))
    lasting = sentiment.advise(sight(mood=mood([0.3] * 10), swing=60.0))
    against = sentiment.advise(sight(mood=mood([0.3] * 10), swing=-60.0))
    assert (lasting.score or 0.0) > (plain.score or 0.0) > (against.score or 0.0)


def test_coins_that_go_to_exchanges_weigh_and_little_against_what_is_usual_weighs_little() -> None:
    into = chain.advise(sight(flows=Flows(3600.0, 5, 9e7, 1e7, 1e8)))
    out = chain.advise(sight(flows=Flows(3600.0, 5, 1e7, 9e7, 1e8)))
    small = chain.advise(sight(flows=Flows(3600.0, 5, 9e6, 1e6, 1e8)))
    assert into.score == pytest.approx(-0.8)
    assert out.score == pytest.approx(0.8)
    assert small.score == pytest.approx(-0.08)
    assert "$90.0M to exchanges, $10.0M from them in 60 min" in into.reason
    assert chain.advise(sight(flows=Flows(3600.0, 2, 9e7, 0.0, 1e8))).score is None
    assert chain.advise(sight(flows=Flows(3600.0, 9))).score == 0.0
