"""What the shock deck is set to: one of the kinds, its size, side, duration and beginning. No widgets here.

Sizes follow the market in sight: half of the depth within 1 % for a programme, the other kinds in the
proportions of their defaults, so that a thin coin is not hit by hundreds of what it has tens of.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.events import Shock
from engine.frame import Frame
from engine.shocks import BY_NAME, DOWN, KINDS, UP, ShockKind
from tui.format import nearest_125, next_125

DEPTH_SHARE = 0.5  # of the depth within 1 % that a programme is at first
DURATIONS_S = (0.0, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
SHARES = (0.01, 0.02, 0.05, *(k / 10 for k in range(1, 11)))


@dataclass(slots=True)
class Setting:
    """One kind as it is set for one symbol. No size: what suits the depth in sight."""

    size: float | None
    side: int
    duration_s: float


class Deck:
    """Remembers every kind's setting and what was chosen last. `begins_ns` 0: as soon as it is taken."""

    def __init__(self) -> None:
        self.kind: ShockKind = KINDS[0]
        self.begins_ns = 0
        self.last: Shock | None = None  # fired, or asked what if of
        self._settings: dict[tuple[int, str], Setting] = {}
        self._suits: dict[
            tuple[int, str, int], float
        ] = {}  # sizes by symbol, kind and side, since it was opened

    def open(self) -> None:
        """Look at the depth anew; from here on a size stays what it was when it was first shown."""
        self._suits.clear()

    def choose(self, name: str) -> None:
        self.kind = BY_NAME[name]

    def move(self, by: int) -> None:
        """The next kind, after the last the first."""
        self.kind = KINDS[(KINDS.index(self.kind) + by) % len(KINDS)]

    def setting(self, symbol: int, kind: ShockKind) -> Setting:
        fresh = Setting(None, DOWN if kind.sides[0] else 0, kind.duration_s)
        return self._settings.setdefault((symbol, kind.name), fresh)

    def flip(self, symbol: int) -> None:
        """The other side, where the kind has one."""
        setting = self.setting(symbol, self.kind)
        if self.kind.sides[0]:
            setting.side = UP if setting.side == DOWN else DOWN

    def resize(self, frame: Frame, by: int) -> None:
        """One step more or less, within what the kind allows."""
        kind, setting = self.kind, self.setting(frame.market.symbol, self.kind)
        if not kind.unit:
            return
        now = self.size(frame, kind)
        wanted = _next(SHARES, now, by) if kind.unit == "share" else next_125(now, by > 0)
        setting.size = min(max(wanted, kind.least), kind.most)

    def last_longer(self, symbol: int, by: int) -> None:
        """A longer or shorter one; only what trades an amount can happen at once."""
        setting = self.setting(symbol, self.kind)
        wanted = _next(DURATIONS_S, setting.duration_s, by)
        if wanted or self.kind.unit == "base":
            setting.duration_s = wanted

    def take(self, shock: Shock) -> None:
        """Set the deck as a shock that somebody typed."""
        self.kind = BY_NAME[shock.kind]
        self._settings[shock.symbol, shock.kind] = Setting(shock.size, shock.side, shock.duration_s)

    def size(self, frame: Frame, kind: ShockKind) -> float:
        """As it was set, else what suits the depth in sight."""
        setting = self.setting(frame.market.symbol, kind)
        if setting.size is not None:
            return setting.size
        depth = depth_met(frame, setting.side) if kind.unit == "base" else None
        if not depth:
            return kind.size
        a_programme = BY_NAME["programme"].size
        suits = nearest_125(DEPTH_SHARE * depth * kind.size / a_programme)
        key = frame.market.symbol, kind.name, setting.side
        return self._suits.setdefault(key, min(max(suits, kind.least), kind.most))

    def shock(self, frame: Frame, kind: ShockKind | None = None) -> Shock:
        """What the deck says for the symbol in sight, of the chosen kind or another."""
        kind, symbol = kind or self.kind, frame.market.symbol
        setting = self.setting(symbol, kind)
        size = self.size(frame, kind) if kind.unit else 0.0
        return Shock(kind.name, size, setting.side, setting.duration_s, symbol, self.begins_ns)


def depth_met(frame: Frame, side: int) -> float | None:
    """Base units within 1 % (or as far as the book is known) that selling (-1) or buying (+1) meets."""
    bands = frame.market.detail.features.bands
    if not bands:
        return None
    return bands[0].ask_depth if side > 0 else bands[0].bid_depth


def _next(steps: tuple[float, ...], now: float, by: int) -> float:
    if by > 0:
        return next((step for step in steps if step > now + 1e-9), steps[-1])
    return next((step for step in reversed(steps) if step < now - 1e-9), steps[0])
