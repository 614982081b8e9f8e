"""Shocks beside a real market: they hit our paper world only, and every one is told of as ours.

A programme, a whale or a fat finger trades against what the book displays, through an owner of its own. A withdrawal,
a sentiment or a volatility shock changes what our agents see or do; a halt stops the paper venue; a cascade closes
positions on paper by force. The real market and its features never notice.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.events import Shock
from engine.market.shocks import DOUBT_ODDS, PATIENCE_STEPS, WHALE_SOLD
from engine.market.state import POSITION
from engine.paper.state import M_DOUBT, M_SENTIMENT, M_VOLATILITY, M_WITHDRAWN, S_WALK, U_LOTS
from engine.shocks import UP, describe

if TYPE_CHECKING:
    from engine.core import State
    from engine.paper.venue import PaperVenue
    from engine.scenario import World

TRADES = frozenset({"programme", "fat_finger", "whale", "cascade"})
PATIENCE_S = PATIENCE_STEPS / 10.0
MOOD_HALF_S = 140.0  # how fast a mood is forgotten: .995 a second, as in the simulated market
MOST_LOTS = 2**53


class Running:
    """One shock from its beginning until it has no more effect."""

    def __init__(self, shock: Shock, ts: int, lots_a_base: float, base: str) -> None:
        self.shock, self.began = shock, ts
        self.words = describe(shock, base)
        share = WHALE_SOLD if shock.kind == "whale" else 1.0
        trades = shock.kind in TRADES
        self.lots = max(1, min(MOST_LOTS, round(shock.size * share * lots_a_base))) if trades else 0
        self.filled = 0
        self._lots_a_base, self._base = lots_a_base, base

    @property
    def side(self) -> int:
        """Of the orders that it sends: a deposit is sold, longs are closed by selling."""
        return 1 if self.shock.side == UP else -1

    def listed_anew(self, lots: float) -> None:
        """So many lots are one of before: what is left of it is counted anew."""
        self.lots, self.filled = round(self.lots * lots), round(self.filled * lots)
        self._lots_a_base *= lots

    def on(self, ts: int) -> bool:
        return self._age_s(ts) < self.shock.duration_s

    def over(self, ts: int) -> bool:
        """Whether nothing of it is left."""
        lingers = 5.0 * MOOD_HALF_S if self._mood_size() else 0.0
        return not self.lots and self._age_s(ts) > self.shock.duration_s + lingers

    def trade(self, venue: PaperVenue, state: State, ts: int) -> str | None:
        """Send what is due by now. The sentence on what part filled, at the end where not all of it did."""
        if not self.lots:
            return None
        share = min(1.0, self._age_s(ts) / self.shock.duration_s) if self.shock.duration_s else 1.0
        due = math.ceil(self.lots * share) - self.filled
        if due > 0:
            self.filled += due - self._send(venue, state, due)
        left = self.lots - self.filled
        if left and (share < 1.0 or self._age_s(ts) < self.shock.duration_s + self._patience_s()):
            return None
        self.lots = 0
        if not left:
            return None
        done = self.filled / self._lots_a_base
        return f"{self.words}: {done:g} {self._base} found somebody on paper, the rest met no displayed size".strip()

    def _patience_s(self) -> float:
        """How long what found nobody is offered again; one order at once is not."""
        return max(self.shock.duration_s, PATIENCE_S) if self.shock.duration_s else 0.0

    def _send(self, venue: PaperVenue, state: State, lots: int) -> int:
        """Returns the lots that found nobody. A cascade closes agents' own positions first."""
        symbol = self.shock.symbol
        if self.shock.kind == "cascade":
            positions = venue.floor.ledger[: venue.you, POSITION]
            for agent in (positions * -self.side > 0).nonzero()[0].tolist():
                part = min(lots, abs(int(positions[agent])))
                lots -= part - venue.trade(state, symbol, agent, self.side, part)
                if lots <= 0:
                    return 0
        return venue.trade(state, symbol, venue.programme, self.side, lots)

    def mood(self, ts: int) -> float:
        """What it adds to the sentiment now: it rises while it lasts and is forgotten afterwards."""
        size = self._mood_size()
        if not size:
            return 0.0
        age, lasts = self._age_s(ts), self.shock.duration_s
        if age < lasts:
            return size * age / lasts
        return float(size * 0.5 ** ((age - lasts) / MOOD_HALF_S))

    def _mood_size(self) -> float:
        return self.shock.side * self.shock.size if self.shock.kind == "sentiment" else 0.0

    def _age_s(self, ts: int) -> float:
        return (ts - self.began) / 1e9


def set_moods(venue: PaperVenue, running: list[Running], ts: int, sentiment: float, doubt: float) -> None:
    """What the shocks that run make of the mood, its doubt, volatility and makers' presence at a venue."""
    swings = [r.mood(ts) for r in running]
    odds = doubt / max(1.0 - doubt, 1e-9) * math.exp(DOUBT_ODDS * sum(map(abs, swings)))
    moods = venue.floor.moods
    moods[M_SENTIMENT] = min(max(sentiment + sum(swings), -1.0), 1.0)
    moods[M_DOUBT] = odds / (1.0 + odds)
    lasting = [r.shock for r in running if r.on(ts)]
    moods[M_VOLATILITY] = max((s.size for s in lasting if s.kind == "volatility"), default=1.0)
    moods[M_WITHDRAWN] = max((s.size for s in lasting if s.kind == "withdrawal"), default=0.0)


def seen(venue: PaperVenue, shock: Shock, lots_a_base: float, world: World) -> None:
    """Those who see a whale expect all of it to be traded, and what of the impact of that would stay."""
    units = shock.size * lots_a_base / float(venue.floor.rules[U_LOTS])
    root = math.sqrt(world.impact_scale)
    whole = world.impact_ticks * 2.0 * root * (math.sqrt(units + world.impact_scale) - root)
    venue.floor.slow[:, S_WALK] += shock.side * world.permanent * whole


def halted(running: list[Running], ts: int) -> bool:
    return any(r.shock.kind == "halt" and r.on(ts) for r in running)
