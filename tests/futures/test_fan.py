"""The fan's numbers against slow ones that say what they mean."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.futures.fan import Paths, bands, carried, crossing, recovery_s, shortfall_bp, table

MIDS = arrays(np.float64, (7, 9), elements=st.floats(100, 200) | st.just(math.nan))


def paths(mid: np.ndarray, spread: float = 1.0, depth: float = 10.0) -> Paths:
    return Paths(mid, np.full(mid.shape, spread), np.full(mid.shape, depth), np.full(len(mid), math.nan))


@given(MIDS)
def test_a_missing_mid_is_the_last_known_one(mids: np.ndarray) -> None:
    mids[:, 0] = 150.0
    expected = mids.copy()
    for row in expected:
        for at in range(1, len(row)):
            if math.isnan(row[at]):
                row[at] = row[at - 1]
    np.testing.assert_array_equal(carried(mids), expected)


@given(arrays(np.float64, (20, 3), elements=st.floats(1e3, 1e5)))
def test_bands_are_the_quantiles_in_quote_units(mids: np.ndarray) -> None:
    for line, share in zip(bands(paths(mids), 0.5), (0.05, 0.5, 0.95), strict=True):
        for found, column in zip(memoryview(line).cast("d"), np.sort(mids, axis=0).T, strict=True):
            place = share * (len(column) - 1)
            low = math.floor(place)
            high = min(low + 1, len(column) - 1)
            between = column[low] + (place - low) * (column[high] - column[low])
            assert found == pytest.approx(0.5 * between, rel=1e-12)


def test_shortfall_is_the_mean_of_the_worst_twentieth() -> None:
    ends = np.array([100.0 + i for i in range(40)])
    mid = np.column_stack((np.full(40, 200.0), ends))
    assert shortfall_bp(paths(mid)) == pytest.approx((100.5 / 200.0 - 1.0) * 1e4)
    assert shortfall_bp(paths(mid[:3])) == pytest.approx((100.0 / 200.0 - 1.0) * 1e4)


@settings(max_examples=50)
@given(
    arrays(np.float64, (9, 12), elements=st.floats(90, 110)),
    arrays(np.float64, (9, 12), elements=st.floats(85, 110)),
)
def test_recovery_is_when_the_median_comes_back_for_good(plain: np.ndarray, shocked: np.ndarray) -> None:
    inside = []
    for second in range(12):
        ordered = np.sort(plain[:, second])
        inside.append(ordered[2] <= np.sort(shocked[:, second])[4] <= ordered[6])
    expected = next((s for s in range(13) if all(inside[s:])), 12)
    found = recovery_s(paths(plain), paths(shocked))
    assert math.isnan(found) if expected == 12 else found == expected


def test_a_level_is_crossed_from_either_side_and_where_one_stands() -> None:
    mid = np.array([[100.0, 103.0, 99.0], [100.0, 101.0, 98.0], [100.0, 100.0, 100.0]])
    assert crossing(paths(mid), 102.0) == pytest.approx(1 / 3)
    assert crossing(paths(mid), 99.0) == pytest.approx(2 / 3)
    assert crossing(paths(mid), 100.0) == 1.0


def test_the_table_names_what_it_knows_and_nothing_else() -> None:
    mid = np.array([[100.0, 101.0], [100.0, 99.0]])
    plain = paths(mid)
    alone = {row.name: row for row in table(plain, None, None)}
    assert alone["expected move"].plain == pytest.approx(0.0, abs=1e-9)
    assert all(row.shocked is None for row in alone.values())
    assert not {"time to recover", "crosses the level", "without a price"} & alone.keys()
    empty = Paths(
        mid, np.array([[1.0, math.nan], [1.0, 1.0]]), np.array([[8.0, 2.0], [8.0, 4.0]]), np.array([1.0, 0.5])
    )
    both = {row.name: row for row in table(plain, empty, 101.0)}
    assert both["without a price"].plain == 0.0
    assert both["without a price"].shocked == 25.0
    assert both["shock filled"].shocked == 75.0
    assert both["crosses the level"].plain == 50.0
    assert both["lowest depth"].shocked == pytest.approx(100 * 3 / 8)
    assert both["time to recover"].shocked == 0.0
    assert all(type(row.plain) in (float, type(None)) for row in both.values())


def test_spreads_that_no_future_has_are_missing() -> None:
    mid = np.full((2, 3), 100.0)
    nobody = Paths(mid, np.full((2, 3), math.nan), np.zeros((2, 3)), np.full(2, math.nan))
    found = {row.name: row.plain for row in table(nobody, None, None)}
    assert found["widest spread"] is None
    assert found["spread at the end"] is None
    assert found["lowest depth"] is None
    assert found["without a price"] == 100.0
