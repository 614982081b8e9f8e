"""The charts kernel against its slow twin, over random sessions with gaps, doubt and jumps."""

from __future__ import annotations

import copy
import math
import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import BatchBuilder
from engine.events import Kind
from engine.frame import INTERVALS_NS
from engine.frame.chart import HEAT_LEVELS
from engine.instrument import Instrument
from engine.kernels import charts as kernel
from engine.kernels import jit
from engine.kernels.charts import BARS, BUCKETS, COLUMNS, UNKNOWN, ChartArrays, new_charts, on_batch
from engine.kernels.charts_pack import pack, unpack
from engine.kernels.charts_view import heat_cells, price_window, read_bars, read_chart, read_tape
from engine.kernels.level_book import ASK, BID, Book, load_side, new_book
from tests.charts.twin import Twin

START = 1_723_161_254 * 1_000_000_000
TICK, LOT = 0.01, 0.00001
COIN = Instrument("test", "COIN", "COIN", "USD", "0.01", "0.00001")


@jit
def _load(head: Any, cells: Any, far: Any, side: int, levels: Any) -> Any:
    return load_side(head, cells, far, side, levels, 0, len(levels), True)


@dataclass
class Session:
    """Drives the kernel and its twin with the same events."""

    charts: ChartArrays = field(default_factory=lambda: new_charts(TICK, LOT))
    twin: Twin = field(default_factory=Twin)
    book: Book = field(default_factory=lambda: new_book(2**12))
    levels: dict[int, int] = field(default_factory=dict)
    builder: BatchBuilder = field(default_factory=BatchBuilder)

    def trade(self, ts: int, ticks: int, lots: int, side: int) -> None:
        self.builder.add(Kind.TRADE, ts, price_ticks=ticks, size_lots=lots, side=side)
        self.twin.trade(ts, ticks, lots, side)

    def set_book(self, bids: dict[int, int], asks: dict[int, int]) -> None:
        for side, levels in ((BID, bids), (ASK, asks)):
            assert _load(*self.book, side, np.array(sorted(levels.items()), np.int64).reshape(-1, 2)) == 0
        self.levels = {**bids, **asks}

    def tick(self, ts: int, mid_ticks: float) -> None:
        self.builder.add(Kind.TICK, ts)
        on_batch(self.builder.take().rows, 0, self.charts, self.book, mid_ticks * TICK)
        self.twin.tick(ts, mid_ticks, self.levels)


def _random_session(seed: int, steps: int = 150) -> Session:
    rng = random.Random(seed)
    session, ts = Session(), START + rng.randrange(10**9)
    best = rng.choice([3, 150, 61_700_00])
    for _ in range(steps):
        best = max(1, best + rng.choice([0, 0, 0, 1, -1, 7, -40, 3000]))
        bids = {
            best - rng.randrange(min(best, 30_000)): rng.randrange(1, 10**6)
            for _ in range(rng.randrange(1, 30))
        }
        asks = {
            best + 1 + rng.randrange(30_000): rng.randrange(1, 10**6) for _ in range(rng.randrange(1, 30))
        }
        session.set_book(bids, asks)
        for _ in range(rng.choice([0, 0, 1, 4])):
            session.trade(ts, best, rng.randrange(1, 10**7), rng.choice([-1, 1]))
        # Mostly the session's own pace; now and then a late tick, a sleep, or a night.
        ts += rng.choice([100_000_000] * 12 + [230_000_000, 1_900_000_000, 9 * 10**9, 20_000 * 10**9])
        mid = (max(bids) + min(asks)) / 2 if rng.random() < 0.9 else math.nan
        session.tick(ts, mid)
    return session


@pytest.mark.parametrize("seed", range(6))
def test_bars_are_the_twins(seed: int) -> None:
    session = _random_session(seed)
    for i in range(len(INTERVALS_NS)):
        newest = max(session.twin.bars[i])
        count = min(BARS, newest - min(session.twin.bars[i]) + 1)
        expected = []
        for number in range(newest - count + 1, newest + 1):
            bar = session.twin.bars[i].get(number)
            prices = bar.ohlc() if bar else (math.nan,) * 4
            expected.append(
                [p * TICK for p in prices] + [bar.bought * LOT if bar else 0, bar.sold * LOT if bar else 0]
            )
        np.testing.assert_allclose(read_bars(session.charts, i, BARS), np.array(expected).T, rtol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_heat_columns_are_the_twins(seed: int) -> None:
    session = _random_session(seed)
    for i in range(1, len(INTERVALS_NS)):
        newest = int(session.charts.clock[kernel.NEWEST + i])
        for number in range(newest - COLUMNS + 1, newest + 1):
            slot = number % COLUMNS
            column = session.charts.heat[i, slot]
            if number not in session.twin.heat[i]:
                assert session.charts.heat_low[i, slot] == UNKNOWN
                assert not column.any()
                continue
            low, sizes = session.twin.heat[i][number]
            assert session.charts.heat_low[i, slot] == low
            expected = [
                round(kernel.SIZE_STEPS * math.log2(1 + sizes.get(low + b, 0))) for b in range(BUCKETS)
            ]
            assert column.tolist() == expected


def test_tape_is_newest_first_and_bounded() -> None:
    session = _random_session(3)
    everything = session.twin.tape
    assert read_tape(session.charts, 40).tolist() == [list(t) for t in everything[:40]]
    assert len(read_tape(session.charts, 10_000)) == min(len(everything), kernel.TAPE) > 100


def test_volume_is_conserved_across_intervals() -> None:
    session = Session()
    session.set_book({100: 1}, {102: 1})
    rng = random.Random(5)
    for k in range(600):  # one minute, so that every interval still holds all of it
        session.trade(START + k * 100_000_000 - 1, 100, rng.randrange(1, 99), rng.choice([-1, 1]))
        session.tick(START + k * 100_000_000, 101)
    totals = session.charts.bars[:, kernel.BOUGHT :].sum(axis=2)
    assert (totals == totals[0]).all()
    assert totals[0].sum() == sum(lots for _, _, lots, _ in session.twin.tape)


def test_a_quiet_bar_repeats_the_close_and_a_sleep_is_a_gap() -> None:
    session = Session()
    session.set_book({99: 1}, {101: 1})
    session.tick(START, 100)
    session.tick(START + 1_900_000_000, 101)
    session.tick(START + 6_900_000_000, 102)
    closes = read_bars(session.charts, 1, 10)[3]
    np.testing.assert_allclose(closes, [1.0, 1.01, math.nan, math.nan, math.nan, math.nan, 1.02])
    tenths = read_bars(session.charts, 0, 70)[3]
    np.testing.assert_allclose(tenths[:20], [1.0] * 19 + [1.01])
    assert np.isnan(tenths[20:69]).all()


def test_a_bar_opens_where_the_one_before_closed() -> None:
    session = Session()
    session.set_book({99: 1}, {101: 1})
    session.tick(START, 100)
    session.tick(START + 900_000_000, 103)
    session.tick(START + 1_000_000_000, 101)
    session.tick(START + 1_100_000_000, 102)
    np.testing.assert_allclose(
        read_bars(session.charts, 1, 2)[:4].T, [[1.00, 1.03, 1.00, 1.03], [1.03, 1.03, 1.01, 1.02]]
    )


def test_bars_start_at_multiples_of_their_interval() -> None:
    session = Session()
    session.set_book({99: 1}, {101: 1})
    session.tick(START + 123_456_789, 100)
    for interval in INTERVALS_NS:
        chart = read_chart(session.charts, COIN, interval, 10)
        assert chart.count == 1
        assert chart.ts_open == (START + 123_456_789) // interval * interval


def test_another_symbols_trades_are_left_alone() -> None:
    builder, charts = BatchBuilder(), new_charts(TICK, LOT)
    builder.add(Kind.TRADE, START, symbol=1, price_ticks=100, size_lots=5, side=1)
    builder.add(Kind.TICK, START)
    on_batch(builder.take().rows, 0, charts, new_book(), math.nan)
    assert charts.bars[:, kernel.BOUGHT :].sum() == 0
    assert len(read_tape(charts, 10)) == 0


def test_an_untrusted_book_leaves_no_trace() -> None:
    session = Session()
    session.set_book({99: 7}, {101: 7})
    session.tick(START, math.nan)
    assert np.isnan(read_bars(session.charts, 1, 5)[:4]).all()
    assert (session.charts.heat_low == UNKNOWN).all()
    chart = read_chart(session.charts, COIN, INTERVALS_NS[1], 5, 32)
    assert (chart.count, chart.heat) == (1, b"")


@given(st.integers(0, 50), st.integers(1, 80), st.integers(1, 240), st.integers(0, len(INTERVALS_NS) - 1))
@settings(max_examples=60, deadline=None)
def test_a_heat_row_holds_what_its_prices_hold(seed: int, rows: int, columns: int, interval: int) -> None:
    session = _SESSIONS[seed % len(_SESSIONS)]
    charts = session.charts
    bottom, a_row, _width = price_window(charts, interval, columns, rows)
    if a_row == 0:
        return
    assert a_row == 1 or a_row % 2 == 0
    levels, least, most = heat_cells(charts, interval, columns, rows, bottom, a_row)
    assert 0 < least < most
    ring = max(1, interval)
    newest = int(charts.clock[kernel.NEWEST + interval])
    rng = random.Random(rows)
    for _ in range(40):
        c, r = rng.randrange(columns), rng.randrange(rows)
        number = (newest - columns + 1 + c) * INTERVALS_NS[interval] // INTERVALS_NS[ring]
        total, column = 0.0, session.charts.heat[ring, number % COLUMNS]
        low = int(charts.heat_low[ring, number % COLUMNS])
        too_old = number <= int(charts.clock[kernel.NEWEST + ring]) - COLUMNS
        if low != UNKNOWN and not too_old:
            half_buckets = range(bottom + (rows - 1 - r) * a_row, bottom + (rows - r) * a_row)
            for bucket in sorted({h // 2 for h in half_buckets}):
                if low <= bucket < low + BUCKETS:
                    total += 2.0 ** (int(column[bucket - low]) / kernel.SIZE_STEPS) - 1
        if total == 0:
            assert levels[r, c] == 0
        else:
            share = math.log(max(1 + total, 1e-9) / least) / math.log(most / least)
            expected = 1 + share * (HEAT_LEVELS - 1)
            assert abs(min(max(expected, 1), HEAT_LEVELS) - levels[r, c]) <= 0.51


_SESSIONS = [_random_session(seed, 80) for seed in (10, 11, 12)]


@pytest.mark.parametrize("rows", [1, 2, 31, 64, 190])
def test_the_window_holds_every_price_in_view(rows: int) -> None:
    for session in _SESSIONS:
        for interval in range(len(INTERVALS_NS)):
            chart = read_chart(session.charts, COIN, INTERVALS_NS[interval], 100, rows)
            high = np.nanmax(np.frombuffer(chart.high))
            low = np.nanmin(np.frombuffer(chart.low))
            assert chart.heat_bottom <= low <= high <= chart.heat_top
            assert len(chart.heat) == rows * chart.count


def test_the_window_stays_while_the_price_only_trembles() -> None:
    session = Session()
    session.set_book({61_699_00: 5}, {61_699_02: 5})
    rng, windows, ts = random.Random(2), set(), START
    for _ in range(300):
        ts += 1_000_000_000
        session.tick(ts, 61_699_01 + rng.randrange(-20, 21) / 2)
        windows.add(price_window(session.charts, 1, 60, 64))
    assert len(windows) == 1


def test_the_brightest_cell_is_the_largest_size() -> None:
    session = Session()
    bids = {61_690_00 - 100 * k: 1000 for k in range(30)}
    asks = {61_710_00 + 100 * k: 1000 for k in range(30)}
    asks[61_715_00] = 400_000
    session.set_book(bids, asks)
    for k in range(20):
        session.tick(START + k * 1_000_000_000, 61_700_00)
    chart = read_chart(session.charts, COIN, 1_000_000_000, 20, 64)
    cells = np.frombuffer(chart.heat, np.uint8).reshape(64, 20)
    row = int((chart.heat_top - 61_715.5) / (chart.heat_top - chart.heat_bottom) * 64)
    assert (cells[row] == HEAT_LEVELS).all()
    assert (np.delete(cells, row, axis=0) < HEAT_LEVELS).all()
    assert chart.heat_max / 2**0.75 <= 4.0 <= chart.heat_max * 2**0.75


@pytest.mark.parametrize("seed", range(4))
def test_packed_charts_come_back_bit_for_bit_and_go_on_alike(seed: int) -> None:
    session = _random_session(seed, 60 + 40 * seed)
    again = unpack(pack(session.charts))
    for name in ChartArrays._fields:
        assert getattr(again, name).tobytes() == getattr(session.charts, name).tobytes(), name
    there, here = copy.deepcopy(session), copy.deepcopy(session)
    there.charts = again
    for one in (there, here):
        last = int(one.charts.clock[kernel.LAST_TICK])
        one.trade(last + 1, 100, 5, 1)
        one.tick(last + 1_300_000_000, 150.5)
    for name in ChartArrays._fields:
        assert getattr(there.charts, name).tobytes() == getattr(here.charts, name).tobytes(), name


def test_new_charts_pack_too() -> None:
    again = unpack(pack(new_charts(TICK, LOT)))
    assert [a.tobytes() for a in again] == [b.tobytes() for b in new_charts(TICK, LOT)]


@pytest.mark.parametrize("seed", range(3))
def test_hostile_checkpoints_are_refused_or_harmless(seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = pack(_SESSIONS[0].charts)
    for name in whole:
        short = dict(whole)
        del short[name]
        with pytest.raises(ValueError, match=name):
            unpack(short)
        for wrong in (whole[name].astype(np.float32), np.zeros((3, 3, 3), np.int64)):
            with pytest.raises(ValueError, match="charts"):
                unpack({**whole, name: wrong})
        torn = whole[name].copy()
        flat = torn.view(np.uint8).reshape(-1)
        flat[rng.integers(0, max(1, flat.size), 8)] = 255
        try:
            charts = unpack({**whole, name: torn})
        except ValueError:
            continue
        read_chart(charts, COIN, INTERVALS_NS[2], 300, 64)
        builder = BatchBuilder()
        builder.add(Kind.TICK, START + 10**15)
        on_batch(builder.take().rows, 0, charts, new_book(), 1.0)


def test_an_unknown_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an interval of"):
        read_chart(new_charts(TICK, LOT), COIN, 7, 10)
