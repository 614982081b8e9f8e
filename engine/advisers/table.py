"""What became of advice over many sessions: a line an adviser, and what its numbers can carry.

Advice of the same minutes shares its market: two symbols that fall together are not two proofs. So pieces are counted
in blocks of time, of BLOCK_S and at least two horizons: the interval of the mean move comes from blocks drawn again
(bootstrap), and the hit rate's from as many independent pieces as the blocks' spread allows. With too few blocks to
see how they spread every block counts as one piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.advisers.record import wilson
from engine.frame.advisers import ENOUGH_PIECES

BLOCK_S = 600.0
BLOCKS_NEEDED = 10
DRAWS = 2000
EDGES = (0.0, 0.5, 0.52, 0.55, 0.60, 0.70, 1.0 + 1e-9)


class Marked(NamedTuple):
    """One row of a recording's `outcomes`. `session` tells sessions apart."""

    session: int
    adviser: str
    given: int  # ns
    horizon_s: float
    direction: int
    confidence: float
    move_bps: float
    cost_bps: float
    hit: int


class Said(NamedTuple):
    """Pieces of about the same confidence: how many, what was said on average, how often it came true."""

    pieces: int
    said: float
    hit: float


class Line(NamedTuple):
    """One adviser at one horizon. Rates are shares with 95 % intervals, moves bp; None: too few blocks to tell."""

    adviser: str
    horizon_s: float
    pieces: int
    blocks: int
    hit: float
    hit_low: float
    hit_high: float
    base: float
    brier: float
    net_bps: float
    net_low: float | None
    net_high: float | None
    verdict: str
    calibration: tuple[Said, ...]


def lines(marked: Iterable[Marked]) -> list[Line]:
    """A line for every adviser and horizon, by name."""
    found: dict[tuple[str, float], list[Marked]] = {}
    for row in marked:
        found.setdefault((row.adviser, row.horizon_s), []).append(row)
    return [_line(name, horizon_s, rows) for (name, horizon_s), rows in sorted(found.items())]


def _line(name: str, horizon_s: float, rows: Sequence[Marked]) -> Line:
    n = len(rows)
    hits = np.array([row.hit for row in rows], np.float64)
    said = np.array([row.confidence for row in rows])
    moves = np.array([row.move_bps for row in rows])
    net = moves - np.array([row.cost_bps for row in rows])
    rose = moves * np.array([row.direction for row in rows])
    base = max(float((rose > 0).mean()), float((rose < 0).mean()))
    block = block_numbers(rows, horizon_s)
    blocks = int(block.max()) + 1
    hit_low, hit_high = hit_interval(hits, block)
    net_low, net_high = drawn_again(net, block)
    verdict = _verdict(n, hit_low, hit_high, base, net_low, net_high)
    return Line(
        name, horizon_s, n, blocks, float(hits.mean()), hit_low, hit_high, base,
        float(((said - hits) ** 2).mean()), float(net.mean()), net_low, net_high, verdict,
        _calibration(said, hits),
    )  # fmt: skip


def block_numbers(rows: Sequence[Marked], horizon_s: float) -> npt.NDArray[np.int64]:
    """Each piece's block of time, numbered from 0."""
    length_ns = int(max(BLOCK_S, 2.0 * horizon_s) * 1e9)
    keys: dict[tuple[int, int], int] = {}
    return np.array([keys.setdefault((r.session, r.given // length_ns), len(keys)) for r in rows], np.int64)


def hit_interval(hits: npt.NDArray[np.float64], block: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Wilson's interval for as many independent pieces as there seem to be (Kish's design effect)."""
    n, blocks, share = len(hits), int(block.max()) + 1, float(hits.mean())
    if blocks < BLOCKS_NEEDED:
        independent = float(blocks)
    else:
        spread = np.bincount(block, hits - share, blocks)
        plain = n * share * (1.0 - share)
        effect = float((spread**2).sum()) * blocks / (blocks - 1) / plain if plain > 0.0 else 1.0
        independent = n / max(1.0, effect)
    return _wilson_share(share, independent)


def _wilson_share(share: float, n: float) -> tuple[float, float]:
    """`record.wilson` for a number of pieces that need not be whole."""
    below, above = int(n), int(n) + 1
    part = n - below
    low_a, high_a = wilson(share * above, above)
    if below < 1:
        return low_a, high_a
    low_b, high_b = wilson(share * below, below)
    return low_b + part * (low_a - low_b), high_b + part * (high_a - high_b)


def drawn_again(
    values: npt.NDArray[np.float64], block: npt.NDArray[np.int64]
) -> tuple[float | None, float | None]:
    """The 95 % percentile interval of the mean, by drawing blocks anew. The draws are the same each time."""
    blocks = int(block.max()) + 1
    if blocks < BLOCKS_NEEDED:
        return None, None
    sums, counts = np.bincount(block, values, blocks), np.bincount(block, minlength=blocks)
    drawn = np.random.default_rng(0).integers(0, blocks, (DRAWS, blocks))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def _calibration(said: npt.NDArray[np.float64], hits: npt.NDArray[np.float64]) -> tuple[Said, ...]:
    found = np.digitize(said, EDGES[1:-1])
    return tuple(
        Said(int(inside.sum()), float(said[inside].mean()), float(hits[inside].mean()))
        for number in range(len(EDGES) - 1)
        if (inside := found == number).any()
    )


def _verdict(
    n: int, hit_low: float, hit_high: float, base: float, net_low: float | None, net_high: float | None
) -> str:
    if n < ENOUGH_PIECES:
        return "too little data"
    if hit_low > max(base, 0.5):
        said = "better than a coin"
    elif hit_high < 0.5:
        said = "worse than a coin"
    else:
        return "not shown to differ from a coin"
    if net_low is not None and net_low > 0.0:
        return f"{said}, earned after costs"
    return (
        f"{said}, lost after costs" if net_high is not None and net_high < 0.0 else f"{said}, costs unclear"
    )
