"""Constants of a simulated market recovered from what it shows, with intervals, and which cannot be recovered.

Nothing but simulation ties constants to statistics, so that the tie is learned: markets are run at constants spread
over a box, and each statistic is regressed on them, a quadratic surface (indirect inference: Gouriéroux, Monfort and
Renault 1993; its likelihood by normal statistics: Wood 2010). What surface and seed leave unexplained is the covariance
of the statistics. One recording is then as likely under each constant as its statistics are near that surface.

Branching is estimated from arrivals by maximum likelihood (`engine.lab.calibration_hawkes`), which takes the slow
activity of the market for branching too; its answers, what is caused at once and what later, are two of the statistics,
and are put right by the surface.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.lab import calibration_hawkes as hawkes
from engine.lab.calibration_arrivals import arrivals
from engine.lab.calibration_units import get, rounded, with_values
from engine.lab.sampling import simulated
from engine.lab.stylised import Sample, acf
from engine.scenario import Scenario

Floats = npt.NDArray[np.float64]

DESIGN = 160  # markets that the surfaces are learned from
DESIGN_SEED, TRUTH_SEED = 6000, 7000
DRAWN = 8_000  # constants all over the ranges at which the likelihood is looked at first
CHAINS, WALKED, LEFT_OUT = (
    200,
    400,
    150,
)  # walkers from the best of them, their steps, those that do not count
FLAT = 0.75  # deviation over that of no knowledge at all, beyond which a constant is not identified
PROFILE = 24  # parts of the range in which the profile is shown
INSIDE = 0.15  # share of the range at either end that drawn truths keep out of
_THREADS = 2

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Constant:
    """One that is recovered: its dotted name, and the range that is taken for possible, as factors of its own value."""

    key: str
    name: str
    low: float
    high: float

    def range_of(self, scenario: Scenario) -> tuple[float, float]:
        value = get(scenario, self.key)
        return self.low * value, min(self.high * value, 0.97) if self.key.endswith(
            "branching"
        ) else self.high * value


CONSTANTS = (
    Constant("world.impact_ticks", "κ, impact", 0.5, 2.0),
    Constant("agents.maker.feedback", "volatility feedback", 0.35, 2.0),
    Constant("agents.noise.branching", "branching", 0.8, 1.1),
    Constant("agents.noise.rate", "arrivals without cause", 0.6, 1.6),
    Constant("agents.noise.activity_spread", "spread of activity", 0.6, 1.4),
    Constant("agents.informed.herding", "herding", 0.1, 4.0),
)


@dataclass(frozen=True, slots=True)
class Recovered:
    """A constant with its 95 % interval; `profile`: its likelihood, the others free, over its range, 1 at the most."""

    constant: Constant
    truth: float
    value: float
    low: float
    high: float
    deviation: float  # over that of no knowledge
    profile: tuple[float, ...]

    @property
    def identified(self) -> bool:
        return self.deviation < FLAT

    @property
    def covered(self) -> bool:
        return self.low <= self.truth <= self.high


NAMES = (
    "log σ", "log trades/s", "log volume/s", "log spread", "log round trip", "spread on doubt", "spread on volatility",
    "log impact of flow", "log Fano, 1 s", "log Fano, 30 s", "sign memory", "memory of |r|", "memory of trades, 60 s",
    "branching at once, log", "branching later, log",
)  # fmt: skip


def statistics(sample: Sample, times: Floats, sides: Floats) -> Floats:
    """By `NAMES`; NaN where there is none."""
    mid = 0.5 * (sample.bid + sample.ask)
    moves = np.nan_to_num(np.diff(mid, prepend=mid[0]))
    spread = np.nan_to_num(sample.ask - sample.bid, nan=float(np.nanmedian(sample.ask - sample.bid)))
    recent = np.convolve(np.abs(moves), np.ones(30) / 30.0)[: len(moves)]
    design = np.column_stack(
        [np.ones(len(spread)), sample.doubt - sample.doubt.mean(), recent / recent.mean() - 1.0]
    )
    on_doubt, on_volatility = (np.linalg.lstsq(design, spread, rcond=None)[0][1:] / spread.mean()).tolist()
    second = np.repeat(np.arange(len(mid)), sample.trades.astype(np.int64))[: len(sample.signs)]
    net = (
        np.bincount(second, sample.signs[: len(second)], len(mid))
        * sample.volume
        / np.maximum(sample.trades, 1.0)
    )
    pressed = np.sign(net) * np.sqrt(np.abs(net))
    impact = float(pressed @ moves / max(float(pressed @ pressed), 1e-9))
    coarse = sample.trades[: len(mid) // 30 * 30].reshape(-1, 30).sum(axis=1)
    law = hawkes.fitted(times, sides, float(len(mid)))
    at_once = law.fast_share if law.fast_decay > law.slow_decay else 1.0 - law.fast_share
    r = sample.returns_bps
    return np.array([
        math.log(r.std()), math.log(sample.trades.mean()), math.log(sample.volume.mean()), math.log(spread.mean()),
        math.log(np.nanmean(sample.round_trip)), on_doubt, on_volatility, math.log(max(impact, 1e-6)),
        math.log(sample.trades.var() / sample.trades.mean()), math.log(coarse.var() / coarse.mean()),
        acf(sample.signs, 1), acf(np.abs(r), 10), acf(sample.trades, 60),
        math.log(max(law.branching * at_once, 1e-3)), math.log(max(law.branching * (1.0 - at_once), 1e-3)),
    ])  # fmt: skip


def observed(scenario: Scenario, seed: int, seconds: int) -> Floats:
    """The statistics of one market."""
    times, sides = arrivals(scenario, seed, seconds)
    return statistics(simulated(scenario, seed, seconds), times, sides)


@dataclass(frozen=True, slots=True)
class Surface:
    """Statistics as quadratic functions of constants in [0, 1], and the covariance of what is left."""

    scenario: Scenario
    seconds: int
    weights: Floats  # (terms, statistics)
    precision: Floats  # (statistics, statistics)
    explained: Floats  # R² of each statistic

    def at(self, shares: Floats) -> Floats:
        """Expected statistics at constants, shape (n, len(CONSTANTS)) of shares of their ranges."""
        found: Floats = _terms(shares) @ self.weights
        return found

    def values(self, shares: Floats) -> dict[str, float]:
        """Shares of ranges as constants by their names."""
        return _values(self.scenario, shares)


def _values(scenario: Scenario, shares: Floats) -> dict[str, float]:
    ranges = [constant.range_of(scenario) for constant in CONSTANTS]
    return {
        constant.key: rounded(low * (high / low) ** float(u))
        for constant, (low, high), u in zip(CONSTANTS, ranges, shares, strict=True)
    }


def _shares(scenario: Scenario, truth: Scenario) -> Floats:
    ranges = [constant.range_of(scenario) for constant in CONSTANTS]
    return np.array([
        math.log(get(truth, constant.key) / low) / math.log(high / low)
        for constant, (low, high) in zip(CONSTANTS, ranges, strict=True)
    ])  # fmt: skip


def _terms(shares: Floats) -> Floats:
    """1, u, and products of two of them."""
    u = 2.0 * shares - 1.0
    first, second = np.triu_indices(u.shape[1])
    return np.column_stack([np.ones(len(u)), u, u[:, first] * u[:, second]])


def spread_out(count: int, width: int, seed: int) -> Floats:
    """A Latin hypercube: in every column each part of [0, 1] once."""
    rng = np.random.default_rng(seed)
    parts = np.array([rng.permutation(count) for _ in range(width)]).T
    shares: Floats = (parts + rng.uniform(size=parts.shape)) / count
    return shares


def learn(scenario: Scenario, seconds: int, say: Say, design: int = DESIGN) -> Surface:
    """Run `design` markets around a scenario and regress their statistics on their constants."""
    shares = spread_out(design, len(CONSTANTS), DESIGN_SEED)

    def one(number: int) -> Floats:
        say(f"markets to learn from: {number + 1} of {design}")
        return observed(
            with_values(scenario, _values(scenario, shares[number])), DESIGN_SEED + number, seconds
        )

    with ThreadPoolExecutor(_THREADS) as pool:
        rows = np.array(list(pool.map(one, range(design))))
    known = np.isfinite(rows).all(axis=1)
    terms, rows = _terms(shares[known]), rows[known]
    weights, _, _, _ = np.linalg.lstsq(terms, rows, rcond=None)
    left = rows - terms @ weights
    spare = max(len(rows) - terms.shape[1], 1)
    covariance = left.T @ left / spare
    # The surface is itself uncertain: as many terms from so few markets.
    covariance *= 1.0 + terms.shape[1] / len(rows)
    return Surface(
        scenario, seconds, weights, np.linalg.inv(covariance), 1.0 - left.var(axis=0) / rows.var(axis=0)
    )


def recovered(surface: Surface, found: Floats, truth: Scenario) -> list[Recovered]:
    """Each constant from the statistics of one recording, all of them free within their ranges."""

    def distance(shares: Floats) -> Floats:
        away = found - surface.at(shares)
        far: Floats = np.einsum("ij,jk,ik->i", away, surface.precision, away)
        return far

    rng = np.random.default_rng(DESIGN_SEED)
    over = rng.uniform(size=(DRAWN, len(CONSTANTS)))
    walked, seen = _walk(distance, over, rng)
    shares = np.concatenate([over, walked])
    far = np.concatenate([distance(over), seen])
    likelihood = np.exp(-0.5 * (far - far.min()))
    return [
        _marginal(
            constant, walked[:, i], shares[:, i], likelihood, surface.scenario, get(truth, constant.key)
        )
        for i, constant in enumerate(CONSTANTS)
    ]


def _walk(
    distance: Callable[[Floats], Floats], over: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Constants drawn by their likelihood within the ranges, and their distances.

    Each walker steps along the difference of two others (ter Braak 2006), so that steps fit the likelihood's shape.
    """
    best = np.argsort(distance(over))[:CHAINS]
    here, far = over[best], distance(over[best])
    jump = 2.38 / math.sqrt(2.0 * over.shape[1])
    kept, kept_far = [], []
    for step in range(WALKED):
        one, other = (rng.permutation(CHAINS) for _ in range(2))
        scale = 1.0 if step % 10 == 0 else jump  # a full step now and then goes from one peak to another
        there = here + scale * (here[one] - here[other]) + rng.normal(0.0, 1e-4, here.shape)
        inside = ((there >= 0.0) & (there <= 1.0)).all(axis=1)
        new = np.where(inside, distance(np.clip(there, 0.0, 1.0)), np.inf)
        taken = np.log(rng.uniform(size=CHAINS)) < 0.5 * (far - new)
        here, far = np.where(taken[:, None], there, here), np.where(taken, new, far)
        if step >= LEFT_OUT:
            kept.append(here)
            kept_far.append(far)
    return np.concatenate(kept), np.concatenate(kept_far)


def _marginal(
    constant: Constant, drawn: Floats, share: Floats, likelihood: Floats, base: Scenario, truth: float
) -> Recovered:
    """From `drawn` by likelihood, and from the likelihood at every `share` that was looked at."""
    low, middle, high = np.quantile(drawn, (0.025, 0.5, 0.975)).tolist()
    part = np.minimum((share * PROFILE).astype(np.int64), PROFILE - 1)
    profile = np.zeros(PROFILE)
    np.maximum.at(profile, part, likelihood)
    least, most = constant.range_of(base)

    def value(u: float) -> float:
        return least * math.exp(u * math.log(most / least))

    shown = tuple((profile / profile.max()).tolist())
    deviation = float(drawn.std()) * math.sqrt(12.0)
    return Recovered(constant, truth, value(middle), value(low), value(high), deviation, shown)


def truths(scenario: Scenario, count: int) -> list[Scenario]:
    """The scenario itself, then others drawn from the inside of the ranges."""
    shares = INSIDE + (1.0 - 2.0 * INSIDE) * spread_out(count, len(CONSTANTS), TRUTH_SEED)
    return [scenario, *(with_values(scenario, _values(scenario, row)) for row in shares[1:])]


def recover(scenario: Scenario, count: int, seconds: int, say: Say) -> tuple[Surface, list[list[Recovered]]]:
    """Learn once, then recover `count` known markets: the scenario first."""
    surface = learn(scenario, seconds, say)
    found = []
    for number, truth in enumerate(truths(scenario, count)):
        say(f"markets to recover: {number + 1} of {count}")
        found.append(recovered(surface, observed(truth, TRUTH_SEED + number, seconds), truth))
    return surface, found


def coverage(found: Sequence[Sequence[Recovered]]) -> list[tuple[Constant, int, int, float]]:
    """(constant, intervals that hold the truth, intervals, median deviation over no knowledge's)."""
    return [
        (
            constant,
            sum(row[i].covered for row in found),
            len(found),
            float(np.median([row[i].deviation for row in found])),
        )
        for i, constant in enumerate(CONSTANTS)
    ]
