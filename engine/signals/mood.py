"""What people think of one asset: scored posts, weighed by confidence and against bots, forgotten over time.

S(t) = Σ wᵢ sᵢ e^(−(t−tᵢ)/τ) / Σ wᵢ e^(−(t−tᵢ)/τ), which is the exponentially weighted mean for irregular times
(α = 1 − e^(−Δt/τ) at equal weights): exact however unevenly posts come. Time runs from when a post was written,
so that an old post fetched late counts as little as its age says.

A mean does not fade: what all posts weigh does. Where nothing has been written for so long that they weigh less
together than one sure post does after FADED_AFTER time constants (an hour of silence at five minutes), nothing is
known any more, and the mean is missing.

With a fixed α it is posts that make others forgotten, not time: a post of weight w takes the share αw and leaves
1 − αw to all that stood before, S ← (1 − αw) S + αw s, so that one of no weight changes nothing. Posts count in the
order in which they are scored, and S is divided by what the shares add up to, so that the first post is not averaged
with nothing. After FADED_AFTER time constants without a post the mean is missing here too.
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
    mark: float | None = None  # where on the clock of a fixed alpha it has its place; None: now


class Decayed(msgspec.Struct, array_like=True):
    """Sums that forget with time constant `tau_s`, or with each post where `alpha` is given. Empty at first."""

    tau_s: float
    at: int = 0  # up to when they have forgotten; with `alpha`, when the newest post was written
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
    alpha: float | None = None
    clock: float = (
        0.0  # with `alpha`: what has been forgotten since the first post, -log of what is left of it
    )

    def forget(self, now: int) -> None:
        """Bring the sums to `now`, ns."""
        if now <= self.at:
            return
        silence = (now - self.at) / SECOND_NS / self.tau_s
        if self.alpha is None:
            self._shrink(math.exp(-silence) if self.at else 0.0)
            self.at = now
        elif silence > FADED_AFTER and self.weight > _FADED:
            self._shrink(math.exp(-_FORGOTTEN))
            self.clock += _FORGOTTEN

    def _shrink(self, factor: float) -> None:
        """Written out: five of these an asset and second, for up to two hundred assets."""
        self.weight *= factor
        self.weight_sq *= factor * factor
        self.value *= factor
        self.value_sq *= factor
        self.aleatoric_sq *= factor
        self.aleatoric_weight *= factor
        self.epistemic_sq *= factor
        self.epistemic_weight *= factor
        self.entropy *= factor
        self.entropy_weight *= factor
        self.bullish *= factor
        self.bearish *= factor

    def add(self, sample: Sample, now: int, sign: float = 1.0) -> float:
        """Enter a sample at its age; `sign` -1 takes the same one out again. Returns its place on the clock."""
        self.forget(now)
        if self.alpha is None:
            share = sample.weight * math.exp(-max(0, now - sample.ts) / SECOND_NS / self.tau_s)
        elif sample.mark is not None:  # one that had its place before
            share = self.alpha * sample.weight * math.exp(min(0.0, sample.mark - self.clock))
        else:
            share = self.alpha * sample.weight
            self._shrink(1.0 - share)
            self.clock -= math.log(1.0 - share)
            self.at = max(self.at, sample.ts)
        self._enter(sample, share, sign)
        return self.clock if sample.mark is None else sample.mark

    def _enter(self, sample: Sample, share: float, sign: float) -> None:
        weight = sign * share
        self.weight += weight
        self.weight_sq += sign * share**2
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


_FORGOTTEN = 50.0  # on the clock of a fixed alpha: nothing is left of whatever was there
_FADED = math.exp(-FADED_AFTER)  # also far above what rounding may leave where everything was taken out again


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > _FADED else None


def _root(square: float | None) -> float | None:
    return None if square is None else math.sqrt(max(0.0, square))


class Mood(msgspec.Struct):
    """One asset. `swift` forgets as the session was set up to; the others know time constants only."""

    swift: Decayed
    lags: list[Decayed] = msgspec.field(default_factory=lambda: [Decayed(s) for s in HORIZONS_S])
    slow: Decayed = msgspec.field(default_factory=lambda: Decayed(DAY_S))
    posts: int = 0  # since the session began

    def take(self, sample: Sample, now: int) -> float:
        """Another post's score. Returns its place on the clock of a fixed alpha."""
        for sums in (*self.lags, self.slow):
            sums.add(sample, now)
        self.posts += 1
        return self.swift.add(sample, now)

    def drop(self, sample: Sample, now: int) -> float:
        """Take a sample out again: a better score of the same post follows."""
        for sums in (*self.lags, self.slow):
            sums.add(sample, now, -1.0)
        self.posts -= 1
        return self.swift.add(sample, now, -1.0)

    def forget(self, now: int) -> None:
        for sums in self._sums():
            sums.forget(now)

    def _sums(self) -> tuple[Decayed, ...]:
        return self.swift, *self.lags, self.slow
