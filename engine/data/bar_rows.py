"""Bars as a session: four trades a bar, at its open, high, low and close, and no book.

When a bar's high and low came is not recorded. Here the side that the bar closed on comes last: low before high in a
bar that rose, high before low in one that fell, and the session says that this, like the sides of its trades, is made
up. They come at its four quarters, so that for bars of ten seconds and longer a chart sees a gap before each open: it
shows the recorded bars exactly, and does not begin one where the bar before it closed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.batch import Batch, no_levels
from engine.data.bars import Bars, said_interval
from engine.data.batches import beginning, blank, cut
from engine.data.exact import Ints
from engine.events import Kind, Setup
from engine.feeds.clock import TICK_NS

CHUNK = 10_000  # bars at once


class BarTape:
    """The session of some bars."""

    def __init__(self, bars: Bars, setup: Setup) -> None:
        self._bars, self._setup = bars, setup
        self.instrument = bars.instrument
        self.note = (
            f"{self.instrument.symbol}: recorded bars of {said_interval(bars.interval_ns)}; no book is known, and the "
            "order and sides of the four trades in each bar are made up"
        )

    def batches(self) -> Iterator[Batch]:
        bars = self._bars
        after = int(bars.ts_ns[0]) // TICK_NS * TICK_NS - TICK_NS
        yield beginning(self.instrument, after, self._setup, self.note)
        previous = int(bars.open[0])
        for at in range(0, len(bars), CHUNK):
            ts, prices, lots = trades_of(bars, at, min(at + CHUNK, len(bars)))
            rows = blank(len(ts), Kind.TRADE, ts)
            rows["price_ticks"], rows["size_lots"] = prices, lots
            rows["last_id"] = 4 * at + 1 + np.arange(len(ts))
            rows["side"] = sides(prices, previous)
            previous = int(prices[-1])
            for batch in cut(rows, no_levels(), (), after, quiet_ns=None):
                after = int(batch.rows[-1]["ts_recv"])
                yield batch


def trades_of(bars: Bars, start: int, stop: int) -> tuple[Ints, Ints, Ints]:
    """(ns, ticks, lots) of the four trades of each bar: a quarter of its volume each, the rest with the last."""
    part = slice(start, stop)
    opened, high, low, close = (x[part] for x in (bars.open, bars.high, bars.low, bars.close))
    rose = close >= opened
    prices = np.column_stack((opened, np.where(rose, low, high), np.where(rose, high, low), close))
    following = np.append(bars.ts_ns[1:], bars.ts_ns[-1] + bars.interval_ns)[part]
    length = np.minimum(bars.interval_ns, following - bars.ts_ns[part])  # months differ
    offsets = length[:, None] * np.arange(4) // 4
    ts = bars.ts_ns[part, None] + offsets // TICK_NS * TICK_NS
    quarter = bars.volume[part] // 4
    lots = np.column_stack((quarter, quarter, quarter, bars.volume[part] - 3 * quarter))
    return ts.reshape(-1), prices.reshape(-1), lots.reshape(-1)


def sides(prices: Ints, previous: int) -> Ints:
    """The aggressor's by the tick rule: up is a buy, down a sale, the same price as before.

    C. Lee, M. Ready: Inferring trade direction from intraday data. Journal of Finance 46 (1991), 733-746.
    """
    steps = np.sign(np.diff(prices, prepend=previous))
    latest = np.maximum.accumulate(np.where(steps != 0, np.arange(len(steps)), -1))
    found: Ints = np.where(latest >= 0, steps[latest], 1)
    return found
