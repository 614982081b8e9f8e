"""The level book (L2): exact sizes by price, O(1) best, fast depth between two prices.

A side is a *half book* over keys: ask key = ticks, bid key = -ticks, so that the best level is the smallest
key on both sides and one code path serves both. Near the touch sizes lie in a dense circular window (slot =
key modulo the window), with sums over blocks of 64 and 4096 keys that tell occupancy and add up to depth.
Levels outside the window are *far*: sorted by key in plain arrays, exact as well, merely slower. When the
best leaves the window's first half the window moves, and levels change places without loss.

The best is settled once a message: inside a message `BEST` is only a lower bound of the keys that hold size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.kernels import helper, inlined, jit
from engine.kernels.matching_cpu import i64, trailing_zeros

Ints = npt.NDArray[np.int64]

BID, ASK = 0, 1

# head[side, ...]
START = 0  # first key of the window; the group of 4096 it lies in holds the window's end as well
BEST = 1  # smallest key that holds size, or EMPTY
COUNT = 2  # levels that hold size
TOTAL = 3  # lots of all of them
FAR = 4  # how many of them are far
KNOWN = 5  # largest key the snapshot spoke of; EMPTY: the side is known to its end
HEAD = 6

EMPTY = 2**62  # as a best: there is none; as a bound: there is no bound
NOTHING = -(2**62)  # as a bound: not even the touch is known
MAX_KEY = 2**60  # so that no sum of keys and window can overflow
MAX_TOTAL = 2**61  # so that no sum of lots can, of both sides neither

CROSSED, MISMATCH, OVERFLOW, WRONG_SUM = 1, 2, 4, 8  # flags that folding raises

unsigned: Any = np.uint64  # an index that cannot count from the end
BLOCK = 64
GROUP = 4096
EIGHT = 8  # keys that a search for the next level looks at together
MIN_WINDOW, MAX_WINDOW = 2**12, 2**18
MAX_FAR = 2**20


class Book(NamedTuple):
    """Copy the arrays and you have copied the book."""

    head: Ints  # (2, HEAD)
    cells: Ints  # (2, window + window / 64 + window / 4096): lots, sums of 64, sums of 4096
    far: Ints  # (2, 2, capacity): keys, lots


def new_book(window: int = MIN_WINDOW, far_capacity: int = 1024) -> Book:
    """An empty book of which nothing is known."""
    if window % GROUP or window & (window - 1) or not MIN_WINDOW <= window <= MAX_WINDOW:
        raise ValueError(f"a window is a power of two from {MIN_WINDOW} to {MAX_WINDOW}, found {window}")
    head = np.zeros((2, HEAD), np.int64)
    head[:, BEST] = EMPTY
    head[:, KNOWN] = NOTHING
    cells = np.zeros((2, window + window // BLOCK + window // GROUP), np.int64)
    return Book(head, cells, np.zeros((2, 2, far_capacity), np.int64))


def size_of(book: Book) -> tuple[int, int]:
    """Window in ticks and capacity for far levels, a side."""
    return book.cells.shape[1] // (GROUP + GROUP // BLOCK + 1) * GROUP, book.far.shape[2]


def window_for(mid_ticks: float) -> int:
    """The window that suits a price: four times its 1 % band, so the band stays inside as price moves."""
    window = MIN_WINDOW
    while window < MAX_WINDOW and window < 0.04 * mid_ticks:
        window *= 2
    return window


@helper
def window_of(cells: Ints) -> int:
    return cells.shape[1] // (GROUP + GROUP // BLOCK + 1) * GROUP


@helper
def _far_at(far: Ints, side: int, count: int, key: int) -> int:
    """Index of the first far level whose key is not below `key`."""
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if far[side, 0, middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def _add(cells: Ints, window: int, side: int, key: int, change: int) -> None:
    """Change the size of a key inside the window, and the sums it is part of."""
    slot = key & (window - 1)
    row = cells[side]
    row[unsigned(slot)] += change
    row[unsigned(window + (slot >> 6))] += change
    row[unsigned(window + (window >> 6) + (slot >> 12))] += change


@helper
def _move_far(far: Ints, side: int, start: int, stop: int, by: int) -> None:
    if by > 0:
        for i in range(stop - 1, start - 1, -1):
            far[side, 0, i + by] = far[side, 0, i]
            far[side, 1, i + by] = far[side, 1, i]
    else:
        for i in range(start, stop):
            far[side, 0, i + by] = far[side, 0, i]
            far[side, 1, i + by] = far[side, 1, i]


@helper
def _put_far(head: Ints, far: Ints, side: int, key: int, lots: int) -> int:
    count = head[side, FAR]
    at = _far_at(far, side, count, key)
    present = at < count and far[side, 0, at] == key
    old = far[side, 1, at] if present else 0
    if lots > MAX_TOTAL - (head[side, TOTAL] - old):
        return OVERFLOW
    if lots == 0:
        if present:
            _move_far(far, side, at + 1, count, -1)
            head[side, FAR] = count - 1
    else:
        if not present:
            if count == far.shape[2]:
                return OVERFLOW
            _move_far(far, side, at, count, 1)
            head[side, FAR] = count + 1
            far[side, 0, at] = key
        far[side, 1, at] = lots
    _account(head, side, key, old, lots)
    return 0


@inlined
def _account(head: Ints, side: int, key: int, old: int, lots: int) -> None:
    head[side, TOTAL] += lots - old
    head[side, COUNT] += (lots > 0) - (old > 0)
    if key < head[side, BEST] and lots > 0:  # in this order: the first is rare, the second hard to predict
        head[side, BEST] = key


@inlined
def put(head: Ints, cells: Ints, far: Ints, side: int, key: int, lots: int) -> int:
    """Set the size at a key; 0 removes it. Returns 0, or OVERFLOW with the book unchanged."""
    if key <= -MAX_KEY or key >= MAX_KEY or lots < 0:
        return OVERFLOW
    window = window_of(cells)
    if not 0 <= key - head[side, START] < window:
        return _put_far(head, far, side, key, lots)
    old = cells[side, unsigned(key & (window - 1))]
    if lots > MAX_TOTAL - (head[side, TOTAL] - old):
        return OVERFLOW
    _add(cells, window, side, key, lots - old)
    _account(head, side, key, old, lots)
    return 0


@inlined
def next_in_window(row: Ints, window: int, key: int, end: int) -> int:
    """Smallest key in [key, end) that holds size, or EMPTY; all of them lie in the window. `row`: a side's cells."""
    blocks = window
    groups = window + (window >> 6)
    mask = window - 1
    while key < end:
        slot = key & mask
        if row[unsigned(groups + (slot >> 12))] == 0:
            key = (key | (GROUP - 1)) + 1
        elif row[unsigned(blocks + (slot >> 6))] == 0:
            key = (key | (BLOCK - 1)) + 1
        else:  # eight keys at a time, a bit each: what a branch costs more than a look
            first = slot & ~(EIGHT - 1)
            held = 0
            for i in range(EIGHT):
                held |= (row[unsigned(first + i)] != 0) << i
            held >>= key & (EIGHT - 1)
            if held != 0:
                key += i64(trailing_zeros(unsigned(held)))
                return key if key < end else EMPTY
            key = (key | (EIGHT - 1)) + 1
    return EMPTY


@helper
def _next_in_window(cells: Ints, window: int, side: int, key: int, end: int) -> int:
    return next_in_window(cells[side], window, key, end)


@helper
def _last_in_window(cells: Ints, window: int, side: int, first: int, key: int) -> int:
    """Largest key in [first, key] that holds size, or EMPTY; all of them lie in the window."""
    blocks = window
    groups = window + (window >> 6)
    mask = window - 1
    while key >= first:
        slot = key & mask
        if cells[side, groups + (slot >> 12)] == 0:
            key = (key & ~(GROUP - 1)) - 1
        elif cells[side, blocks + (slot >> 6)] == 0:
            key = (key & ~(BLOCK - 1)) - 1
        elif cells[side, slot] != 0:
            return key
        else:
            key -= 1
    return EMPTY


@helper
def next_level(head: Ints, cells: Ints, far: Ints, side: int, key: int) -> int:
    """Smallest key from `key` on that holds size, or EMPTY."""
    window = window_of(cells)
    start = head[side, START]
    count = head[side, FAR]
    if key < start:
        at = _far_at(far, side, count, key)
        if at < count and far[side, 0, at] < start:
            return far[side, 0, at]
        key = start
    if key < start + window:
        found = _next_in_window(cells, window, side, key, start + window)
        if found != EMPTY:
            return found
        key = start + window
    at = _far_at(far, side, count, key)
    return far[side, 0, at] if at < count else EMPTY


@helper
def lots_at(head: Ints, cells: Ints, far: Ints, side: int, key: int) -> int:
    window = window_of(cells)
    if 0 <= key - head[side, START] < window:
        return cells[side, key & (window - 1)]
    at = _far_at(far, side, head[side, FAR], key)
    return far[side, 1, at] if at < head[side, FAR] and far[side, 0, at] == key else 0


@helper
def best_lots(head: Ints, cells: Ints, far: Ints, side: int) -> int:
    return 0 if head[side, BEST] == EMPTY else lots_at(head, cells, far, side, head[side, BEST])


@helper
def _run(cells: Ints, side: int, first: int, count: int) -> int:
    """Sum of `count` neighbours in `cells`: a loop so plain that the compiler adds several at once."""
    row = cells[side]
    total = 0
    for i in range(unsigned(first), unsigned(first + count)):
        total += row[i]
    return total


@helper
def _within_group(cells: Ints, window: int, side: int, key: int, end: int) -> int:
    """Lots at keys in [key, end), all in one group of the window."""
    slot = key & (window - 1)
    stop = slot + end - key
    edge = min(stop, (slot + BLOCK - 1) & ~(BLOCK - 1))
    blocks = (stop - edge) >> 6
    total = _run(cells, side, slot, edge - slot) + _run(cells, side, window + (edge >> 6), blocks)
    edge += blocks << 6
    return total + _run(cells, side, edge, stop - edge)


@helper
def _in_window(cells: Ints, window: int, side: int, key: int, end: int) -> int:
    """Lots at keys in [key, end), all in the window."""
    if key >= end:
        return 0
    total = 0
    if key & (GROUP - 1):
        stop = min(end, (key | (GROUP - 1)) + 1)
        total = _within_group(cells, window, side, key, stop)
        key = stop
    groups = window + (window >> 6)
    while key + GROUP <= end:
        total += cells[side, groups + ((key & (window - 1)) >> 12)]
        key += GROUP
    return total + _within_group(cells, window, side, key, end)


@helper
def depth(head: Ints, cells: Ints, far: Ints, side: int, first: int, last: int) -> int:
    """Lots at keys from `first` to `last`, both included."""
    window = window_of(cells)
    start = head[side, START]
    total = 0
    if first < start or last >= start + window:
        count = head[side, FAR]
        at = _far_at(far, side, count, first)
        while at < count and far[side, 0, at] <= last:
            total += far[side, 1, at]
            at += 1
    if first <= head[side, BEST]:  # nothing lies before the best, so the sum may begin where a group does
        first = head[side, BEST] & ~(GROUP - 1)
    return total + _in_window(cells, window, side, max(first, start), min(last + 1, start + window))


@helper
def _move_window(head: Ints, cells: Ints, far: Ints, side: int, start: int) -> int:
    """Let the window begin at `start`. Returns 0, or OVERFLOW with the book unchanged (exact, but slower)."""
    window = window_of(cells)
    old = head[side, START]
    if start < old:
        first, end = max(old, start + window), old + window
    else:
        first, end = old, min(old + window, start)
    leaving = 0
    key = _next_in_window(cells, window, side, first, end)
    while key != EMPTY:
        leaving += 1
        key = _next_in_window(cells, window, side, key + 1, end)
    count = head[side, FAR]
    if count + leaving > far.shape[2]:
        return OVERFLOW
    if leaving:
        at = _far_at(far, side, count, first)
        _move_far(far, side, at, count, leaving)
        key = first
        for i in range(at, at + leaving):
            key = _next_in_window(cells, window, side, key, end)
            lots = cells[side, key & (window - 1)]
            far[side, 0, i] = key
            far[side, 1, i] = lots
            _add(cells, window, side, key, -lots)
        count += leaving
    enter = _far_at(far, side, count, start)
    stay = _far_at(far, side, count, start + window)
    for i in range(enter, stay):
        _add(cells, window, side, far[side, 0, i], far[side, 1, i])
    _move_far(far, side, stay, count, enter - stay)
    head[side, FAR] = count - (stay - enter)
    head[side, START] = start
    return 0


@helper
def start_for(window: int, best: int) -> int:
    """A window with a quarter of its room before the best: prices improve less than depth reaches out."""
    return best - window // 4


@helper
def settle(head: Ints, cells: Ints, far: Ints, side: int) -> int:
    """After a message: find the best again and let the window follow it. Returns 0 or OVERFLOW."""
    if head[side, COUNT] == 0:
        head[side, BEST] = EMPTY
        return 0
    best = next_level(head, cells, far, side, head[side, BEST])
    head[side, BEST] = best
    window = window_of(cells)
    if 0 <= best - head[side, START] < window // 2:
        return 0
    return _move_window(head, cells, far, side, start_for(window, best))


@helper
def clear(head: Ints, cells: Ints, side: int) -> None:
    """Take every level out; what is known of the side stays as it was."""
    window = window_of(cells)
    blocks = window
    groups = window + (window >> 6)
    for group in range(window >> 12):
        if cells[side, groups + group] != 0:
            cells[side, groups + group] = 0
            for block in range(group << 6, (group + 1) << 6):
                cells[side, blocks + block] = 0
            for slot in range(group << 12, (group + 1) << 12):
                cells[side, slot] = 0
    head[side, BEST] = EMPTY
    head[side, COUNT] = 0
    head[side, TOTAL] = 0
    head[side, FAR] = 0


@helper
def apply_side(head: Ints, cells: Ints, far: Ints, side: int, levels: Ints, first: int, stop: int) -> int:
    """Set the sizes of `levels[first:stop]` (ticks, lots) on one side. Returns 0 or OVERFLOW."""
    overflow = 0
    for i in range(first, stop):
        key = levels[i, 0] if side == ASK else -levels[i, 0]
        overflow |= put(head, cells, far, side, key, levels[i, 1])
    return overflow | settle(head, cells, far, side)


@helper
def _worst(head: Ints, cells: Ints, far: Ints, side: int) -> int:
    """Largest key of a side that holds size; it is not empty, and its best is settled."""
    window = window_of(cells)
    start, count = head[side, START], head[side, FAR]
    if count > 0 and far[side, 0, count - 1] >= start + window:
        return far[side, 0, count - 1]
    found = _last_in_window(cells, window, side, start, start + window - 1)
    return found if found != EMPTY else far[side, 0, count - 1]


@helper
def cut_side(head: Ints, cells: Ints, far: Ints, side: int, keep: int) -> None:
    """Let go of all but the `keep` > 0 best levels: what lies behind them is known no more."""
    while head[side, COUNT] > keep:
        put(head, cells, far, side, _worst(head, cells, far, side), 0)
    if head[side, COUNT] == keep:
        head[side, KNOWN] = _worst(head, cells, far, side)


@helper
def begin_side(head: Ints, cells: Ints, side: int, levels: Ints, first: int, stop: int, whole: bool) -> None:
    """Empty a side for a snapshot's `levels[first:stop]`; `apply_side` then brings them in.

    Unless it is `whole`, the side will be known as far as they reach.
    """
    clear(head, cells, side)
    best, worst = EMPTY, NOTHING
    for i in range(first, stop):
        key = levels[i, 0] if side == ASK else -levels[i, 0]
        if -MAX_KEY < key < MAX_KEY and levels[i, 1] > 0:
            best = min(best, key)
            worst = max(worst, key)
    if best != EMPTY:
        head[side, START] = start_for(window_of(cells), best)
    head[side, KNOWN] = EMPTY if whole else worst


@helper
def load_side(
    head: Ints, cells: Ints, far: Ints, side: int, levels: Ints, first: int, stop: int, whole: bool
) -> int:
    """Replace one side by `levels[first:stop]`. Returns 0 or OVERFLOW."""
    begin_side(head, cells, side, levels, first, stop, whole)
    return apply_side(head, cells, far, side, levels, first, stop)


@jit
def _levels(head: Ints, cells: Ints, far: Ints, side: int) -> Ints:
    found = np.empty((head[side, COUNT], 2), np.int64)
    key = next_level(head, cells, far, side, -MAX_KEY)
    for i in range(len(found)):
        found[i, 0] = key if side == ASK else -key
        found[i, 1] = lots_at(head, cells, far, side, key)
        key = next_level(head, cells, far, side, key + 1)
    return found


def levels_of(book: Book, side: int) -> Ints:
    """Every level of a side as (ticks, lots), best first: shape (n, 2)."""
    return _levels(*book, side)


@jit
def _fill(head: Ints, cells: Ints, far: Ints, side: int, levels: Ints) -> int:
    return apply_side(head, cells, far, side, levels, 0, len(levels))


def fill(book: Book, side: int, levels: Ints) -> int:
    """Set the sizes of `levels` (ticks, lots), shape (n, 2), on a side. Returns 0 or OVERFLOW."""
    return int(_fill(*book, side, levels))


def rebuilt(book: Book, window: int, far_capacity: int) -> Book:
    """The same levels, known range and (if the window's size is kept) window in arrays of other sizes."""
    new = new_book(window, far_capacity)
    new.head[:, START] = book.head[:, START]
    new.head[:, KNOWN] = book.head[:, KNOWN]
    for side in (BID, ASK):
        if fill(new, side, levels_of(book, side)):
            raise ValueError(f"{book.head[side, COUNT]} levels do not fit beside {far_capacity} far ones")
    return new


def warm() -> None:
    """Compile what Python calls, for the arguments it is called with."""
    book = new_book()
    fill(book, BID, levels_of(book, BID))
