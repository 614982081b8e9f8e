"""What a batch may not do to a market, and how the market makes room for what it may."""

from __future__ import annotations

import numpy as np
import pytest

from engine.batch import Batch, BatchBuilder
from engine.events import Kind
from engine.kernels.checkpoint import pack
from engine.kernels.fold import OVERFLOW, MarketArrays, fit, fold, new_market
from engine.kernels.level_book import ASK, BID, MAX_TOTAL, levels_of, size_of
from engine.kernels.market import STATE, feature
from tests.kernels.twin import Pairs

LADDER = [(99_000 - i, 5 + i) for i in range(50)], [(99_010 + i, 7 + i) for i in range(50)]


def batch_of(kind: Kind, bids: Pairs, asks: Pairs) -> Batch:
    out = BatchBuilder()
    out.add_levels(kind, 10**18, bids, asks, last_id=7)
    out.add(Kind.TICK, 10**18 + 10**8, symbol=-1)
    return out.take()


def market_of(bids: Pairs, asks: Pairs) -> MarketArrays:
    market = new_market(0.01, 0.01, [100.0], 1)
    batch = batch_of(Kind.SNAPSHOT, bids, asks)
    market = fit(batch.rows, batch.levels, 0, market)
    assert fold(batch.rows, batch.levels, 0, market) == 0
    return market


@pytest.mark.parametrize(("mid", "window"), [(500, 2**12), (150_000, 2**13), (6_000_000, 2**18)])
def test_a_snapshot_brings_the_window_that_suits_its_price(mid: int, window: int) -> None:
    market = market_of([(mid - 1, 5)], [(mid + 1, 5)])
    assert size_of(market.book)[0] == window


def test_a_larger_window_keeps_what_was_there() -> None:
    market = market_of(*LADDER)
    higher = batch_of(Kind.SNAPSHOT, [(6_000_000, 1)], [(6_000_001, 1)])
    grown = fit(higher.rows, higher.levels, 0, market)
    assert size_of(grown.book)[0] > size_of(market.book)[0]
    for side in (BID, ASK):
        assert levels_of(grown.book, side).tolist() == [list(level) for level in LADDER[side]]
    assert fit(higher.rows, higher.levels, 0, grown) is grown


def test_far_levels_get_the_room_they_need() -> None:
    market = market_of(*LADDER)
    far = [(10_000_000 + 3 * i, 1 + i) for i in range(5000)]
    batch = batch_of(Kind.DELTA, [], far)
    market = fit(batch.rows, batch.levels, 0, market)
    assert fold(batch.rows, batch.levels, 0, market) == 0
    assert [tuple(level) for level in levels_of(market.book, ASK).tolist()] == LADDER[1] + far


def test_without_room_a_level_is_left_out_and_said_so() -> None:
    market = market_of(*LADDER)
    capacity = size_of(market.book)[1]
    far = [(10_000_000 + 3 * i, 1 + i) for i in range(capacity + 10)]
    batch = batch_of(Kind.DELTA, [(98_999, 1)], far)
    assert fold(batch.rows, batch.levels, 0, market) == OVERFLOW
    assert [tuple(level) for level in levels_of(market.book, ASK).tolist()] == LADDER[1] + far[:capacity]
    assert levels_of(market.book, BID)[1].tolist() == [98_999, 1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("level_start", -1),
        ("level_start", 3),
        ("level_start", 2**31 - 1),
        ("bid_count", -1),
        ("bid_count", 2**31 - 1),
        ("ask_count", -2),
        ("ask_count", 2**31 - 1),
    ],
)
def test_a_row_that_points_outside_its_levels_changes_nothing(field: str, value: int) -> None:
    market = market_of(*LADDER)
    before = pack(market)
    batch = batch_of(Kind.DELTA, [(99_001, 1)], [(99_009, 1)])
    batch.rows[0][field] = value
    market = fit(batch.rows, batch.levels, 0, market)
    assert fold(batch.rows[:1], batch.levels, 0, market) == OVERFLOW
    after = pack(market)
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


@pytest.mark.parametrize(("price", "size"), [(100, -1), (100, 2**60), (2**60, 1), (-(2**60), 1)])
def test_trades_out_of_range_are_not_counted(price: int, size: int) -> None:
    market = market_of(*LADDER)
    before = pack(market)
    out = BatchBuilder()
    out.add(Kind.TRADE, 10**18, price_ticks=price, size_lots=size, side=1)
    batch = out.take()
    assert fold(batch.rows, batch.levels, 0, market) == OVERFLOW
    assert before["now"].tobytes() == pack(market)["now"].tobytes()


def test_rows_that_cannot_be_written_fold_alike() -> None:
    batch = batch_of(Kind.SNAPSHOT, *LADDER)
    frozen = np.frombuffer(batch.rows.tobytes(), batch.rows.dtype)
    levels = np.frombuffer(batch.levels.tobytes(), np.int64).reshape(-1, 2)
    market = new_market(0.01, 0.01, [100.0], 1)
    market = fit(frozen, levels, 0, market)
    assert fold(frozen, levels, 0, market) == 0
    wanted, found = pack(market_of(*LADDER)), pack(market)
    assert all(wanted[name].tobytes() == found[name].tobytes() for name in wanted)


def test_the_largest_sizes_keep_the_imbalance_in_range() -> None:
    market = market_of([(99, MAX_TOTAL)], [(101, MAX_TOTAL)])
    assert market.now[STATE] == 15  # the sixth bucket of ten, at a spread beyond one tick
    assert feature(market, "weighted_mid") == pytest.approx(1.0)
