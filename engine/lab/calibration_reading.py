"""What can be read off a recording is read off it: grid, volatility, sizes, pace, and how fast fills get rarer.

The last is A and k of λ(δ) = A exp(-kδ), the rate at which market orders reach δ ticks from the mid: log λ is regressed
on δ over near levels only (Guéant, Lehalle and Fernandez-Tapia, arXiv 1105.3115; Laruelle, Lehalle and Pagès, arXiv
1112.2397). Further out the rate falls far more slowly than any exponential, and makers do not stand there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.lab.calibration_data import LEAST_SECONDS, Recorded
from engine.lab.calibration_units import get, on_grid_of, rounded, with_values
from engine.scenario import Scenario

Floats = npt.NDArray[np.float64]

LEVELS = 2  # near levels: the best and the next, between which makers choose
LEAST_REACHED = 20  # orders that must have reached a level for it to count
_TAIL_SHARE = 0.1  # of the largest orders, for Hill's exponent
_TAIL_BOUNDS = (0.7, 3.0)
# Quantile of order sizes at which the law is cut: beyond it a recording of minutes knows few orders, and real ones of
# that size are met by makers who saw them coming, which ours do not.
_LARGEST = 0.9
_MOST_UNEVEN = 3.0  # that a scenario may have
_ONE_DEVIATION = (0.1587, 0.8413)  # quantiles of a normal law, two deviations apart
_MOVED = ("world.impact_ticks", "world.value_sigma_ticks", "world.jump_ticks", "world.calm_sigma_ticks")


@dataclass(frozen=True, slots=True)
class Read:
    """One thing that was read off: in words, the value and how."""

    name: str
    value: float
    unit: str
    how: str


@dataclass(frozen=True, slots=True)
class Fills:
    """λ(δ) = A exp(-kδ): A a second, k a tick; NaN where too few orders reach beyond the best."""

    a: float
    k: float
    delta: Floats  # ticks
    rate: Floats  # a second


def fills(reach: Floats, seconds: float) -> Fills:
    """A and k by least squares of log λ on δ, each level weighted by how many orders reached it.

    >>> found = fills(np.repeat([0.5, 1.5], [600, 400]), 100.0)
    >>> found.rate.tolist(), round(found.k, 2), round(found.a, 1)
    ([10.0, 4.0], 0.92, 15.8)
    """
    known = reach[~np.isnan(reach) & (reach > 0.0)]
    if not len(known):
        return Fills(math.nan, math.nan, np.zeros(0), np.zeros(0))
    first = max(0.5, math.floor(2.0 * float(np.median(known))) / 2.0)
    delta = first + np.arange(LEVELS, dtype=np.float64)
    count = np.array([(known >= d - 1e-9).sum() for d in delta], np.float64)
    used = count >= LEAST_REACHED
    rate = count / seconds
    if used.sum() < 2:
        return Fills(math.nan, math.nan, delta, rate)
    x, y, weight = delta[used], np.log(rate[used]), count[used]
    middle = (weight @ x) / weight.sum()
    k = -float((weight * (x - middle)) @ y / (weight @ (x - middle) ** 2))
    return Fills(float(math.exp((weight @ y) / weight.sum() + k * middle)), k, delta, rate)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of market orders as a cut Pareto law: the least, its exponent, and the most as a multiple of the least."""

    least: float
    tail: float
    cap: float
    mean: float


def sizes(lots: Floats) -> Sizes:
    """Hill's exponent of the largest tenth, cut where the recording knows too few; the least from the mean.

    In the unit of `lots`.
    """
    ordered = np.sort(lots)[::-1]
    count = max(10, int(len(ordered) * _TAIL_SHARE))
    over = np.log(ordered[:count] / ordered[min(count, len(ordered) - 1)])
    tail = min(max(1.0 / max(float(over.mean()), 1e-9), _TAIL_BOUNDS[0]), _TAIL_BOUNDS[1])
    most = float(np.quantile(lots, _LARGEST))
    mean = float(np.minimum(lots, most).mean())
    low, high = most * 1e-6, mean
    for _ in range(60):  # the mean of a cut Pareto law grows with its least value
        least = math.sqrt(low * high)
        low, high = (least, high) if least * mean_of_pareto(tail, most / least) < mean else (low, least)
    return Sizes(least, tail, max(most / least, 1.0), mean)


def mean_of_pareto(tail: float, cap: float) -> float:
    """E min(X, cap) of a Pareto law from 1 on.

    >>> round(mean_of_pareto(1.5, 20.0), 3), round(mean_of_pareto(1.0, math.e), 3)
    (2.553, 2.0)
    """
    if abs(tail - 1.0) < 1e-9:
        return 1.0 + math.log(cap)
    beyond: float = (cap ** (1.0 - tail) - 1.0) / (1.0 - tail)
    return 1.0 + beyond


def unevenness(best_lots: Floats) -> float:
    """Deviation of the logarithm of what stands at the best prices, by its middle two thirds; NaN of too few.

    Its small end is what takers left of a level rather than what somebody offered, so that tails do not count.

    >>> lots = np.exp(1.0 + 0.5 * np.random.default_rng(1).normal(size=(4000, 2)))
    >>> round(unevenness(lots), 1)
    0.5
    """
    known = best_lots[best_lots > 0.0]
    if len(known) < LEAST_SECONDS:
        return math.nan
    low, high = np.quantile(np.log(known), _ONE_DEVIATION).tolist()
    return 0.5 * float(high - low)


def at_rest(scenario: Scenario) -> float:
    """How many times as wide as its formula says a maker quotes in a calm market of usual doubt."""
    return 1.0 + scenario.agents.maker.feedback * scenario.world.doubt


def own_mean(scenario: Scenario) -> float:
    """Mean size of a noise trader's order, base units."""
    crowd = scenario.agents.noise
    return crowd.size * mean_of_pareto(crowd.tail, crowd.size_cap)


def _room(base: Scenario) -> float:
    """Inventory limit of a noise trader over its largest order: one that is too small works each order back at once."""
    crowd = base.agents.noise
    return crowd.inventory_limit / (crowd.size * crowd.size_cap)


def read_off(recorded: Recorded, base: Scenario) -> tuple[Scenario, list[Read]]:
    """`base` on the recording's grid with what can be read off it, and what that is."""
    lot = float(recorded.instrument.lot.value)
    found = sizes(recorded.orders.lots)
    scenario = on_grid_of(base, recorded.instrument, recorded.price_ticks, found.mean * lot / own_mean(base))
    sigma = float(recorded.sample.returns_bps.std()) * 1e-4 * recorded.price_ticks
    wilder = sigma / scenario.world.calm_sigma_ticks
    law = fills(recorded.orders.reach, recorded.seconds)
    uneven = unevenness(recorded.best_lots)
    values = {
        **{key: get(scenario, key) * wilder for key in _MOVED},
        "agents.maker.snipe_ticks": float(np.median(recorded.sample.spread)),
        "agents.noise.size": found.least * lot,
        "agents.noise.tail": found.tail,
        "agents.noise.size_cap": found.cap,
        "agents.noise.inventory_limit": _room(base) * found.least * found.cap * lot,
    }
    if math.isfinite(law.k) and law.k > 0.0:
        # This k is of quotes as they stand; a maker of ours quotes about 1/k away, and wider by its doubt.
        values |= {"agents.maker.fill_rate": law.a, "agents.maker.fill_decay": law.k * at_rest(base)}
    if uneven > 0.0:
        values["agents.maker.size_spread"] = min(uneven, _MOST_UNEVEN)
    scenario = with_values(scenario, {key: rounded(value) for key, value in values.items()})
    return scenario, _told(recorded, base, sigma, law, found, uneven)


def _told(
    recorded: Recorded, base: Scenario, sigma: float, law: Fills, found: Sizes, uneven: float
) -> list[Read]:
    grid, lot = recorded.instrument, float(recorded.instrument.lot.value)
    near = ", ".join(f"{d:g}" for d in law.delta)
    pace = len(recorded.orders.at_s) / recorded.seconds
    return [
        Read("tick", float(grid.tick.value), grid.quote, "the recording's grid"),
        Read("lot", lot, grid.base, "the recording's grid"),
        Read("price", recorded.price_ticks, "ticks", "the first mid"),
        Read("σ", 1e4 * sigma / recorded.price_ticks, "bp √s", f"of one-second returns, {sigma:.3g} ticks"),
        Read(
            "spread", float(np.median(recorded.sample.spread)), "ticks", "median; makers take what is staler"
        ),
        Read("A", law.a, "a second", f"log λ on δ at {near} ticks, weighted by orders"),
        Read("k", law.k, "a tick", "the same regression"),
        Read(
            "k of makers",
            law.k * at_rest(base),
            "a tick",
            "k (1 + feedback × doubt): at rest they quote wider",
        ),
        Read("sizes at the best", uneven, "", "deviation of the logarithm, by the middle two thirds"),
        Read(
            "order size, mean",
            found.mean * lot,
            grid.base,
            f"market orders up to the {_LARGEST:.0%} quantile",
        ),
        Read("order size, tail", found.tail, "", "Hill, the largest tenth"),
        Read("order size, least", found.least * lot, grid.base, "from the mean of a cut Pareto law"),
        Read("market orders", pace, "a second", "trades of one side at one moment are one order"),
        Read("trades", float(recorded.sample.trades.mean()), "a second", "counted"),
    ]
