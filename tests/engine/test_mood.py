"""Sentiment's arithmetic against sums written out with numpy, and its parts in State."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import BatchBuilder
from engine.checkpoint import BadCheckpoint, pack, unpack
from engine.core import State, apply
from engine.events import Kind, Post, Scored, SentimentRecord, SentimentRule, Setup
from engine.frame import View
from engine.picture import picture
from engine.signals.mood import Decayed, Mood, Sample
from engine.signals.sentiment import Liquidity, Point, Seen, SentimentState, Waiting
from engine.signals.swing import BAR_NS, Bar, Swing
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
    for at, weight, polarity, aleatoric, epistemic in rows:
        sums.add(Sample(at * S + S, weight, polarity, aleatoric, epistemic, 0.5), at * S + S)
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
        sums.add(Sample(number * 60 * S + S, 1.0, float(polarity)), number * 60 * S + S)
        value += alpha * (polarity - value)
    assert sums.mean == pytest.approx(value, abs=1e-12)  # the start has been forgotten by then


@given(samples, st.floats(0.001, 0.9))
@settings(max_examples=60, deadline=None)
def test_with_a_fixed_alpha_posts_forget_and_time_does_not(
    rows: list[tuple[int, float, float, float, float]], alpha: float
) -> None:
    sums = Decayed(300.0, alpha=alpha)
    value, whole = 0.0, 0.0
    for number, (gap_s, weight, polarity, aleatoric, epistemic) in enumerate(rows):
        at = (number * 600 + gap_s % 600) * S + S
        sums.add(Sample(at, weight, polarity, aleatoric, epistemic, 0.5), at)
        value += alpha * weight * (polarity - value)
        whole += alpha * weight * (1.0 - whole)
    table = np.array(rows, float)
    shares = alpha * table[:, 1]
    shares[:-1] *= np.cumprod(1.0 - alpha * table[::-1, 1])[-2::-1]
    assert sums.weight == pytest.approx(whole)
    assert sums.mean == pytest.approx(value / whole, abs=1e-9)
    assert sums.mean == pytest.approx(np.average(table[:, 2], weights=shares), abs=1e-9)
    assert sums.effective == pytest.approx(shares.sum() ** 2 / (shares**2).sum(), rel=1e-9)
    assert sums.epistemic == pytest.approx(np.sqrt(np.average(table[:, 4] ** 2, weights=shares)), abs=1e-9)
    before = sums.mean
    sums.add(Sample(sums.at, 0.0, -1.0), sums.at)
    assert sums.mean == pytest.approx(before)  # a post of no weight


def test_with_a_fixed_alpha_an_hour_of_silence_is_as_long_as_without() -> None:
    sums = Decayed(300.0, alpha=0.2)
    mark = sums.add(Sample(S, 1.0, 0.8), S)
    sums.forget(3600 * S)
    assert sums.mean == pytest.approx(0.8)
    sums.forget(3602 * S)
    assert (sums.mean, sums.doubt, sums.effective) == (None, None, 0.0)
    sums.add(Sample(S, 1.0, 0.8, mark=mark), 3602 * S, -1.0)
    sums.add(Sample(S, 1.0, -0.8, mark=mark), 3602 * S)
    sums.add(Sample(3603 * S, 0.5, -0.4), 3603 * S)
    assert sums.mean == pytest.approx(-0.4)


def test_with_a_fixed_alpha_a_later_score_has_the_place_of_the_first() -> None:
    setup = Setup(sentiment=SentimentRule(alpha=0.3))
    rng = np.random.default_rng(5)
    polarities, weights = rng.uniform(-1, 1, (2, 12)), rng.uniform(0.2, 1, (2, 12))
    notes: list[Setup | Post | Scored] = [setup]
    for number in range(12):
        notes += [
            Post(f"p{number}", "news:wire", S, "x"),
            scored(number, S, float(polarities[0, number]), float(weights[0, number])),
        ]
    later = [scored(n, S, float(polarities[1, n]), float(weights[1, n])) for n in (3, 11)]
    state, _ = fold((S, notes), (30 * S, [*later]))
    said, shares = polarities[0].copy(), 0.3 * weights[0]
    shares[:-1] *= np.cumprod(1.0 - 0.3 * weights[0, ::-1])[-2::-1]
    for number in (3, 11):
        said[number], shares[number] = (
            polarities[1, number],
            shares[number] * weights[1, number] / weights[0, number],
        )
    assert state.sentiment.assets["BTC"].mood.swift.mean == pytest.approx(np.average(said, weights=shares))
    again = unpack(pack(state))
    state, again = (apply_to(s, [scored(3, S, 0.1, 0.9)]) for s in (state, again))
    assert again.sentiment == state.sentiment
    swift = again.sentiment.assets["BTC"].mood.swift
    swift.alpha = 0.99
    with pytest.raises(BadCheckpoint, match=r"fixed alpha of 0.001 to 0.9, found 0.99"):
        unpack(pack(again))


def apply_to(state: State, notes: list[Post | Scored]) -> State:
    out = BatchBuilder()
    for note in notes:
        out.add_note(note, state.ts)
    apply(state, out.take())
    return state


def scored(number: int, at: int, polarity: float, confidence: float, doubt: float | None = None) -> Scored:
    return Scored(f"p{number}", at, ("BTC",), polarity, confidence, 0.3, doubt, 0.9, "embedded")


def fold(*batches: tuple[int, list[Setup | Post | Scored]]) -> tuple[State, list[SentimentRecord]]:
    """What notes at each of some times (ns) lead to, each time with a tick."""
    state, records = State(), []
    for ts, notes in batches:
        out = BatchBuilder()
        for note in notes:
            out.add_note(note, ts)
        out.add(Kind.TICK, ts, symbol=-1)
        records += [d for d in apply(state, out.take())[0] if isinstance(d, SentimentRecord)]
    return state, records


def test_a_later_score_takes_the_place_of_the_first() -> None:
    posts = [Post(f"p{number}", "news:wire", (number + 1) * S, "x") for number in range(20)]
    first = [scored(number, (number + 1) * S, 0.8, 0.9) for number in range(20)]
    later = [scored(number, (number + 1) * S, -0.6, 0.5, 0.1) for number in range(20)]
    at_once = [((number + 1) * S, [posts[number], first[number]]) for number in range(20)]
    twice, _ = fold(*at_once, (30 * S, [*later]))
    once, _ = fold((30 * S, [*posts, *later]))
    a, b = twice.sentiment.assets["BTC"].mood, once.sentiment.assets["BTC"].mood
    assert a.posts == b.posts == 20
    assert twice.sentiment.sources["news:wire"].polarity == pytest.approx(20 * -0.6)
    for ours, theirs in zip((a.swift, *a.lags, a.slow), (b.swift, *b.lags, b.slow), strict=True):
        assert ours.mean == pytest.approx(theirs.mean)
        assert ours.epistemic == pytest.approx(theirs.epistemic)
        assert ours.agreement == pytest.approx(theirs.agreement)
        assert ours.effective == pytest.approx(theirs.effective)


def test_a_post_that_is_dated_after_its_score_is_taken_out_as_it_went_in() -> None:
    notes = [Post("p0", "news:wire", 900 * S, "x"), scored(0, 900 * S, 0.8, 0.9)]
    state, _ = fold((10 * S, [*notes]), (400 * S, [scored(0, 900 * S, 0.8, 0.9)]))
    assert state.sentiment.assets["BTC"].mood.swift.weight == pytest.approx(0.9)


def test_the_score_of_a_post_that_is_remembered_no_more_is_spending_alone() -> None:
    """Else a slow tier's word would count the same post again."""
    late = msgspec.structs.replace(scored(0, S, -0.9, 0.9), cost_micro=7)
    state, records = fold((S, [late]))
    assert state.sentiment.cost_micro == 7
    assert state.sentiment.assets == {}
    assert (state.sentiment.waiting, records) == ({}, [])


def test_in_a_flood_every_post_is_recorded_and_better_scores_still_find_theirs() -> None:
    """200 posts a second, of which the screen keeps the last; a better score comes ten seconds later."""
    batches: list[tuple[int, list[Setup | Post | Scored]]] = []
    for tick in range(900):
        notes: list[Setup | Post | Scored] = []
        ts = S + tick * S // 10
        for number in range(20 * tick, 20 * tick + 20) if tick < 250 else ():
            notes += [Post(f"p{number}", "news:wire", ts, "x"), scored(number, ts, 0.8, 0.9)]
            if number >= 2000 and number % 10 == 0:
                notes.append(scored(number - 2000, ts - 10 * S, -0.6, 0.5))
        batches.append((ts, notes))
    state, told = fold(*batches)
    records = {r.post: r for r in told}
    assert list(records) == [f"p{number}" for number in range(5000)]
    assert sum(r.polarity == -0.6 for r in records.values()) == 300
    assert state.sentiment.assets["BTC"].mood.posts == 5000
    assert state.sentiment.sources["news:wire"].polarity == pytest.approx(0.8 * 4700 - 0.6 * 300)


def test_a_mean_is_missing_once_all_posts_are_long_forgotten() -> None:
    mood = Mood(Decayed(300.0))
    assert mood.swift.mean is None
    mood.take(Sample(S, 1.0, 0.8, 0.3, 0.1, 0.5), S)
    mood.forget(S + 3599 * S)
    assert mood.swift.mean == pytest.approx(0.8)
    assert mood.lags[0].mean is None  # of a minute: twelve minutes have gone
    mood.forget(S + 3601 * S)
    swift = mood.swift
    assert (swift.mean, swift.doubt, swift.aleatoric, swift.agreement) == (None, None, None, None)
    assert swift.effective == 0.0
    assert Swing().score(swift, 1.0).score is None
    assert mood.slow.mean == pytest.approx(0.8)
    mood.take(Sample(3700 * S, 0.5, -0.4), 3700 * S)
    assert mood.swift.mean == pytest.approx(-0.4, abs=1e-4)


def test_what_a_tier_cannot_tell_is_missing_and_not_zero() -> None:
    sums = Decayed(300.0)
    assert (sums.mean, sums.doubt, sums.epistemic, sums.agreement) == (None, None, None, None)
    sums.add(Sample(S, 1.0, 0.4), S)
    assert sums.epistemic is None
    assert sums.aleatoric is None
    assert sums.doubt == 0.0


def test_an_old_post_counts_as_little_as_its_age_says() -> None:
    mood = Mood(Decayed(300.0))
    mood.take(Sample(S, 1.0, -1.0), 3001 * S)
    mood.take(Sample(3001 * S, 1.0, 1.0), 3001 * S)
    assert mood.swift.mean == pytest.approx(1.0, abs=1e-3)
    assert mood.slow.mean == pytest.approx(0.0, abs=0.05)


def test_the_swing_needs_history_and_says_what_is_missing() -> None:
    swing, sums = Swing(), Decayed(300.0)
    assert swing.score(sums, 10.0).score is None
    for _ in range(50):
        sums.add(Sample(S, 1.0, 0.6, entropy=0.4), S)
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
            derived += apply(state, out.take())[0]
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
    said = [d for d in derived if isinstance(d, SentimentRecord)]
    records = list({r.post: r for r in said}.values())
    assert len(records) == 40
    at_first = {r.post: r for r in reversed(said)}.values()
    assert all(r.tier == "embedded" and r.spread_bps_after is None for r in at_first)
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


NAN = float("nan")
_WAITING = {"p9": Waiting(0, Liquidity(), Post("p9", "x", -1, "x"), scored(9, 0, 0.5, 0.9), 0)}


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda s: setattr(s.assets["BTC"].mood.swift, "value", NAN), "a mood's sums within 1e"),
        (lambda s: setattr(s.assets["BTC"].mood.slow, "weight", 1e308), "a mood's sums within 1e"),
        (lambda s: s.assets["BTC"].mood.lags.extend([Decayed(60.0)] * 9), "3 memories of a mood, found 12"),
        (lambda s: s.assets["BTC"].history.append(Point(1e308, None, None)), "a mood's history within"),
        (lambda s: s.assets["BTC"].swing.bars.append(Bar(0.1, math.inf, None)), "a swing's bars within"),
        (lambda s: setattr(s.sources["news:wire"], "polarity", -math.inf), "the sources' means within"),
        (
            lambda s: s.posts.update(p=Seen(Post("p", "x", 0, "x"), scored(0, S, 1e308, 0.5))),
            "a score with pol",
        ),
        (lambda s: s.waiting.update(_WAITING), "a post with ts_event from 0"),
        (lambda s: s.assets.update({f"A{n}": s.assets["BTC"] for n in range(201)}), "within its bounds"),
    ],
)
def test_a_strangers_checkpoint_holds_no_number_that_a_screen_could_fall_over(
    spoil: Callable[[SentimentState], object], sentence: str
) -> None:
    state, _ = told()
    spoil(state.sentiment)
    with pytest.raises(BadCheckpoint, match=sentence):
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
