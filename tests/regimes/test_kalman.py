"""Our filter against statsmodels': the same factors after every further row, whatever is missing."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events import FACTOR_SERIES
from engine.kernels import kalman
from engine.kernels.kalman import FilterArrays
from engine.regimes.fit import _model, model_of
from engine.regimes.model import arrays_of
from tests.regimes.windows import Floats, fitted, planted, with_holes

WINDOW, AFTER = 300, 120


@pytest.mark.parametrize(("kept", "holes"), [(8, False), (8, True), (5, True), (3, False)])
def test_each_row_is_what_extend_says(kept: int, holes: bool) -> None:
    series, _ = planted(WINDOW + AFTER, kept)
    series = series[:, :kept]
    series = with_holes(series, 3) if holes else series
    result = model_of(series[:WINDOW]).fit_em(maxiter=15, tolerance=1e-3, disp=False)
    model = _model(result, FACTOR_SERIES[:kept], np.zeros(kept), np.ones(kept), None)
    _, filter_ = arrays_of(model)
    further = result.extend(series[WINDOW:])
    turn = _turn(result, model.loadings)
    wanted = turn @ further.filtered_state[:2]
    wanted_cov = np.einsum("ij,jkt,lk->ilt", turn, further.filtered_state_cov[:2, :2], turn)
    for i, row in enumerate(series[WINDOW:]):
        assert kalman.step(row, filter_)
        np.testing.assert_allclose(filter_.mean[:2], wanted[:, i], rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(filter_.cov[:2, :2], wanted_cov[..., i], rtol=1e-8, atol=1e-8)


def _turn(result: object, loadings: tuple[tuple[float, float], ...]) -> Floats:
    """(2, 2) that takes statsmodels' factors to ours, from what both say of the series."""
    theirs = result.model.ssm["design"][:, :2]  # type: ignore[attr-defined]
    turn: Floats = np.linalg.inv(np.linalg.lstsq(theirs, np.array(loadings), rcond=None)[0])
    return turn


def test_without_a_value_only_time_passes() -> None:
    model = fitted(0).model
    assert model is not None
    _, filter_ = arrays_of(model)
    filter_.mean[:] = np.arange(len(filter_.mean))
    whole = np.zeros((9, 9))
    whole[:2, :2] = model.transition
    whole[2:, 2:] = np.diag(model.noise_ar)
    noise = np.zeros((9, 9))
    noise[:2, :2] = model.shocks
    noise[2:, 2:] = np.diag(model.noise_var)
    mean, cov = whole @ filter_.mean, whole @ filter_.cov @ whole.T + noise
    assert kalman.step(np.full(7, np.nan), filter_)
    np.testing.assert_allclose(filter_.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(filter_.cov, cov, rtol=1e-12, atol=1e-15)


def test_a_model_that_explodes_is_noticed() -> None:
    one = FilterArrays(
        np.ones((1, 2)),
        np.eye(2) * 1e3,
        np.eye(2),
        np.ones(1),
        np.ones(1),
        np.ones(3),
        np.eye(3),
        np.zeros(3),
    )
    assert kalman.step(np.zeros(1), one)
    assert not all(kalman.step(np.full(1, np.nan), one) for _ in range(10))
