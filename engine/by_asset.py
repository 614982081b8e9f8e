"""What markets tell the mood of an asset, and what the mood tells them. Of an asset's symbols the first one counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.signals.sentiment import Liquidity

if TYPE_CHECKING:
    from engine.core import State
    from engine.symbol import SymbolState


def first_symbols(state: State) -> dict[str, SymbolState]:
    """The first symbol of each asset."""
    return {symbol.instrument.base: symbol for symbol in reversed(state.symbols.values())}


def liquidity(state: State) -> dict[str, Liquidity]:
    """By asset: the spread, and the depth within 1 % of the mid."""
    return {
        asset: Liquidity(symbol.feature("spread_bps"), symbol.depth(100.0, state.setup))
        for asset, symbol in first_symbols(state).items()
    }


def flows(state: State) -> dict[str, tuple[float | None, float | None]]:
    """By asset: depth within 0.25 % of the mid, and order-flow imbalance, base units."""
    return {
        asset: (symbol.depth(25.0, state.setup), symbol.feature("ofi"))
        for asset, symbol in first_symbols(state).items()
    }


def mood(state: State, asset: str) -> tuple[float, float]:
    """What people think of an asset, and how doubtful that is; NaN where nothing is known."""
    known = state.sentiment.assets.get(asset)
    if known is None:
        return math.nan, math.nan
    mean, doubt = known.mood.swift.mean, known.mood.swift.doubt
    return math.nan if mean is None else mean, math.nan if doubt is None else doubt
