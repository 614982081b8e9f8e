"""One symbol's regime second by second: label, probabilities, factors, and an hour of them for the panel.

The label and, before a first fit, its probabilities follow from the grid alone. A `FactorFit` brings the factor model,
whose filter goes on from the window's end through the rows that came since, and two states of volatility.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt

from engine.events import Alert, Derived, FactorFit, FactorTick, RegimeRule
from engine.kernels import factors as factor_kernel
from engine.kernels import regime as kernel
from engine.kernels.kalman import FilterArrays
from engine.kernels.seconds import KEPT, LATEST, SecondArrays
from engine.regimes.model import arrays_of
from engine.regimes.words import LABELS, change

POINT_S = 5  # between points of the history, and rows of `factors`
POINTS_KEPT = 720  # an hour
ALERT_NS = 60_000_000_000  # between two alerts

# columns of the history
P_LABEL, P_PROBABILITY, P_FACTOR_1, P_FACTOR_2 = 0, 1, 2, 3
POINT = 4


def _no_history() -> npt.NDArray[np.float32]:
    return np.full((POINTS_KEPT, POINT), np.nan, np.float32)


@dataclass
class Regime:
    """State of one symbol. `fit` is the one in use, `said` the last word of whoever fits, which may be a failure."""

    arrays: kernel.RegimeArrays = field(default_factory=kernel.new_regime)
    history: npt.NDArray[np.float32] = field(
        default_factory=_no_history
    )  # a ring: point p is at p % POINTS_KEPT
    point: int = -1  # the latest of the history: its second // POINT_S
    fit: FactorFit | None = None
    said: FactorFit | None = None
    scaling: factor_kernel.Scaling | None = None  # these two follow from `fit`, but for mean and cov
    filter: FilterArrays | None = None
    filtered: int = -1  # the second up to which the filter has gone
    lost: bool = False  # the filter has left what can be computed with
    told: str = ""  # the label that a person heard of last
    told_at: int = 0  # when, ns

    @property
    def label(self) -> str:
        """CALM TRENDING STRESSED DISLOCATED, or empty while it is not known."""
        label = int(self.arrays.clock[kernel.LABEL])
        return LABELS[label] if label >= 0 else ""

    @property
    def probabilities(self) -> tuple[float | None, float | None, float | None, float | None]:
        """Of the four labels in their order; they sum to one."""
        if not self.label:
            return None, None, None, None
        calm, trending, stressed, dislocated = self.arrays.probs.tolist()
        return calm, trending, stressed, dislocated

    @property
    def probability(self) -> float | None:
        """Of the label."""
        return self.probabilities[LABELS.index(self.label)] if self.label else None

    @property
    def factors(self) -> tuple[float | None, float | None]:
        """Of the dynamic factor model, filtered; None without one."""
        if self.filter is None or self.lost:
            return None, None
        return float(self.filter.mean[0]), float(self.filter.mean[1])

    def second(self, seconds: SecondArrays, index: int, ts: int, rule: RegimeRule) -> list[Derived]:
        """Once a second, after the grid's new row: what changed in words, and a row for who queries."""
        said: list[Derived] = []
        changed = kernel.step(seconds, _rule(rule), self.arrays)
        second = int(seconds.clock[LATEST])
        self._follow(seconds)
        if changed or second // POINT_S != self.point:
            self._remember(second // POINT_S)
            if self.label:
                said.append(FactorTick(ts, index, self.label, *self.probabilities, *self.factors))
        if self.label != self.told and (alert := self._alert(index, ts)) is not None:
            said.append(alert)
        return said

    def on_fit(self, note: FactorFit, seconds: SecondArrays) -> None:
        """A refit came, or the word that there is none: then the last one is used on."""
        latest = int(seconds.clock[LATEST])
        if note.model is not None and not latest - KEPT < note.at <= latest:
            reason = f"a fit of {latest - note.at} s ago came too late"
            note = msgspec.structs.replace(note, state="FAILED", reason=reason, model=None, markov=None)
        self.said = note
        if note.model is None:
            return
        self.fit = note
        self.scaling, self.filter = arrays_of(note.model)
        self.filtered, self.lost = note.at, False
        self._follow(seconds)
        markov = note.markov
        if markov is not None:
            kernel.set_states(self.arrays, markov.sds, markov.stays, markov.probabilities)
            kernel.catch_up(note.at + 1, seconds, self.arrays)
        else:
            self.arrays.markov[:] = 0.0

    def _follow(self, seconds: SecondArrays) -> None:
        if self.filter is None or self.scaling is None or self.lost:
            return
        latest = int(seconds.clock[LATEST])
        first = max(self.filtered + 1, latest - KEPT + 1)
        self.lost = not factor_kernel.follow(first, seconds, self.scaling, self.filter)
        self.filtered = latest

    def _remember(self, point: int) -> None:
        for missed in range(max(self.point + 1, point - POINTS_KEPT + 1), point):
            self.history[missed % POINTS_KEPT] = math.nan
        self.point = point
        row = self.history[point % POINTS_KEPT]
        row[:] = math.nan
        label = int(self.arrays.clock[kernel.LABEL])
        if label >= 0:
            row[P_LABEL], row[P_PROBABILITY] = label, self.arrays.probs[label]
        first, second = self.factors
        if first is not None and second is not None:
            row[P_FACTOR_1], row[P_FACTOR_2] = first, second

    def _alert(self, index: int, ts: int) -> Alert | None:
        """Of a change of label: none of the first one, nor of a market that cannot be seen; at most one a minute.

        It has the label's probability while no other label is likelier. A label goes by thresholds and time and may
        stay while its probability falls: a small number beside it would read as doubt about the change.
        """
        before, now = self.told, self.label
        if not now or (before and ts - self.told_at < ALERT_NS):
            return None
        self.told = now
        if not before:
            return None
        self.told_at = ts
        text, likeliest = change(before, now, self.arrays), LABELS[int(self.arrays.probs.argmax())]
        if likeliest == now:
            return Alert(ts, index, "REGIME", self.probability, text)
        return Alert(ts, index, "REGIME", None, f"{text}; {likeliest.lower()} is likelier by now")


_rules: dict[RegimeRule, npt.NDArray[np.float64]] = {}


def _rule(rule: RegimeRule) -> npt.NDArray[np.float64]:
    """The rule by the kernel's places."""
    if rule not in _rules:
        _rules.clear()
        known = [math.nan] * 3
        if rule.usual is not None:
            usual = rule.usual
            known = [
                math.log(usual.volatility_bps), math.log(usual.round_trip_bps), -math.log(usual.depth)
            ]  # fmt: skip
        _rules[rule] = np.array([rule.stressed, rule.dislocated, rule.trend_sigmas, rule.baseline_s, *known])
    return _rules[rule]
