"""Where the price levels are: a dense window from near the best on, and sorted arrays for all beyond it.

The window is a table from key to sentinel with a 64-ary bitset over it; the best level is the first bit set.
Levels outside the window are *far*: exact as well, merely slower to find. When the best leaves the window's first
half, the window moves before the next message, and levels change places; their queues never notice.
"""

from __future__ import annotations

from engine.kernels import helper, inlined
from engine.kernels.matching_cpu import i64, trailing_zeros, u32, u64
from engine.kernels.matching_state import EMPTY, FREE, WINDOW, State

_ONE = u64(1)
_SIX = u64(6)
_LOW = u64(63)


@inlined
def _far_at(state: State, side: int, key: int) -> int:
    """Index of the first far level whose key is not below `key`."""
    low, high = 0, state.sides[u64(side)].far
    while low < high:
        middle = (low + high) >> 1
        if state.far[side, 0, middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def _move_far(state: State, side: int, first: int, by: int) -> None:
    """Shift the far levels from `first` on, and their count with them."""
    here = state.sides[u64(side)]
    far = state.far
    if by > 0:
        for i in range(here.far - 1, first - 1, -1):
            far[side, 0, i + by] = far[side, 0, i]
            far[side, 1, i + by] = far[side, 1, i]
    else:
        for i in range(first, here.far):
            far[side, 0, i + by] = far[side, 0, i]
            far[side, 1, i + by] = far[side, 1, i]
    here.far += by


@helper
def _add_far(state: State, side: int, key: int, level: int) -> None:
    at = _far_at(state, side, key)
    _move_far(state, side, at, 1)
    state.far[side, 0, at] = key
    state.far[side, 1, at] = level


@helper
def _drop_far(state: State, side: int, key: int) -> None:
    _move_far(state, side, _far_at(state, side, key) + 1, -1)


@helper
def _find_far(state: State, side: int, key: int) -> int:
    at = _far_at(state, side, key)
    if at < state.sides[u64(side)].far and state.far[side, 0, at] == key:
        return state.far[side, 1, at]
    return 0


@inlined
def _enter(state: State, side: int, offset: int, level: int) -> None:
    """Put a level into the window, `offset` keys from its start."""
    at = u64(side * WINDOW + offset)
    state.table[at] = level
    state.words[at >> _SIX] |= _ONE << (at & _LOW)
    state.sides[u64(side)].words |= _ONE << ((at >> _SIX) & _LOW)


@inlined
def _leave(state: State, side: int, offset: int) -> None:
    at = u64(side * WINDOW + offset)
    state.table[at] = 0
    word = state.words[at >> _SIX] & ~(_ONE << (at & _LOW))
    state.words[at >> _SIX] = word
    if word == 0:
        state.sides[u64(side)].words &= ~(_ONE << ((at >> _SIX) & _LOW))


@inlined
def _first_offset(state: State, side: int) -> int:
    """Offset of the window's first level, or -1."""
    words = state.sides[u64(side)].words
    if words == 0:
        return -1
    word = i64(trailing_zeros(words))
    return word * 64 + i64(trailing_zeros(state.words[u64(side * 64 + word)]))


@inlined
def _to_far(state: State, side: int) -> None:
    """Empty the window into the far arrays, which hold no key between its bounds."""
    here = state.sides[u64(side)]
    at = _far_at(state, side, here.start)
    near = here.levels - here.far
    _move_far(state, side, at, near)
    for i in range(at, at + near):
        offset = _first_offset(state, side)
        state.far[side, 0, i] = here.start + offset
        state.far[side, 1, i] = state.table[u64(side * WINDOW + offset)]
        _leave(state, side, offset)


@helper
def settle(state: State) -> None:
    """Let the windows follow their bests: a quarter of a window lies before, for prices that improve."""
    for side in range(2):
        here = state.sides[u64(side)]
        if here.best == EMPTY or 0 <= here.best - here.start < WINDOW // 2:
            continue
        _to_far(state, side)
        here.start = here.best - WINDOW // 4
        first = _far_at(state, side, here.start)
        stop = _far_at(state, side, here.start + WINDOW)
        for i in range(first, stop):
            _enter(state, side, state.far[side, 0, i] - here.start, state.far[side, 1, i])
        _move_far(state, side, stop, first - stop)


@inlined
def _set_best(state: State, side: int, key: int, level: int) -> None:
    here = state.sides[u64(side)]
    here.best = key
    here.best_level = level
    if u64(key - here.start) >= u64(WINDOW // 2):
        settle(state)


@inlined
def find_level(state: State, side: int, key: int) -> int:
    """The sentinel of the level at a key, or 0."""
    offset = u64(key - state.sides[u64(side)].start)
    if offset < u64(WINDOW):
        return i64(state.table[u64(side * WINDOW) + offset])
    return _find_far(state, side, key)


@inlined
def open_level(state: State, side: int, key: int) -> int:
    """An empty level where there is none; its sentinel. Needs a free one."""
    here = state.sides[u64(side)]
    level = u32(state.head[FREE])
    sentinel = state.nodes[level]
    state.head[FREE] = sentinel.next
    sentinel.next = level
    sentinel.prev = level
    sentinel.qty = 0
    sentinel.tag = key
    sentinel.level = side
    here.levels += 1
    offset = key - here.start
    if 0 <= offset < WINDOW:
        _enter(state, side, offset, level)
    else:
        _add_far(state, side, key, i64(level))
    if key < here.best:
        _set_best(state, side, key, i64(level))
    return i64(level)


@inlined
def close_level(state: State, side: int, level: int) -> None:
    """Take away a level whose queue is empty, and find the best again."""
    here = state.sides[u64(side)]
    sentinel = state.nodes[u32(level)]
    key = sentinel.tag
    sentinel.next = state.head[FREE]
    state.head[FREE] = level
    here.levels -= 1
    offset = key - here.start
    if 0 <= offset < WINDOW:
        _leave(state, side, offset)
    else:
        _drop_far(state, side, key)
    if key == here.best:
        # The best was in the window or beyond, so that nothing far lies before the window now.
        offset = _first_offset(state, side)
        if offset >= 0:
            first = i64(state.table[u64(side * WINDOW + offset)])
            _set_best(state, side, here.start + offset, first)
        elif here.far > 0:
            _set_best(state, side, state.far[side, 0, 0], state.far[side, 1, 0])
        else:
            here.best = EMPTY
            here.best_level = 0


@helper
def next_key(state: State, side: int, key: int) -> int:
    """The smallest key above `key` that has a level, or EMPTY."""
    here = state.sides[u64(side)]
    offset = max(key + 1 - here.start, 0)
    if offset < WINDOW:
        word = u64(offset >> 6)
        base = u64(side * 64)
        bits = state.words[base + word] >> u64(offset & 63)
        if bits != 0:
            return here.start + offset + i64(trailing_zeros(bits))
        later = here.words & ~((_ONE << word << _ONE) - _ONE) if word < _LOW else u64(0)
        if later != 0:
            word = u64(trailing_zeros(later))
            return here.start + i64(word << _SIX) + i64(trailing_zeros(state.words[base + word]))
    at = _far_at(state, side, key + 1)
    return state.far[side, 0, at] if at < here.far else EMPTY
