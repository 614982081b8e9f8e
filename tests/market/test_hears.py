"""A simulated market whose agents listen to what is posted: they see the score, and everything stays exact."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from cli.reading import synthetic
from engine.agents.trading import DOUBT, SENTIMENT
from engine.core import State
from engine.events import Derived
from engine.market.source import SimSource
from engine.market.state import HEARD_DOUBT, HEARD_MOOD, MOOD, Market, fork
from engine.scenario import BadScenario, Planned, Scenario, World, parse
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from tests.laws.test_laws import digest as picture_digest
from tests.laws.test_laws import replayed
from tests.market.worlds import START, FakeClock, digest

SECONDS = 60
TICK = 100_000_000
SHOCKS = (Planned(12.0, "sentiment:bullish:0.8/15s"),)
POSTS = msgspec.structs.replace(Scenario(), shocks=SHOCKS, world=World(hears="posts"))
MOODS = msgspec.structs.replace(Scenario(), shocks=SHOCKS)


class Watch:
    """What agents saw and what stood on the panel, and copies of the market, as each second began."""

    def __init__(self, source: SimSource) -> None:
        self._source = source
        self.seen: list[tuple[float, float]] = []
        self.score: list[tuple[float | None, float | None]] = []
        self.pictures: dict[int, bytes] = {}
        self.last: State | None = None

    def __call__(self, state: State, derived: Sequence[Derived]) -> None:
        sight = self._source.market.sight
        self.seen.append((float(sight[0, SENTIMENT]), float(sight[0, DOUBT])))
        told = state.sentiment.assets.get("BTC")
        swift = told.mood.swift if told is not None else None
        self.score.append((None, None) if swift is None else (swift.mean, swift.doubt))
        self.pictures[state.ts] = picture_digest(state)


def run(scenario: Scenario, seed: int = 3, file: Path | None = None) -> tuple[SimSource, Watch]:
    source = SimSource(scenario, seed, FakeClock(), speed=0.0, seconds=SECONDS, started=START)
    sink = Recorder(file, new_header("sim", START), patient=True) if file is not None else None
    session = Session(source, producers=[synthetic(source)], sink=sink)
    watch = Watch(source)
    session.observers.append(watch)
    asyncio.run(session.run())
    return source, watch


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> tuple[SimSource, Watch, Path]:
    file = tmp_path_factory.mktemp("heard") / "session.sqlite"
    return *run(POSTS, file=file), file


def test_agents_see_the_score_and_its_doubt_as_they_stand_on_the_panel(
    heard: tuple[SimSource, Watch, Path],
) -> None:
    _, watch, _ = heard
    known = [n for n in range(9, len(watch.score) - 1, 10) if watch.score[n][0] is not None]
    assert len(known) > 30
    for n in (
        known
    ):  # told at the tick of a whole second, seen from the next step on, which moves the mood a little
        mean, doubt = watch.score[n]
        assert watch.seen[n + 1] == pytest.approx((mean, doubt), abs=0.08)
    assert watch.score[-1][0] > 0.25  # type: ignore[operator]  # the burst was bullish, and is remembered
    assert watch.seen[0][0] == pytest.approx(0.0, abs=0.5)


def test_without_posts_they_see_none(heard: tuple[SimSource, Watch, Path]) -> None:
    _, watch, _ = heard
    first = next(n for n, (mean, _) in enumerate(watch.score) if mean is not None)
    before = watch.seen[10:first:10]
    assert all(abs(sentiment) < 0.08 for sentiment, _ in before)
    assert all(doubt == pytest.approx(World().doubt, abs=0.08) for _, doubt in before)


def test_equal_seeds_are_equal_and_the_market_is_another_than_by_mood(
    heard: tuple[SimSource, Watch, Path],
) -> None:
    source, watch, _ = heard
    again, told = run(POSTS)
    assert digest(again.market) == digest(source.market)
    assert told.pictures == watch.pictures
    by_mood, other = run(MOODS)
    assert float(by_mood.market.shared[HEARD_MOOD]) == float(by_mood.market.shared[HEARD_DOUBT]) == 0.0
    assert [s for s, _ in other.seen] != [s for s, _ in watch.seen]
    assert float(by_mood.market.shared[MOOD]) == float(source.market.shared[MOOD])  # its draws are its own
    alone = SimSource(MOODS, 3, FakeClock(), speed=0.0, seconds=SECONDS, started=START)
    asyncio.run(Session(alone).run())
    assert digest(alone.market) == digest(by_mood.market)


def test_a_rerun_hears_what_was_heard() -> None:
    source = SimSource(POSTS, 3, FakeClock(), speed=0.0, seconds=SECONDS, started=START)
    producer, kept, last = synthetic(source), dict[int, Market](), SECONDS * 10

    class Keep:
        accepts: frozenset[str] = frozenset()

        def after(self, state: State, batch: object) -> None:
            number = (state.ts - START) // TICK
            if number in (1, 35, 150, 151, 399, last):
                kept[number] = fork(source.market)

        def command(self, command: object) -> None: ...

    asyncio.run(Session(source, producers=[producer, Keep()]).run())  # type: ignore[list-item]
    for number, market in kept.items():
        once = source.rerun(START + number * TICK)
        assert digest(once.market) == digest(market), number
        twice = once.rerun(START + number * TICK)
        assert digest(twice.market) == digest(market), number


def test_a_replay_shows_it_with_nobody_posting(heard: tuple[SimSource, Watch, Path]) -> None:
    _, watch, file = heard
    assert replayed(file) == watch.pictures


def test_what_agents_hear_is_mood_or_posts() -> None:
    assert parse('[world]\nhears = "posts"\n', "x.toml").world.hears == "posts"
    with pytest.raises(BadScenario, match=r"x.toml:2: world.hears expected mood or posts"):
        parse('[world]\nhears = "news"\n', "x.toml")
