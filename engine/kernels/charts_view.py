"""What is read out of a symbol's charts for a frame: the bars in view, and the heatmap over them.

A heatmap row covers whole buckets, or a bucket covers two whole rows, so that resting size is never smeared
between rows. Its price window follows from the bars in view and is snapped to a coarse grid: it stays where
it is until the price has really moved. Levels are even steps of the logarithm of size. Where they begin and
end follows from the sizes in view, so that most of the map is calm and only what stands out is bright, and is
snapped to half octaves, so that a cell keeps its colour while its size stays the same.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from engine.frame import INTERVALS_NS
from engine.frame.chart import HEAT_LEVELS, Chart
from engine.instrument import Instrument
from engine.kernels import helper, jit
from engine.kernels.charts import (
    _TIER,
    BARS,
    BOUGHT,
    BUCKETS,
    CLOSE,
    COLUMNS,
    COUNT,
    HEAT_RING,
    HIGH,
    LOW,
    NEWEST,
    SIZE_STEPS,
    SOLD,
    TAPE,
    TRADES,
    UNKNOWN,
    WIDTH,
    ChartArrays,
    new_charts,
)

BRIGHT_SHARE = 0.995  # of the cells that hold something lie at or below the highest level
MIDDLE_LEVEL = 3  # where the median of them lies, the higher ones being for what stands out
MIN_SPAN = 2.0  # octaves from the median to the top, at least: less would make noise look like structure
EDGE_SHARE = 1 / 12  # of the window: the grid it is snapped to, and the least margin above and below
HALF_ROW_FROM = 96  # with so many rows a quiet market shows a bucket as two rows

_RING = np.array(HEAT_RING, np.int64)
_INTERVALS = np.array(INTERVALS_NS, np.int64)
_FINE = 4  # steps an octave in which the sizes in view are counted
_CODES = 72 * _FINE  # sums of sizes in 64 bits all have one


@jit
def read_bars(charts: ChartArrays, interval: int, columns: int) -> npt.NDArray[np.float64]:
    """The last bars of one interval, oldest first: open, high, low, close, bought, sold, shape (6, n).

    Prices in quote units, NaN where nothing was known; volumes in base units. n is at most `columns`.
    """
    clock, bars = charts.clock, charts.bars
    count = max(0, min(columns, clock[COUNT + interval], BARS))
    out = np.full((6, count), np.nan)
    first = clock[NEWEST + interval] - count + 1
    for c in range(count):
        slot = (first + c) % BARS
        for field in range(BOUGHT):
            if bars[interval, field, slot] != UNKNOWN:
                out[field, c] = bars[interval, field, slot] * 0.5 * charts.step[0]
        for field in range(BOUGHT, SOLD + 1):
            out[field, c] = bars[interval, field, slot] * charts.step[1]
    return out


@jit
def price_window(charts: ChartArrays, interval: int, columns: int, rows: int) -> tuple[int, int, int]:
    """The heatmap's window: (lowest half bucket, half buckets a row, ticks a bucket); zeros if unknown."""
    clock, bars = charts.clock, charts.bars
    width = clock[WIDTH] * _TIER[_RING[interval]]
    count = max(0, min(columns, clock[COUNT + interval], BARS))
    high = low = last = UNKNOWN
    for c in range(count):
        slot = (clock[NEWEST + interval] - count + 1 + c) % BARS
        if bars[interval, CLOSE, slot] != UNKNOWN:
            last = bars[interval, CLOSE, slot]
            high = last if high == UNKNOWN else high
            low = last if low == UNKNOWN else low
            high = max(high, bars[interval, HIGH, slot])
            low = min(low, bars[interval, LOW, slot])
    if width <= 0 or last == UNKNOWN or rows < 1:
        return 0, 0, 0
    # A bar's prices are half ticks: exactly half buckets times the width.
    room = 1.0 - 2.0 * EDGE_SHARE
    need = (high - low + width) / width / room
    a_row = 1 if rows >= HALF_ROW_FROM else 2
    while a_row * rows < need:
        a_row += 1 if a_row == 1 else 2
    grid = max(2, int(rows * a_row * EDGE_SHARE) // 2 * 2)
    middle = (high + low) / 2 / width
    bottom = math.floor((middle - rows * a_row / 2) / grid + 0.5) * grid
    return bottom, a_row, width


@helper
def _sum_row(
    column: npt.NDArray[np.uint8], low: int, first: int, last: int, size_of: npt.NDArray[np.float64]
) -> float:
    total = 0.0
    for b in range(max(first - low, 0), min(last - low, BUCKETS - 1) + 1):
        total += size_of[column[b]]
    return total


@jit
def heat_cells(
    charts: ChartArrays, interval: int, columns: int, rows: int, bottom: int, a_row: int
) -> tuple[npt.NDArray[np.uint8], float, float]:
    """Levels 0..HEAT_LEVELS, row 0 the highest price, shape (rows, columns); lots of level 1 and the highest.

    `bottom` and `a_row` as `price_window` gives them. A row of several buckets shows their sum; two rows
    of one bucket show the bucket twice. The last column is the newest bar's.
    """
    clock, heat, heat_low = charts.clock, charts.heat, charts.heat_low
    ring = _RING[interval]
    octaves = np.zeros((rows, columns))  # log2(1 + lots)
    size_of = np.empty(256)
    for code in range(256):
        size_of[code] = 2.0 ** (code / SIZE_STEPS) - 1.0
    seen = np.zeros(_CODES, np.int64)
    newest = clock[NEWEST + ring]
    held = min(COLUMNS, clock[COUNT + ring])
    for c in range(columns):
        bar = clock[NEWEST + interval] - columns + 1 + c
        number = bar * _INTERVALS[interval] // _INTERVALS[ring]
        if number > newest or number <= newest - held or a_row <= 0:
            continue
        slot = number % COLUMNS
        low = heat_low[ring, slot]
        if low == UNKNOWN:
            continue
        for r in range(rows):
            first = bottom + (rows - 1 - r) * a_row
            total = _sum_row(heat[ring, slot], low, first // 2, (first + a_row - 1) // 2, size_of)
            if total > 0.0:
                octaves[r, c] = math.log2(1.0 + total)
                seen[min(_CODES - 1, int(_FINE * octaves[r, c] + 0.5))] += 1
    top = _octaves_at(seen, BRIGHT_SHARE)
    span = max(MIN_SPAN, top - _octaves_at(seen, 0.5)) / (HEAT_LEVELS - MIDDLE_LEVEL) * (HEAT_LEVELS - 1)
    levels = np.zeros((rows, columns), np.uint8)
    _fill_levels(octaves, top, span, levels)
    return levels, 2.0 ** (top - span), 2.0**top


@helper
def _octaves_at(seen: npt.NDArray[np.int64], share: float) -> float:
    """log2 of the size that `share` of the counted cells do not exceed, to half an octave."""
    full = seen.sum()
    so_far, code = 0, 0
    for k in range(seen.size):
        so_far += seen[k]
        if so_far >= full * share:
            code = k
            break
    return math.ceil(code / _FINE * 2.0) / 2.0


@helper
def _fill_levels(
    octaves: npt.NDArray[np.float64], top: float, span: float, levels: npt.NDArray[np.uint8]
) -> None:
    for r in range(octaves.shape[0]):
        for c in range(octaves.shape[1]):
            if octaves[r, c] > 0.0:
                below = (top - octaves[r, c]) / span * (HEAT_LEVELS - 1)
                levels[r, c] = min(max(HEAT_LEVELS - math.floor(below + 0.5), 1), HEAT_LEVELS)


def read_tape(charts: ChartArrays, count: int) -> npt.NDArray[np.int64]:
    """The latest trades, newest first, shape (n, 4): ts ns, ticks, lots, aggressor's side."""
    trades = int(charts.clock[TRADES])
    slots = np.arange(trades - 1, trades - 1 - max(0, min(count, TAPE, trades)), -1) % TAPE
    return charts.tape[slots]


def read_chart(
    charts: ChartArrays, instrument: Instrument, interval_ns: int, columns: int, heat_rows: int = 0
) -> Chart:
    """The chart of a frame. An interval that is not one of INTERVALS_NS raises ValueError."""
    if interval_ns not in INTERVALS_NS:
        raise ValueError(f"expected an interval of {INTERVALS_NS} ns, found {interval_ns}")
    interval = INTERVALS_NS.index(interval_ns)
    bars = read_bars(charts, interval, columns)
    count = bars.shape[1]
    newest = int(charts.clock[NEWEST + interval])
    parts = [bars[field].astype("<f8").tobytes() for field in range(SOLD + 1)]
    chart = Chart(interval_ns, (newest - count + 1) * interval_ns if count else 0, count, *parts)
    bottom, a_row, width = price_window(charts, interval, columns, heat_rows)
    if a_row == 0 or count == 0:
        return chart
    cells, least_lots, most_lots = heat_cells(charts, interval, count, heat_rows, bottom, a_row)
    half_bucket = float(instrument.tick.to_float(width)) / 2
    return msgspec.structs.replace(
        chart,
        heat=cells.tobytes(),
        heat_rows=heat_rows,
        heat_top=(bottom + heat_rows * a_row) * half_bucket,
        heat_bottom=bottom * half_bucket,
        heat_min=float(instrument.lot.to_float(least_lots)),
        heat_max=float(instrument.lot.to_float(most_lots)),
    )


def warm() -> None:
    """Compile what Python calls, for the arguments it is called with."""
    read_chart(new_charts(0.01, 0.01), Instrument("", "", "", "", "0.01", "0.01"), INTERVALS_NS[0], 0)
    heat_cells(new_charts(0.01, 0.01), 0, 0, 0, *price_window(new_charts(0.01, 0.01), 0, 0, 0)[:2])
