"""What reads posts beside a market: the sources and tiers that the settings name, with what a user trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cli import paths
from cli.text import text_source

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.market.source import SimSource
    from engine.ports import Clock
    from engine.sentiment.bots import Bots
    from engine.sentiment.embedded import Embedded
    from engine.sentiment.service import Reading
    from engine.sentiment.synthetic import SyntheticPosts

Say = Callable[[str], None]


def reading(settings: Settings, clock: Clock, say: Say) -> Reading | None:
    """To be a live session's producer, its `run` beside it. None where the settings switch text off."""
    from engine.sentiment.service import Reading

    source = text_source(settings, clock, say)
    if source is None:
        return None
    first, model = _first(say)
    return Reading(first, model=model, judge=_bots(say).judge, source=source.run)


def synthetic(source: SimSource) -> SyntheticPosts:
    """Made-up posts for a simulated market, scored by what ships, so that equal seeds say the same anywhere."""
    from engine.market.state import MOOD
    from engine.sentiment.embedded import load
    from engine.sentiment.service import Reading
    from engine.sentiment.synthetic import SyntheticPosts

    return SyntheticPosts(Reading(load()), lambda: float(source.market.shared[MOOD]), source.seed)


def _first(say: Say) -> tuple[Embedded, str]:
    """The embedded tier over the user's own weights, or, where those are unfit, over the ones that ship."""
    from engine.sentiment.embedded import load
    from engine.sentiment.weights import BadWeights

    own = paths.sentiment_weights()
    if own.exists():
        try:
            return load(own), "own weights"
        except BadWeights as error:
            say(f"your own sentiment weights are left out: {error}")
    return load(), "shipped"


def _bots(say: Say) -> Bots:
    from engine.sentiment.bots import BadModel, Bots, read_model

    own = paths.bots_model()
    if own.exists():
        try:
            return Bots(read_model(own))
        except BadModel as error:
            say(f"your own model of bots is left out: {error}")
    return Bots()
