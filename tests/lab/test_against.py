"""Ours beside a recording: on made samples whose distances are known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.lab.against import BLOCKS, blocks, distances, halves, held_against, kolmogorov, spread_row
from engine.lab.checklist import FACTS, SIGMA_BPS, TRADES_A_SECOND
from engine.lab.stylised import Sample

RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Each test draws the same, whoever drew before it."""
    RNG.bit_generator.state = np.random.default_rng(11).bit_generator.state


def made(wide: float, tick_bps: float, sigma: float = 1.0, rate: float = 25.0, seconds: int = 600) -> Sample:
    """A market of which a share `wide` of the seconds has a spread of more than one tick."""
    mid = 1e4 / tick_bps * np.exp(np.cumsum(RNG.normal(0.0, sigma * 1e-4, seconds)))
    spread = 1.0 + np.where(RNG.uniform(size=seconds) < wide, RNG.integers(1, 6, seconds), 0)
    trades = RNG.poisson(rate, seconds).astype(np.float64)
    signs = RNG.choice([-1.0, 1.0], int(trades.sum()))
    nothing = np.zeros(seconds)
    return Sample(mid - spread / 2, mid + spread / 2, trades, trades, nothing, 3.0 * spread, nothing, signs)


def test_blocks_are_the_recording_cut_with_each_blocks_own_trades() -> None:
    live = made(0.02, 0.002, seconds=607)
    parts = blocks(live)
    assert len(parts) == BLOCKS
    np.testing.assert_array_equal(np.concatenate([p.bid for p in parts]), live.bid)
    np.testing.assert_array_equal(np.concatenate([p.signs for p in parts]), live.signs)
    assert [len(p.signs) for p in parts] == [int(p.trades.sum()) for p in parts]


def test_a_market_like_the_recording_passes_and_one_with_wider_spreads_does_not() -> None:
    live = made(0.02, 0.002)
    same, wider = [made(0.02, 0.002) for _ in range(4)], [made(0.5, 0.002) for _ in range(4)]
    for ours, expected in ((same, True), (wider, False)):
        found = distances(ours, live)
        passes, share, theirs = spread_row(ours, live, found)
        assert (passes, found[0].passes) == (expected, expected)
        assert theirs == pytest.approx((live.ask - live.bid < 1.5).mean())
        assert share == pytest.approx(np.median([(s.ask - s.bid < 1.5).mean() for s in ours]))


def test_a_coarser_tick_is_seen_in_basis_points_and_not_in_ticks() -> None:
    live, ours = made(0.02, 0.002), [made(0.02, 0.2) for _ in range(4)]
    ticks, bps, cost = distances(ours, live)
    assert ticks.passes
    assert not bps.passes
    assert not cost.passes
    assert bps.ours == pytest.approx(0.2, rel=0.1)
    assert cost.ours == pytest.approx(0.6, rel=0.1)


def test_volatility_and_pace_may_lie_a_quarter_off_or_where_a_block_of_live_lies() -> None:
    sigma, rate = (next(f for f in FACTS if f.name == name) for name in (SIGMA_BPS, TRADES_A_SECOND))
    calm = made(0.02, 0.002, sigma=1.0, rate=20.0, seconds=600)
    value, least, most = held_against(rate, calm)
    assert value == pytest.approx(calm.trades.mean())
    assert (least, most) == pytest.approx((0.75 * value, 1.25 * value))
    bursts = np.repeat(10.0 * np.arange(1, BLOCKS + 1), 600 // BLOCKS)
    signs = np.ones(int(bursts.sum()))
    uneven = Sample(calm.bid, calm.ask, bursts, bursts, calm.ofi, calm.round_trip, calm.doubt, signs)
    assert held_against(rate, uneven)[1:] == pytest.approx((10.0, 50.0))
    assert held_against(sigma, calm)[0] == pytest.approx(1.0, rel=0.1)
    with pytest.raises(ValueError, match="expected"):
        held_against(FACTS[0], calm)


def test_two_samples_say_how_many_values_they_compare() -> None:
    live, ours = made(0.3, 0.002), made(0.3, 0.002, seconds=5000)
    found = kolmogorov(ours, live, lambda s: s.spread)
    assert (found.ours, found.live) == (60, 60)
    assert found.p > 0.01
    assert kolmogorov(made(1.0, 0.002, seconds=5000), live, lambda s: s.spread).p < 1e-4
    assert (halves(live, lambda s: s.spread).ours, halves(live, lambda s: s.spread).live) == (30, 30)
