"""Which tiers there are, and how one is opened by name. Only the embedded one is loaded without being asked for.

A tier's module offers `open_tier() -> Tier`, reads its own settings there, and raises `TierMissing` where it cannot
work on this machine. It is imported when it is asked for, so that a missing extra costs nobody anything.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.sentiment import embedded
from engine.sentiment.scores import Scores, Tier, replaced

DOUBTFUL = (0.4, 0.6)  # of p, bullish given not neutral: between them a post goes up to the next tier
# Name -> where it lives and what it needs.
HIGHER = {
    "local": ("engine.sentiment.local", "the models extra: pip install 'microtui[models]'"),
    "gateway": (
        "engine.sentiment.gateway",
        "the URL of an OpenAI-compatible endpoint, and its key, in the settings",
    ),
}
NAMES = ("embedded", *HIGHER, "auto")


class TierMissing(ValueError):
    """A tier that cannot be used here; says what it needs."""

    for_people = True


def open_tier(name: str, weights: Path | None = None) -> Tier:
    """The tier of that name; `weights` are the embedded one's, where they are not those that ship.

    Raises TierMissing, and `weights.BadWeights` for a file that cannot be used.
    """
    if name == "embedded":
        return embedded.load(weights)
    if name in HIGHER:
        return _open(name)
    if name != "auto":
        raise TierMissing(f"expected a tier of {', '.join(NAMES)}, found {name}")
    return Auto([embedded.load(weights), *_those_that_open()])


def _open(name: str) -> Tier:
    module, needs = HIGHER[name]
    try:
        tier: Tier = importlib.import_module(module).open_tier()
    except ImportError as error:
        raise TierMissing(f"the {name} tier needs {needs} (found: {error})") from None
    return tier


def _those_that_open() -> list[Tier]:
    found = []
    for name in HIGHER:
        try:
            found.append(_open(name))
        except TierMissing:
            continue
    return found


class Auto:
    """The first tier answers; a post it is doubtful of goes to the next one, and so on."""

    name = "auto"

    def __init__(self, tiers: Sequence[Tier]) -> None:
        self._tiers = tuple(tiers)

    def predict_batch(self, texts: Sequence[str]) -> Scores:
        first, *higher = self._tiers
        scores = first.predict_batch(texts)
        for tier in higher:
            doubtful = np.flatnonzero((scores.bullish > DOUBTFUL[0]) & (scores.bullish < DOUBTFUL[1]))
            if not len(doubtful):
                break
            scores = replaced(scores, doubtful, tier.predict_batch([texts[int(at)] for at in doubtful]))
        return scores
