"""Sentiment's arithmetic against sums written out with numpy, and its parts in State."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import BatchBuilder
from engine.checkpoint import BadCheckpoint, pack, unpack
from engine.core import State, apply
from engine.events import Kind, Post, Scored, SentimentRecord
from engine.frame import View
from engine.picture import picture
from engine.signals.mood import Decayed, Mood, Sample
from engine.signals.swing import BAR_NS, Swing
from tests.laws.generated import START_NS, TICK_NS, generated_batches

S = 1_000_000_000
unit = st.floats(-1.0, 1.0)
samples = st.lists(
    st.tuples(st.integers(0, 3600), st.floats(0.01, 1.0), unit, st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    min_size=1,
    max_size=40,
)


@given(samples, st.integers(0, 600))
@settings(max_examples=60, deadline=None)
def test_the_mean_is_the_weighted_sum_whatever_the_times(
    rows: list[tuple[int, float, float, float, float]], later_s: int
) -> None:
    rows = sorted(rows)
    sums = Decayed(300.0)
    for number, (at, weight, polarity, aleatoric, epistemic) in enumerate(rows):
        sums.add(Sample(str(number), at * S + S, weight, polarity, aleatoric, epistemic, 0.5), at * S + S)
    now = rows[-1][0] + later_s
    sums.forget(now * S + S)
    table = np.array(rows, float)
    kept = table[:, 1] * np.exp(-(now - table[:, 0]) / 300.0)
    mean = np.average(table[:, 2], weights=kept)
    spread = math.sqrt(max(0.0, np.average((table[:, 2] - mean) ** 2, weights=kept)))
    assert sums.mean == pytest.approx(mean, abs=1e-9)
    assert sums.disagreement == pytest.approx(spread, abs=1e-6)
    assert sums.effective == pytest.approx(kept.sum() ** 2 / (kept**2).sum(), rel=1e-9)
    assert sums.aleatoric == pytest.approx(np.sqrt(np.average(table[:, 3] ** 2, weights=kept)), abs=1e-9)
    assert sums.epistemic == pytest.approx(np.sqrt(np.average(table[:, 4] ** 2, weights=kept)), abs=1e-9)


def test_equal_weights_at_equal_times_are_the_textbook_mean() -> None:
    sums, value, alpha = Decayed(300.0), 0.0, 1.0 - math.exp(-60.0 / 300.0)
    rng = np.random.default_rng(1)
    for number, polarity in enumerate(rng.uniform(-1, 1, 200)):
        sums.add(Sample(str(number), number * 60 * S + S, 1.0, float(polarity)), number * 60 * S + S)
        value += alpha * (polarity - value)
    assert sums.mean == pytest.approx(value, abs=1e-12)  # the start has been forgotten by then


def test_a_later_score_takes_the_place_of_the_first() -> None:
    twice, once = Mood(Decayed(300.0)), Mood(Decayed(300.0))
    for number in range(20):
        twice.take(Sample(str(number), number * S + S, 0.9, 0.8, 0.3, None, 1.0), number * S + S)
        once.take(Sample(str(number), number * S + S, 0.5, -0.6, 0.2, 0.1, 0.9), 30 * S)
    for number in range(20):
        twice.take(Sample(str(number), number * S + S, 0.5, -0.6, 0.2, 0.1, 0.9), 30 * S)
    assert twice.posts == once.posts == 20
    for a, b in zip((twice.swift, *twice.lags), (once.swift, *once.lags), strict=True):
        assert a.mean == pytest.approx(b.mean)
        assert a.epistemic == pytest.approx(b.epistemic)
        assert a.agreement == pytest.approx(b.agreement)


def test_what_a_tier_cannot_tell_is_missing_and_not_zero() -> None:
    sums = Decayed(300.0)
    assert (sums.mean, sums.doubt, sums.epistemic, sums.agreement) == (None, None, None, None)
    sums.add(Sample("a", S, 1.0, 0.4), S)
    assert sums.epistemic is None
    assert sums.aleatoric is None
    assert sums.doubt == 0.0


def test_an_old_post_counts_as_little_as_its_age_says() -> None:
    mood = Mood(Decayed(300.0))
    mood.take(Sample("old", S, 1.0, -1.0), 3001 * S)
    mood.take(Sample("new", 3001 * S, 1.0, 1.0), 3001 * S)
    assert mood.swift.mean == pytest.approx(1.0, abs=1e-3)
    assert mood.slow.mean == pytest.approx(0.0, abs=0.05)


def test_the_swing_needs_history_and_says_what_is_missing() -> None:
    swing, sums = Swing(), Decayed(300.0)
    assert swing.score(sums, 10.0).score is None
    for number in range(50):
        sums.add(Sample(str(number), S, 1.0, 0.6, entropy=0.4), S)
    young = swing.score(sums, 10.0)
    assert young.score is None
    assert young.missing == ("persistence", "liquidity", "flow")
    for bar in range(40):
        for second in (0, 60):
            swing.step((bar + 1) * BAR_NS + second * S, 0.3 + 0.2 * math.sin(bar / 4), 100.0 + bar, 2.0)
    grown = swing.score(sums, 138.0)
    assert grown.missing == ()
    assert grown.flow == 1.0
    assert grown.liquidity == pytest.approx((37 + 38) / 2 / 39)  # of the depths 101 to 139
    assert grown.agreement == 1.0
    values = np.array([bar.value for bar in swing.bars], float)
    moved = values - values.mean()
    phi = (moved[:-1] * moved[1:]).sum() / (moved[:-1] ** 2).sum()
    assert grown.persistence == pytest.approx(
        1 - math.exp(math.log(2) / math.log(phi) * 300 / 3600), rel=1e-9
    )
    parts = (grown.persistence, grown.agreement, grown.clarity, grown.liquidity, grown.flow)
    assert grown.score == pytest.approx(100 * 50 / 70 * float(np.prod(np.array(parts, float))) ** 0.2)


def told() -> tuple[State, list[object]]:
    """A generated session in which posts about BTC and nothing come, are scored, and one is scored again."""
    state, derived = State(), []
    for number, batch in enumerate(generated_batches(5, 800)):
        derived += apply(state, batch)[0]
        if number % 20 == 3:
            out, ts = BatchBuilder(), state.ts
            post, assets = f"p{number}", ("BTC",) if number % 40 == 3 else ()
            out.add_note(Post(post, "news:wire", ts - 5 * S, f"text {number}", "a1", assets), ts)
            out.add_note(Scored(post, ts - 5 * S, assets, 0.5, 0.8, 0.3, None, 0.9, "embedded", 0.1), ts)
            if number % 60 == 3:
                out.add_note(Scored(post, ts - 5 * S, assets, -0.5, 0.9, 0.2, 0.1, 0.6, "local", 0.1), ts)
            apply(state, out.take())
    return state, derived


def test_posts_become_a_mood_a_history_and_records() -> None:
    state, derived = told()
    shown = picture(state, View()).sentiment
    assert shown is not None
    assert shown.asset == "BTC"
    assert shown.posts_seen == 20
    assert len(shown.posts) == 40
    assert shown.value is not None
    assert -0.5 < shown.value < 0.5
    assert dict(shown.tiers) == {"embedded": 40, "local": 14}
    history = memoryview(shown.history).cast("d")
    assert len(history) == pytest.approx(800 * 0.1 / 5, abs=2)
    assert history[-1] == pytest.approx(shown.value, abs=0.2)
    records = [d for d in derived if isinstance(d, SentimentRecord)]
    assert len(records) == len({r.post for r in records})
    assert {r.tier for r in records} == {"embedded", "local"}
    about = [r for r in records if r.assets]
    assert any(r.depth_before is not None and r.depth_after is not None for r in about)
    assert all(r.depth_before is None for r in records if not r.assets)


def test_sentiment_survives_a_checkpoint_and_a_hostile_one_is_refused() -> None:
    state, _ = told()
    again = unpack(pack(state))
    assert picture(again, View()) == picture(state, View())
    state.sentiment.assets["BTC"].mood.swift.tau_s = 0.0
    with pytest.raises(BadCheckpoint, match="forgets over 1 to 1e6 s, found 0"):
        unpack(pack(state))


def test_only_the_latest_posts_are_kept() -> None:
    state = State()
    out = BatchBuilder()
    for number in range(500):
        out.add_note(Post(f"p{number}", f"news:{number}", START_NS, "x"), START_NS)
        out.add_note(
            Scored(f"p{number}", START_NS, (f"A{number}",), 0.1, 0.5, None, None, None, "embedded"), START_NS
        )
    out.add(Kind.TICK, START_NS + TICK_NS)
    apply(state, out.take())
    sentiment = state.sentiment
    assert (len(sentiment.posts), len(sentiment.sources), len(sentiment.assets)) == (200, 100, 200)
    assert next(iter(sentiment.posts)) == "p300"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(sentiment), type=type(sentiment)) == sentiment
