"""Ladder rows against sorted dicts, for every grouping."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from engine.kernels.fold import MarketArrays, new_market
from engine.kernels.ladder import read_ladder
from engine.kernels.level_book import ASK, BID, fill
from tests.kernels.twin import DictBook, Pairs

prices = st.one_of(st.integers(-300, 300), st.integers(-30_000, 30_000))
sides = st.dictionaries(prices, st.integers(1, 10**9), max_size=25)


def market_with(bids: Pairs, asks: Pairs) -> MarketArrays:
    market = new_market(0.01, 0.01, [100.0], 1)
    for side, levels in ((BID, bids), (ASK, asks)):
        assert fill(market.book, side, np.array(levels, np.int64).reshape(-1, 2)) == 0
    return market


@settings(max_examples=150, deadline=None)
@given(
    bids=sides,
    asks=sides,
    group=st.one_of(st.integers(1, 12), st.sampled_from([100, 5000, 100_000])),
    n=st.integers(0, 40),
)
def test_rows_are_the_levels_grouped(bids: dict[int, int], asks: dict[int, int], group: int, n: int) -> None:
    twin = DictBook()
    twin.apply(list(bids.items()), list(asks.items()))
    market = market_with(list(bids.items()), list(asks.items()))
    for side in (BID, ASK):
        rows = [tuple(row) for row in read_ladder(market, side, group, n).tolist()]
        assert rows == twin.ladder(side, group, n)


def test_bids_round_down_and_asks_round_up_with_empty_rows_between() -> None:
    market = market_with([(99, 1), (95, 2), (79, 4)], [(101, 1), (110, 2), (131, 4)])
    assert read_ladder(market, BID, 10, 9).tolist() == [[90, 3, 3], [80, 0, 3], [70, 4, 7]]
    assert read_ladder(market, ASK, 10, 9).tolist() == [[110, 3, 3], [120, 0, 3], [130, 0, 3], [140, 4, 7]]


@pytest.mark.parametrize(("side", "group"), [(2, 1), (-1, 1), (BID, 0), (ASK, -5), (BID, 2**41)])
def test_sides_and_groups_that_mean_nothing_are_refused(side: int, group: int) -> None:
    with pytest.raises(ValueError, match="found"):
        read_ladder(market_with([], []), side, group, 5)
