"""The doubt test on made markets in which the answer is known, and on the simulated one."""

from __future__ import annotations

import numpy as np
import pytest

from engine.lab.doubt import DOSES, Dose, Mean, correlations, dose, dosed, faults, mean_of
from engine.lab.sampling import simulated
from engine.lab.stylised import Sample
from engine.scenario import Scenario

RNG = np.random.default_rng(7)
SECONDS = 20_000


def market(spread: np.ndarray, doubt: np.ndarray, volatility: np.ndarray) -> Sample:
    """One that moves with `volatility` and shows `spread`, ticks."""
    mid = 60_000.0 * np.exp(np.cumsum(volatility * RNG.normal(size=len(spread))) * 1e-5)
    nothing = np.zeros(len(spread))
    return Sample(mid - spread / 2, mid + spread / 2, nothing, nothing, nothing, nothing, doubt, nothing)


def test_a_spread_that_follows_doubt_is_found_and_another_is_not() -> None:
    doubt, noise, even = RNG.uniform(size=SECONDS), RNG.normal(size=SECONDS), np.ones(SECONDS)
    share = 0.5
    follows = 5.0 + np.sqrt(12.0) * share * doubt + np.sqrt(1.0 - share**2) * noise
    assert correlations(market(follows, doubt, even)) == pytest.approx((share, share), abs=0.03)
    assert correlations(market(5.0 + noise, doubt, even)) == pytest.approx((0.0, 0.0), abs=0.03)


def test_what_volatility_brings_about_is_taken_out() -> None:
    """Doubt and spread both follow volatility, and one another only through it."""
    volatility = np.repeat(np.exp(RNG.normal(size=SECONDS // 500)), 500)
    doubt = volatility + RNG.normal(size=SECONDS)
    spread = 20.0 + volatility + RNG.normal(size=SECONDS)
    plain, given = correlations(market(spread, doubt, volatility))
    assert plain > 0.4
    assert abs(given) < 0.4 * plain


def test_the_interval_of_a_mean_covers_it_and_leaves_unknown_seeds_out() -> None:
    values = RNG.normal(0.2, 0.1, 200).tolist()
    found = mean_of([*values, float("nan")])
    assert found.value == pytest.approx(np.mean(values))
    half = 1.96 * np.std(values) / np.sqrt(len(values))
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.004)


def responses(values: tuple[float, ...], half: float = 0.02) -> list[Dose]:
    means = [Mean(value, value - half, value + half) for value in values]
    return [Dose(factor, mean, mean) for factor, mean in zip(DOSES, means, strict=True)]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((0.0, 0.1, 0.2, 0.4), ""),
        ((0.1, 0.15, 0.2, 0.4), "without feedback"),
        ((0.0, 0.01, 0.05, 0.4), "more than 0.1"),
        ((0.0, 0.3, 0.2, 0.4), "to rise"),
        ((0.0, 0.1, 0.2, float("nan")), "to rise"),
    ],
)
def test_each_fault_of_a_response_is_named(values: tuple[float, ...], found: str) -> None:
    said = faults(responses(values))
    assert bool(said) == bool(found)
    assert all(found in sentence for sentence in said)


def test_the_default_market_s_makers_widen_in_doubt_and_a_placebo_does_not() -> None:
    def at(factor: float) -> Dose:
        scenario = dosed(Scenario(), factor)
        return dose(factor, [simulated(scenario, seed, 2500) for seed in (2000, 2001, 2002)])

    none, own, twice = at(0.0), at(1.0), at(2.0)
    assert abs(none.given.value) < 0.08
    assert own.given.value > none.given.value + 0.05
    assert twice.given.value > own.given.value
