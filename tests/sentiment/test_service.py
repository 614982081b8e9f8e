"""Posts beside a session: scored at once, bettered later, never in the way; and the made-up ones of a simulation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from engine.batch import BatchBuilder
from engine.core import State, apply
from engine.events import FeedStatus, Kind, Post, Scored, Shock
from engine.frame import View
from engine.picture import picture
from engine.sentiment.embedded import load
from engine.sentiment.scores import Scores, from_draws
from engine.sentiment.service import A_TICK, UPWARD, WAITING, Answer, Put, Reading
from engine.sentiment.synthetic import SyntheticPosts
from tests.laws.generated import START_NS, TICK_NS, generated_batches


class Says:
    """A tier that reads its answer off the text: `+ bot`, `-`, `?`."""

    name = "embedded"

    def predict_batch(self, texts: Sequence[str]) -> Scores:
        bull = np.array([0.9 if "+" in t else 0.1 if "-" in t else 0.5 for t in texts])
        return from_draws(np.stack([np.stack([1 - bull, 0 * bull, bull], -1)] * 2))


def post(number: int, text: str, assets: tuple[str, ...] = ("BTC",)) -> Post:
    return Post(f"p{number}", "news:wire", START_NS, text, "someone", assets)


def tick(reading: Reading, state: State, ts: int) -> list[object]:
    """One tick of a session; the notes that the reading said after the one before."""
    said = reading.after(state, BatchBuilder(1, 1).take())
    if said is not None:
        apply(state, said)
    out = BatchBuilder(1, 1)
    out.add(Kind.TICK, ts, symbol=-1)
    apply(state, out.take())
    return list(said.notes) if said is not None else []


def test_a_post_is_scored_in_the_tick_in_which_it_comes() -> None:
    reading, state = Reading(Says(), model="m", judge=lambda p, _: 0.4 if "bot" in p.text else None), State()
    assert tick(reading, state, START_NS) == []
    reading.put(post(1, "+ bot"))
    reading.put(FeedStatus("news", "LIVE"))
    first, written, scored = tick(reading, state, START_NS + TICK_NS)
    assert first == FeedStatus("news", "LIVE")
    assert written == post(1, "+ bot")
    assert isinstance(scored, Scored)
    assert (scored.post, scored.tier, scored.model, scored.bot) == ("p1", "embedded", "m", 0.4)
    assert scored.polarity == pytest.approx(0.8)
    assert scored.entropy == pytest.approx(-0.9 * np.log(0.9) - 0.1 * np.log(0.1))
    assert state.sentiment.assets["BTC"].mood.swift.weight == pytest.approx(
        0.9 * 0.6, rel=1e-3
    )  # a tick later


def test_how_long_a_score_took_is_told_but_for_made_up_posts() -> None:
    """A made-up post's would differ from run to run of the same seed."""
    reading = Reading(Says())
    reading.put(post(1, "+"))
    reading.put(msgspec.structs.replace(post(2, "+"), synthetic=True))
    time.sleep(0.02)
    _, first, _, made_up = tick(reading, state := State(), START_NS)
    assert isinstance(first, Scored)
    assert isinstance(made_up, Scored)
    assert first.took_ms is not None
    assert 20 <= first.took_ms < 5000
    assert made_up.took_ms is None
    shown = {seen.post.id: seen.scored for seen in state.sentiment.posts.values()}
    assert shown == {"p1": first, "p2": made_up}


def test_a_flood_is_scored_at_a_steady_pace_and_what_is_let_go_is_said() -> None:
    reading, state = Reading(Says()), State()
    for number in range(WAITING + 7):
        reading.put(post(number, "+"))
    notes = tick(reading, state, START_NS)
    assert sum(isinstance(n, Scored) for n in notes) == A_TICK
    assert isinstance(notes[0], FeedStatus)
    assert "let go" in notes[0].reason
    assert next(n for n in notes if isinstance(n, Post)).id == "p7"


class Wise:
    """Knows every second text better, after a while, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def wants(self, scores: Scores) -> list[bool]:
        return [abs(p) < 0.5 for p in scores.polarity]

    async def improve(self, texts: Sequence[str], first: Scores) -> list[Answer]:
        self.asked.append(len(texts))
        await asyncio.sleep(0.01)
        rows = list(range(0, len(texts), 2))
        scores = from_draws(np.array([[[0.0, 0.2, 0.8]] * len(rows)]), tier=2)
        return [Answer(rows, scores, "wise", [5] * len(rows))]


async def test_what_the_first_tier_doubts_is_asked_above_and_replaced() -> None:
    wise, state = Wise(), State()

    async def source(put: Put) -> None:
        for number in range(UPWARD + 20):
            put(post(number, "?" if number % 2 else "+"))
            if number % 20 == 0:
                await asyncio.sleep(0.005)
        await asyncio.sleep(60)

    reading = Reading(Says(), upper=wise, source=source)
    running = asyncio.create_task(reading.run())
    notes: list[object] = []
    for number in range(80):
        notes += tick(reading, state, START_NS + number * TICK_NS)
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running})
    scored = [n for n in notes if isinstance(n, Scored)]
    better = [n for n in scored if n.tier == "gateway"]
    assert len(scored) - len(better) == UPWARD + 20
    assert sum(wise.asked) == (UPWARD + 20) // 2
    assert 60 <= len(better) <= 80
    assert all(n.polarity == pytest.approx(0.8) and n.cost_micro == 5 and n.epistemic is None for n in better)
    assert state.sentiment.cost_micro == 5 * len(better)
    assert state.sentiment.assets["BTC"].mood.posts == UPWARD + 20


def lively(mood: float, seed: int, shock: Shock | None = None, ticks: int = 3000) -> tuple[State, list[Post]]:
    state = State()
    posts: list[Post] = []
    for batch in list(generated_batches(2, 20)):
        apply(state, batch)
    producer = SyntheticPosts(Reading(load()), lambda: mood, seed)
    batch = BatchBuilder(1, 1)
    for number in range(ticks):
        if shock is not None and number == 100:
            batch.add_note(shock, state.ts, 0)
        batch.add(Kind.TICK, state.ts + TICK_NS, symbol=-1)
        whole = batch.take()
        apply(state, whole)
        said = producer.after(state, whole)
        if said is not None:
            apply(state, said)
            posts += [n for n in said.notes if isinstance(n, Post)]
    return state, posts


def test_made_up_posts_lean_with_the_mood_and_say_what_they_are() -> None:
    values = []
    for mood in (-0.8, 0.0, 0.8):
        state, posts = lively(mood, 1)
        assert 20 <= len(posts) <= 65  # eight a minute for five minutes
        assert all(p.synthetic and p.source == "synthetic" and p.assets == ("BTC",) for p in posts)
        shown = picture(state, View()).sentiment
        assert shown is not None
        assert shown.value is not None
        values.append(shown.value)
    assert values[0] < -0.1 < values[1] + 0.1 < values[2]
    assert values[2] > 0.1


def test_a_sentiment_shock_is_a_burst_of_posts() -> None:
    calm, few = lively(0.0, 3)
    state, many = lively(0.0, 3, Shock("sentiment", 1.0, -1, 60.0))
    assert len(many) > len(few) + 50
    before, after = (picture(s, View()).sentiment for s in (calm, state))
    assert before is not None
    assert after is not None
    assert before.value is not None
    assert after.value is not None
    assert after.value < before.value - 0.1


def test_equal_seeds_write_equal_posts() -> None:
    assert lively(0.3, 5, ticks=800)[1] == lively(0.3, 5, ticks=800)[1]
    assert lively(0.3, 5, ticks=800)[1] != lively(0.3, 6, ticks=800)[1]
