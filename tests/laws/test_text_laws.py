"""The two laws with text beside the market: posts, scores, better scores later, floods and silence."""

from __future__ import annotations

import pytest

from engine.batch import Batch, BatchBuilder
from engine.core import State
from engine.events import FeedStatus, Post, Scored
from tests.laws.beside import Recorded, Speaker, assert_seeks, recorded_beside
from tests.laws.test_laws import replayed

SECOND = 1_000_000_000


class Crowd(Speaker):
    """A producer of random text: some ticks bring one post, some a hundred, and for a while none come."""

    def after(self, state: State, batch: Batch) -> Batch | None:
        rng, out, ts = self._rng, BatchBuilder(), state.ts
        if 400 < ts // 100_000_000 % 1000 < 600 or rng.random() < 0.6:
            return None
        for _ in range(100 if rng.random() < 0.03 else 1):
            if rng.random() < 0.1:
                out.add_note(FeedStatus("reddit", rng.choice(("LIVE", "BACKOFF")), reason="trouble"), ts)
            self._number += rng.random() < 0.95  # else the same one again
            name, written = f"p{self._number}", ts + rng.randrange(-300, 3) * SECOND
            assets = tuple(rng.sample(("BTC", "THIN", "ETH"), rng.randrange(3)))
            out.add_note(Post(name, f"news:{rng.randrange(4)}", written, "text", "a", assets), ts)
            out.add_note(self._score(name, written, assets, "embedded"), ts)
            if rng.random() < 0.3:
                older = f"p{max(0, self._number - rng.randrange(400))}"
                out.add_note(self._score(older, written, ("BTC",), "gateway"), ts)
        return out.take()

    def _score(self, post: str, written: int, assets: tuple[str, ...], tier: str) -> Scored:
        rng = self._rng
        doubts = (rng.random(), rng.choice((None, 0.2)), rng.random())
        return Scored(
            post, written, assets, rng.uniform(-1, 1), rng.random(), *doubts, tier, rng.choice((None, 0.9)), 3
        )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    found = recorded_beside(tmp_path_factory.mktemp("text"), Crowd(3), seed=6, ticks=1000)
    assert found.state.sentiment.assets["BTC"].mood.posts > 300
    assert found.state.sentiment.tiers["gateway"] > 50
    return found


def test_law_1_a_replay_says_what_the_session_said(recorded: Recorded) -> None:
    assert replayed(recorded.path) == recorded.frames


def test_law_2_a_seek_finds_the_mood_of_that_moment(recorded: Recorded) -> None:
    assert_seeks(recorded.path, recorded.frames, 12)
