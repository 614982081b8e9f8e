"""The imbalance signal: one side of the book has outweighed the other for long enough to say so.

The ratio of resting bid to ask depth within 1 % must be beyond a threshold (2 and 1/2 by default), unusual
against its own recent past (a rolling quantile: near the touch of a live market the bare threshold is passed
more than half the time), and stay there for 60 s. Time is weighed: a flicker of at most a tenth of the time
held does not end an episode, but does not count towards it either.

Confidence is .40 + .35 x (.5 magnitude + .3 persistence + .2 consecutive), each in [0, 1]:
magnitude, how far the time-weighted mean log ratio lies beyond the threshold (twice the threshold is full);
persistence, time held beyond the required 60 s, full after five times that; consecutive, the longest run
without a flicker as a share of the time held.
"""

from __future__ import annotations

import math

import msgspec

from engine.events import SignalRule
from engine.frame.symbol import SignalNow

BINS = 241  # log2 ratio from -6 to +6 in steps of 1/20
_FLICKER_S = 2.0  # out of bounds this long at a stretch ends an episode
_FLICKER_SHARE = 0.1


class ImbalanceSignal(msgspec.Struct):
    """State of one symbol's signal. Plain values: it is copied, packed and compared as it stands."""

    history: list[int] = msgspec.field(default_factory=list)  # ring of log-ratio bins, one a second
    counts: list[int] = msgspec.field(default_factory=lambda: [0] * BINS)
    history_at: int = 0
    second: int = -1
    side: int = 0  # of the running episode: +1, -1, or 0 for none
    held_s: float = 0.0
    out_s: float = 0.0
    out_run_s: float = 0.0
    run_s: float = 0.0
    longest_run_s: float = 0.0
    log_sum: float = 0.0  # integral of log2 ratio over the time held
    now: SignalNow = msgspec.field(default_factory=SignalNow)

    def step(self, ratio: float | None, ts: int, dt_s: float, rule: SignalRule) -> bool:
        """Take the ratio that held for the last `dt_s`; true when the direction changed."""
        before = self.now.direction
        if ratio is None or not ratio > 0 or math.isinf(ratio):
            self._end()
            self.now = SignalNow(reason="no ratio: the book is not trusted now, or a side of it is empty")
            return before != "FLAT"
        log_ratio = math.log2(ratio)
        beyond = self._beyond(log_ratio, rule)
        self._advance(log_ratio, beyond, dt_s, rule)
        self._remember(log_ratio, ts, rule)
        self.now = self._verdict(ratio, beyond, rule)
        return self.now.direction != before

    def _advance(self, log_ratio: float, beyond: int, dt_s: float, rule: SignalRule) -> None:
        if self.side and beyond == self.side:
            self.held_s += dt_s
            self.run_s += dt_s
            self.longest_run_s = max(self.longest_run_s, self.run_s)
            self.log_sum += log_ratio * dt_s
            self.out_run_s = 0.0
            return
        if self.side:
            self.out_s += dt_s
            self.out_run_s += dt_s
            self.run_s = 0.0
            tolerated = max(_FLICKER_S / 2, _FLICKER_SHARE * self.held_s)
            if self.out_run_s <= _FLICKER_S and self.out_s <= tolerated and beyond == 0:
                return
            self._end()
        if beyond and self._unusual(log_ratio, beyond, rule):
            self.side = beyond

    @staticmethod
    def _beyond(log_ratio: float, rule: SignalRule) -> int:
        if log_ratio > math.log2(rule.long_ratio):
            return 1
        return -1 if log_ratio < math.log2(rule.short_ratio) else 0

    def _unusual(self, log_ratio: float, side: int, rule: SignalRule) -> bool:
        """Is this ratio in the tail of what came before the episode? Without a minute of past: yes."""
        total = len(self.history)
        if total < 60:
            return True
        allowed = (1.0 - rule.gate_quantile) * total
        own = _bin(log_ratio)
        more_extreme = sum(self.counts[own + 1 :]) if side > 0 else sum(self.counts[:own])
        return more_extreme <= allowed

    def _remember(self, log_ratio: float, ts: int, rule: SignalRule) -> None:
        second = ts // 1_000_000_000
        if second == self.second:
            return
        self.second = second
        index = _bin(log_ratio)
        self.counts[index] += 1
        if len(self.history) < rule.gate_window_s:
            self.history.append(index)
            return
        self.counts[self.history[self.history_at]] -= 1
        self.history[self.history_at] = index
        self.history_at = (self.history_at + 1) % rule.gate_window_s

    def _verdict(self, ratio: float, beyond: int, rule: SignalRule) -> SignalNow:
        if not self.side:
            reason = f"ratio {ratio:.2f}, usual for this market" if beyond else f"ratio {ratio:.2f}, balanced"
            return SignalNow(ratio=ratio, reason=reason)
        mean_ratio = 2.0 ** (self.log_sum / self.held_s) if self.held_s else ratio
        heavy = f"{mean_ratio:.1f} : 1 bids" if self.side > 0 else f"1 : {1 / mean_ratio:.1f} asks"
        if self.held_s <= rule.hold_s:
            reason = f"book {heavy}, {self.held_s:.0f} of {rule.hold_s:.0f} s"
            return SignalNow(ratio=ratio, held_s=self.held_s, reason=reason)
        return SignalNow(
            direction="LONG" if self.side > 0 else "SHORT",
            confidence=self._confidence(rule),
            ratio=ratio,
            held_s=self.held_s,
            reason=f"book {heavy} for {self.held_s:.0f} s",
        )

    def _confidence(self, rule: SignalRule) -> float:
        threshold = math.log2(rule.long_ratio) if self.side > 0 else -math.log2(rule.short_ratio)
        excess = self.side * self.log_sum / self.held_s - threshold
        magnitude = min(1.0, max(0.0, excess / threshold))
        persistence = min(1.0, (self.held_s - rule.hold_s) / (4 * rule.hold_s))
        consecutive = self.longest_run_s / self.held_s
        return 0.40 + 0.35 * (0.5 * magnitude + 0.3 * persistence + 0.2 * consecutive)

    def _end(self) -> None:
        self.side = 0
        self.held_s = self.out_s = self.out_run_s = self.run_s = self.longest_run_s = self.log_sum = 0.0


def _bin(log_ratio: float) -> int:
    return min(BINS - 1, max(0, round((log_ratio + 6.0) * 20.0)))
