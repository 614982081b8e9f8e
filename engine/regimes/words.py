"""Regimes in words, for alerts and for the panel."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from engine.frame.regime import REGIMES
from engine.kernels.regime import DRIFT_SIGMAS, NOW, VOLATILITY, RegimeArrays

LABELS = REGIMES
_NOTABLE = 1.3  # a ratio that is told of
MOST_SIGMAS = 10  # beyond which a number of them says nothing


def ratios(arrays: RegimeArrays) -> npt.NDArray[np.float64]:
    """(3,) volatility, round trip and thinness over what is usual; NaN where one is missing."""
    ratio: npt.NDArray[np.float64] = np.exp(arrays.base[NOW : NOW + 3] - arrays.base[:3])
    return ratio


def why(arrays: RegimeArrays) -> str:
    """What is unusual now, the most unusual first.

    >>> from engine.kernels.regime import new_regime
    >>> why(new_regime())
    'a side of the book is empty'
    """
    scores = arrays.scores
    if math.isnan(scores[VOLATILITY]):
        return "a side of the book is empty"
    volatility, cost, thin = ratios(arrays).tolist()
    found = [
        (volatility, f"volatility {volatility:.1f}×"),
        (cost, f"round trip {cost:.1f}×"),
        (thin, f"depth 1/{thin:.1f}"),
    ]
    words = [text for ratio, text in sorted(found, reverse=True) if ratio >= _NOTABLE]
    words = [f"{', '.join(words)} of the usual"] if words else []
    sigmas = float(scores[DRIFT_SIGMAS])
    if abs(sigmas) >= 2.0:
        far = f"{abs(sigmas):.1f}" if abs(sigmas) <= MOST_SIGMAS else f"more than {MOST_SIGMAS}"
        words.append(f"{'up' if sigmas > 0 else 'down'} {far} sigma in two minutes")
    return "; ".join(words) or "as usual"


def change(before: str, now: str, arrays: RegimeArrays) -> str:
    """`calm → stressed: volatility 2.6× of the usual`."""
    return f"{before.lower()} → {now.lower()}: {why(arrays)}"
