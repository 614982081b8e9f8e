"""The made-up book of a past market: how it answers a price that is known, tick by tick, as rows of a venue.

A side is a list of levels, best first, as (key, lots): ask key = ticks, bid key = -ticks, so that one code path
serves both. When the price goes through levels they are gone; when it goes away new ones come in between; a few
levels a tick change their size, go, or come. How large a level is follows the density of its place, in lots a tick
of price: near the touch what the effective spread asks for, further out what the depth does. No top of the book is
told beside it: there is no venue that it could be compared with.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, MISSING, ROW, Levels, Rows
from engine.events import Kind
from engine.kernels import helper, inlined, jit
from engine.kernels.level_book import Ints
from engine.rng import Streams, exponential, new_streams, uniform

Floats = npt.NDArray[np.float64]

MOST = 320  # levels a side
COMES = 24  # levels that come in between in one tick
REACHES = 6  # levels that come at the far end in one tick
SIZE_TAIL = 2.2  # Pareto
SIZE_CAP = 25.0
MOST_LEVELS_A_TICK = 2 * (
    MOST + COMES + REACHES + 32
)  # a venue may write in one tick, up to 24 refreshed a side

# `shape[venue, side, ..., minute]`: of a side at each minute
NEAR, FAR, NEAR_TICKS, GAP_TICKS, WIDENS_TICKS, REACH_TICKS = range(6)
SHAPE = 6
UPDATE, TRADE = 0, 1  # columns of `ids`
TICK_COLUMN, PRICE, LOTS, SIDE = range(4)  # columns of the trades

_MEAN = SIZE_TAIL / (SIZE_TAIL - 1.0)
_SNAPSHOT, _DELTA, _TRADE, _TICK = (int(kind) for kind in (Kind.SNAPSHOT, Kind.DELTA, Kind.TRADE, Kind.TICK))
_WHOLE = BIDS_WHOLE | ASKS_WHOLE


@helper
def _size(shape: Floats, minute: int, distance: float, gap: int, streams: Streams, stream: int) -> int:
    """Lots of a level `distance` ticks behind the best that stands for `gap` ticks of price."""
    near = math.exp(-distance / shape[NEAR_TICKS, minute])
    density = near * shape[NEAR, minute] + (1.0 - near) * shape[FAR, minute]
    noise = min((1.0 - uniform(streams, stream)) ** (-1.0 / SIZE_TAIL), SIZE_CAP) / _MEAN
    return max(1, int(density * gap * (0.4 + 0.6 * noise)))


@helper
def _gap(shape: Floats, minute: int, distance: float, streams: Streams, stream: int) -> int:
    """Ticks to the next level, more of them further out."""
    mean = shape[GAP_TICKS, minute] * (1.0 + distance / shape[WIDENS_TICKS, minute])
    return 1 + int(mean * exponential(streams, stream))


@helper
def _write(levels: Levels, at: int, side: int, key: int, lots: int) -> int:
    levels[at, 0] = key if side == 1 else -key
    levels[at, 1] = lots
    return at + 1


@helper
def _open_up(book: Ints, count: int, first: int, by: int) -> None:
    """Room for `by` levels before level `first`."""
    for i in range(count - 1, first - 1, -1):
        book[i + by, 0] = book[i, 0]
        book[i + by, 1] = book[i, 1]


@helper
def _close_up(book: Ints, count: int, first: int, by: int) -> None:
    """Levels `first` to `first + by` are gone."""
    for i in range(first + by, count):
        book[i - by, 0] = book[i, 0]
        book[i - by, 1] = book[i, 1]


@helper
def _move_best(
    book: Ints,
    count: int,
    best: int,
    side: int,
    shape: Floats,
    minute: int,
    levels: Levels,
    at: int,
    streams: Streams,
    stream: int,
) -> tuple[int, int]:
    """Levels before the new best are gone; where it improves, levels come in. Returns levels and place to write."""
    gone = 0
    while gone < count and book[gone, 0] < best:
        at = _write(levels, at, side, book[gone, 0], 0)
        gone += 1
    if gone:
        _close_up(book, count, 0, gone)
        count -= gone
    if count and book[0, 0] == best:
        return count, at
    while count > MOST - COMES:
        count -= 1
        at = _write(levels, at, side, book[count, 0], 0)
    old = book[0, 0] if count else best + (1 << 40)
    _open_up(book, count, 0, COMES)
    coming = 0
    key = best
    while coming < COMES and key < old:
        distance = float(key - best)
        gap = _gap(shape, minute, distance, streams, stream)
        book[coming, 0] = key
        book[coming, 1] = _size(shape, minute, distance, gap, streams, stream)
        at = _write(levels, at, side, key, book[coming, 1])
        coming += 1
        key += gap
    _close_up(book, count + COMES, coming, COMES - coming)
    return count + coming, at


@helper
def _refresh(
    book: Ints,
    count: int,
    times: int,
    side: int,
    shape: Floats,
    minute: int,
    levels: Levels,
    at: int,
    streams: Streams,
    stream: int,
) -> tuple[int, int]:
    """A few levels change their size, go, or come; more of them near the touch."""
    for _ in range(times):
        i = int(exponential(streams, stream) * count / 5.0)
        if i >= count:
            continue
        choice = uniform(streams, stream)
        distance = float(book[i, 0] - book[0, 0])
        room = book[i + 1, 0] - book[i, 0] if i + 1 < count else 1
        usual = shape[GAP_TICKS, minute] * (1.0 + distance / shape[WIDENS_TICKS, minute]) + 1.0
        if choice < 0.25 and 0 < i < count - 1 and room < 2.0 * usual:
            at = _write(levels, at, side, book[i, 0], 0)
            _close_up(book, count, i, 1)
            count -= 1
        elif choice < 0.5 and room > usual and room > 1 and count < MOST:
            _open_up(book, count, i + 1, 1)
            book[i + 1, 0] = book[i, 0] + 1 + int(uniform(streams, stream) * (room - 1))
            gap = book[i + 2, 0] - book[i + 1, 0]
            book[i + 1, 1] = _size(shape, minute, distance, gap, streams, stream)
            at = _write(levels, at, side, book[i + 1, 0], book[i + 1, 1])
            count += 1
        else:
            gap = min(room, int(3.0 * usual) + 1)
            book[i, 1] = _size(shape, minute, distance, gap, streams, stream)
            at = _write(levels, at, side, book[i, 0], book[i, 1])
    return count, at


@helper
def _far_end(
    book: Ints,
    count: int,
    most: int,
    side: int,
    shape: Floats,
    minute: int,
    levels: Levels,
    at: int,
    streams: Streams,
    stream: int,
) -> tuple[int, int]:
    """The side ends about as far out as it should: levels come, or go, at its far end."""
    reach = shape[REACH_TICKS, minute]
    for _ in range(most):
        distance = float(book[count - 1, 0] - book[0, 0])
        if distance > 1.3 * reach and count > 1:
            count -= 1
            at = _write(levels, at, side, book[count, 0], 0)
        elif distance < reach and count < MOST:
            gap = _gap(shape, minute, distance, streams, stream)
            key = book[count - 1, 0] + gap
            if side == 0 and key >= 0:  # a bid at nothing
                break
            book[count, 0] = key
            book[count, 1] = _size(shape, minute, distance + gap, gap, streams, stream)
            at = _write(levels, at, side, key, book[count, 1])
            count += 1
    return count, at


@helper
def _answer(
    books: Ints,
    counts: Ints,
    venue: int,
    side: int,
    best: int,
    refreshed: int,
    most: int,
    shape: Floats,
    minute: int,
    levels: Levels,
    at: int,
    streams: Streams,
) -> int:
    """One side of one venue's book follows the price. Returns the place behind the levels that it wrote."""
    book, stream = books[venue, side], 2 * venue + side
    form = shape[venue, side]
    key = best if side == 1 else -best
    count, at = _move_best(book, counts[venue, side], key, side, form, minute, levels, at, streams, stream)
    count, at = _refresh(book, count, refreshed, side, form, minute, levels, at, streams, stream)
    count, at = _far_end(book, count, most, side, form, minute, levels, at, streams, stream)
    counts[venue, side] = count
    return at


@inlined
def _moments(trades: int, frozen: npt.NDArray[np.bool_], tick: int) -> int:
    """How many rows a tick has: its trades, an update of each venue that is not frozen, and the tick itself."""
    count = trades + 1
    for venue in range(len(frozen)):
        count += 0 if frozen[venue, tick] else 1
    return count


@helper
def _say_trade(row: Any, ts: int, number: int, prints: Ints, at: int) -> None:
    row.kind, row.symbol, row.ts_recv, row.ts_event = _TRADE, prints[at, 0], ts, ts
    row.first_id, row.last_id = MISSING, number
    row.price_ticks, row.size_lots, row.side = prints[at, 2], prints[at, 3], prints[at, 4]


@helper
def _say_update(row: Any, venue: int, ts: int, number: int, level_start: int, bids: int, asks: int) -> None:
    """What has become of a venue's book; its first update tells all of it."""
    fresh = number == 1
    row.kind, row.symbol, row.ts_recv, row.ts_event = _SNAPSHOT if fresh else _DELTA, venue, ts, MISSING
    row.first_id = row.last_id = number
    row.level_start, row.bid_count, row.ask_count = level_start, bids, asks
    row.flags = _WHOLE if fresh else 0


@helper
def _say_tick(row: Any, ts: int) -> None:
    row.kind, row.symbol, row.ts_recv, row.ts_event = _TICK, -1, ts, MISSING
    row.first_id = row.last_id = MISSING


@jit
def _quote(
    ends: Ints,
    minutes: Ints,
    refreshed: Ints,
    best: Ints,
    frozen: npt.NDArray[np.bool_],
    prints: Ints,
    shape: Floats,
    books: Ints,
    counts: Ints,
    ids: Ints,
    streams: Streams,
    rows: Rows,
    levels: Levels,
    places: Ints,
) -> None:
    at = r = p = 0
    for t in range(len(refreshed)):
        ts, first = ends[t], p
        while p < len(prints) and prints[p, 1] == t:
            p += 1
        step = (ends[t + 1] - ts) // _moments(p - first, frozen, t)
        for venue in range(len(books)):
            for i in range(first, p):
                if prints[i, 0] == venue:
                    ts += step
                    ids[venue, TRADE] += 1
                    _say_trade(rows[r], ts, ids[venue, TRADE], prints, i)
                    r += 1
            if frozen[venue, t]:
                continue
            ts += step
            ids[venue, UPDATE] += 1
            most = MOST if ids[venue, UPDATE] == 1 else REACHES
            start = turn = at
            for side in range(2):
                turn = at
                at = _answer(
                    books, counts, venue, side, best[venue, side, t], refreshed[t], most, shape, minutes[t],
                    levels, at, streams,
                )  # fmt: skip
            number = ids[venue, UPDATE]
            _say_update(rows[r], venue, ts, number, start - places[t, 1], turn - start, at - turn)
            r += 1
        _say_tick(rows[r], ends[t + 1])
        r += 1
        places[t + 1, 0], places[t + 1, 1] = r, at


class PastBooks:
    """The books of a story's venues as they stand; `quote` lets them live through some ticks."""

    def __init__(self, venues: int, seed: int) -> None:
        self.books = np.zeros((venues, 2, MOST + 1, 2), np.int64)
        self.counts = np.zeros((venues, 2), np.int64)
        self.ids = np.zeros((venues, 2), np.int64)
        self._streams = new_streams(seed, [f"book {v} {s}" for v in range(venues) for s in ("bid", "ask")])

    def quote(
        self,
        ends: Ints,
        minutes: Ints,
        refreshed: Ints,
        best: Ints,
        frozen: npt.NDArray[np.bool_],
        prints: Ints,
        shape: Floats,
    ) -> tuple[Rows, Levels, Ints]:
        """Rows and levels of some ticks, and where each tick's begin and end: shape (ticks + 1, 2), the first 0.

        A row's `level_start` counts from its own tick's first level.

        ends: ns, (ticks + 1,), the first where the first tick begins. minutes: index into `shape` at each tick.
        refreshed: levels a side to change at each tick. best: (venues, 2, ticks), bid and ask in ticks of price,
        never crossed. frozen: (venues, ticks), true where a venue says nothing but its trades. prints: rows of
        (venue, tick, price, lots, side), sorted by tick. shape: (venues, 2, SHAPE, minutes), see NEAR and others.
        """
        ticks, venues = len(refreshed), len(self.books)
        rows = np.zeros(len(prints) + ticks * (venues + 1), ROW)
        levels = np.empty((ticks * venues * MOST_LEVELS_A_TICK, 2), np.int64)
        places = np.zeros((ticks + 1, 2), np.int64)
        _quote(
            ends, minutes, refreshed, best, frozen, prints, shape, self.books, self.counts, self.ids,
            self._streams, rows, levels, places,
        )  # fmt: skip
        used, written = places[-1].tolist()
        return rows[:used], levels[:written].copy(), places


def warm() -> None:
    """Compile what Python calls, for the arguments it is called with."""
    none = np.zeros(0, np.int64)
    PastBooks(1, 1).quote(
        np.zeros(1, np.int64), none, none, np.zeros((1, 2, 0), np.int64), np.zeros((1, 0), np.bool_),
        np.zeros((0, 5), np.int64), np.ones((1, 2, SHAPE, 1)),
    )  # fmt: skip
