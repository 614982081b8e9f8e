"""Every feature at every tick against the slow twin, over random sessions with all their faults."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.batch import Batch
from engine.kernels.fold import CROSSED, FEATURES, MISMATCH, MarketArrays, fit, fold, new_market, reset_book
from engine.kernels.market import feature
from tests.kernels.streams import RandomVenue, stream
from tests.kernels.twin import SlowMarket

BANDS = [100.0, 2.0, 10.0, 35.0, 1500.0]


def assert_equal_features(market: MarketArrays, twin: SlowMarket, note: str) -> None:
    wanted = twin.features()
    for name, value in zip(FEATURES, market.features.tolist(), strict=True):
        exact = name.endswith(("_ticks", "_lots", "verified", "decided", "update_id", "updates"))
        same = pytest.approx(wanted[name], rel=0 if exact else 1e-9, abs=1e-12, nan_ok=True)
        assert value == same, f"{name} {note}"
    for band in market.bands.tolist():
        assert band[1:] == pytest.approx(twin.band(band[0]), rel=1e-9, abs=1e-12, nan_ok=True), note


def compare(session: Batch, market: MarketArrays, twin: SlowMarket) -> tuple[MarketArrays, int]:
    flags = 0
    known = np.zeros(len(FEATURES), bool)
    for number, batch in enumerate(session.split_at_ticks()):
        market = fit(batch.rows, batch.levels, 0, market)
        flags |= fold(batch.rows, batch.levels, 0, market)
        twin.fold(batch.rows, batch.levels, 0)
        assert_equal_features(market, twin, f"at tick {number}")
        known |= ~np.isnan(market.features)
    never = [name for name, seen in zip(FEATURES, known, strict=True) if not seen]
    assert never == [], "the session never showed these, so it proved nothing about them"
    return market, flags


@pytest.mark.parametrize("seed", range(6))
def test_features_equal_the_slow_twin(seed: int) -> None:
    price = [20_000, 6_000_000, 40, 300, 20_000, 150_000][seed]
    session = stream(seed, ticks=900, price=price)
    market = new_market(0.01, 0.001, BANDS, round_trip_lots=900)
    twin = SlowMarket(0.01, 0.001, BANDS, round_trip_lots=900)
    market, flags = compare(session, market, twin)
    assert bool(flags & CROSSED) == (twin.crossed_states > 0)
    assert bool(flags & MISMATCH) == (twin.verified < twin.decided)
    assert twin.decided > 50


def test_a_true_venue_is_verified_every_time() -> None:
    market = new_market(0.01, 0.001, BANDS, 900)
    market, flags = compare(stream(7, 400, faults=False), market, SlowMarket(0.01, 0.001, BANDS, 900))
    assert flags == 0
    assert feature(market, "decided") == feature(market, "verified")
    assert (feature(market, "decided") or 0) > 100


def folded(venue: RandomVenue, market: MarketArrays) -> tuple[MarketArrays, int]:
    batch = venue.take()
    market = fit(batch.rows, batch.levels, 0, market)
    return market, fold(batch.rows, batch.levels, 0, market)


def test_a_doubtful_book_has_no_features_until_the_next_snapshot() -> None:
    venue = RandomVenue(3, 10_000)
    market = new_market(0.01, 0.001, BANDS, 10)
    venue.snapshot(0)
    for _ in range(8):
        venue.delta(0)
    venue.trade(0)
    venue.tick()
    market, _ = folded(venue, market)
    assert feature(market, "mid") is not None

    reset_book(market)
    of_the_book = FEATURES[: FEATURES.index("trade_flow")]
    assert all(feature(market, name) is None for name in of_the_book if name != "round_trip_size")
    venue.delta(0)
    venue.tick()
    market, _ = folded(venue, market)
    assert all(feature(market, name) is None for name in of_the_book if name != "round_trip_size")
    assert np.isnan(market.bands[:, 1:]).all()
    assert feature(market, "volume") is not None
    assert feature(market, "updates") == 8

    venue.price += 700
    venue.snapshot(0)
    venue.tick()
    market, _ = folded(venue, market)
    bid, _, ask, _ = venue.book.top
    assert (feature(market, "best_bid_ticks"), feature(market, "best_ask_ticks")) == (bid, ask)
    assert feature(market, "ofi") == 0.0  # the resync itself was no order


def test_a_lie_is_a_mismatch_in_the_batch_that_decides_it() -> None:
    venue = RandomVenue(4, 10_000)
    market = new_market(0.01, 0.001, BANDS, 10)
    venue.snapshot(0)
    venue.top(0)
    venue.delta(0)
    venue.delta(0)
    market, flags = folded(venue, market)
    assert flags == 0
    venue.top(0, lie=True)
    venue.tick()
    market, flags = folded(venue, market)
    assert flags == MISMATCH
    assert feature(market, "decided") == 2


def test_a_venue_that_is_silent_too_long_decides_only_the_last_updates() -> None:
    venue = RandomVenue(5, 10_000)
    market = new_market(0.01, 0.001, BANDS, 10)
    venue.snapshot(0)
    venue.top(0)
    for _ in range(200):
        venue.book.apply([], [])
        venue.out.add_levels(2, venue.now, [], [], last_id=venue.update_id, symbol=0)  # type: ignore[arg-type]
    venue.update_id += 1
    venue.top(0)
    venue.tick()
    market, flags = folded(venue, market)
    assert flags == 0
    assert feature(market, "decided") == 128


def test_one_sided_and_empty_books_are_missing_not_zero() -> None:
    venue = RandomVenue(6, 10_000)
    market = new_market(0.01, 0.001, BANDS, 10)
    venue.out.add_levels(1, venue.now, [(9_999, 5)], [], last_id=1, symbol=0, flags=3)  # type: ignore[arg-type]
    venue.tick()
    market, flags = folded(venue, market)
    assert flags == 0
    assert feature(market, "best_bid_ticks") == 9_999
    for name in (
        "best_ask_ticks",
        "best_ask_lots",
        "mid",
        "spread_bps",
        "round_trip_bps",
        "vwap",
        "latency_ms",
    ):
        assert feature(market, name) is None, name
    assert feature(market, "volume") == 0.0
    assert math.isnan(market.bands[0, 1])


@pytest.mark.parametrize("bands", [[], [0.0], [10_000.0], [-5.0]])
def test_bands_that_mean_nothing_are_refused(bands: list[float]) -> None:
    with pytest.raises(ValueError, match="bands"):
        new_market(0.01, 0.01, bands, 1)
