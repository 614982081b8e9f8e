"""Tier 0: the score that is always there. Lexicon and hashed n-grams under two logistic heads, numpy only.

n is the probability of neutral, p that of bullish given not neutral, so that two-class and three-class data train
together; polarity = (1 - n)(2p - 1). The model's own doubt is a diagonal Laplace approximation (MacKay 1992): each
bucket has a precision, the sum over a post's n-grams is the variance of its log-odds, and five Gauss-Hermite nodes a
head stand for the draws. Bagged heads were the alternative; they agree, wrongly, on a post none of whose n-grams any
of them has seen, and that is the post whose doubt matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.sentiment import lexicon
from engine.sentiment.hashing import BUCKETS, grams
from engine.sentiment.posts import post_text, tokens
from engine.sentiment.scores import BEARISH, BULLISH, NEUTRAL, Floats, Scores, concat, from_draws
from engine.sentiment.weights import SURENESS_STEPS, Head, Weights, read

SHIPPED = Path(__file__).with_name("embedded.bin")
CHUNK = 64  # texts hashed at once: their n-grams stay in the processor's cache
# A bucket's weight and its variance stand in one 64-bit integer, so that one sum makes both, and exactly so: the same
# in any batch, on any machine. The variance is the prior's share in fixed point.
_ONE = 1 << 15
_VARIANCE_BITS = 32  # room for 2^17 n-grams of full variance; a text has at most 3 x 4096 of a kind
_VARIANCE = (1 << _VARIANCE_BITS) - 1

# Gauss-Hermite for a normal variable: roots of He5 and their weights, in closed form.
_NODES = np.array([0.0, *(s * math.sqrt(5 + t * math.sqrt(10)) for t in (-1, 1) for s in (-1, 1))])
_NODE_WEIGHTS = np.array([8 / 15, *((7 - 2 * t * math.sqrt(10)) / 60 for t in (-1, -1, 1, 1))])
_PAIR_WEIGHTS = np.outer(_NODE_WEIGHTS, _NODE_WEIGHTS).ravel()


class Embedded:
    """The tier over one set of weights. Thread-safe: nothing changes after construction."""

    name = "embedded"

    def __init__(self, weights: Weights) -> None:
        self._heads = heads = (weights.header.neutral, weights.header.bullish)
        self._lexicon = np.array([head.lexicon for head in heads])[:, None, :]
        self._bias, self._scale, self._precision = (
            np.array([[getattr(head, name)] for head in heads])
            for name in ("bias", "scale", "prior_precision")
        )
        halving = np.rint(_ONE * 0.5 ** (np.arange(256) / SURENESS_STEPS)).astype(np.int64)
        # A place more, for NOWHERE: no weight and no doubt.
        self._tables = np.zeros((2, BUCKETS + 1), np.int64)
        self._tables[:, :BUCKETS] = weights.weights
        self._tables <<= _VARIANCE_BITS
        self._tables[:, :BUCKETS] += halving[weights.sureness]

    def predict_batch(self, texts: Sequence[str]) -> Scores:
        """Scores of any text: cleaned first, a long one by its first 4096 characters."""
        lines = [tokens(post_text(text)) for text in texts]
        parts = [self._predict(lines[at : at + CHUNK]) for at in range(0, len(lines), CHUNK)]
        return parts[0] if len(parts) == 1 else concat(parts)

    def log_odds(self, lines: Sequence[Sequence[str]]) -> tuple[Floats, Floats]:
        """Mean and variance before temperature, each of shape (2, texts): neutral, then bullish given not.

        At least one line, at most MAX_TEXTS of `engine.sentiment.hashing`.
        """
        known = np.array([lexicon.features(line) for line in lines])
        means = (known * self._lexicon).sum(2) + self._bias
        found = grams(lines)
        sums = np.add.reduceat(self._tables.take(found.buckets, axis=1), found.starts.ravel(), axis=1)
        sums = sums.reshape(2, len(lines), 2)
        means += ((sums >> _VARIANCE_BITS) * np.sqrt(found.share)).sum(2) * self._scale
        variances = ((sums & _VARIANCE) * (found.share / _ONE) + found.unseen).sum(2)
        return means, variances / self._precision

    def _predict(self, lines: Sequence[Sequence[str]]) -> Scores:
        return from_log_odds(*self.log_odds(lines), self._heads)


def from_log_odds(means: Floats, variances: Floats, heads: tuple[Head, Head]) -> Scores:
    """Scores from normal log-odds, shape (2, texts), of the heads neutral and bullish."""
    n, p = (_at_nodes(means[at], variances[at], head.temperature) for at, head in enumerate(heads))
    draws = np.empty((len(_NODES), *p.shape, 3))  # node of n, node of p, text, class
    opinion = (1.0 - n)[:, None]
    draws[..., BULLISH] = opinion * p
    draws[..., BEARISH] = opinion - draws[..., BULLISH]
    draws[..., NEUTRAL] = n[:, None]
    return from_draws(draws.reshape(-1, p.shape[1], 3), _PAIR_WEIGHTS)


def smoothed(mean: Floats, variance: Floats, temperature: float) -> Floats:
    """The mean probability of normal log-odds, elementwise."""
    nodes = _at_nodes(mean, variance, temperature)
    return (_NODE_WEIGHTS.reshape(-1, *(1,) * mean.ndim) * nodes).sum(0)  # type: ignore[no-any-return]


def _at_nodes(mean: Floats, variance: Floats, temperature: float) -> Floats:
    nodes = _NODES.reshape(-1, *(1,) * mean.ndim)
    odds: Floats = (mean + nodes * np.sqrt(variance)) / temperature
    return 0.5 + 0.5 * np.tanh(0.5 * odds)


def load(path: Path | None = None) -> Embedded:
    """The tier over the weights in `path`, or over those that ship. Raises `weights.BadWeights`."""
    return Embedded(read(path or SHIPPED))
