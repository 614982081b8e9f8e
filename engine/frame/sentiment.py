"""What people say: posts, the mood they make, and how doubtful it is."""

from __future__ import annotations

import msgspec


class PostNow(msgspec.Struct, frozen=True, array_like=True):
    """One post; the last five are None or empty until a tier has scored it."""

    ts: int
    source: str
    text: str
    assets: tuple[str, ...] = ()
    synthetic: bool = False
    polarity: float | None = None
    confidence: float | None = None
    tier: str = ""
    bot: float | None = None
    took_ms: int | None = None  # from its arrival to its score; None for a made-up one


class SourceNow(msgspec.Struct, frozen=True, array_like=True):
    name: str
    posts: int
    polarity: float | None  # mean of its scored posts
    latest: int  # when its newest post was written, ns


class LagNow(msgspec.Struct, frozen=True, array_like=True):
    """Mean and deviation with a longer or shorter memory than the panel's line."""

    tau_s: float
    mean: float | None
    deviation: float | None


class SwingNow(msgspec.Struct, frozen=True, array_like=True):
    """Swing Sustainability Score, -100..100, and its parts in [0, 1]; see `engine.signals.swing`."""

    score: float | None = None
    persistence: float | None = None
    agreement: float | None = None
    clarity: float | None = None
    liquidity: float | None = None
    flow: float | None = None
    effective_posts: float = 0.0
    missing: tuple[str, ...] = ()  # parts that lack history


class SentimentNow(msgspec.Struct, frozen=True):
    """What people say of the chosen symbol's asset. Polarity and doubts on [-1, 1].

    `history` columns are little-endian float64, one each `history_ns`, oldest first, NaN where nothing was known.
    """

    asset: str
    value: float | None = None  # the exponentially weighted mean
    doubt: float | None = None  # its standard error
    aleatoric: float | None = None
    epistemic: float | None = None
    disagreement: float | None = None
    effective_posts: float = 0.0
    posts_seen: int = 0
    lags: tuple[LagNow, ...] = ()
    day: float | None = None  # with a half-life of a day
    leader: float | None = None  # bitcoin's, for any other asset
    swing: SwingNow = SwingNow()
    history_ns: int = 0
    history_end: int = 0  # of the last point
    history: bytes = b""
    history_doubt: bytes = b""
    history_aleatoric: bytes = b""
    posts: tuple[PostNow, ...] = ()  # of all assets, newest first
    sources: tuple[SourceNow, ...] = ()
    tiers: tuple[tuple[str, int], ...] = ()  # posts scored by each
    cost_micro: int = 0  # of this session, millionths of a dollar
    tau_s: float | None = None  # what `value` forgets over; None before this asset's first post
    alpha: float | None = None  # instead of it: what a post of full weight counts
