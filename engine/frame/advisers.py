"""What advisers say, and how often they were right."""

from __future__ import annotations

import msgspec

ENOUGH_PIECES = 30


class AdviserNow(msgspec.Struct, frozen=True, array_like=True):
    """One adviser of the chosen symbol: what it says, and its record there. Rates are shares, moves bp after costs.

    What is said of the record is of this session; `carried` pieces of earlier ones stand behind the confidence.
    """

    name: str
    direction: int  # +1 up, -1 down, 0: nothing
    confidence: float | None  # the probability that it is right
    horizon_s: float
    reason: str
    weight: float | None = None  # its share of the coordinator's weight; None: it is silent
    pieces: int = 0  # marked; fewer than `ENOUGH_PIECES` are too few to tell
    hit: float | None = None
    hit_low: float | None = None  # 95 %
    hit_high: float | None = None
    base: float | None = None  # what always saying the more frequent direction would have hit
    brier: float | None = None
    net_bps: float | None = None
    net_low: float | None = None  # 95 %
    net_high: float | None = None
    carried: int = 0
    carried_hit: float | None = None


class CalibrationBin(msgspec.Struct, frozen=True, array_like=True):
    """Forecasts of about the same probability: what was said on average, and how often it came true."""

    rounds: int
    said: float
    right: float
    low: float  # 95 %
    high: float


class AdvisersNow(msgspec.Struct, frozen=True):
    """What advisers say of the chosen symbol, what the coordinator makes of it, and how often they were right."""

    advisers: tuple[AdviserNow, ...]
    coordinator: AdviserNow
    calibration: tuple[CalibrationBin, ...] = ()
    rounds: int = 0
    brier: float | None = None  # of the coordinator's forecasts; a coin's is 0.25
    sessions: int = 0  # earlier ones that records are carried from
