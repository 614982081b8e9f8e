"""Leaves an endpoint that keeps failing alone for a while, longer each time; then one request tries it again."""

from __future__ import annotations

import time
from collections.abc import Callable

AFTER = 5  # failures in a row
REST_S = (30.0, 900.0)  # the first time, and at most


class Breaker:
    """Closed: all may ask. Open: none. Half open, after a rest: one, and its luck decides."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._failures = 0
        self._rest_s = 0.0  # the last one; 0: closed
        self._until = 0.0
        self._trial = False
        self.reason = ""  # of the last failure

    @property
    def rest_s(self) -> float:
        """Seconds until somebody may ask again; 0 where somebody may."""
        return max(0.0, self._until - self._now_s()) if self._rest_s else 0.0

    @property
    def admits(self) -> bool:
        return not self._rest_s or (not self._trial and not self.rest_s)

    def enter(self) -> bool:
        """Whether a request may leave now. Whoever may has to say how it ended: `good`, `bad` or `given_up`."""
        if not self.admits:
            return False
        self._trial = self._rest_s > 0
        return True

    def good(self) -> None:
        self._failures, self._rest_s, self._trial, self.reason = 0, 0.0, False, ""

    def bad(self, reason: str, *, for_sure: bool = False) -> None:
        """A failure; `for_sure` one that would come again, whatever is asked."""
        self._failures += 1
        self.reason = reason
        if self._trial or (not self._rest_s and (for_sure or self._failures >= AFTER)):
            self._rest_s = min(max(2 * self._rest_s, REST_S[0]), REST_S[1])
            self._until = self._now_s() + self._rest_s
        self._trial = False

    def given_up(self) -> None:
        """Neither: the request ended before the endpoint could show anything."""
        self._trial = False
