"""What the panel shows of a regime."""

from __future__ import annotations

import math

import numpy as np

from engine.frame.regime import REGIMES, LoadingNow, RegimeNow
from engine.kernels import regime as kernel
from engine.kernels.seconds import COUNT, SECOND_NS, SecondArrays
from engine.regimes.live import P_FACTOR_1, P_FACTOR_2, P_LABEL, P_PROBABILITY, POINT_S, POINTS_KEPT, Regime
from engine.regimes.words import ratios, why


def regime_now(regime: Regime, seconds: SecondArrays) -> RegimeNow | None:
    """None before the symbol's first second."""
    if seconds.clock[COUNT] == 0:
        return None
    arrays, clock = regime.arrays, regime.arrays.clock
    label = int(clock[kernel.LABEL])
    known = label >= 0
    volatility, round_trip, thinness = (_known(ratio) for ratio in ratios(arrays).tolist())
    model = regime.fit.model if regime.fit is not None else None
    history = _history(regime)
    return RegimeNow(
        label=REGIMES[label] if known else "",
        state=_state(regime),
        why=why(arrays) if known else "",
        since=int(clock[kernel.SINCE]) * SECOND_NS,
        probabilities=tuple(arrays.probs.tolist()) if known else (),
        volatility=volatility,
        round_trip=round_trip,
        thinness=thinness,
        by_states=bool(arrays.markov[kernel.HAS]),
        history_ns=POINT_S * SECOND_NS,
        history_end=max(regime.point, 0) * POINT_S * SECOND_NS,
        history_label=history[P_LABEL].tobytes(),
        history_probability=history[P_PROBABILITY].tobytes(),
        factor_1=history[P_FACTOR_1].tobytes(),
        factor_2=history[P_FACTOR_2].tobytes(),
        fit="LOST" if regime.lost else "" if regime.said is None else regime.said.state,
        fit_words=_fit_words(regime),
        fit_at=regime.fit.at * SECOND_NS if regime.fit is not None else 0,
        loadings=()
        if model is None
        else tuple(LoadingNow(name, *pair) for name, pair in zip(model.series, model.loadings, strict=True)),
        dropped=regime.fit.dropped if regime.fit is not None else (),
        loglikelihood=regime.fit.loglikelihood if regime.fit is not None else None,
        took_ms=regime.fit.took_ms if regime.fit is not None else None,
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _history(regime: Regime) -> np.ndarray:
    """(columns, points), oldest first, from the first point that holds anything."""
    places = (regime.point - np.arange(POINTS_KEPT - 1, -1, -1)) % POINTS_KEPT
    points = regime.history[places].T.astype(np.float64)
    seen = np.flatnonzero(~np.isnan(points).all(axis=0))
    return np.ascontiguousarray(points[:, seen[0] if len(seen) else POINTS_KEPT :])


def _state(regime: Regime) -> str:
    clock = regime.arrays.clock
    match int(clock[kernel.STATE]):
        case kernel.NO_BOOK:
            return "no book"
        case kernel.WARMING:
            return f"learning what is usual, {kernel.WARM_S - int(clock[kernel.SEEN])} s more"
        case _:
            return ""


def _fit_words(regime: Regime) -> str:
    """How the last refit went."""
    said = regime.said
    if regime.lost:
        return "the filter lost its footing; the next fit sets it anew"
    if said is None:
        return "no factors yet: a first fit needs five minutes"
    if said.model is None:
        return said.reason
    how = f"{said.iterations} iterations, {'from the last fit' if said.warm else 'begun anew'}"
    return f"{how}; {said.reason}" if said.reason else how
