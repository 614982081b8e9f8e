"""What became of a shock, told to the person: what part found somebody, and a minute later where the market stands.

The reasons are in the same sentence: what makers show, and how far the price is from what informed traders know.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.events import Shock
from engine.instrument import Instrument
from engine.market.state import (
    LAST_MID,
    LIQUIDATIONS,
    QUOTING,
    SETTLED,
    STEPS,
    TRADED,
    VALUE,
    X_DONE,
    X_ENDED,
    X_KIND,
    X_SERIAL,
    X_WANTED,
    Market,
)
from engine.shocks import describe

LOOK_BACK_STEPS = 600  # a minute behind its end
STILL_BPS = 3.0  # moves below this are none


@dataclass
class _Watched:
    shock: Shock
    serial: int
    price: float  # ticks, before
    forced_lots: int  # closed by force until then
    ended: int | None = None  # step


class Aftermath:
    """Watches the shocks of one market."""

    def __init__(self, instruments: tuple[Instrument, ...]) -> None:
        self._instruments = instruments
        self._watched: list[_Watched] = []

    def begun(self, market: Market, shock: Shock, serial: int) -> None:
        self._watched.append(_Watched(shock, serial, _price(market, shock.symbol), _forced(market)))

    def sentences(self, market: Market) -> Iterator[tuple[int, str]]:
        """What is to be told by now: (symbol, sentence)."""
        now = int(market.counts[STEPS])
        for one in tuple(self._watched):
            if one.ended is None:
                found = np.flatnonzero(market.shocks[:, X_SERIAL] == one.serial)
                if len(found) and market.shocks[found[0], X_KIND] > 0.0:
                    continue
                row = market.shocks[found[0]] if len(found) else None
                one.ended = now if row is None else int(row[X_ENDED])
                text = self._part(market, one, row)
                if text:
                    yield one.shock.symbol, text
            if now >= one.ended + LOOK_BACK_STEPS:
                self._watched.remove(one)
                yield one.shock.symbol, self._standing(market, one)

    def _part(self, market: Market, one: _Watched, row: np.ndarray | None) -> str:
        """How much of what was to trade did."""
        instrument = self._instruments[one.shock.symbol]
        if one.shock.kind == "cascade":
            lots = _forced(market) - one.forced_lots
            what = "longs" if one.shock.side < 0 else "shorts"
            return f"{instrument.lot.to_float(lots):g} {instrument.base} of {what} were closed by force"
        if row is None or one.shock.kind not in ("programme", "whale", "fat_finger"):
            return ""
        done, wanted = int(row[X_DONE]), int(row[X_WANTED])
        verb = "bought" if one.shock.side > 0 else "sold"
        size = instrument.lot.to_float
        part = f"{verb} {size(done):g} of {size(wanted):g} {instrument.base}"
        return part if done >= wanted else f"{part}: the market had no more to give"

    def _standing(self, market: Market, one: _Watched) -> str:
        venue = one.shock.symbol
        price = _price(market, venue)
        bps = 1e4 * (price / one.price - 1.0)
        gap_bps = 1e4 * (float(market.shared[VALUE]) / price - 1.0)
        words = describe(one.shock, self._instruments[venue].base)
        moved = "the price is back" if abs(bps) < STILL_BPS else f"the price is {_away(bps)} than before"
        reason = (
            "the fundamental agrees"
            if abs(gap_bps) < STILL_BPS
            else f"the fundamental is {_away(gap_bps)} than it"
        )
        presence = float(market.world[venue, QUOTING])
        return f"a minute after {words}: {moved}, makers show {presence:.0%} of their size, {reason}"


def _away(bps: float) -> str:
    return f"{abs(bps) / 100.0:.2f} % {'lower' if bps < 0 else 'higher'}"


def _price(market: Market, venue: int) -> float:
    last = float(market.world[venue, LAST_MID])
    return float(market.world[venue, SETTLED]) if math.isnan(last) else last


def _forced(market: Market) -> int:
    return int(market.ledger[len(market.family) + LIQUIDATIONS, TRADED])
