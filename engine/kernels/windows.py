"""Exact rolling sums over the last seconds, aligned at the session's 100 ms ticks.

Events add to a sum of the running tick; a TICK moves it into a ring of the last 600 and updates each ring's
rolling sum by what came in and what fell out, in integers, so that nothing drifts.
"""

from __future__ import annotations

import math

from engine.batch import MISSING
from engine.kernels import helper
from engine.kernels.level_book import Ints
from engine.kernels.market import (
    DELAY,
    FLOW,
    LAST_DELAY,
    LAST_LOTS,
    LAST_SIDE,
    LAST_TICKS,
    LOTS,
    MESSAGES,
    NO_DELAY,
    NOW_DELAY,
    NOW_SUMS,
    OFI,
    RETURN_COUNT,
    RETURNS,
    RING_TICKS,
    ROLLING_SUMS,
    SECOND_MID,
    TICK_TS,
    TICKS,
    TRADED,
    TRADED_NOW,
    TRADES,
    VOLUME,
    Floats,
)

TICK_NS = 100_000_000
SECOND_TICKS = 10

FLOW_TICKS = 100
SPANS = (
    10,
    FLOW_TICKS,
    600,
    FLOW_TICKS,
    FLOW_TICKS,
    600,
)  # OFI 1 s; flow, trades, messages 10 s; lots, delay 60 s
MIN_RETURNS = 30


@helper
def _push(now: Ints, reals: Floats, rings: Ints, seen: int) -> None:
    """End one slot of 100 ms, with what was summed up (seen = 1) or with nothing (seen = 0)."""
    at = now[TICKS] % RING_TICKS
    for ring in range(DELAY):
        out = (now[TICKS] - SPANS[ring]) % RING_TICKS
        came = now[NOW_SUMS + ring] * seen
        now[ROLLING_SUMS + ring] += came - rings[ring, out]
        rings[ring, at] = came
        now[NOW_SUMS + ring] -= came
    rings[DELAY, at] = now[NOW_DELAY] if seen else NO_DELAY
    reals[TRADED + at] = reals[TRADED_NOW] if seen else 0.0
    if seen:
        now[NOW_DELAY] = NO_DELAY
        reals[TRADED_NOW] = 0.0
    now[TICKS] += 1


@helper
def _sample(now: Ints, reals: Floats, mid: float) -> None:
    """At each whole second: the squared log return since the one before; NaN when either mid is missing."""
    if now[TICKS] % SECOND_TICKS == 0:
        before = reals[SECOND_MID]
        at = RETURNS + now[TICKS] // SECOND_TICKS % RETURN_COUNT
        reals[at] = math.log(mid / before) ** 2 if mid > 0.0 and before > 0.0 else math.nan
        reals[SECOND_MID] = mid


@helper
def tick(now: Ints, reals: Floats, rings: Ints, ts: int, mid: float) -> None:
    """A TICK at `ts`, with the mid in ticks (NaN: missing). Where time jumped, empty slots come in between.

    What happened belongs to the last slot, and the mid of a second that nobody saw is missing.
    """
    slots = 1
    if now[TICK_TS] != MISSING:
        slots = max(1, (ts - now[TICK_TS] + TICK_NS // 2) // TICK_NS)
    now[TICK_TS] = ts
    skipped = (
        max(0, (slots - 1) // RING_TICKS - 1) * RING_TICKS
    )  # whole turns: places in the rings stay right
    now[TICKS] += skipped
    for _ in range(slots - 1 - skipped):
        _push(now, reals, rings, 0)
        _sample(now, reals, math.nan)
    _push(now, reals, rings, 1)
    _sample(now, reals, mid)


@helper
def forget_ofi(now: Ints, rings: Ints) -> None:
    """Order flow is counted from the new book on: what a resync changed was no order."""
    now[NOW_SUMS + OFI] = 0
    now[ROLLING_SUMS + OFI] = 0
    for i in range(RING_TICKS):
        rings[OFI, i] = 0


@helper
def delay(now: Ints, ts_recv: int, ts_event: int) -> None:
    """Remember how late a depth message came."""
    if ts_event != MISSING:
        now[LAST_DELAY] = ts_recv - ts_event
        now[NOW_DELAY] = min(now[NOW_DELAY], now[LAST_DELAY])


@helper
def delay_above_least(now: Ints, rings: Ints) -> float:
    """Latest delay minus the least of the last 60 s, in ms; NaN when no depth message came in that time."""
    least = NO_DELAY
    for i in range(RING_TICKS):
        least = min(least, rings[DELAY, i])
    if least == NO_DELAY:
        return math.nan
    return (now[LAST_DELAY] - least) / 1e6


@helper
def per_second(now: Ints, ring: int) -> float:
    """Rate over the last 10 s, or since the beginning where that is shorter."""
    return now[ROLLING_SUMS + ring] * SECOND_TICKS / min(now[TICKS], FLOW_TICKS)


@helper
def value_traded(now: Ints, reals: Floats) -> float:
    """Ticks x lots of the last 60 s, added from the oldest on: sums of floats that drift are not exact."""
    total = 0.0
    oldest = now[TICKS] % RING_TICKS
    for i in range(oldest, RING_TICKS):
        total += reals[TRADED + i]
    for i in range(oldest):
        total += reals[TRADED + i]
    return total


@helper
def variance(reals: Floats) -> float:
    """Sum of the squared 1 s log returns of the last 60 s, scaled up for those that are missing.

    NaN below 30 known returns.
    """
    total = 0.0
    known = 0
    for i in range(RETURN_COUNT):
        square = reals[RETURNS + i]
        if square == square:
            total += square
            known += 1
    return total * RETURN_COUNT / known if known >= MIN_RETURNS else math.nan


@helper
def trade(now: Ints, reals: Floats, price_ticks: int, lots: int, side: int) -> None:
    now[NOW_SUMS + FLOW] += side * lots
    now[NOW_SUMS + LOTS] += lots
    now[NOW_SUMS + TRADES] += 1
    reals[TRADED_NOW] += float(price_ticks) * float(lots)
    now[VOLUME] += lots
    now[LAST_TICKS], now[LAST_LOTS], now[LAST_SIDE] = price_ticks, lots, side


@helper
def message(now: Ints) -> None:
    now[NOW_SUMS + MESSAGES] += 1
