"""Fits of windows with known factors, and every window that there is nothing to fit to."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression  # type: ignore[import-untyped]

from engine.events import FACTOR_SERIES, FactorModel
from engine.kernels import regime as kernel
from engine.limits import check_fit
from engine.regimes import fit as fits
from engine.regimes.messages import Ask
from tests.regimes.windows import Floats, fitted, planted, with_holes


def ask(series: Floats, last: FactorModel | None = None, seed: int = 0) -> Ask:
    moves = np.random.default_rng(seed).normal(0.0, 1.0, len(series))
    return Ask(3, 1_700_000_000, series.tobytes(), moves.tobytes(), last)


def test_planted_factors_are_found() -> None:
    series, factors = planted(300, 1)
    note = fits.fit(ask(with_holes(series * 3.0 + 7.0, 2)))
    assert (note.state, note.symbol, note.at, note.dropped) == ("FITTED", 3, 1_700_000_000, ())
    assert note.model is not None
    np.testing.assert_allclose(note.model.means, 7.0, atol=1.5)
    scaled = (series * 3.0 + 7.0 - note.model.means) / note.model.sds
    found = scaled @ np.linalg.pinv(np.array(note.model.loadings)).T
    for factor in factors.T:  # each lies in the plane of those that were found
        _, rest, *_ = np.linalg.lstsq(found, factor - factor.mean(), rcond=None)
        assert 1.0 - rest[0] / (len(factor) * factor.var()) > 0.85


def test_factors_have_unit_variance_and_the_likelihood_is_the_models_own() -> None:
    series, _ = planted(300, 4)
    scaled = (series - series.mean(axis=0)) / series.std(axis=0)
    result = fits.model_of(scaled).fit_em(maxiter=60, tolerance=1e-5, disp=False)
    model = fits._model(result, FACTOR_SERIES, np.zeros(8), np.ones(8), None)
    again = fits.model_of(scaled)
    smoothed = again.smooth(fits._parameters(model))
    np.testing.assert_allclose(np.cov(smoothed.smoothed_state[:2]), np.eye(2), atol=0.05)
    # Turned or not, it is the same model: the likelihood does not change.
    np.testing.assert_allclose(smoothed.llf, fits.model_of(scaled).smooth(result.params).llf, rtol=1e-6)


@pytest.mark.parametrize(
    "turn", [((0.0, 1.0), (1.0, 0.0)), ((-1.0, 0.0), (0.0, 1.0)), ((0.6, 0.8), (-0.8, 0.6))]
)
def test_factors_keep_sign_and_order(turn: tuple[tuple[float, float], ...]) -> None:
    """The same window after a last fit whose factors were called otherwise: they are called as they were."""
    series, _ = planted(300, 5)
    first = fits.fit(ask(series)).model
    assert first is not None
    called = np.array(first.loadings) @ np.array(turn)
    pairs = tuple((float(a), float(b)) for a, b in called)
    last = msgspec.structs.replace(first, loadings=pairs)
    again = fits.fit(
        ask(series, msgspec.structs.replace(last, series=first.series[:7], loadings=pairs[:7]))
    ).model
    assert again is not None
    np.testing.assert_allclose(again.loadings, called, atol=0.02)


def test_the_likelier_of_cold_and_warm_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    series, _ = planted(300, 6)
    whole = fits.fit(ask(series))
    monkeypatch.setattr(fits, "ITERATIONS", 4)  # too few from nothing, enough from where a fit ended
    cold, warm = fits.fit(ask(series)), fits.fit(ask(series, whole.model))
    assert cold.loglikelihood is not None
    assert warm.loglikelihood is not None
    assert warm.loglikelihood > cold.loglikelihood + 0.1
    assert (cold.warm, warm.warm) == (False, True)
    # A last fit of another market is no better than none.
    strange = fits.fit(ask(series, _strange(whole.model)))
    assert strange.loglikelihood is not None
    assert strange.loglikelihood >= cold.loglikelihood


def _strange(model: FactorModel | None) -> FactorModel:
    assert model is not None
    return msgspec.structs.replace(model, noise_var=(50.0,) * 8, loadings=((0.01, -0.01),) * 8)


def test_series_that_carry_nothing_are_named() -> None:
    series, _ = planted(300, 7)
    series[:, 0] = 3.25
    series[:200, 5] = np.nan
    note = fits.fit(ask(series))
    assert note.dropped == (("round trip", "does not move"), ("sentiment", "missing in 200 of 300 s"))
    assert note.model is not None
    assert "round trip" not in note.model.series
    assert len(note.model.series) == 6


def test_a_flat_market_a_short_one_and_one_that_does_not_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    series, _ = planted(300, 8)
    flat = np.full_like(series, 1.0)
    note = fits.fit(ask(flat))
    assert (note.state, note.model, len(note.dropped)) == ("FLAT", None, 8)
    assert note.reason == "0 of 8 series move, and 3 are needed"
    short = series.copy()
    short[:200] = np.nan
    note = fits.fit(ask(short))
    assert (note.state, note.model) == ("SHORT", None)
    assert note.reason == "a book was known in 100 of 300 s, and 150 are needed"
    monkeypatch.setattr(fits, "ITERATIONS", 3)
    note = fits.fit(ask(series))
    assert note.state == "NOT_CONVERGED"
    assert note.model is not None
    assert "after 3 iterations" in note.reason


def test_twins_are_fitted_or_refused_but_never_raise() -> None:
    """Two series that are one, and a third that is their sum: as singular as it gets."""
    series, _ = planted(300, 9)
    series[:, 1] = series[:, 0]
    series[:, 2] = 2.0 * series[:, 0]
    series[:, 3:] = np.nan
    note = fits.fit(ask(series))
    assert note.state in ("FITTED", "NOT_CONVERGED", "FAILED")
    check_fit(note)


def two_states(count: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    wild = np.zeros(count, bool)
    for i in range(1, count):
        wild[i] = rng.random() < (0.95 if wild[i - 1] else 0.03)
    moves: Floats = rng.normal(0.0, np.where(wild, 3.0, 0.6))
    return moves


def test_two_states_of_volatility_are_found_and_filtered_as_statsmodels_does() -> None:
    moves = two_states(600, 2)
    markov = fits.states_of_volatility(moves[:300])
    assert markov is not None
    assert 0.4 < markov.sds[0] < 0.9
    assert 2.0 < markov.sds[1] < 4.5
    assert min(markov.stays) > 0.8
    # Filtered further by us, and by statsmodels with the same parameters over all 600 returns.
    regime = kernel.new_regime()
    kernel.set_states(regime, markov.sds, markov.stays, markov.probabilities)
    model = MarkovRegression(moves, k_regimes=2, trend="n", switching_variance=True)
    stay, restless = markov.stays
    result = model.filter([stay, 1.0 - restless, *np.square(markov.sds)])
    wanted = result.filtered_marginal_probabilities
    # The first 300 rows were filtered from another first guess; by their end that is forgotten.
    np.testing.assert_allclose(markov.probabilities, wanted[299], atol=1e-6)
    rows = np.full((kernel.KEPT, 18), np.nan)
    mids = np.exp(np.cumsum(moves) * 1e-4)
    rows[:, kernel.MID] = mids
    for second in range(300, 600):
        kernel._catch_up(second, second, rows, regime.markov)
        np.testing.assert_allclose(regime.markov[kernel.PROB : kernel.LEVEL], wanted[second], atol=1e-6)


@pytest.mark.parametrize("stays", [(0.97, 0.9), (0.3, 0.4), (0.999, 0.001), (1.0, 1.0), (0.0, 0.0)])
def test_a_state_counts_by_the_minute_to_be_expected_from_it(stays: tuple[float, float]) -> None:
    """Against the mean variance over sixty powers of the transition matrix."""
    regime = kernel.new_regime()
    kernel.set_states(regime, (0.5, 3.0), stays, (0.5, 0.5))
    transition = np.array([[stays[0], 1.0 - stays[0]], [1.0 - stays[1], stays[1]]])
    variances = sum(np.linalg.matrix_power(transition, second) @ [0.25, 9.0] for second in range(60))
    np.testing.assert_allclose(np.exp(2.0 * regime.markov[kernel.LEVEL :]), variances, rtol=1e-5)


def test_returns_of_a_market_that_stands_still_have_no_states() -> None:
    assert fits.states_of_volatility(np.zeros(300)) is None
    assert fits.states_of_volatility(np.full(300, np.nan)) is None
    assert fits.states_of_volatility(two_states(150, 1)) is None


def test_a_fit_survives_its_checks_and_a_strangers_does_not() -> None:
    note = fitted(1_700_000_000)
    check_fit(note)
    assert note.model is not None
    for change in (
        {"sds": (0.0,) * 7},
        {"state": (0.0,) * 8},
        {"loadings": ((math.inf, 0.0), *note.model.loadings[1:])},
        {"series": tuple(reversed(note.model.series))},
        {"noise_var": (-1.0,) * 7},
    ):
        with pytest.raises(ValueError, match="expected"):
            check_fit(msgspec.structs.replace(note, model=msgspec.structs.replace(note.model, **change)))
    with pytest.raises(ValueError, match="state"):
        check_fit(msgspec.structs.replace(note, state="SPLENDID"))
