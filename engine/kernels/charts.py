"""What the charts of one symbol remember: bars of the mid, the latest trades, and depth over time.

Three rings, all plain arrays. *Bars*: for each interval the last `BARS` of open, high, low and close of the
mid, sampled at every tick of the session, and the volume bought and sold. *Tape*: the last `TAPE` trades.
*Heat*: for each interval from one second up, `COLUMNS` pictures of the resting sizes in `BUCKETS` price
buckets around the mid of that moment. A bar's number is its start divided by its interval, in ns UTC, and
its slot in a ring follows from its number, so that no start times are kept.

Mids are kept in half ticks, which a sum of best bid and ask always is, and `UNKNOWN` where no trusted book
was known; while one side of it is empty the last trade's price stands in for the mid. Bars
have no holes: one in which nothing moved repeats the close before it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.batch import MISSING, ROW, Rows
from engine.events import Kind
from engine.frame import INTERVALS_NS
from engine.kernels import helper, jit
from engine.kernels.level_book import (
    ASK,
    BEST,
    BID,
    EMPTY,
    FAR,
    START,
    Book,
    Ints,
    new_book,
    next_in_window,
    unsigned,
    window_of,
)
from engine.kernels.matching_cpu import i64, leading_zeros

BARS = 720
COLUMNS = 240
BUCKETS = 256
TAPE = 200
UNKNOWN = MISSING

OPEN, HIGH, LOW, CLOSE, BOUGHT, SOLD = range(6)  # fields of a bar: half ticks, then lots
TAPE_TS, TAPE_TICKS, TAPE_LOTS, TAPE_SIDE = range(4)

# `clock`: the newest bar's number of each interval, how many bars it has, then the scalars.
NEWEST = 0
COUNT = NEWEST + len(INTERVALS_NS)
LAST_TICK = COUNT + len(INTERVALS_NS)  # session time of the latest tick
LAST_MID = LAST_TICK + 1  # the mid at that tick, half ticks or UNKNOWN
TRADES = LAST_MID + 1  # trades seen in all; the next one's slot is this modulo TAPE
WIDTH = TRADES + 1  # ticks a bucket of the finest heat; 0 until a first mid is known
CLOCK_SIZE = WIDTH + 1

# A bucket is so much of the price: at 61,700.00 this is 1.00, some sixty rows of a screen in sixty dollars,
# about what the price of a large pair wanders in five minutes. Longer intervals get wider buckets.
BUCKET_OF_PRICE = 1.6e-5
BUCKET_TIER = (1, 1, 2, 4, 4, 16, 16, 16)  # times the finest width, for each interval

# Depth is sampled so often into the forming column of each interval: once a second, and where columns are long about
# ten times each. The 100 ms chart shows the columns of one second. Each period divides the next.
HEAT_PERIODS_NS = tuple(s * 1_000_000_000 for s in (1, 1, 1, 3, 6, 30, 90, 360))
HEAT_RING = tuple(
    max(1, i) for i in range(len(INTERVALS_NS))
)  # the ring that an interval's heat is read from
SIZE_STEPS = 2  # a size of n lots is kept as round(SIZE_STEPS * log2(1 + n)), within 19 % of the truth

# Ticks further apart than this are not a quiet market but a machine that slept: drawn as a gap.
GAP_NS = 2_000_000_000

_INTERVALS = np.array(INTERVALS_NS, np.int64)
_PERIODS = np.array(HEAT_PERIODS_NS, np.int64)
_TIER = np.array(BUCKET_TIER, np.int64)
_TIER_BITS = np.array([tier.bit_length() - 1 for tier in BUCKET_TIER], np.int64)  # each is a power of two
_TRADE, _TICK = int(Kind.TRADE), int(Kind.TICK)


def _first_of_codes() -> npt.NDArray[np.int64]:
    """The least 1 + lots that is kept as each code, so that a kernel compares where it would take a logarithm."""
    first = np.array([2.0 ** ((code - 0.5) / SIZE_STEPS) for code in range(62 * SIZE_STEPS)])
    return np.ceil(first).astype(np.int64)


_FROM = _first_of_codes()


class ChartArrays(NamedTuple):
    """All chart memory of one symbol. Copying each array copies the state."""

    step: npt.NDArray[np.float64]  # (2,): quote units a tick, base units a lot
    clock: npt.NDArray[np.int64]  # (CLOCK_SIZE,)
    bars: npt.NDArray[np.int64]  # (intervals, 6 fields, BARS)
    tape: npt.NDArray[np.int64]  # (TAPE, 4)
    heat: npt.NDArray[np.uint8]  # (intervals, COLUMNS, BUCKETS), lowest bucket first; 0: empty or unknown
    heat_low: npt.NDArray[np.int64]  # (intervals, COLUMNS): the lowest bucket's number, or UNKNOWN


def new_charts(tick: float, lot: float) -> ChartArrays:
    """Empty charts. `tick` is in quote units, `lot` in base units."""
    intervals = len(INTERVALS_NS)
    bars = np.zeros((intervals, 6, BARS), np.int64)
    bars[:, :BOUGHT] = UNKNOWN
    clock = np.zeros(CLOCK_SIZE, np.int64)
    clock[LAST_TICK] = clock[LAST_MID] = UNKNOWN
    return ChartArrays(
        np.array([tick, lot]),
        clock,
        bars,
        np.zeros((TAPE, 4), np.int64),
        np.zeros((intervals, COLUMNS, BUCKETS), np.uint8),
        np.full((intervals, COLUMNS), UNKNOWN, np.int64),
    )


@helper
def advance(charts: ChartArrays, ts: int) -> None:
    """Open the bars and heat columns that `ts` falls in, and clear the slots in between."""
    clock, bars, heat, heat_low = charts.clock, charts.bars, charts.heat, charts.heat_low
    for i in range(_INTERVALS.size):
        number = ts // _INTERVALS[i]
        newest = clock[NEWEST + i]
        if clock[COUNT + i] == 0:
            newest = number - 1
        if number <= newest:
            continue
        for n in range(max(newest + 1, number - BARS + 1), number + 1):
            slot = n % BARS
            for field in range(BOUGHT):
                bars[i, field, slot] = UNKNOWN
            bars[i, BOUGHT, slot] = 0
            bars[i, SOLD, slot] = 0
        for n in range(max(newest + 1, number - COLUMNS + 1), number + 1):
            heat_low[i, n % COLUMNS] = UNKNOWN
            for b in range(BUCKETS):
                heat[i, n % COLUMNS, b] = 0
        clock[NEWEST + i] = number
        clock[COUNT + i] = min(BARS, clock[COUNT + i] + number - newest)


@helper
def _add_trade(charts: ChartArrays, ts: int, ticks: int, lots: int, side: int) -> None:
    clock, bars, tape = charts.clock, charts.bars, charts.tape
    slot = clock[TRADES] % TAPE
    tape[slot, TAPE_TS] = ts
    tape[slot, TAPE_TICKS] = ticks
    tape[slot, TAPE_LOTS] = lots
    tape[slot, TAPE_SIDE] = side
    clock[TRADES] += 1
    field = BOUGHT if side > 0 else SOLD
    for i in range(_INTERVALS.size):
        bars[i, field, clock[NEWEST + i] % BARS] += lots


@helper
def _sample_mid(charts: ChartArrays, ts: int, mid: int) -> None:
    """Enter the mid (half ticks or UNKNOWN) of the tick at `ts` in all bars, and fill those in between."""
    clock, bars = charts.clock, charts.bars
    last_tick, last_mid = clock[LAST_TICK], clock[LAST_MID]
    quiet = last_mid != UNKNOWN and ts - last_tick <= GAP_NS
    for i in range(_INTERVALS.size):
        number = clock[NEWEST + i]
        if quiet:
            for n in range(max(last_tick // _INTERVALS[i] + 1, number - BARS + 1), number):
                for field in range(BOUGHT):
                    bars[i, field, n % BARS] = last_mid
        if mid == UNKNOWN:
            continue
        slot = number % BARS
        if bars[i, OPEN, slot] == UNKNOWN:
            # A mid holds until the next one: a bar opens where the one before it closed.
            for field in range(BOUGHT):
                bars[i, field, slot] = last_mid if quiet else mid
        bars[i, HIGH, slot] = max(bars[i, HIGH, slot], mid)
        bars[i, LOW, slot] = min(bars[i, LOW, slot], mid)
        bars[i, CLOSE, slot] = mid
    clock[LAST_TICK] = ts
    clock[LAST_MID] = mid


@helper
def _first_width(mid: int) -> int:
    """Ticks a bucket: the 1-2-5 step nearest above the wished share of the price."""
    wish = mid / 2 * BUCKET_OF_PRICE
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= wish:
                return step * power
        power *= 10


@helper
def size_code(lots: int) -> int:
    """A size as it is kept in a heat column. Zero only for nothing: one lot is already SIZE_STEPS."""
    code = SIZE_STEPS * (63 - i64(leading_zeros(unsigned(1 + lots))))
    while code + 1 < _FROM.size and 1 + lots >= _FROM[code + 1]:
        code += 1
    return code


@helper
def _add_levels(sums: Ints, low: Ints, width: int, widest: int, book: Book, side: int) -> None:
    """Add each level of a side to the bucket that it lies in, of each width up to the one of interval `widest`."""
    head, cells, far = book.head, book.cells, book.far
    bottom = low[widest] * width * _TIER[widest]
    top = bottom + BUCKETS * width * _TIER[widest]
    first, stop = (bottom, top) if side == ASK else (1 - top, 1 - bottom)
    for i in range(head[side, FAR]):
        if first <= far[side, 0, i] < stop:
            _add_level(sums, low, width, widest, side, far[side, 0, i], far[side, 1, i])
    window, row = window_of(cells), cells[side]
    key, end = max(first, head[side, START], head[side, BEST]), min(stop, head[side, START] + window)
    while key < end:
        key = next_in_window(row, window, key, end)
        if key != EMPTY:
            _add_level(sums, low, width, widest, side, key, row[unsigned(key & (window - 1))])
            key += 1


@helper
def _add_level(sums: Ints, low: Ints, width: int, widest: int, side: int, key: int, lots: int) -> None:
    finest = (key if side == ASK else -key) // width
    for i in range(1, widest + 1):
        if _TIER[i] != _TIER[i - 1] or i == 1:
            b = (finest >> _TIER_BITS[i]) - low[i]
            if 0 <= b < BUCKETS:
                sums[i, b] += lots


@helper
def _heat_due(charts: ChartArrays, before: int, ts: int) -> int:
    """The longest interval whose forming column is due for a sample, 0 where none is; all shorter ones are then.

    `before`: the tick before this one, or UNKNOWN.
    """
    for i in range(_INTERVALS.size - 1, 0, -1):
        begun = before == UNKNOWN or ts // _PERIODS[i] > before // _PERIODS[i]
        if begun or charts.heat_low[i, charts.clock[NEWEST + i] % COLUMNS] == UNKNOWN:
            return i
    return 0


@helper
def _sample_heat(charts: ChartArrays, book: Book, mid: int, longest: int, sums: Ints, low: Ints) -> None:
    """Photograph the book into the forming columns up to interval `longest`, once for each width of bucket.

    The levels are walked once for all widths: asking the book for the depth of each bucket took four times as long.
    `sums` are zeros, (intervals, BUCKETS); `low` is room for as many numbers as there are intervals.
    """
    clock, heat, heat_low = charts.clock, charts.heat, charts.heat_low
    if clock[WIDTH] == 0:
        clock[WIDTH] = _first_width(mid)
    width = clock[WIDTH]
    for i in range(1, longest + 1):
        low[i] = mid // (2 * width * _TIER[i]) - BUCKETS // 2
        heat_low[i, clock[NEWEST + i] % COLUMNS] = low[i]
    _add_levels(sums, low, width, longest, book, BID)
    _add_levels(sums, low, width, longest, book, ASK)
    for i in range(1, longest + 1):
        slot = clock[NEWEST + i] % COLUMNS
        if i > 1 and _TIER[i] == _TIER[i - 1]:
            before = clock[NEWEST + i - 1] % COLUMNS
            for b in range(BUCKETS):
                heat[i, slot, b] = heat[i - 1, before, b]
        else:
            for b in range(BUCKETS):
                heat[i, slot, b] = size_code(sums[i, b]) if sums[i, b] else 0


@jit
def _on_batch(
    rows: Rows,
    symbol: int,
    mid: float,
    step: npt.NDArray[np.float64],
    clock: Ints,
    bars: Ints,
    tape: Ints,
    heat: npt.NDArray[np.uint8],
    heat_low: Ints,
    head: Ints,
    cells: Ints,
    far: Ints,
) -> None:
    charts, book = ChartArrays(step, clock, bars, tape, heat, heat_low), Book(head, cells, far)
    half_ticks = UNKNOWN
    if not math.isnan(mid):
        half_ticks = math.floor(2.0 * mid / charts.step[0] + 0.5)
    for r in range(rows.size):
        row = rows[r]
        if row.kind == _TRADE and row.symbol == symbol:
            advance(charts, row.ts_recv)
            _add_trade(charts, row.ts_recv, row.price_ticks, row.size_lots, row.side)
        elif row.kind == _TICK:
            ts = row.ts_recv
            before = clock[LAST_TICK]
            advance(charts, ts)
            _sample_mid(charts, ts, half_ticks)
            longest = _heat_due(charts, before, ts) if half_ticks != UNKNOWN else 0
            if longest > 0:
                sums = np.zeros((longest + 1, BUCKETS), np.int64)
                _sample_heat(charts, book, half_ticks, longest, sums, np.zeros(longest + 1, np.int64))


def on_batch(rows: Rows, symbol: int, charts: ChartArrays, book: Book, mid: float) -> None:
    """Fold one batch, after the book took it in.

    `mid` is the book's mid at the batch's tick in quote units, NaN while the book is not trusted; then bars
    stay as they are and no depth is sampled.
    """
    _on_batch(rows, symbol, mid, *charts, *book)


def warm() -> None:
    """Compile what Python calls, for the arguments it is called with."""
    on_batch(np.zeros(0, ROW), 0, new_charts(0.01, 0.01), new_book(), math.nan)
