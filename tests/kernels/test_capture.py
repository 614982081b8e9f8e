"""Six minutes of real Binance spot: the book proves itself, and every feature equals its slow twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.events import Kind
from engine.kernels.fold import CROSSED, fit, fold, new_market
from engine.kernels.level_book import ASK, BID, levels_of
from engine.kernels.market import UPDATES, feature
from tests.kernels.capture import LOT, TICK, session
from tests.kernels.test_features import assert_equal_features
from tests.kernels.twin import SlowMarket

BANDS = [100.0, 5.0, 2.0]
ROUND_TRIP_LOTS = 500_000  # 5 BTC
COMPARED_EVERY = 25


def test_the_book_of_the_capture_is_the_venues(captures: Path) -> None:
    market = new_market(TICK, LOT, BANDS, ROUND_TRIP_LOTS)
    twin = SlowMarket(TICK, LOT, BANDS, ROUND_TRIP_LOTS)
    flags = 0
    for number, batch in enumerate(session(captures).split_at_ticks()):
        market = fit(batch.rows, batch.levels, 0, market)
        flags |= fold(batch.rows, batch.levels, 0, market)
        twin.fold(batch.rows, batch.levels, 0)
        if number % COMPARED_EVERY == 0:
            assert_equal_features(market, twin, f"at tick {number}")
    assert flags == 0
    assert market.now[UPDATES] == 3449
    assert feature(market, "decided") == 3432
    assert feature(market, "verified") == 3432
    for side in (BID, ASK):
        assert [tuple(level) for level in levels_of(market.book, side).tolist()] == twin.book.sorted_side(
            side
        )


def test_dropping_the_straddling_diff_is_found_out(captures: Path) -> None:
    market = new_market(TICK, LOT, BANDS, ROUND_TRIP_LOTS)
    broken = session(captures, drop_straddling=True)
    depth = np.flatnonzero(np.isin(broken.rows["kind"], (Kind.SNAPSHOT, Kind.DELTA)))
    crossed_at = []
    for i in depth:
        row = broken.rows[i : i + 1]
        market = fit(row, broken.levels, 0, market)
        if fold(row, broken.levels, 0, market) & CROSSED:
            crossed_at.append(int(row["ts_recv"][0]))
    assert len(crossed_at) == 2573
    seconds_in = (crossed_at[0] - int(broken.rows["ts_recv"][0])) / 1e9
    assert 88 <= seconds_in < 89
