"""What an adviser sees of a market once a second, and what it answers: a score and its reason."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from engine.frame.symbol import SignalNow
from engine.signals.sentiment import AssetState

MICROSTRUCTURE, TECHNICAL, SENTIMENT, CHAIN, NEWS = (
    "microstructure",
    "technical",
    "sentiment",
    "on-chain",
    "news",
)
BUILT_IN = (MICROSTRUCTURE, TECHNICAL, SENTIMENT, CHAIN, NEWS)
COORDINATOR = "coordinator"


class Opinion(NamedTuple):
    """`score`: -1 surely down, +1 surely up, None where it has nothing to go by; the reason says what it rests on."""

    score: float | None
    reason: str


class Flows(NamedTuple):
    """Coins of the asset that large transfers moved lately, in dollars. None of it is known where `seen` is 0."""

    window_s: float = 0.0
    seen: int = 0  # transfers
    to_exchanges: float = 0.0
    from_exchanges: float = 0.0
    usual: float = 0.0  # of a window, into and out of exchanges together


class Headline(msgspec.Struct, frozen=True, array_like=True):
    """An event that a post told of; see `engine.advisers.news`."""

    kind: str
    direction: int
    ts: int  # when it was written, ns
    source: str
    text: str  # the sentence that says so
    sureness: float = 1.0


class Sight(NamedTuple):
    """One market at one second, as of its tick. NaN is missing."""

    ts: int
    asset: str
    row: list[float]  # of the grid, see `engine.kernels.seconds`
    told: list[float]  # see `engine.kernels.indicators`
    signal: SignalNow
    regime: str = ""
    mood: AssetState | None = None
    swing: float | None = None  # the swing sustainability score, a minute old at most
    flows: Flows = Flows()
    headline: Headline | None = None


def clipped(value: float) -> float:
    """Within -1 and 1."""
    return -1.0 if value < -1.0 else 1.0 if value > 1.0 else value
