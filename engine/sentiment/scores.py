"""What a tier says of texts: polarity, confidence and two kinds of doubt, one row a text.

Every tier ends in draws: class probabilities under several equally plausible models (a posterior, or passes of
Monte-Carlo dropout). One function turns draws into numbers, so that tiers mean the same by the same word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import numpy.typing as npt

BEARISH, NEUTRAL, BULLISH = range(3)
LABELS = ("bearish", "neutral", "bullish")
TIERS = ("embedded", "local", "gateway")  # a tier's number is its place here

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """Arrays of one row a text. A quantity that a tier cannot know is NaN, never zero.

    Doubt comes twice. In nats: total = H(mean p), `aleatoric` = mean H(p_t), `epistemic` = total - aleatoric
    (Depeweg et al. 2018, eq. 2). On the scale of polarity, as standard deviations, by the law of total
    variance of an outcome of -1, 0 or 1: `aleatoric_sd`² = mean Var_t, `epistemic_sd`² = Var(mean_t).
    """

    polarity: Floats  # P(bullish) - P(bearish), -1 … 1
    confidence: Floats  # probability of the label, 1/3 … 1
    aleatoric: Floats  # nats
    epistemic: Floats  # nats
    aleatoric_sd: Floats
    epistemic_sd: Floats
    bullish: Floats  # p: probability of bullish given not neutral; what a router asks
    neutral: Floats  # n: probability of neutral
    label: npt.NDArray[np.int8]  # index into LABELS
    tier: npt.NDArray[np.int8]  # index into TIERS

    def __len__(self) -> int:
        return len(self.polarity)


class Tier(Protocol):
    """Something that scores texts."""

    @property
    def name(self) -> str:
        """One of TIERS, or "auto" for a tier that asks others."""

    def predict_batch(self, texts: Sequence[str]) -> Scores: ...


def from_draws(draws: Floats, weights: Floats | None = None, tier: int = 0) -> Scores:
    """Scores of class probabilities, shape (draws, texts, 3), in the order of LABELS.

    `weights` are of the draws, shape (draws,) or (draws, texts), and sum to one over draws; equal if None.
    A single draw knows nothing of the model's own doubt: its epistemic part is NaN.
    """
    if draws.ndim != 3 or draws.shape[0] < 1 or draws.shape[2] != len(LABELS):
        raise ValueError(f"expected draws of shape (draws, texts, {len(LABELS)}), found {draws.shape}")
    count, texts, _ = draws.shape
    weight = np.full((count, 1), 1.0 / count) if weights is None else weights.reshape(count, -1)
    mean = _over_draws(weight[..., None] * draws)
    aleatoric = _over_draws(weight * entropy(draws))
    polarity = mean[:, BULLISH] - mean[:, BEARISH]
    outcomes = draws[..., BULLISH] - draws[..., BEARISH]
    within = draws[..., BULLISH] + draws[..., BEARISH] - outcomes**2
    missing = np.full(texts, np.nan)
    several = count > 1
    opinion = mean[:, BULLISH] + mean[:, BEARISH]
    return Scores(
        polarity=polarity,
        confidence=mean.max(1, initial=0.0),
        aleatoric=aleatoric,
        epistemic=np.maximum(entropy(mean) - aleatoric, 0.0) if several else missing,
        aleatoric_sd=np.sqrt(np.maximum(_over_draws(weight * within), 0.0)),
        epistemic_sd=np.sqrt(_over_draws(weight * (outcomes - polarity) ** 2)) if several else missing,
        bullish=np.divide(mean[:, BULLISH], opinion, out=np.full(texts, 0.5), where=opinion > 0),
        neutral=mean[:, NEUTRAL],
        label=mean.argmax(1).astype(np.int8),
        tier=np.full(texts, tier, np.int8),
    )


def _over_draws(values: Floats) -> Floats:
    """Sums in the order of the draws. `sum` chooses its order by shape: a text alone would differ in a last bit."""
    total: Floats = np.add.accumulate(values, axis=0)[-1]
    return total


def entropy(probabilities: Floats) -> Floats:
    """In nats, over the last axis; 0 log 0 is 0."""
    logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    result: Floats = -(probabilities * logs).sum(-1)
    return result


def concat(parts: Sequence[Scores]) -> Scores:
    """The same rows, part after part; of no parts, no rows."""
    if not parts:
        return from_draws(np.empty((2, 0, 3)))
    return Scores(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Scores)})


def replaced(scores: Scores, rows: npt.NDArray[np.intp], other: Scores) -> Scores:
    """A copy of `scores` whose given rows are those of `other`, in order: what a higher tier answered."""
    arrays = {f.name: getattr(scores, f.name).copy() for f in fields(Scores)}
    for name, array in arrays.items():
        array[rows] = getattr(other, name)
    return Scores(**arrays)
