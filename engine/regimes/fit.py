"""Fits a symbol's factor model and its states of volatility. For the worker's process: it imports statsmodels.

The model is identified up to an invertible 2 x 2 matrix only. So factors are scaled to unit variance over the window,
and of what is left, a rotation, the one is taken that comes closest to the last loadings (P. Schönemann, "A
generalized solution of the orthogonal Procrustes problem", 1966): a line keeps its meaning from fit to fit. The first
time factors are ordered by how much they explain, each with the sign of its largest loading.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression  # type: ignore[import-untyped]
from statsmodels.tsa.statespace.dynamic_factor_mq import DynamicFactorMQ  # type: ignore[import-untyped]

from engine.events import FACTOR_CLIP, FACTOR_SERIES, FACTORS, FactorFit, FactorModel, Markov
from engine.limits import check_fit
from engine.regimes.messages import Ask, moves_of, window_of

Floats = npt.NDArray[np.float64]

LEAST_ROWS = 150  # seconds with a book, of a window of 300
LEAST_SERIES = 3
LEAST_SHARE = 0.5  # of the window in which a series must be known
ITERATIONS, TOLERANCE = 200, 1e-5  # of EM; the tolerance is of the relative gain in likelihood
LEAST_MOVES = 200
UNLIKE = (
    1000.0  # times: deviations of volatility's states farther apart than this are one state and a few jumps
)


def fit(ask: Ask) -> FactorFit:
    """What a window comes to; never raises for what a market can look like."""
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        note = _fit(ask)
    return msgspec.structs.replace(note, took_ms=round((time.perf_counter() - begun) * 1e3))


def _fit(ask: Ask) -> FactorFit:
    window = window_of(ask)
    known = int(np.isfinite(window[:, 1:3]).any(axis=1).sum())  # no book, no imbalance and no depth
    if known < LEAST_ROWS:
        reason = f"a book was known in {known} of {len(window)} s, and {LEAST_ROWS} are needed"
        return FactorFit(ask.symbol, "SHORT", reason, ask.at)
    kept, dropped = _useful(window)
    markov = states_of_volatility(moves_of(ask))
    if len(kept) < LEAST_SERIES:
        reason = f"{len(kept)} of {len(FACTOR_SERIES)} series move, and {LEAST_SERIES} are needed"
        return FactorFit(ask.symbol, "FLAT", reason, ask.at, dropped=dropped, markov=markov)
    means = np.nanmean(window[:, kept], axis=0)
    sds = np.nanstd(window[:, kept], axis=0)
    scaled = np.clip((window[:, kept] - means) / sds, -FACTOR_CLIP, FACTOR_CLIP)
    series = tuple(FACTOR_SERIES[i] for i in kept)
    try:
        result, warm = _better(scaled, ask.last, series)
        model = _model(result, series, means, sds, ask.last)
        iterations = int(result.mle_retvals["iter"])
        converged = iterations < ITERATIONS
        note = FactorFit(
            ask.symbol,
            "FITTED" if converged else "NOT_CONVERGED",
            "" if converged else f"the likelihood still rose after {ITERATIONS} iterations",
            ask.at,
            model,
            dropped,
            float(result.llf),
            iterations,
            warm,
            markov,
        )
        check_fit(note)
    except (ValueError, np.linalg.LinAlgError, FloatingPointError) as error:
        return FactorFit(ask.symbol, "FAILED", f"no fit: {error}"[:200], ask.at, dropped=dropped)
    return note


def _useful(window: Floats) -> tuple[list[int], tuple[tuple[str, str], ...]]:
    """Places of the series that carry something, and the others with the reason."""
    kept, dropped = [], []
    for place, name in enumerate(FACTOR_SERIES):
        values = window[:, place]
        values = values[np.isfinite(values)]
        missing = len(window) - len(values)
        if len(values) < LEAST_SHARE * len(window):
            dropped.append((name, f"missing in {missing} of {len(window)} s"))
        elif float(values.std()) <= 1e-9 * (1.0 + abs(float(values.mean()))):
            dropped.append((name, "does not move"))
        else:
            kept.append(place)
    return kept, tuple(dropped)


def model_of(scaled: Floats) -> Any:
    """The model of (rows, n) standardised series."""
    return DynamicFactorMQ(
        scaled,
        factors=1,
        factor_multiplicities=FACTORS,
        factor_orders=1,
        idiosyncratic_ar1=True,
        standardize=False,
    )


def _better(scaled: Floats, last: FactorModel | None, series: tuple[str, ...]) -> tuple[Any, bool]:
    """The likelier of a cold and a warm fit, and whether it is the warm one."""
    options = {"maxiter": ITERATIONS, "tolerance": TOLERANCE, "disp": False}
    cold = model_of(scaled).fit_em(**options)
    if last is None or last.series != series:
        return cold, False
    try:
        warm = model_of(scaled).fit_em(start_params=_parameters(last), **options)
    except (ValueError, np.linalg.LinAlgError):
        return cold, False
    likelier = np.isfinite(warm.llf) and not cold.llf >= warm.llf
    return (warm, True) if likelier else (cold, False)


def _parameters(model: FactorModel) -> Floats:
    """In the order in which statsmodels has them."""
    root = np.linalg.cholesky(np.array(model.shocks))
    return np.concatenate(
        [
            np.ravel(model.loadings),
            np.ravel(model.transition),
            root[np.tril_indices(FACTORS)],
            model.noise_ar,
            model.noise_var,
        ]
    )


def _model(
    result: Any, series: tuple[str, ...], means: Floats, sds: Floats, last: FactorModel | None
) -> FactorModel:
    """The fit in the coordinates that a person can follow."""
    ssm, count = result.model.ssm, len(series)
    states = count + FACTORS
    loadings = ssm["design"][:, :FACTORS].copy()
    transition = ssm["transition"][:states, :states].copy()
    shocks = (ssm["selection"] @ ssm["state_cov"] @ ssm["selection"].T)[:states, :states]
    turn = turned(loadings, np.atleast_2d(np.cov(result.smoothed_state[:FACTORS])), series, last)
    back = np.linalg.inv(turn)
    whole = np.eye(states)
    whole[:FACTORS, :FACTORS] = turn
    noise = slice(FACTORS, states)
    return FactorModel(
        series=series,
        means=tuple(means.tolist()),
        sds=tuple(sds.tolist()),
        loadings=_pairs(loadings @ back),
        transition=_two(turn @ transition[:FACTORS, :FACTORS] @ back),
        shocks=_two(turn @ shocks[:FACTORS, :FACTORS] @ turn.T),
        noise_ar=tuple(np.diag(transition)[noise].tolist()),
        noise_var=tuple(np.diag(shocks)[noise].tolist()),
        state=tuple((whole @ result.filtered_state[:states, -1]).tolist()),
        state_cov=tuple((whole @ result.filtered_state_cov[:states, :states, -1] @ whole.T).ravel().tolist()),
    )


def turned(loadings: Floats, cov: Floats, series: tuple[str, ...], last: FactorModel | None) -> Floats:
    """(2, 2) R with factors R f of unit variance, turned as above. Raises LinAlgError where one is nothing."""
    root = np.linalg.cholesky(cov)
    white = loadings @ root
    common = [name for name in series if last is not None and name in last.series]
    if last is not None and len(common) >= FACTORS:
        new = white[[series.index(name) for name in common]]
        old = np.array([last.loadings[last.series.index(name)] for name in common])
        left, _, right = np.linalg.svd(new.T @ old)
        turn = left @ right
    else:
        _, _, axes = np.linalg.svd(white, full_matrices=False)
        turn = axes.T
        largest = np.take_along_axis(white @ turn, np.abs(white @ turn).argmax(axis=0)[None, :], axis=0)[0]
        turn = turn * np.where(largest < 0, -1.0, 1.0)
    result: Floats = turn.T @ np.linalg.inv(root)
    return result


def states_of_volatility(moves_bps: Floats) -> Markov | None:
    """Two states of 1 s returns with a deviation each; None where they cannot be told apart."""
    moves = moves_bps[np.isfinite(moves_bps)]
    if len(moves) < LEAST_MOVES or not (moves != 0).mean() > 0.1:
        return None
    try:
        model = MarkovRegression(moves, k_regimes=2, trend="n", switching_variance=True)
        found = model.fit(disp=False, em_iter=10, maxiter=100)
        stay_0, leave_1, *variances = found.params.tolist()
        probabilities = found.filtered_marginal_probabilities[-1]
    except (ValueError, np.linalg.LinAlgError):
        return None
    sds, stays = np.sqrt(variances), np.array([stay_0, 1.0 - leave_1])
    order = np.argsort(sds)
    sds, stays, probabilities = sds[order], stays[order], np.asarray(probabilities)[order]
    if not np.isfinite([*sds, *stays, *probabilities]).all() or not 0.0 < sds[1] < UNLIKE * sds[0]:
        return None
    return Markov(_pair(sds), _pair(np.clip(stays, 0.0, 1.0)), _pair(np.clip(probabilities, 0.0, 1.0)))


def _pair(values: Floats) -> tuple[float, float]:
    first, second = values.tolist()
    return first, second


def _pairs(matrix: Floats) -> tuple[tuple[float, float], ...]:
    return tuple(_pair(row) for row in matrix)


def _two(matrix: Floats) -> tuple[tuple[float, float], tuple[float, float]]:
    return _pair(matrix[0]), _pair(matrix[1])
