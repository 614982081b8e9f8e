"""A fitted factor model as the arrays that its filter goes on with."""

from __future__ import annotations

import numpy as np

from engine.events import FACTOR_SERIES, FactorModel
from engine.kernels.factors import Scaling
from engine.kernels.kalman import MOST_SERIES, FilterArrays


def arrays_of(model: FactorModel) -> tuple[Scaling, FilterArrays]:
    """How rows are scaled for the model, and its filter as it stood at the window's end."""
    count = len(model.series)
    scaling = Scaling(
        np.array([FACTOR_SERIES.index(name) for name in model.series], np.int64),
        np.array(model.means, float),
        np.array(model.sds, float),
        np.empty(MOST_SERIES),
        np.empty(count),
    )
    states = count + 2
    return scaling, FilterArrays(
        np.array(model.loadings, float),
        np.array(model.transition, float),
        np.array(model.shocks, float),
        np.array(model.noise_ar, float),
        np.array(model.noise_var, float),
        np.array(model.state, float),
        np.array(model.state_cov, float).reshape(states, states),
        np.empty(states),
    )
