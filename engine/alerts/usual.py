"""How usual a positive number is: a histogram of its logarithm, second by second, that forgets exponentially.

A second's weight falls to 1/e within `MEMORY_S`. Bins are an eighth of an octave wide (9 %), so a quantile is known to
that much; what is kept does not grow.
"""

from __future__ import annotations

import math
from itertools import accumulate

import msgspec

MEMORY_S = 7200.0
PER_OCTAVE = 8
LOWEST_OCTAVE = -24  # 6e-8
BINS = 64 * PER_OCTAVE  # up to 1e12
_GROWTH = math.exp(
    1.0 / MEMORY_S
)  # a newer second weighs more, which is the same as older ones weighing less
_TOO_HEAVY = 1e9
_MEDIAN_EVERY = 16  # seconds: a median of two hours does not jump


class Usual(msgspec.Struct):
    """Weights by bin, and what a second weighs now."""

    counts: list[float] = msgspec.field(default_factory=lambda: [0.0] * BINS)
    total: float = 0.0
    weight: float = 1.0
    seen: int = 0
    middle: float = 0.0  # the median, as of the last look

    def learn(self, value: float) -> None:
        """Enter one second."""
        self.weight *= _GROWTH
        self.counts[bin_of(value)] += self.weight
        self.total += self.weight
        self.seen += 1
        if self.weight > _TOO_HEAVY:
            self.counts = [count / self.weight for count in self.counts]
            self.total, self.weight = sum(self.counts), 1.0
        if self.seen % _MEDIAN_EVERY == 0:
            self.middle = self.quantile(0.5)

    def quantile(self, q: float) -> float:
        """The least value, a bin's lower edge, that at most a share 1 - q of the past reached; 0 without a past."""
        if not self.total:
            return 0.0
        allowed = (1.0 - q) * self.total
        above = accumulate(reversed(self.counts))
        for place, reached in enumerate(above):
            if reached > allowed:
                return edge(BINS - place)
        return edge(0)

    def share_below(self, value: float) -> float:
        """Share of the past that lay in lower bins than this value."""
        return sum(self.counts[: bin_of(value)]) / self.total if self.total else 0.0


def bin_of(value: float) -> int:
    """The bin of a positive value; the outermost two hold all that lies beyond."""
    if not value > 0.0:
        return 0
    return min(BINS - 1, max(0, math.floor((math.log2(value) - LOWEST_OCTAVE) * PER_OCTAVE)))


def edge(place: int) -> float:
    """A bin's lower edge."""
    return math.exp2(LOWEST_OCTAVE + place / PER_OCTAVE)
