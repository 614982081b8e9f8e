"""The coordinator: weighs advisers by how well they foretold in a regime, and abstains where that carries nothing.

The exponentially weighted average forecaster (Cesa-Bianchi and Lugosi, Prediction, Learning, and Games, 2006, ch. 2
and 3) on squared loss, the Brier score, which is exp-concave up to a rate of 1/2: the forecaster's loss exceeds that of
the best of N experts by at most 2 ln N. Who says nothing sleeps: it is charged the forecaster's own loss (Freund,
Schapire, Singer and Warmuth, 1997), so the bound holds over the rounds in which it spoke. After every round a small
share is spread evenly (Herbster and Warmuth, 1998): a floor from which an adviser that was wrong for long comes back.
One expert never sleeps, the base rate: whoever foretells worse than that loses its weight to it.

A round begins when somebody speaks and none is open, and ends `decision_s` later with 1 where the mid rose, 0 where
it fell and 1/2 where it stands as it did. Every regime has weights of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from engine.events import AdviserRule

RATE = 0.5
SHARE = 0.002
AGREE = 2.0 / 3.0  # of the speakers' weight on one side
HOLD = 0.01  # of probability that a decision may lose before it ends
BASE = "base rate"
BASE_PRIOR = 20.0  # rounds that a base rate of one half is worth at first
EDGES = (0.52, 0.55, 0.60, 0.70)  # of what is said, between the bins of the calibration
BINS = len(EDGES) + 1
MOST_REGIMES = 8


class Forecaster(msgspec.Struct):
    """What was learnt in one regime."""

    weights: dict[str, float] = msgspec.field(default_factory=lambda: {BASE: 1.0})
    rounds: int = 0
    rises: float = 0.0

    @property
    def base(self) -> float:
        """How often the mid rises, drawn towards one half while little is known."""
        return (self.rises + 0.5 * BASE_PRIOR) / (self.rounds + BASE_PRIOR)

    def learn(self, round_: Round, outcome: float) -> None:
        learn(self.weights, round_.forecasts, round_.probability, outcome)
        self.rounds += 1
        self.rises += outcome


class Round(msgspec.Struct, frozen=True):
    """A forecast that waits for its outcome. Probabilities are of a rise."""

    due: int  # ns
    mid: float
    regime: str
    forecasts: dict[str, float]
    probability: float


class Bin(msgspec.Struct, array_like=True):
    """Rounds in which about the same was said."""

    rounds: int = 0
    said: float = 0.0  # sum of the probabilities of the likelier side
    right: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """What all advice comes to now. `lean`: the likelier side, also where it abstains."""

    direction: int = 0
    probability: float | None = None  # of the likelier side
    lean: int = 0
    reason: str = "no adviser has anything to say"
    shares: tuple[tuple[str, float, float], ...] = ()  # name, probability of a rise, share of the weight


class Coordinator(msgspec.Struct):
    """One symbol's coordinator."""

    regimes: dict[str, Forecaster] = msgspec.field(default_factory=dict)
    round: Round | None = None
    bins: list[Bin] = msgspec.field(default_factory=lambda: [Bin() for _ in range(BINS)])
    brier: float = 0.0  # of all rounds, against 0.25 a round of a coin's
    rounds: int = 0
    verdict: Verdict = msgspec.field(default_factory=Verdict)

    def second(
        self, ts: int, mid: float, regime: str, speaking: Mapping[str, float], rule: AdviserRule
    ) -> Verdict:
        """End a round that is due, weigh what is said now, begin a round. `speaking`: probabilities of a rise."""
        if self.round is not None and ts >= self.round.due:
            if ts <= self.round.due + int(rule.decision_s * 1e9):  # later nobody can tell how it stood then
                self._end(self.round, mid)
            self.round = None
        if not speaking:
            self.verdict = Verdict()
            return self.verdict
        forecaster = self._forecaster(regime)
        for name in speaking:
            join(forecaster.weights, name)
        forecasts = {**speaking, BASE: forecaster.base}
        probability = predict(forecaster.weights, forecasts)
        self.verdict = self._weigh(forecaster, forecasts, probability, rule)
        if self.round is None:
            due = ts + int(rule.decision_s * 1e9)
            self.round = Round(due, mid, regime, forecasts, probability)
        return self.verdict

    def late(self, ts: int, rule: AdviserRule) -> None:
        """Without a book: a round whose end nobody could see is given up."""
        self.verdict = Verdict(reason="the book is not trusted, or a side of it is empty")
        if self.round is not None and ts >= self.round.due + int(rule.decision_s * 1e9):
            self.round = None

    def _forecaster(self, regime: str) -> Forecaster:
        if regime not in self.regimes and len(self.regimes) >= MOST_REGIMES:
            regime = next(iter(self.regimes))
        return self.regimes.setdefault(regime, Forecaster())

    def _end(self, round_: Round, mid: float) -> None:
        outcome = 0.5 if mid == round_.mid else 1.0 if mid > round_.mid else 0.0
        self._forecaster(round_.regime).learn(round_, outcome)
        self.rounds += 1
        self.brier += (round_.probability - outcome) ** 2
        said = max(round_.probability, 1.0 - round_.probability)
        found = self.bins[sum(said >= edge for edge in EDGES)]
        found.rounds += 1
        found.said += said
        found.right += outcome == (1.0 if round_.probability > 0.5 else 0.0)

    def _weigh(
        self, forecaster: Forecaster, forecasts: dict[str, float], probability: float, rule: AdviserRule
    ) -> Verdict:
        weights = forecaster.weights
        whole = sum([weights[name] for name in forecasts])
        shares = tuple([(name, p, weights[name] / whole) for name, p in forecasts.items()])
        lean = 1 if probability > 0.5 else -1
        likely = max(probability, 1.0 - probability)
        spoken = sum([share for name, _, share in shares if name != BASE])
        agreed = sum([share for name, p, share in shares if name != BASE and (p - 0.5) * lean > 0.0])
        base = forecaster.base if lean > 0 else 1.0 - forecaster.base
        held = self.verdict.direction == lean
        least = rule.least_probability - (HOLD if held else 0.0)
        way = "up" if lean > 0 else "down"
        if agreed < AGREE * spoken:
            reason = (
                f"abstains: advisers disagree, {agreed / spoken * 100.0:.0f} % of their weight says {way}"
            )
        elif likely <= base or max([weights[name] for name in forecasts if name != BASE]) < weights[BASE]:
            reason = (
                f"abstains: {way} at {likely * 100.0:.1f} %, but nobody foretells better than the base rate"
            )
        elif likely < least:
            reason = f"abstains: {way} at {likely * 100.0:.1f} %, {least * 100.0:.0f} % are needed"
        else:
            return Verdict(lean, likely, lean, f"{way}, {agreed / spoken * 100.0:.0f} % agree", shares)
        return Verdict(0, likely, lean, reason, shares)


def join(weights: dict[str, float], name: str) -> None:
    """An expert that was not there before gets the mean weight."""
    if name in weights:
        return
    mean = sum(weights.values()) / len(weights)
    weights[name] = mean
    _spread(weights, 0.0)


def predict(weights: Mapping[str, float], forecasts: Mapping[str, float]) -> float:
    """The weighted mean of those who speak."""
    whole = total = 0.0
    for name, forecast in forecasts.items():
        whole += weights[name]
        total += weights[name] * forecast
    return total / whole


def learn(
    weights: dict[str, float],
    forecasts: Mapping[str, float],
    probability: float,
    outcome: float,
    rate: float = RATE,
    share: float = SHARE,
) -> None:
    """One round. `probability` is what was predicted from these weights and forecasts."""
    own = (probability - outcome) ** 2
    for name in weights:
        loss = (forecasts[name] - outcome) ** 2 if name in forecasts else own
        weights[name] *= math.exp(-rate * loss)
    _spread(weights, share)


def _spread(weights: dict[str, float], share: float) -> None:
    """Have the weights sum to one, and no weight be under its part of `share`."""
    whole = sum(weights.values())
    floor = share / len(weights)
    for name in weights:
        weights[name] = (1.0 - share) * weights[name] / whole + floor
