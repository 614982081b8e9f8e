"""What the regime panel says of the hours of a story: by what is usual in calm days, not by what came before.

Each hour is built alone, so that a session that begins in the middle of the crash knows it for one.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.core import State, apply
from engine.events import Setup
from engine.past.recipe import usual
from engine.past.source import PastSource
from engine.past.story import Story, read
from engine.regimes.words import ratios

REPLAYS = Path(__file__).parents[2] / "replays"
MINUTE_NS = 60_000_000_000


def hour_of(name: str, day: int, hour: int) -> Story:
    """An hour of a story, without what people wrote."""
    story = read(REPLAYS / f"{name}.toml")
    begins = datetime(2020, 3, day, hour, tzinfo=UTC)
    tables = {
        table: "\n".join(
            line for line in getattr(story, table).splitlines() if line.startswith(f"{begins:%Y-%m-%d %H}")
        )
        for table in ("hours", "path")
    }
    return msgspec.structs.replace(
        story,
        begins=begins,
        ends=begins + timedelta(hours=1),
        days=(),
        events=(),
        chapters=(),
        facts="",
        **tables,
    )


def labels(story: Story, minutes: int) -> tuple[list[Counter[str]], np.ndarray]:
    """Of each venue, how often a minute ends with which label; and the measures over the usual, (minutes, 2, 3)."""
    state = State()
    found: list[Counter[str]] = [Counter(), Counter()]
    measured = []
    for batch in PastSource(story).made():
        apply(state, batch)
        since = state.ts - story.begins_ns
        if since % MINUTE_NS == 0 and since > MINUTE_NS:
            measured.append([ratios(symbol.regime.arrays) for symbol in state.symbols.values()])
            for index, symbol in state.symbols.items():
                found[index][symbol.regime.label] += 1
            if since >= minutes * MINUTE_NS:
                break
    return found, np.array(measured)


@pytest.mark.parametrize(
    ("name", "day", "hour", "wanted"),
    [
        ("march2020", 12, 6, {"CALM", "TRENDING"}),
        ("march2020", 13, 4, {"STRESSED", "DISLOCATED"}),
        ("march2020", 13, 11, {"STRESSED", "DISLOCATED"}),
        ("calm2020", 9, 15, {"CALM", "TRENDING"}),
    ],
)
def test_an_hour_is_called_what_it_is(name: str, day: int, hour: int, wanted: set[str]) -> None:
    for venue in labels(hour_of(name, day, hour), 25)[0]:
        assert sum(venue.values()) == 24
        assert sum(venue[label] for label in wanted) >= 22, venue


def test_a_calm_afternoon_is_as_usual() -> None:
    """What is told is what the recipe makes of a day like that, within a factor of three; no measure is above it."""
    _, measured = labels(hour_of("calm2020", 9, 13), 20)
    middle = np.median(measured, axis=0)
    assert (middle > 0.3).all(), middle
    assert (middle < 1.4).all(), middle


def test_the_usual_is_told_in_the_setup() -> None:
    story = read(REPLAYS / "march2020.toml")
    first = next(note for note in next(PastSource(story).made()).notes if isinstance(note, Setup))
    assert first.regime.usual == usual(story, first.round_trip_quote)


def test_the_usual_follows_from_the_recipe() -> None:
    """The recipe's very size costs its effective spread; half of it, half of what is behind the touch."""
    story = read(REPLAYS / "march2020.toml")
    price, recipe = story.bars[0].open, story.recipe
    whole = usual(story, recipe.spread_size * price)
    assert (whole.volatility_bps, whole.depth) == (recipe.calm_bps, 2 * recipe.depth)
    assert whole.round_trip_bps == pytest.approx(recipe.spread_bps)
    touch = recipe.touch_share * recipe.spread_bps
    half = usual(story, recipe.spread_size * price / 2).round_trip_bps
    assert half - touch == pytest.approx((recipe.spread_bps - touch) / 2)
    sizes = [usual(story, size * price).round_trip_bps for size in (1, 10, 25, 100, 600, 6000)]
    assert sorted(sizes) == sizes
    assert sizes[-1] == sizes[-2] < 200
