"""Value at risk and expected shortfall: of a sample as it is, and of a normal distribution.

Losses are positive. VaR is the least loss that the share `level` of the sample does not exceed; shortfall is the mean
of the worst share 1 - level (C. Acerbi and D. Tasche, "On the coherence of expected shortfall", 2002, eq. 4.12).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

_NORMAL = NormalDist()
_ROUNDING = 1e-9  # 60 x (1 - .95) is 3, and a little less in floats


def historical(ordered: Sequence[int], level: float) -> tuple[float, float]:
    """(VaR, ES) of changes in ascending order, at least one."""
    tail = len(ordered) * (1.0 - level)
    whole = min(math.floor(tail + _ROUNDING), len(ordered) - 1)
    var = -float(ordered[whole])
    if tail < _ROUNDING or whole == 0:
        return var, var
    return var, (-float(sum(ordered[:whole])) + max(0.0, tail - whole) * var) / max(tail, whole)


def normal(sd: float, level: float) -> tuple[float, float]:
    """(VaR, ES) of a normal distribution around zero."""
    quantile = _NORMAL.inv_cdf(level)
    return sd * quantile, sd * _NORMAL.pdf(quantile) / (1.0 - level)


def needed(level: float) -> int:
    """Changes before a historical quantile is told: three of them beyond it."""
    return math.ceil(3.0 / (1.0 - level) - _ROUNDING)
