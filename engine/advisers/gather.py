"""From State to what advisers see, and their answers: what the core calls once a second and symbol."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.advisers.sight import Flows, Sight
from engine.events import Derived
from engine.kernels import indicators as indicator_kernel
from engine.kernels import seconds as grid
from engine.quotes import DOLLARS
from engine.signals.chain import WINDOWS_S

if TYPE_CHECKING:
    from engine.core import State
    from engine.signals.sentiment import AssetState
    from engine.symbol import SymbolState

_HOUR_NS = 3600 * grid.SECOND_NS
_SWING_NS = 60 * grid.SECOND_NS  # between looks at a swing's score: it stands on bars of five minutes


def advise(state: State, index: int, symbol: SymbolState, ts: int) -> list[Derived]:
    """What the latest row of the symbol's grid leads to: advice, outcomes, decisions."""
    if not state.setup.advisers.on:
        return []
    return symbol.advisers.second(sight_of(state, symbol, ts), index, state.setup.advisers, state.baseline)


def sight_of(state: State, symbol: SymbolState, ts: int) -> Sight:
    """What advisers see of a symbol at a tick. Enters the row in its indicators."""
    asset = symbol.instrument.base
    latest = grid.latest(symbol.seconds)
    row: list[float] = latest.tolist()
    if symbol.trusted:
        told = indicator_kernel.step(ts // grid.SECOND_NS, latest, symbol.indicators)
    else:
        row[grid.MID] = math.nan
        told = [math.nan] * indicator_kernel.TOLD
    mood = state.sentiment.assets.get(asset)
    return Sight(
        ts=ts,
        asset=asset,
        row=row,
        told=told,
        signal=symbol.signal.now,
        regime=symbol.regime.label,
        mood=mood,
        swing=_swing(state, symbol, mood, ts),
        flows=_flows(state, symbol, asset, ts),
        headline=state.news.about(asset),
    )


def _flows(state: State, symbol: SymbolState, asset: str, ts: int) -> Flows:
    """What went to and from exchanges in the last hour, in dollars; what is usual once two hours were watched."""
    known = state.chain.assets.get(asset)
    price = symbol.feature("mid") if symbol.instrument.quote in DOLLARS else None
    if known is None or price is None:
        return Flows()
    _, hour, day = known.sums
    hours = min(24.0, (ts - known.since) / _HOUR_NS)
    usual = (day.into + day.out) / hours * price if hours >= 2.0 else 0.0
    return Flows(WINDOWS_S[1], hour.seen, hour.into * price, hour.out * price, usual)


def _swing(state: State, symbol: SymbolState, mood: AssetState | None, ts: int) -> float | None:
    advisers = symbol.advisers
    if mood is not None and ts - advisers.swing_at >= _SWING_NS:
        advisers.swing = mood.swing.score(mood.mood.swift, symbol.depth(25.0, state.setup)).score
        advisers.swing_at = ts
    return advisers.swing
