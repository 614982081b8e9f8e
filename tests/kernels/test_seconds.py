"""The grid of seconds against a slow reading of the same events, and that no row knows what came after its tick."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.batch import Batch
from engine.core import State, apply
from engine.events import Kind
from engine.kernels import seconds as grid
from engine.kernels.seconds import COLUMNS, KEPT, SecondArrays
from tests.laws.generated import generated_batches

BATCHES = list(generated_batches(11, 900))


class Slow:
    """What the rows should be, from the rows of events and the features that stood at each tick."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, float]] = {}
        self.trades: list[tuple[float, int]] = []
        self.mids: list[float] = []

    def tick(self, state: State, batch: Batch, index: int) -> None:
        symbol = state.symbols[index]
        lot = float(symbol.instrument.lot.value)
        mine = batch.rows[(batch.rows["kind"] == Kind.TRADE) & (batch.rows["symbol"] == index)]
        self.trades += [(int(row["size_lots"]) * lot, int(row["side"])) for row in mine]
        mid = symbol.feature("mid")
        self.mids += [] if mid is None else [mid]
        second = state.ts // 10**9
        if self.rows and second <= max(self.rows):
            return
        bid, ask = symbol.feature("best_bid_lots"), symbol.feature("best_ask_lots")
        self.rows[second] = {
            "mid": _nan(mid),
            "high": max(self.mids, default=math.nan),
            "low": min(self.mids, default=math.nan),
            "spread_bps": _nan(symbol.feature("spread_bps")),
            "queue": math.nan if bid is None or ask is None else bid / (bid + ask),
            "bid_depth": _nan(symbol.band(0, "bid_depth")),
            "ask_near": _nan(symbol.band(1, "ask_depth")),
            "volume": sum(size for size, _ in self.trades),
            "flow": sum(size * side for size, side in self.trades),
            "trades": float(len(self.trades)),
        }
        self.trades, self.mids = [], []


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def _row(arrays: SecondArrays, second: int) -> dict[str, float]:
    return dict(zip(COLUMNS, arrays.rows[second % KEPT].tolist(), strict=True))


def test_rows_are_what_a_slow_reading_finds() -> None:
    state, slow, compared = State(), {0: Slow(), 1: Slow()}, 0
    for batch in BATCHES:
        apply(state, batch)
        for index, reading in slow.items():
            if index in state.symbols and batch.ends_at_tick:
                reading.tick(state, batch, index)
    for index, reading in slow.items():
        arrays = state.symbols[index].seconds
        newest = int(arrays.clock[grid.LATEST])
        assert newest == max(reading.rows)
        assert int(arrays.clock[grid.COUNT]) == len(reading.rows)
        for second, wanted in reading.rows.items():
            if second > newest - KEPT:
                found = _row(arrays, second)
                assert {name: found[name] for name in wanted} == pytest.approx(wanted, nan_ok=True)
                compared += 1
    assert compared > 100


def test_seconds_that_nobody_saw_are_missing() -> None:
    state = State()
    for batch in BATCHES:
        apply(state, batch)
    arrays = state.symbols[0].seconds.copy()
    latest = int(arrays.clock[grid.LATEST])
    assert grid.step(state.symbols[0].market, (latest + 4) * 10**9, 0.5, 0.1, arrays)
    rows = grid.window(arrays, 5)
    assert np.isnan(rows[1:4]).all()
    assert not np.isnan(rows[0]).all()
    assert rows[4, grid.SENTIMENT] == 0.5
    assert not grid.step(state.symbols[0].market, (latest + 4) * 10**9 + 999, 0.9, 0.1, arrays)
    assert grid.latest(arrays)[grid.SENTIMENT] == 0.5  # said again within the second: the next row has it


@pytest.mark.parametrize("cut", [301, 450])
def test_no_row_knows_what_came_after_its_tick(cut: int) -> None:
    """Fold the same past with two futures: rows up to the cut are the same."""
    with_future, without = State(), State()
    for batch in BATCHES[:cut]:
        apply(without, batch)
    known = without.symbols[0].seconds
    for batch in BATCHES:
        apply(with_future, batch)
        if with_future.seq == without.seq:
            np.testing.assert_array_equal(with_future.symbols[0].seconds.rows, known.rows)
    later = with_future.symbols[0].seconds
    end = int(known.clock[grid.LATEST])
    for second in range(end - 20, end + 1):
        np.testing.assert_array_equal(known.rows[second % KEPT], later.rows[second % KEPT])


def test_a_packed_grid_is_the_grid() -> None:
    state = State()
    for batch in BATCHES[:200]:
        apply(state, batch)
    arrays = state.symbols[0].seconds
    for kept, found in zip(arrays, grid.unpack(grid.pack(arrays)), strict=True):
        np.testing.assert_array_equal(kept, found)
        assert found.flags.c_contiguous
        assert found.flags.writeable


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("clock", lambda a: np.array([2**40, 0])),
        ("clock", lambda a: np.array([0, -1])),
        ("rows", lambda a: a[:, :-1]),
        ("rows", lambda a: a + np.inf),
        ("now", lambda a: np.zeros(len(a), np.int64)),
    ],
)
def test_a_damaged_grid_is_refused(name: str, damage: object) -> None:
    packed = grid.pack(grid.new_seconds())
    packed["rows"][:] = 1.0
    packed[name] = damage(packed[name])  # type: ignore[operator]
    with pytest.raises(ValueError, match="a grid of seconds"):
        grid.unpack(packed)
