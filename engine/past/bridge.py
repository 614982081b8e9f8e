"""A path between known points: noise tied down at each of them and folded into its bounds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def bridge(
    times: Floats, knot_times: Floats, knot_values: Floats, steps: Floats, low: float, high: float
) -> Floats:
    """Values at `times` that pass through every knot and stay within `low` and `high`.

    times, knot_times: increasing, every knot among the times. steps: the noise of each step, shape (..., times),
    the first one's unused. The noise is a walk less the straight lines between what it is at the knots, so that a
    step keeps its size; where it leaves the bounds it is reflected, as a price that is known to have stayed within.
    """
    walk = np.cumsum(steps, axis=-1)
    at = np.searchsorted(times, knot_times)
    right = np.clip(np.searchsorted(knot_times, times, side="right"), 1, len(knot_times) - 1)
    left = right - 1
    span = knot_times[right] - knot_times[left]
    share = np.clip((times - knot_times[left]) / span, 0.0, 1.0)
    loose = knot_values - walk[..., at]
    path = walk + loose[..., left] * (1.0 - share) + loose[..., right] * share
    folded = fold(path, low, high)
    folded[..., at] = knot_values
    return folded


def fold(path: Floats, low: float, high: float) -> Floats:
    """Reflected at both bounds, as often as it takes.

    >>> fold(np.array([1.5, 2.5, -0.5, 5.0]), 1.0, 2.0).tolist()
    [1.5, 1.5, 1.5, 1.0]
    """
    width = high - low
    if width <= 0.0:
        return np.full_like(path, low)
    turned = np.mod(path - low, 2.0 * width)
    return np.where(turned > width, 2.0 * width - turned, turned) + low
