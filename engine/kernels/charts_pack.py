"""A symbol's charts as a few small arrays for a checkpoint, and back, bit for bit.

Only filled slots are packed, oldest first, as differences from what came before, and every integer as byte
planes (all lowest bytes, then the next ones), which is the form that compresses best. Heat columns are left
as they are: zstandard finds what repeats in them as well as differences do (measured on a real session).

Packed charts come from files that may be a stranger's: `unpack` checks every shape, type and bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.frame import INTERVALS_NS
from engine.kernels.charts import (
    BARS,
    BOUGHT,
    BUCKET_TIER,
    BUCKETS,
    CLOCK_SIZE,
    CLOSE,
    COLUMNS,
    COUNT,
    HIGH,
    LAST_TICK,
    LOW,
    NEWEST,
    OPEN,
    SOLD,
    TAPE,
    TRADES,
    UNKNOWN,
    WIDTH,
    ChartArrays,
    new_charts,
)

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_NUMBER_LIMIT = 2**62  # of times and counts: sums of a few still fit in 64 bits


def pack(charts: ChartArrays) -> dict[str, npt.NDArray[Any]]:
    """All of the charts' state in arrays that compress well."""
    out: dict[str, npt.NDArray[Any]] = {"step": charts.step, "clock": charts.clock}
    filled = _filled(charts.clock, BARS)
    bars = np.concatenate([charts.bars[i][:, slots] for i, slots in filled], axis=1)
    known = bars[OPEN] != UNKNOWN
    mids = bars[:BOUGHT, known]
    before = _shifted(mids[CLOSE])
    body = mids[[OPEN, CLOSE]]
    out["bars_known"] = np.packbits(known)
    out["bars_first"] = mids[CLOSE][:1].copy()
    out["bars_open"] = _planes(mids[OPEN] - before)
    out["bars_close"] = _planes(mids[CLOSE] - before)
    out["bars_high"] = _planes(mids[HIGH] - body.max(axis=0))
    out["bars_low"] = _planes(body.min(axis=0) - mids[LOW])
    out["bars_volume"] = _planes(bars[BOUGHT : SOLD + 1].reshape(-1))
    tape = charts.tape[_tape_slots(charts.clock)]
    out["tape_first"] = tape[:1].copy()
    out["tape"] = _planes(np.diff(tape, axis=0, prepend=tape[:1]).T.reshape(-1))
    columns = [(charts.heat[i, slots], charts.heat_low[i, slots]) for i, slots in _heat_slots(charts.clock)]
    lows = np.concatenate([low for _, low in columns])
    cells = np.concatenate([cells for cells, _ in columns])
    sampled = np.flatnonzero(lows != UNKNOWN)
    out["heat_known"] = np.packbits(lows != UNKNOWN)
    out["heat_first"] = lows[sampled][:1].copy()
    out["heat_low"] = _planes(lows[sampled] - _shifted(lows[sampled]))
    out["heat"] = cells[sampled]
    return out


def unpack(packed: Mapping[str, npt.NDArray[Any]]) -> ChartArrays:
    """Charts from `pack`'s arrays. Raises ValueError, saying what is wrong, for anything else."""
    step = _array(packed, "step", np.float64, (2,))
    if not (np.isfinite(step).all() and (step > 0).all()):
        raise ValueError(f"charts: expected a positive tick and lot, found {step.tolist()}")
    charts = new_charts(float(step[0]), float(step[1]))
    clock = _array(packed, "clock", np.int64, (CLOCK_SIZE,))
    _check_clock(clock)
    charts.clock[:] = clock
    _unpack_bars(packed, charts)
    _unpack_tape(packed, charts)
    _unpack_heat(packed, charts)
    return charts


def _check_clock(clock: Ints) -> None:
    counts = clock[COUNT : COUNT + len(INTERVALS_NS)]
    if (counts < 0).any() or (counts > BARS).any():
        raise ValueError(f"charts: expected 0 to {BARS} bars an interval, found {counts.tolist()}")
    for i, interval in enumerate(INTERVALS_NS):
        if abs(int(clock[NEWEST + i])) > _NUMBER_LIMIT // interval:
            raise ValueError(f"charts: bar number {int(clock[NEWEST + i])} lies outside of time")
    for name, at, low in (("trades", TRADES, 0), ("bucket width", WIDTH, 0)):
        if not low <= int(clock[at]) < _NUMBER_LIMIT // max(BUCKET_TIER) // BUCKETS:
            raise ValueError(f"charts: {name} out of range: {int(clock[at])}")
    tick = int(clock[LAST_TICK])
    if tick != UNKNOWN and abs(tick) > _NUMBER_LIMIT:
        raise ValueError(f"charts: last tick lies outside of time: {tick}")


def _unpack_bars(packed: Mapping[str, npt.NDArray[Any]], charts: ChartArrays) -> None:
    filled = list(_filled(charts.clock, BARS))
    count = sum(len(slots) for _, slots in filled)
    known = _bits(packed, "bars_known", count)
    n = int(known.sum())
    first = _array(packed, "bars_first", np.int64, (min(n, 1),))
    close = np.cumsum(_integers(packed, "bars_close", n)) + (first[0] if n else 0)
    open_ = _integers(packed, "bars_open", n) + _shifted(close, first)
    bars = np.full((6, count), UNKNOWN, np.int64)
    bars[OPEN, known] = open_
    bars[CLOSE, known] = close
    bars[HIGH, known] = np.maximum(open_, close) + _integers(packed, "bars_high", n)
    bars[LOW, known] = np.minimum(open_, close) - _integers(packed, "bars_low", n)
    bars[BOUGHT : SOLD + 1] = _integers(packed, "bars_volume", 2 * count).reshape(2, count)
    at = 0
    for i, slots in filled:
        charts.bars[i][:, slots] = bars[:, at : at + len(slots)]
        at += len(slots)


def _unpack_tape(packed: Mapping[str, npt.NDArray[Any]], charts: ChartArrays) -> None:
    slots = _tape_slots(charts.clock)
    n = len(slots)
    first = _array(packed, "tape_first", np.int64, (min(n, 1), 4))
    deltas = _integers(packed, "tape", 4 * n).reshape(4, n).T
    if n:
        charts.tape[slots] = np.cumsum(deltas, axis=0) + first


def _unpack_heat(packed: Mapping[str, npt.NDArray[Any]], charts: ChartArrays) -> None:
    filled = list(_heat_slots(charts.clock))
    count = sum(len(slots) for _, slots in filled)
    known = _bits(packed, "heat_known", count)
    n = int(known.sum())
    first = _array(packed, "heat_first", np.int64, (min(n, 1),))
    lows = np.full(count, UNKNOWN, np.int64)
    lows[known] = np.cumsum(_integers(packed, "heat_low", n)) + (first[0] if n else 0)
    cells = np.zeros((count, BUCKETS), np.uint8)
    cells[known] = _array(packed, "heat", np.uint8, (n, BUCKETS))
    at = 0
    for i, slots in filled:
        charts.heat[i, slots] = cells[at : at + len(slots)]
        charts.heat_low[i, slots] = lows[at : at + len(slots)]
        at += len(slots)


def _filled(clock: Ints, ring: int) -> Iterator[tuple[int, Ints]]:
    """For each interval the slots of a ring that hold a bar, oldest first."""
    for i in range(len(INTERVALS_NS)):
        count = min(ring, int(clock[COUNT + i]))
        newest = int(clock[NEWEST + i])
        yield i, np.arange(newest - count + 1, newest + 1, dtype=np.int64) % ring


def _heat_slots(clock: Ints) -> Iterator[tuple[int, Ints]]:
    return ((i, slots) for i, slots in _filled(clock, COLUMNS) if i > 0)


def _tape_slots(clock: Ints) -> Ints:
    trades = int(clock[TRADES])
    return np.arange(trades - min(trades, TAPE), trades, dtype=np.int64) % TAPE


def _planes(values: Ints) -> Bytes:
    """Integers as byte planes of their zigzag form, shape (bytes needed, n)."""
    zigzag = ((values << 1) ^ (values >> 63)).astype("<u8")
    planes = zigzag.view(np.uint8).reshape(len(values), 8).T
    used = np.flatnonzero(planes.any(axis=1))
    return np.ascontiguousarray(planes[: int(used[-1]) + 1 if len(used) else 0])


def _integers(packed: Mapping[str, npt.NDArray[Any]], name: str, n: int) -> Ints:
    """What `_planes` was given."""
    planes = packed.get(name)
    if (
        planes is None
        or planes.dtype != np.uint8
        or planes.ndim != 2
        or len(planes) > 8
        or planes.shape[1] != n
    ):
        raise ValueError(
            f"charts: expected up to 8 byte planes of {n} integers as {name}, found {_told(planes)}"
        )
    whole = np.zeros((8, n), np.uint8)
    whole[: len(planes)] = planes
    zigzag = np.ascontiguousarray(whole.T).view("<u8").reshape(n)
    return ((zigzag >> np.uint64(1)) ^ -(zigzag & np.uint64(1)).astype(np.uint64)).astype(np.int64)


def _shifted(values: Ints, first: Ints | None = None) -> Ints:
    """The value before each value; before the first one stands itself, or `first`."""
    return np.concatenate([values[:1] if first is None else first, values[:-1]])


def _bits(packed: Mapping[str, npt.NDArray[Any]], name: str, n: int) -> npt.NDArray[np.bool_]:
    bits = _array(packed, name, np.uint8, ((n + 7) // 8,))
    return np.unpackbits(bits, count=n).astype(np.bool_)


def _array(
    packed: Mapping[str, npt.NDArray[Any]], name: str, dtype: type, shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    array = packed.get(name)
    if array is None or array.dtype != dtype or array.shape != shape:
        raise ValueError(
            f"charts: expected {np.dtype(dtype)} of shape {shape} as {name}, found {_told(array)}"
        )
    return array


def _told(array: npt.NDArray[Any] | None) -> str:
    return "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
