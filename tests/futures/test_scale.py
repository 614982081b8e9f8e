"""What a tick of the futures is worth: their volatility is the session's, and price and spread of now stay."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.futures.fan import Paths
from engine.futures.pilot import RUN_S
from engine.futures.scale import scaled
from tests.futures.markets import start


def walks(sigma: float, futures: int, seconds: int, spread: float = 4.0) -> Paths:
    steps = np.random.default_rng(3).normal(0.0, sigma, (futures, seconds))
    mid = 60_000.0 + np.concatenate((np.zeros((futures, 1)), steps.cumsum(axis=1)), axis=1)
    return Paths(mid, np.full(mid.shape, spread), np.ones(mid.shape), np.full(futures, math.nan))


@pytest.mark.parametrize("seconds", [RUN_S, 2 * RUN_S + 7])
def test_futures_become_as_volatile_as_the_session(seconds: int) -> None:
    begin = replace(start(), price_a_tick=0.5, sigma=0.2, venue_tick=0.01)
    plain, shocked = walks(8.0, 4000, seconds), walks(3.0, 20, seconds)
    after, shown, other = scaled(begin, plain, shocked)
    assert after.price_a_tick == pytest.approx(0.2 / 8.0, rel=0.03)
    prices = shown.mid_ticks * after.price_a_tick
    np.testing.assert_allclose(prices[:, 0], plain.mid_ticks[:, 0] * 0.5)
    assert (prices[:, RUN_S] - prices[:, 0]).std() == pytest.approx(0.2 * math.sqrt(RUN_S), rel=0.05)
    np.testing.assert_allclose(shown.spread_ticks * after.price_a_tick, 4.0 * 0.5)
    assert other is not None
    np.testing.assert_allclose(
        np.diff(other.mid_ticks * after.price_a_tick),
        np.diff(shocked.mid_ticks) * after.price_a_tick,
        atol=1e-9,
    )


def test_ticks_that_are_prices_stay_what_they_are_but_no_spread_is_below_the_venues_tick() -> None:
    begin = replace(start(), price_a_tick=0.5, venue_tick=1.0)
    plain = walks(8.0, 5, 10)
    plain.spread_ticks[:, 3], plain.spread_ticks[:, 4] = 0.3, math.nan
    after, shown, other = scaled(begin, plain, None)
    assert after is begin
    assert other is None
    np.testing.assert_array_equal(shown.mid_ticks, plain.mid_ticks)
    np.testing.assert_array_equal(shown.spread_ticks[0, :6], [4.0, 4.0, 4.0, 2.0, math.nan, 4.0])


def test_futures_that_never_move_keep_the_first_guess() -> None:
    begin = replace(start(), price_a_tick=0.5, sigma=0.2)
    after, shown, _ = scaled(begin, walks(0.0, 5, RUN_S), None)
    assert after.price_a_tick == 0.5
    assert (shown.mid_ticks == 60_000.0).all()
