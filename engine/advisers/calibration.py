"""From a score to a probability: a stated table to begin with, the adviser's own record from then on.

The table is deliberately close to a coin: nobody here has shown more yet. It counts as `prior_pieces` pieces of
advice, spread over what was measured (beta and binomial), a strength at a time; then strong words may not be less
true than weak ones (isotonic regression), strengths that contradict that are pooled. Every probability so lies between
the table and the measured rate: no record, no claim.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.advisers.record import Record
from engine.advisers.sight import CHAIN, MICROSTRUCTURE, NEWS, SENTIMENT, TECHNICAL

# By strength: weak, clear, strong. That the side with the longer queue is likelier to move next is known (Gould and
# Bonart, arXiv 1512.03492), of the next price change; over half a minute little of it is left. For the others we know
# of no rate over minutes that would hold elsewhere.
FIRST: dict[str, tuple[float, float, float]] = {
    MICROSTRUCTURE: (0.51, 0.53, 0.55),
    TECHNICAL: (0.50, 0.51, 0.52),
    SENTIMENT: (0.50, 0.51, 0.52),
    CHAIN: (0.50, 0.51, 0.52),
    NEWS: (0.51, 0.53, 0.55),
}
UNKNOWN = (0.50, 0.50, 0.51)  # a person's own adviser


def probabilities(
    adviser: str, own: Record, carried: Record | None, prior_pieces: float
) -> tuple[float, float, float]:
    """That the adviser is right, by strength. `carried`: from earlier sessions."""
    first = FIRST.get(adviser, UNKNOWN)
    values, weights = [], []
    for i in range(3):
        pieces, hits = own.pieces[i], own.hits[i]
        if carried is not None:
            pieces, hits = pieces + carried.pieces[i], hits + carried.hits[i]
        weights.append(prior_pieces + pieces)
        values.append((prior_pieces * first[i] + hits) / weights[i])
    weak, clear, strong = isotonic(values, weights)
    return weak, clear, strong


def isotonic(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The nearest sequence that never falls, by weighted squares: neighbours that fall are pooled.

    >>> isotonic([0.5, 0.6, 0.4], [1.0, 1.0, 1.0])
    [0.5, 0.5, 0.5]
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values, weights, strict=True):
        mean, heavy, count = value, weight, 1
        while blocks and blocks[-1][0] > mean:
            other, lighter, more = blocks.pop()
            mean = (mean * heavy + other * lighter) / (heavy + lighter)
            heavy, count = heavy + lighter, count + more
        blocks.append((mean, heavy, count))
    return [mean for mean, _, count in blocks for _ in range(count)]
