"""Other ticks and lots: the same market, to the bit where rounding does not come into it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.instrument import Instrument
from engine.lab.calibration_file import provenance_of, written
from engine.lab.calibration_units import get, on_grid_of, with_values
from engine.lab.sampling import simulated
from engine.scenario import BadScenario, Scenario, parse


def test_four_times_the_sizes_in_lots_four_times_as_large_is_the_same_market_to_the_bit() -> None:
    plain = Scenario()
    grid = Instrument("x", "BTCUSD", "BTC", "USD", plain.tick_size, "0.004")
    larger = on_grid_of(plain, grid, plain.start_ticks, 4.0)
    ours, theirs = simulated(plain, 2000, 120), simulated(larger, 2000, 120, 400_000.0)
    for name in ("bid", "ask", "trades", "volume", "ofi", "round_trip", "signs"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    assert ours.volume.sum() > 0


def test_a_finer_tick_is_the_same_market_but_for_rounding() -> None:
    plain = Scenario()
    grid = Instrument("x", "BTCUSD", "BTC", "USD", "0.1", "0.001")
    finer = on_grid_of(plain, grid, 10 * plain.start_ticks, 1.0)
    assert finer.start_ticks * float(finer.tick_size) == plain.start_ticks
    ours, theirs = ([simulated(s, seed, 600) for seed in range(2000, 2004)] for s in (plain, finer))
    for measure, apart in (
        (lambda s: s.returns_bps.std(), 0.3),
        (lambda s: s.trades.mean(), 0.3),
        (lambda s: s.volume.mean(), 0.3),
        (lambda s: np.nanmean(s.round_trip_bps), 0.3),
    ):
        one, other = (np.mean([measure(s) for s in samples]) for samples in (ours, theirs))
        assert other == pytest.approx(one, rel=apart)


@given(
    tick=st.sampled_from(["0.01", "0.1", "1", "0.0001"]),
    lot=st.sampled_from(["0.000001", "0.001", "1", "100"]),
    price=st.floats(1.0, 1e7),
    size=st.floats(1.0, 1e3),
)
@settings(max_examples=60, deadline=None)
def test_every_usual_grid_gives_a_file_that_is_read_as_it_was_written(
    tick: str, lot: str, price: float, size: float
) -> None:
    grid = Instrument("x", "ABUSDT", "AB", "USDT", tick, lot)
    found = on_grid_of(Scenario(about='of "A" and \\B'), grid, price, size)
    text = written(found, {"source": "a file\nname = 7", "loss": "1 to 2"})
    assert parse(text, "here") == found
    assert provenance_of(text) == {"source": "a file name = 7", "loss": "1 to 2"}


def test_a_grid_that_no_scenario_can_have_is_refused_in_words() -> None:
    grid = Instrument("x", "ABUSDT", "AB", "USDT", "0.01", "0.000001")
    with pytest.raises(BadScenario, match="impact_scale expected"):
        written(on_grid_of(Scenario(), grid, 1e7, 1e-3), {})


def test_constants_have_the_names_that_a_scenario_file_gives_them() -> None:
    found = with_values(Scenario(), {"world.impact_ticks": 7.0, "agents.noise.rate": 3.5})
    assert (get(found, "world.impact_ticks"), get(found, "agents.noise.rate")) == (7.0, 3.5)
    assert found.agents.maker == Scenario().agents.maker
    with pytest.raises(AttributeError):
        get(found, "world.nothing")
