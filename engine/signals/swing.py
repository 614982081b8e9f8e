"""Swing Sustainability Score: is a swing of sentiment likely to last? A heuristic of ours, shown with its parts.

sign(S) · 100 · n/(n + 20) · (P · A · Q · L · F)^(1/5), with n the effective number of posts and, each in [0, 1]:
P persistence, 1 − e^(−h/1 h), h the half-life of an AR(1) of five-minute sentiment; A agreement of posts
(Antweiler and Frank); Q clarity, 1 − mean H/ln 3; L the percentile of depth within 25 bp over up to seven days;
F the share of the swing's bars in which order flow goes the same way. A part without enough history is missing,
the mean is then over the others, and the score says so.
"""

from __future__ import annotations

import bisect
import itertools
import math

import msgspec

from engine.frame.sentiment import SwingNow
from engine.signals.mood import Decayed

BAR_NS = 300 * 1_000_000_000
BARS_KEPT = 7 * 288
BARS_NEEDED = 12  # an hour, for a half-life or a percentile
PARTS = ("persistence", "agreement", "clarity", "liquidity", "flow")
PARTS_NEEDED = 3


class Bar(msgspec.Struct, frozen=True, array_like=True):
    """Five minutes: sentiment and depth at their end, order-flow imbalance summed over them."""

    value: float | None
    depth: float | None
    flow: float | None


class Swing(msgspec.Struct):
    """Bars of one asset, the latest last, and the one that forms."""

    bars: list[Bar] = msgspec.field(default_factory=list)
    bar: int = 0  # number of the forming bar since 1970; 0: none yet
    flow: float = 0.0
    flow_seen: bool = False

    def step(self, ts: int, value: float | None, depth: float | None, flow: float | None) -> None:
        """Once a second. `flow`: order-flow imbalance of that second, base units."""
        bar = ts // BAR_NS
        if self.bar and bar != self.bar:
            self.bars.append(Bar(value, depth, self.flow if self.flow_seen else None))
            del self.bars[:-BARS_KEPT]
            self.flow, self.flow_seen = 0.0, False
        self.bar = bar
        if flow is not None:
            self.flow += flow
            self.flow_seen = True

    def score(self, sums: Decayed, depth: float | None) -> SwingNow:
        """The score now, None where too much is missing."""
        value, entropy = sums.mean, sums.mean_entropy
        if value is None or value == 0.0:
            return SwingNow(missing=PARTS)
        parts = (
            self._persistence(),
            sums.agreement,
            None if entropy is None else min(1.0, max(0.0, 1.0 - entropy / math.log(3.0))),
            self._liquidity(depth),
            self._flow(math.copysign(1.0, value)),
        )
        missing = tuple(name for name, part in zip(PARTS, parts, strict=True) if part is None)
        known = [part for part in parts if part is not None]
        score = None
        if len(known) >= PARTS_NEEDED:
            middle = math.prod(known) ** (1.0 / len(known))
            n = sums.effective
            score = math.copysign(100.0 * n / (n + 20.0) * middle, value)
        return SwingNow(score, *parts, effective_posts=sums.effective, missing=missing)

    def _persistence(self) -> float | None:
        values = [bar.value for bar in self.bars if bar.value is not None]
        if len(values) < BARS_NEEDED:
            return None
        middle = sum(values) / len(values)
        moved = [v - middle for v in values]
        square = sum(v * v for v in moved[:-1])
        if square <= 0.0:
            return None
        phi = sum(a * b for a, b in itertools.pairwise(moved)) / square
        if phi <= 0.0:
            return 0.0
        half_life_h = math.inf if phi >= 1.0 else -math.log(2.0) / math.log(phi) * BAR_NS / 3.6e12
        return 1.0 - math.exp(-half_life_h)

    def _liquidity(self, depth: float | None) -> float | None:
        known = sorted(bar.depth for bar in self.bars if bar.depth is not None)
        if depth is None or len(known) < BARS_NEEDED:
            return None
        return (bisect.bisect_left(known, depth) + bisect.bisect_right(known, depth)) / 2 / len(known)

    def _flow(self, sign: float) -> float | None:
        """Over the bars since sentiment last changed its sign."""
        flows = []
        for bar in reversed(self.bars):
            if bar.value is None or bar.value * sign <= 0.0:
                break
            if bar.flow is not None:
                flows.append(bar.flow * sign > 0.0)
        return sum(flows) / len(flows) if flows else None
