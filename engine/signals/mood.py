"""What people think of one asset: scored posts, weighed by confidence and against bots, forgotten over time.

S(t) = Σ wᵢ sᵢ e^(−(t−tᵢ)/τ) / Σ wᵢ e^(−(t−tᵢ)/τ), which is the exponentially weighted mean for irregular times
(α = 1 − e^(−Δt/τ) at equal weights): exact however unevenly posts come. Time runs from when a post was written,
so that an old post fetched late counts as little as its age says.

A mean does not fade: what all posts weigh does. Where nothing has been written for so long that they weigh less
together than one sure post does after FADED_AFTER time constants (an hour of silence at five minutes), nothing is
known any more, and the mean is missing.
"""

from __future__ import annotations

import math

import msgspec

SECOND_NS = 1_000_000_000
HORIZONS_S = (60.0, 300.0, 3600.0)  # of the lagged means
DAY_S = 86_400.0 / math.log(2.0)  # a half-life of a day
OPINION = 0.1  # polarity beyond which a post is bullish or bearish
FADED_AFTER = 12.0  # time constants


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One scored post. `ts`: when it was written, or scored if that was earlier, ns UTC. Doubts are standard
    deviations on [-1, 1]."""

    ts: int
    weight: float
    polarity: float
    aleatoric: float | None = None
    epistemic: float | None = None
    entropy: float | None = None  # nats, of the class probabilities


class Decayed(msgspec.Struct, array_like=True):
    """Sums that forget with time constant `tau_s`. Empty when nothing has been added."""

    tau_s: float
    at: int = 0
    weight: float = 0.0
    weight_sq: float = 0.0
    value: float = 0.0
    value_sq: float = 0.0
    aleatoric_sq: float = 0.0
    aleatoric_weight: float = 0.0
    epistemic_sq: float = 0.0
    epistemic_weight: float = 0.0
    entropy: float = 0.0
    entropy_weight: float = 0.0
    bullish: float = 0.0
    bearish: float = 0.0

    def forget(self, now: int) -> None:
        """Bring the sums to `now`, ns."""
        if now <= self.at:
            return
        factor = math.exp(-(now - self.at) / SECOND_NS / self.tau_s) if self.at else 0.0
        self.at = now
        self.weight_sq *= factor * factor
        for name in _SUMS:
            setattr(self, name, getattr(self, name) * factor)

    def add(self, sample: Sample, now: int, sign: float = 1.0) -> None:
        """Enter a sample at its age; `sign` -1 takes the same one out again."""
        self.forget(now)
        age_s = max(0, now - sample.ts) / SECOND_NS
        kept = math.exp(-age_s / self.tau_s)
        weight = sign * sample.weight * kept
        self.weight += weight
        self.weight_sq += sign * (sample.weight * kept) ** 2
        self.value += weight * sample.polarity
        self.value_sq += weight * sample.polarity**2
        if sample.aleatoric is not None:
            self.aleatoric_sq += weight * sample.aleatoric**2
            self.aleatoric_weight += weight
        if sample.epistemic is not None:
            self.epistemic_sq += weight * sample.epistemic**2
            self.epistemic_weight += weight
        if sample.entropy is not None:
            self.entropy += weight * sample.entropy
            self.entropy_weight += weight
        if sample.polarity > OPINION:
            self.bullish += weight
        elif sample.polarity < -OPINION:
            self.bearish += weight

    @property
    def mean(self) -> float | None:
        return _ratio(self.value, self.weight)

    @property
    def disagreement(self) -> float | None:
        """Standard deviation of polarity over posts."""
        mean, square = self.mean, _ratio(self.value_sq, self.weight)
        return None if mean is None or square is None else math.sqrt(max(0.0, square - mean * mean))

    @property
    def effective(self) -> float:
        """(Σw)²/Σw²: how many equally weighed posts this is worth."""
        return self.weight**2 / self.weight_sq if self.weight > _FADED and self.weight_sq > 0.0 else 0.0

    @property
    def aleatoric(self) -> float | None:
        return _root(_ratio(self.aleatoric_sq, self.aleatoric_weight))

    @property
    def epistemic(self) -> float | None:
        return _root(_ratio(self.epistemic_sq, self.epistemic_weight))

    @property
    def doubt(self) -> float | None:
        """Standard error of the mean: posts that disagree, and a model that does not know.

        The model's part does not shrink with more posts: it errs on all of them alike.
        """
        spread = self.disagreement
        if spread is None or self.effective < 1e-9:
            return None
        return math.sqrt(spread**2 / max(self.effective, 1.0) + (self.epistemic or 0.0) ** 2)

    @property
    def agreement(self) -> float | None:
        """1 − √(1 − B²), B = (bullish − bearish)/(bullish + bearish) (Antweiler and Frank, J. Finance 2004)."""
        balance = _ratio(self.bullish - self.bearish, self.bullish + self.bearish)
        return None if balance is None else 1.0 - math.sqrt(max(0.0, 1.0 - balance * balance))

    @property
    def mean_entropy(self) -> float | None:
        return _ratio(self.entropy, self.entropy_weight)


_SUMS = tuple(n for n in Decayed.__struct_fields__ if n not in ("tau_s", "at", "weight_sq"))
_FADED = math.exp(-FADED_AFTER)  # also far above what rounding may leave where everything was taken out again


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > _FADED else None


def _root(square: float | None) -> float | None:
    return None if square is None else math.sqrt(max(0.0, square))


class Mood(msgspec.Struct):
    """One asset. `swift` has the time constant that the session was set up with."""

    swift: Decayed
    lags: list[Decayed] = msgspec.field(default_factory=lambda: [Decayed(s) for s in HORIZONS_S])
    slow: Decayed = msgspec.field(default_factory=lambda: Decayed(DAY_S))
    posts: int = 0  # since the session began

    def take(self, sample: Sample, now: int) -> None:
        """Another post's score."""
        for sums in self._sums():
            sums.add(sample, now)
        self.posts += 1

    def drop(self, sample: Sample, now: int) -> None:
        """Take a sample out again: a better score of the same post follows."""
        for sums in self._sums():
            sums.add(sample, now, -1.0)
        self.posts -= 1

    def forget(self, now: int) -> None:
        for sums in self._sums():
            sums.forget(now)

    def _sums(self) -> tuple[Decayed, ...]:
        return self.swift, *self.lags, self.slow
