"""How often an adviser was right: pieces of advice, what became of them, and how much that can carry.

One piece of an adviser is open at a time. It is marked at its horizon whatever the adviser says meanwhile, and only
then may the next one begin: pieces never overlap, so that none counts the same move twice, and none is dropped
because the adviser changed its mind. A mid that did not move is no hit. Costs are the spread when the advice was given:
who trades on it crosses half of it twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from engine.events import Tally

STRENGTHS = (0.5, 0.75)  # of |score|: below the first it speaks weakly, above the last strongly
Z_95 = 1.959963984540054


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """Advice that waits for its mark."""

    given: int  # ns
    due: int
    direction: int
    strength: int
    confidence: float
    mid: float
    cost_bps: float
    regime: str


class Record(msgspec.Struct):
    """Sums over marked pieces; `engine.events.Tally` without the name."""

    pieces: list[int] = msgspec.field(default_factory=lambda: [0, 0, 0])
    hits: list[int] = msgspec.field(default_factory=lambda: [0, 0, 0])
    ups: int = 0
    downs: int = 0
    brier: float = 0.0
    net: float = 0.0
    net_square: float = 0.0

    @property
    def count(self) -> int:
        return sum(self.pieces)

    @property
    def right(self) -> int:
        return sum(self.hits)

    def mark(self, piece: Piece, mid: float) -> tuple[float, bool]:
        """Enter the mid at a piece's horizon. Returns the move in the advised direction, bp, and whether it hit."""
        rose = (mid / piece.mid - 1.0) * 1e4
        move = rose * piece.direction
        hit = move > 0.0
        self.pieces[piece.strength] += 1
        self.hits[piece.strength] += hit
        self.ups += rose > 0.0
        self.downs += rose < 0.0
        self.brier += (piece.confidence - hit) ** 2
        net = move - piece.cost_bps
        self.net += net
        self.net_square += net * net
        return move, hit

    def add(self, tally: Tally) -> None:
        """Enter what another session added up."""
        for i in range(len(self.pieces)):
            self.pieces[i] += tally.pieces[i]
            self.hits[i] += tally.hits[i]
        self.ups += tally.ups
        self.downs += tally.downs
        self.brier += tally.brier
        self.net += tally.net
        self.net_square += tally.net_square

    def tally(self, adviser: str, horizon_s: float) -> Tally:
        p, h = self.pieces, self.hits
        return Tally(
            adviser, horizon_s, (p[0], p[1], p[2]), (h[0], h[1], h[2]), self.ups, self.downs, self.brier,
            self.net, self.net_square,
        )  # fmt: skip


class Standing(NamedTuple):
    """A record as it may be told. Rates are shares; moves are bp after costs; None where nothing is known."""

    pieces: int
    hit: float | None = None
    hit_low: float | None = None  # 95 %, Wilson
    hit_high: float | None = None
    base: float | None = None  # what always saying the more frequent direction would have hit
    brier: float | None = None  # 0.25 is a coin's that says one half
    net_bps: float | None = None
    net_low: float | None = None  # 95 %, Student
    net_high: float | None = None


def standing(record: Record) -> Standing:
    n, hits = record.count, record.right
    if n == 0:
        return Standing(0)
    low, high = wilson(hits, n)
    net, net_low, net_high = mean_interval(n, record.net, record.net_square)
    base = max(record.ups, record.downs) / n
    return Standing(n, hits / n, low, high, base, record.brier / n, net, net_low, net_high)


def strength_of(score: float) -> int:
    """0 weak, 1 clear, 2 strong."""
    size = abs(score)
    return 0 if size < STRENGTHS[0] else 1 if size < STRENGTHS[1] else 2


def wilson(hits: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of a share (Wilson, J. Am. Stat. Assoc. 1927).

    >>> [round(edge, 3) for edge in wilson(18, 30)]
    [0.423, 0.754]
    """
    share, square = hits / n, z * z
    middle = (share + square / (2 * n)) / (1 + square / n)
    reach = z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def mean_interval(n: int, total: float, squares: float) -> tuple[float, float | None, float | None]:
    """The mean of n values with Student's 95 % interval, from their sum and the sum of their squares."""
    mean = total / n
    if n < 2:
        return mean, None, None
    variance = max(0.0, squares - n * mean * mean) / (n - 1)
    reach = student_95(n - 1) * math.sqrt(variance / n)
    return mean, mean - reach, mean + reach


def student_95(freedom: int) -> float:
    """The 97.5 % quantile of Student's t. Exact for 1 and 2, from 3 on an expansion (Abramowitz and Stegun 26.7.5).

    >>> round(student_95(29), 3)
    2.045
    """
    if freedom <= 2:
        return (12.706204736432095, 4.302652729911275)[freedom - 1]
    z, v = Z_95, float(freedom)
    g1 = (z**3 + z) / 4
    g2 = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    g4 = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + g1 / v + g2 / v**2 + g3 / v**3 + g4 / v**4


def added(tallies: Iterable[Tally], adviser: str, horizon_s: float) -> Record:
    """All tallies of one adviser at one horizon, together."""
    record = Record()
    for tally in tallies:
        if tally.adviser == adviser and tally.horizon_s == horizon_s:
            record.add(tally)
    return record
