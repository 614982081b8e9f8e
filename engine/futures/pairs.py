"""Futures in pairs: the same market twice, with the shock and without, under the same luck.

Both of a pair draw from equal random streams, so that what differs between them is the shock's doing (common random
numbers: Glasserman and Yao, "Some guidelines and guarantees for common random numbers", 1992). Different pairs have
different streams; everything else (books, inventories, excitation) is where the market stood.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from engine.agents.trading import Floats
from engine.events import Shock
from engine.futures.kernel import DEPTH, MID, SEEN, SPREAD, walk
from engine.market.kernel import STEPS_A_SECOND, run_steps
from engine.market.shocks import begin
from engine.market.source import NO_STATISTICS
from engine.market.state import X_DONE, X_SERIAL, X_WANTED, Market, fork
from engine.rng import Streams
from engine.shocks import BadShock

TRADES = frozenset({"programme", "whale", "fat_finger"})  # kinds of shock that send orders
STEPS_A_CHUNK = 60_000  # agents x steps between two looks at whether to go on: a few milliseconds
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Start:
    """Where futures begin. `market` is a copy that nobody else steps; it is only forked here."""

    market: Market
    venue: int
    mid_ticks: float  # now
    price_a_tick: float  # quote units
    seed: int
    seconds: int
    basis: str  # how the market was come by, in words
    venue_tick: float  # quote units
    shock: Shock | None = None
    delay_s: int = 0  # until the shock begins
    planned: tuple[tuple[int, Shock], ...] = ()  # what comes anyway, after so many steps, soonest first
    shift_ticks: float = 0.0  # added to every mid, so that times `price_a_tick` it is a price
    spread_shift_ticks: float = 0.0  # and to every spread
    sigma: float | None = (
        None  # quote units a root of a second: what a tick is worth follows from the futures
    )
    depth_lots: float | None = None  # now, where the market does not yet show all of it

    def ticks_of(self, venue_ticks: int) -> float:
        """A price of the venue as a path's mids count."""
        return venue_ticks * self.venue_tick / self.price_a_tick


@dataclass(frozen=True)
class Path:
    """One future: rows are seconds, the first is now, shape (seconds + 1,). A missing mid is NaN.

    Mids times the start's `price_a_tick` are prices.
    """

    mid_ticks: Floats
    spread_ticks: Floats
    depth_lots: Floats
    filled: float  # share of the shock's orders that found somebody, NaN for one that sends none


def streams_of(seed: int, pair: int, count: int) -> Streams:
    """`count` streams of a pair, shape (count, 4): splitmix64 from a seed of its own, as `engine.rng` does."""
    digest = blake2b(f"{seed} future {pair}".encode(), digest_size=8).digest()
    first = np.frombuffer(digest, "<u8").astype(np.uint64)
    z = first + _GOLDEN * np.arange(1, 4 * count + 1, dtype=np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    streams: Streams = (z ^ (z >> np.uint64(31))).reshape(count, 4)
    return streams


class Growing:
    """One future, grown a few milliseconds at a time."""

    def __init__(self, start: Start, pair: int, shocked: bool) -> None:
        self.market = fork(start.market)
        self.market.streams[:] = streams_of(start.seed, pair, len(self.market.streams))
        self._start = start
        self._waits = list(start.planned)  # shocks that have not begun, with the step that they begin after
        if shocked and start.shock is not None:
            self._waits.append((STEPS_A_SECOND * start.delay_s, start.shock))
            self._waits.sort(key=lambda wait: wait[0])
        self._serial = 0  # of the one that was asked for
        self._seen = np.empty((start.seconds + 1, SEEN))
        self._chunk_s = max(1, STEPS_A_CHUNK // (STEPS_A_SECOND * len(self.market.family)))
        self._next = self._steps = 0  # the next row; steps taken
        self._mid = start.mid_ticks

    def grow(self) -> Path | None:
        """Go on; the path once it is whole."""
        start, first = self._start, self._next
        stop = min(first + self._chunk_s, start.seconds + 1)
        while self._waits and self._waits[0][0] < STEPS_A_SECOND * first:
            self._begin(*self._waits.pop(0))
        if self._waits:
            stop = min(stop, self._waits[0][0] // STEPS_A_SECOND + 1)
        taken = self._steps % STEPS_A_SECOND
        self._mid = walk(self.market, start.venue, first, stop, taken, self._mid, self._seen, NO_STATISTICS)
        self._next, self._steps = stop, STEPS_A_SECOND * (stop - 1)
        return self._path() if stop > start.seconds else None

    def _begin(self, step: int, shock: Shock) -> None:
        """Go on to a step, from where the shock acts. One that is planned and cannot be is left out, as there."""
        run_steps(self.market, step - self._steps, NO_STATISTICS)
        self._steps = step
        if shock is self._start.shock:
            self._serial = begin(self.market, shock)
        else:
            with contextlib.suppress(BadShock):
                begin(self.market, shock)

    def _path(self) -> Path:
        start, seen = self._start, self._seen
        if start.depth_lots is not None:
            seen[0, DEPTH] = start.depth_lots
        mid, spread = seen[:, MID] + start.shift_ticks, seen[:, SPREAD] + start.spread_shift_ticks
        return Path(mid, spread, seen[:, DEPTH], self._filled())

    def _filled(self) -> float:
        """Share of the shock's orders that found somebody; NaN for one that sends none."""
        if self._start.shock is None or self._start.shock.kind not in TRADES or not self._serial:
            return math.nan
        row = self.market.shocks[self.market.shocks[:, X_SERIAL] == self._serial][0]
        return float(row[X_DONE] / row[X_WANTED])


def grown(start: Start, pair: int, shocked: bool) -> Path:
    """The same at once."""
    growing = Growing(start, pair, shocked)
    while (path := growing.grow()) is None:
        pass
    return path
