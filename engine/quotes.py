"""Prices in different currencies: which may be compared, and at what rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.core import State

# Taken for one another where no rate between them is watched.
DOLLARS = frozenset({"USD", "USDT", "USDC", "FDUSD"})


def watched_rate(state: State, quote: str, into: str) -> float | None:
    """What one unit of `quote` is worth in `into`, by the mid of a watched spot pair of the two."""
    if quote == into:
        return 1.0
    for symbol in state.symbols.values():
        instrument = symbol.instrument
        if instrument.kind != "spot" or {instrument.base, instrument.quote} != {quote, into}:
            continue
        mid = symbol.feature("mid") if symbol.trusted else None
        if mid:
            return mid if instrument.base == quote else 1.0 / mid
    return None


def rate(state: State, quote: str, into: str) -> float | None:
    """The watched rate; where none is, one dollar is taken for another, and all else is not comparable."""
    known = watched_rate(state, quote, into)
    return 1.0 if known is None and quote in DOLLARS and into in DOLLARS else known
