"""From futures to a fan: quantiles of the mid each second, and a table of what the shock does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from engine.agents.trading import Floats
from engine.frame.fan import FanRow

QUANTILES = (0.05, 0.5, 0.95)
TAIL = 0.05  # of the futures that the expected shortfall is a mean of


@dataclass
class Paths:
    """Futures of one kind, row by row in the order of their pairs, shape (futures, seconds + 1)."""

    mid_ticks: Floats  # no NaN: where there was none the last known one is carried on
    spread_ticks: Floats  # NaN where a side was empty
    depth_lots: Floats
    filled: Floats  # of the shock's orders, share; shape (futures,), NaN where there are none


def carried(mid_ticks: Floats) -> Floats:
    """Each row with its missing mids replaced by the last known one; the first of a row is known.

    >>> carried(np.array([[5.0, np.nan, 7.0, np.nan]])).tolist()
    [[5.0, 5.0, 7.0, 7.0]]
    """
    known = np.where(np.isnan(mid_ticks), 0, np.arange(mid_ticks.shape[1]))
    return np.take_along_axis(mid_ticks, np.maximum.accumulate(known, axis=1), axis=1)


def bands(paths: Paths, price_a_tick: float) -> list[bytes]:
    """The 5 %, 50 % and 95 % quantile of the mid at each second, in quote units, as a fan carries them."""
    return [
        line.astype("<f8").tobytes()
        for line in np.quantile(paths.mid_ticks, QUANTILES, axis=0) * price_a_tick
    ]


def table(plain: Paths, shocked: Paths | None, level_ticks: float | None) -> tuple[FanRow, ...]:
    """What a person wants to know of the two fans, a line each; sides of the shocked fan are None without it."""
    return tuple(_rows(plain, shocked, level_ticks))


def _rows(plain: Paths, shocked: Paths | None, level_ticks: float | None) -> Iterator[FanRow]:
    def row(name: str, unit: str, value: Callable[[Paths], float]) -> FanRow:
        return FanRow(name, unit, _told(value(plain)), None if shocked is None else _told(value(shocked)))

    yield row("expected move", "bp", lambda p: moves_bp(p)[:, -1].mean())
    yield row("expected shortfall 5 %", "bp", shortfall_bp)
    yield row("deepest fall", "bp", lambda p: moves_bp(p).min(axis=1).mean())
    yield row("highest rise", "bp", lambda p: moves_bp(p).max(axis=1).mean())
    if shocked is not None:
        yield FanRow("time to recover", "s", None, _told(recovery_s(plain, shocked)))
    if level_ticks is not None:
        yield row("crosses the level", "%", lambda p: 100.0 * crossing(p, level_ticks))
    yield row("widest spread", "bp", lambda p: _most(spread_bp(p)))
    yield row("spread at the end", "bp", lambda p: spread_bp(p)[-1])
    yield row("lowest depth", "%", lowest_depth_pct)
    if shocked is not None and (shocked.filled < 1.0).any():
        yield FanRow("shock filled", "%", None, 100.0 * float(shocked.filled.mean()))
    if any(np.isnan(p.spread_ticks).any() for p in (plain, shocked or plain)):
        yield row("without a price", "%", lambda p: 100.0 * np.isnan(p.spread_ticks).mean())


def moves_bp(paths: Paths) -> Floats:
    """Of the mid since now, shape (futures, seconds + 1)."""
    return (paths.mid_ticks / paths.mid_ticks[:, :1] - 1.0) * 1e4


def shortfall_bp(paths: Paths) -> float:
    """Mean move at the horizon over the worst 5 % of futures, at least one (Acerbi and Tasche 2002, def. 2.6)."""
    ends = np.sort(moves_bp(paths)[:, -1])
    return float(ends[: math.ceil(TAIL * len(ends))].mean())


def recovery_s(plain: Paths, shocked: Paths) -> float:
    """Seconds until the shocked median is back between the plain fan's quartiles for good.

    Zero if it never left them; NaN if it is not back at the horizon.
    """
    low, high = np.quantile(plain.mid_ticks, (0.25, 0.75), axis=0)
    middle = np.median(shocked.mid_ticks, axis=0)
    outside = np.flatnonzero((middle < low) | (middle > high))
    if not len(outside):
        return 0.0
    return math.nan if outside[-1] == len(middle) - 1 else float(outside[-1] + 1)


def crossing(paths: Paths, level_ticks: float) -> float:
    """Share of futures whose mid reaches a price, from where it is now, at the end of some second."""
    start = paths.mid_ticks[0, 0]
    if level_ticks >= start:
        return float((paths.mid_ticks.max(axis=1) >= level_ticks).mean())
    return float((paths.mid_ticks.min(axis=1) <= level_ticks).mean())


def spread_bp(paths: Paths) -> Floats:
    """Median over futures each second; NaN where none has both sides."""
    spread = paths.spread_ticks / paths.mid_ticks * 1e4
    known = ~np.isnan(spread).all(axis=0)
    middle = np.full(spread.shape[1], np.nan)
    middle[known] = np.nanmedian(spread[:, known], axis=0)
    return middle


def _most(values: Floats) -> float:
    return math.nan if np.isnan(values).all() else float(np.nanmax(values))


def lowest_depth_pct(paths: Paths) -> float:
    """Least over the seconds of the median depth, as a share of what stands now."""
    now = float(paths.depth_lots[0, 0])
    return float(100.0 * np.median(paths.depth_lots, axis=0).min() / now) if now > 0 else math.nan


def _told(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
