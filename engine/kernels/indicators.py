"""What advisers measure on the grid of seconds: order flow and microprice each second, technical indicators a bar.

Bars are of BAR_S seconds and are made of the grid's mid, high and low; a bar that no second knew is left out, and
after a hole of HOLE_S all of it begins anew. Whatever has too little past is NaN.

OFI z: the order flow of the last seconds, an EWMA with time constant FAST_S, over what such a mean of independent
seconds would vary by: its second moment over SLOW_S (arXiv 1011.6402 for the flow itself). VPIN (Easley, Lopez de
Prado, O'Hara, 2012): |bought - sold| in buckets of equal volume over their volume; the aggressor is known here, so
nothing is classified. A bucket is what usually trades in BUCKET_S. RSI and ATR are Wilder's (1978), with his
smoothing, begun with the plain mean; Bollinger's bands are two population standard deviations around a mean of 20;
Donchian's channel is the highest and lowest of the 20 bars before the latest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.kernels import jit
from engine.kernels import seconds as grid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BAR_S = 5
HOLE_S = 60
FAST_S, SLOW_S = 10.0, 300.0
NEEDED_S = 60  # seconds of flow before its z is told
BUCKET_S = 15.0
USUAL_S = 600.0  # what usually trades is an EWMA over this
BUCKETS, BUCKETS_NEEDED = 50, 10
EMA_SHORT, EMA_LONG = 12, 26
WILDER = 14
CHANNEL = 20  # bars, of Bollinger and Donchian
RING = CHANNEL + 1

# memory[...]: what is told first
OFI_Z, DRIFT_BPS, VPIN, LEAN = 0, 1, 2, 3  # LEAN: bought less sold over the volume of VPIN's buckets
FAST, SLOW, RSI, ATR = 4, 5, 6, 7
BAND_MIDDLE, BAND_WIDTH, CHANNEL_HIGH, CHANNEL_LOW, CLOSE = 8, 9, 10, 11, 12  # BAND_WIDTH: one deviation
TOLD = 13
# and what stands behind it
OFI_MEAN, OFI_SQUARE, DRIFT, USUAL, BUCKET_VOLUME, BUCKET_FLOW, BUCKET_SIZE = 13, 14, 15, 16, 17, 18, 19
BAR_HIGH, BAR_LOW, BAR_CLOSE, GAIN, LOSS, RANGE, EMA_A, EMA_B = 20, 21, 22, 23, 24, 25, 26, 27
WIDTH = 28
# clock[...]
SECOND, BAR, BARS, FLOWS, DRIFTS, VOLUMES, FILLED = 0, 1, 2, 3, 4, 5, 6
CLOCKS = 7
NAMES: tuple[str, ...] = (
    "ofi_z", "drift_bps", "vpin", "lean", "ema_short", "ema_long", "rsi", "atr", "band_middle", "band_width",
    "channel_high", "channel_low", "close",
)  # fmt: skip

_MOST_COUNT = 2**40


class IndicatorArrays(NamedTuple):
    """The indicators of one symbol. Arrays only."""

    memory: Floats  # (WIDTH,)
    clock: Ints  # (CLOCKS,)
    bars: Floats  # (RING, 3): high, low, close; bar n at n % RING
    buckets: Floats  # (BUCKETS, 2): |bought - sold|, bought - sold, over the bucket's volume

    def copy(self) -> IndicatorArrays:
        return IndicatorArrays._make(array.copy() for array in self)


def new_indicators() -> IndicatorArrays:
    memory = np.zeros(WIDTH)
    memory[:TOLD] = np.nan
    memory[[BAR_HIGH, BAR_LOW, BAR_CLOSE]] = np.nan
    clock = np.zeros(CLOCKS, np.int64)
    clock[[SECOND, BAR]] = -1
    return IndicatorArrays(memory, clock, np.full((RING, 3), np.nan), np.zeros((BUCKETS, 2)))


@jit
def _flow(ofi: float, memory: Floats, clock: Ints) -> None:
    if ofi != ofi:
        return
    clock[FLOWS] += 1
    n = clock[FLOWS]
    fast = max(1.0 / n, 1.0 - math.exp(-1.0 / FAST_S))
    slow = max(1.0 / n, 1.0 - math.exp(-1.0 / SLOW_S))
    memory[OFI_MEAN] += fast * (ofi - memory[OFI_MEAN])
    memory[OFI_SQUARE] += slow * (ofi * ofi - memory[OFI_SQUARE])
    if n >= NEEDED_S and memory[OFI_SQUARE] > 0.0:
        memory[OFI_Z] = memory[OFI_MEAN] / math.sqrt(memory[OFI_SQUARE] * fast / (2.0 - fast))


@jit
def _drift(mid: float, microprice: float, memory: Floats, clock: Ints) -> None:
    """Where the microprice stands beside the mid, bp, averaged over FAST_S."""
    if not mid > 0.0 or microprice != microprice:
        return
    clock[DRIFTS] += 1
    weight = max(1.0 / clock[DRIFTS], 1.0 - math.exp(-1.0 / FAST_S))
    memory[DRIFT] += weight * ((microprice / mid - 1.0) * 1e4 - memory[DRIFT])
    memory[DRIFT_BPS] = memory[DRIFT]


@jit
def _volume(volume: float, flow: float, memory: Floats, clock: Ints, buckets: Floats) -> None:
    """Fill buckets with what traded; a second may fill several of them."""
    if not volume >= 0.0 or flow != flow:
        return
    clock[VOLUMES] += 1
    memory[USUAL] += max(1.0 / clock[VOLUMES], 1.0 / USUAL_S) * (volume - memory[USUAL])
    if clock[VOLUMES] < NEEDED_S:
        return
    if not memory[BUCKET_SIZE] > 0.0:
        memory[BUCKET_SIZE] = memory[USUAL] * BUCKET_S
    if not memory[BUCKET_SIZE] > 0.0 or volume == 0.0:
        return
    share = flow / volume
    left, told = volume, False
    for _ in range(BUCKETS + 1):  # more would only push out its own
        if not left > 0.0 or not memory[BUCKET_SIZE] > 0.0:
            break
        taken = min(left, memory[BUCKET_SIZE] - memory[BUCKET_VOLUME])
        left -= taken
        memory[BUCKET_VOLUME] += taken
        memory[BUCKET_FLOW] += taken * share
        if left > 0.0 or memory[BUCKET_VOLUME] >= memory[BUCKET_SIZE]:
            at = clock[FILLED] % BUCKETS
            lean = memory[BUCKET_FLOW] / memory[BUCKET_SIZE]
            buckets[at, 0], buckets[at, 1] = abs(lean), lean
            clock[FILLED] += 1
            memory[BUCKET_VOLUME] = memory[BUCKET_FLOW] = 0.0
            memory[BUCKET_SIZE] = memory[USUAL] * BUCKET_S
            told = True
    if told and clock[FILLED] >= BUCKETS_NEEDED:
        n = min(clock[FILLED], BUCKETS)
        memory[VPIN] = buckets[:n, 0].sum() / n
        memory[LEAN] = buckets[:n, 1].sum() / n


@jit
def _begin_anew(memory: Floats, clock: Ints, bars: Floats) -> None:
    """Nothing of what was before a hole is compared with what comes after it."""
    memory[:TOLD] = math.nan
    memory[OFI_MEAN] = memory[OFI_SQUARE] = memory[DRIFT] = 0.0
    memory[BAR_HIGH] = memory[BAR_LOW] = memory[BAR_CLOSE] = math.nan
    memory[GAIN] = memory[LOSS] = memory[RANGE] = 0.0
    clock[BAR] = -1
    clock[BARS] = clock[FLOWS] = clock[DRIFTS] = 0
    bars[:, :] = math.nan


@jit
def _end_bar(memory: Floats, clock: Ints, bars: Floats) -> None:
    """Enter the bar that is over in every indicator."""
    high, low, close = memory[BAR_HIGH], memory[BAR_LOW], memory[BAR_CLOSE]
    memory[BAR_HIGH] = memory[BAR_LOW] = memory[BAR_CLOSE] = math.nan
    if not close > 0.0:
        return
    n = clock[BARS]
    before = bars[(n - 1) % RING, 2] if n else math.nan
    if n >= CHANNEL:
        memory[CHANNEL_HIGH], memory[CHANNEL_LOW] = -math.inf, math.inf
        for back in range(1, CHANNEL + 1):
            memory[CHANNEL_HIGH] = max(memory[CHANNEL_HIGH], bars[(n - back) % RING, 0])
            memory[CHANNEL_LOW] = min(memory[CHANNEL_LOW], bars[(n - back) % RING, 1])
    bars[n % RING, 0], bars[n % RING, 1], bars[n % RING, 2] = high, low, close
    clock[BARS] = n + 1
    memory[CLOSE] = close
    _averages(n, close, memory)
    if n:
        _wilder(n, high, low, close, before, memory)
    if n + 1 >= CHANNEL:
        mean = square = 0.0
        for back in range(CHANNEL):
            mean += bars[(n - back) % RING, 2] / CHANNEL
        for back in range(CHANNEL):
            square += (bars[(n - back) % RING, 2] - mean) ** 2 / CHANNEL
        memory[BAND_MIDDLE], memory[BAND_WIDTH] = mean, math.sqrt(square)


@jit
def _averages(n: int, close: float, memory: Floats) -> None:
    if n == 0:
        memory[EMA_A] = memory[EMA_B] = close
    memory[EMA_A] += 2.0 / (EMA_SHORT + 1.0) * (close - memory[EMA_A])
    memory[EMA_B] += 2.0 / (EMA_LONG + 1.0) * (close - memory[EMA_B])
    if n + 1 >= EMA_LONG:
        memory[FAST], memory[SLOW] = memory[EMA_A], memory[EMA_B]


@jit
def _wilder(n: int, high: float, low: float, close: float, before: float, memory: Floats) -> None:
    """The n-th change of close: RSI and ATR. The first WILDER changes are averaged plainly."""
    change = close - before
    weight = 1.0 / min(n, WILDER)
    memory[GAIN] += weight * (max(change, 0.0) - memory[GAIN])
    memory[LOSS] += weight * (max(-change, 0.0) - memory[LOSS])
    reach = max(high, before) - min(low, before)
    memory[RANGE] += weight * (reach - memory[RANGE])
    if n >= WILDER:
        whole = memory[GAIN] + memory[LOSS]
        memory[RSI] = 100.0 * memory[GAIN] / whole if whole > 0.0 else 50.0
        memory[ATR] = memory[RANGE]


@jit
def _step(second: int, row: Floats, memory: Floats, clock: Ints, bars: Floats, buckets: Floats) -> None:
    mid = row[grid.MID]
    if not mid > 0.0:
        return
    if clock[SECOND] >= 0 and second - clock[SECOND] > HOLE_S:
        _begin_anew(memory, clock, bars)
    clock[SECOND] = second
    _flow(row[grid.ORDER_FLOW], memory, clock)
    _drift(mid, row[grid.MICROPRICE], memory, clock)
    _volume(row[grid.VOLUME], row[grid.FLOW_SIGNED], memory, clock, buckets)
    bar = second // BAR_S
    if bar != clock[BAR]:
        _end_bar(memory, clock, bars)
        clock[BAR] = bar
    high = row[grid.HIGH] if row[grid.HIGH] >= mid else mid
    low = row[grid.LOW] if row[grid.LOW] <= mid else mid
    memory[BAR_HIGH] = high if not memory[BAR_HIGH] >= high else memory[BAR_HIGH]
    memory[BAR_LOW] = low if not memory[BAR_LOW] <= low else memory[BAR_LOW]
    memory[BAR_CLOSE] = mid


def step(second: int, row: Floats, indicators: IndicatorArrays) -> list[float]:
    """Enter a row of the grid. Returns what is told, in the order of NAMES."""
    _step(second, row, *indicators)
    told: list[float] = indicators.memory[:TOLD].tolist()
    return told


def pack(indicators: IndicatorArrays) -> dict[str, npt.NDArray[Any]]:
    """The indicators as `unpack` takes them."""
    return {name: array.copy() for name, array in indicators._asdict().items()}


def unpack(packed: Mapping[str, npt.NDArray[Any]]) -> IndicatorArrays:
    """Indicators that were packed; they may come from a stranger. ValueError says what is wrong with them."""
    fresh = new_indicators()._asdict()
    if {name: (a.shape, a.dtype) for name, a in packed.items()} != {
        name: (a.shape, a.dtype) for name, a in fresh.items()
    }:
        raise ValueError(f"indicators: expected arrays { ({name: a.shape for name, a in fresh.items()}) }")
    found = IndicatorArrays(**{name: np.array(packed[name]) for name in fresh})
    for array in (found.memory, found.bars, found.buckets):
        if (np.abs(array) > grid.MOST).any():
            raise ValueError(f"indicators: expected numbers within {grid.MOST:g}")
    if (found.clock < -1).any() or (found.clock > _MOST_COUNT).any() or (found.clock[BARS:] < 0).any():
        raise ValueError(f"indicators: expected counts from 0 to {_MOST_COUNT}, found {found.clock.tolist()}")
    return found


def warm() -> None:
    """Compile what Python calls, for the arguments it is called with."""
    step(0, np.ones(grid.WIDTH), new_indicators())
