"""A regime as plain arrays and values, and back, for checkpoints. It may come from a stranger, so all is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from engine.events import FactorFit
from engine.kernels import regime as kernel
from engine.kernels.seconds import MOST
from engine.limits import check_fit
from engine.regimes.live import P_LABEL, POINT, POINTS_KEPT, Regime
from engine.regimes.model import arrays_of
from engine.regimes.words import LABELS

_LAST_SECOND = 2**34
_LAST_NS = 2**63 - 1
_FITTED = {"mean", "cov"}


class PackedWords(msgspec.Struct, frozen=True, array_like=True):
    """What of a regime is no array."""

    point: int = -1
    fit: FactorFit | None = None
    said: FactorFit | None = None
    filtered: int = -1
    lost: bool = False
    told: str = ""
    told_at: int = 0


def pack(regime: Regime) -> tuple[dict[str, npt.NDArray[Any]], PackedWords]:
    """The regime as `unpack` takes it."""
    arrays: dict[str, npt.NDArray[Any]] = dict(regime.arrays.copy()._asdict())
    arrays["history"] = np.ascontiguousarray(regime.history.T)  # column by column, which compresses best
    if regime.filter is not None:
        arrays |= {"mean": regime.filter.mean.copy(), "cov": regime.filter.cov.copy()}
    words = PackedWords(
        regime.point, regime.fit, regime.said, regime.filtered, regime.lost, regime.told, regime.told_at
    )
    return arrays, words


def unpack(packed: Mapping[str, npt.NDArray[Any]], words: PackedWords) -> Regime:
    """The regime that was packed. ValueError says what is wrong with it."""
    new = {**kernel.new_regime()._asdict(), "history": np.empty((POINT, POINTS_KEPT), np.float32)}
    if set(packed) - _FITTED != set(new):
        raise ValueError(f"a regime: expected arrays {', '.join(new)}")
    for name, like in new.items():
        found = packed[name]
        if found.shape != like.shape or found.dtype != like.dtype or (np.abs(found) > MOST).any():
            raise ValueError(f"a regime: {name} is of another kind, or beyond {MOST:g}")
    arrays = kernel.RegimeArrays(**{name: np.array(packed[name]) for name in kernel.RegimeArrays._fields})
    _check(arrays, packed["history"], words)
    regime = Regime(
        arrays=arrays,
        history=np.ascontiguousarray(packed["history"].T),
        point=words.point,
        fit=words.fit,
        said=words.said,
        filtered=words.filtered,
        lost=words.lost,
        told=words.told,
        told_at=words.told_at,
    )
    _resume(regime, packed)
    return regime


def _check(arrays: kernel.RegimeArrays, history: npt.NDArray[Any], words: PackedWords) -> None:
    clock, markov = arrays.clock, arrays.markov
    times = (*clock.tolist()[1:], words.filtered, words.point)
    if not all(-1 <= time <= _LAST_SECOND for time in times) or not 0 <= words.told_at <= _LAST_NS:
        raise ValueError("a regime: a time lies outside of time")
    labels = history[P_LABEL][~np.isnan(history[P_LABEL])]
    if not -1 <= clock[kernel.LABEL] < len(LABELS) or not np.isin(labels, range(len(LABELS))).all():
        raise ValueError(f"a regime: expected labels below {len(LABELS)}")
    if not kernel.WARMING <= clock[kernel.STATE] <= kernel.KNOWN or words.told not in ("", *LABELS):
        raise ValueError("a regime: it stands in no state that there is")
    shares = np.concatenate([arrays.probs, markov[kernel.STAY : kernel.LEVEL]])
    if ((shares < 0.0) | (shares > 1.0)).any() or (
        markov[kernel.HAS] and (markov[kernel.SD : kernel.STAY] <= 0.0).any()
    ):
        raise ValueError("a regime: expected probabilities, and deviations above zero")
    for note in (words.fit, words.said):
        if note is not None:
            check_fit(note)


def _resume(regime: Regime, packed: Mapping[str, npt.NDArray[Any]]) -> None:
    """The filter of the fit in use, where it stood."""
    model = regime.fit.model if regime.fit is not None else None
    if (model is not None) != (set(packed) >= _FITTED):
        raise ValueError("a regime: expected a filter where there is a fit, and none where there is none")
    if model is None:
        return
    regime.scaling, regime.filter = arrays_of(model)
    for name in _FITTED:
        here, found = getattr(regime.filter, name), packed[name]
        if found.shape != here.shape or found.dtype != np.float64:
            raise ValueError(f"a regime: the filter's {name} is of another size than its model")
        here[:] = found
