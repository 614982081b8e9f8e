"""The same asset on several venues."""

from __future__ import annotations

import msgspec


class LegNow(msgspec.Struct, frozen=True):
    """One venue's market in an asset. Prices are the venue's own; times `rate` they are in the first leg's quote."""

    number: int  # of the symbol
    venue: str
    symbol: str
    state: str
    trusted: bool
    bid: float | None
    bid_size: float | None
    ask: float | None
    ask_size: float | None
    rate: float | None  # None: not known, and not to be taken for one
    age_s: float | None  # since the venue last said something of this book
    fee_bps: float  # of taking there
    bids: tuple[tuple[float, float], ...] = ()  # (price in the first leg's quote, size) a row, best first
    asks: tuple[tuple[float, float], ...] = ()
    asked: str = ""  # what it stands for, where the venue does not trade what was asked for


class AcrossNow(msgspec.Struct, frozen=True):
    """The same asset on several venues, and the best trade between two: buy at `cheap`'s ask, sell at `dear`'s bid."""

    base: str
    quote: str  # that prices are compared in
    legs: tuple[LegNow, ...]
    cheap: int | None = None  # positions in `legs`
    dear: int | None = None
    gap_bps: float | None = None  # before fees; negative where even the best one loses
    after_fees_bps: float | None = None
    kind: str = ""  # spread: to be earned; basis: the two are not the same thing, or not in known money
    why: str = ""
    step: float = 0.0  # price a row of the legs' ladders
    lacking: tuple[tuple[str, str], ...] = ()  # (venue, symbol) that was asked for and is not traded there
