"""The eight series of the factor model, from rows of the grid of seconds, and its filter following them.

NaN where a row cannot tell. Round trip, depth and volume are taken in logarithms.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.events import FACTOR_CLIP
from engine.kernels import helper, jit
from engine.kernels.kalman import MOST_SERIES, FilterArrays, advance
from engine.kernels.seconds import (
    ASK_DEPTH,
    ASK_NEAR,
    BID_DEPTH,
    BID_NEAR,
    FLOW_SIGNED,
    KEPT,
    LATEST,
    ORDER_FLOW,
    ROUND_TRIP_BPS,
    SENTIMENT,
    VOLATILITY_BPS,
    VOLUME,
    WIDTH,
    SecondArrays,
    new_seconds,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Scaling(NamedTuple):
    """Which of the series a model has, how each is standardised, and room to do so. Arrays only."""

    places: Ints  # (n,), among the eight
    means: Floats  # (n,)
    sds: Floats  # (n,)
    row: Floats  # (8,), scratch
    scaled: Floats  # (n,), scratch


@helper
def _series(row: Floats, out: Floats) -> None:
    out[:] = math.nan
    if row[ROUND_TRIP_BPS] > 0.0:
        out[0] = math.log(row[ROUND_TRIP_BPS])
    out[1] = (row[BID_NEAR] - row[ASK_NEAR]) / (row[BID_NEAR] + row[ASK_NEAR])
    if row[BID_DEPTH] + row[ASK_DEPTH] > 0.0:
        out[2] = math.log(row[BID_DEPTH] + row[ASK_DEPTH])
    out[3] = row[ORDER_FLOW]
    out[4] = row[VOLATILITY_BPS]
    out[5] = row[SENTIMENT]
    if row[VOLUME] >= 0.0:
        out[6] = math.log1p(row[VOLUME])
    if row[VOLUME] > 0.0:
        out[7] = row[FLOW_SIGNED] / row[VOLUME]


@jit
def _all_series(rows: Floats, out: Floats) -> None:
    for i in range(len(rows)):
        _series(rows[i], out[i])


def series(rows: Floats) -> Floats:
    """(rows, 8), in the order of FACTOR_SERIES, of `rows` of the grid."""
    out = np.empty((len(rows), MOST_SERIES))
    _all_series(rows, out)
    return out


@jit
def _follow(
    first: int,
    last: int,
    rows: Floats,
    places: Ints,
    means: Floats,
    sds: Floats,
    row: Floats,
    scaled: Floats,
    loadings: Floats,
    transition: Floats,
    shocks: Floats,
    noise_ar: Floats,
    noise_var: Floats,
    mean: Floats,
    cov: Floats,
    scratch: Floats,
) -> bool:
    sound = True
    for second in range(first, last + 1):
        _series(rows[second % KEPT], row)
        for i in range(len(places)):
            value = (row[places[i]] - means[i]) / sds[i]
            scaled[i] = value if value != value else min(max(value, -FACTOR_CLIP), FACTOR_CLIP)
        sound = advance(scaled, loadings, transition, shocks, noise_ar, noise_var, mean, cov, scratch)
        if not sound:
            break
    return sound


def follow(first: int, seconds: SecondArrays, scaling: Scaling, model: FilterArrays) -> bool:
    """The filter goes on from second `first` to the latest one of the grid; False: it has lost its footing."""
    return bool(_follow(first, int(seconds.clock[LATEST]), seconds.rows, *scaling, *model))


def warm() -> None:
    """Compile what Python calls, for the arguments it is called with."""
    series(np.zeros((1, WIDTH)))
    pair, ones = np.zeros((2, 2)), np.ones(1)
    one = FilterArrays(np.zeros((1, 2)), pair, pair, ones, ones, np.zeros(3), np.eye(3), np.zeros(3))
    scaling = Scaling(np.zeros(1, np.int64), np.zeros(1), np.ones(1), np.zeros(MOST_SERIES), np.zeros(1))
    follow(0, new_seconds(), scaling, one)
