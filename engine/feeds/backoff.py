"""How long to wait before the next attempt: not at all, then a random time below a bound that doubles."""

from __future__ import annotations

import random


class Backoff:
    """Full jitter, after https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/."""

    def __init__(self, rng: random.Random, min_s: float, max_s: float) -> None:
        self._rng = rng
        self._min_s = min_s
        self._max_s = max_s
        self.attempts = 0

    def next_s(self) -> float:
        """Seconds before the next attempt; the first is made at once."""
        bound = self._min_s * 2.0 ** min(self.attempts - 1, 30)
        self.attempts += 1
        return 0.0 if self.attempts == 1 else self._rng.uniform(0.0, min(self._max_s, bound))

    def reset(self) -> None:
        self.attempts = 0
