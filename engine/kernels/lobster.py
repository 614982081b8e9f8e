"""A LOBSTER day through the matching engine: each message an order of its own, each row of the book a check.

The files tell of the best N levels only. What rests at a level that comes into sight is not known by order: it stands
there as one unnamed order. As long as the level stays in sight every order that joins it is known by its name, and the
level must be, after each message, what the engine made of it; anything else is a fault of the files.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.kernels import helper, jit
from engine.kernels.matching import submit
from engine.kernels.matching_levels import find_level, next_key
from engine.kernels.matching_state import ASK, BID, EMPTY, MAX_KEY, TRADE, Do, Outcome, State, new_state

Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]

# Columns of a message, of a level in a row of the book (ask first, as in the file), and what `follow` counts.
M_TYPE, M_HANDLE, M_LOTS, M_TICKS, M_DIRECTION = range(5)
ASK_TICKS, ASK_LOTS, BID_TICKS, BID_LOTS = range(4)
NEW, LESS, DELETED, EXECUTED, HIDDEN, CROSS, HALT = range(1, 8)
MATCHED, OUT_OF_TURN, LEVELS_SEEN, LEVELS_CHANGED, COUNTED = range(5)
# Why it stopped.
FINE, WOULD_TRADE, KNOWN_ORDER, DIFFERS, FULL, TOO_MUCH = range(6)
FAULT_SIDE, FAULT_TICKS, FAULT_OURS, FAULT_FILE, FAULT = range(5)

_POST_ONLY, _IOC, _CANCEL, _REDUCE, _LIMIT = (
    int(do) for do in (Do.POST_ONLY, Do.IOC, Do.CANCEL, Do.REDUCE, Do.LIMIT)
)
_RESTING, _WOULD_TRADE, _IN_USE = (
    int(outcome) for outcome in (Outcome.RESTING, Outcome.WOULD_TRADE, Outcome.IN_USE)
)
_FAR = MAX_KEY  # how far a side is in sight whose end the file shows
_BLIND = -MAX_KEY  # nothing was in sight before


@helper
def _key(side: int, ticks: int) -> int:
    return ticks if side == ASK else -ticks


@helper
def _unnamed(side: int, ticks: int, prices: Ints, named: int) -> int:
    """The handle of a level's unnamed order: those of named orders come first."""
    return int(named + side * len(prices) + np.searchsorted(prices, ticks))


@helper
def _total(state: State, side: int, key: int) -> int:
    level = find_level(state, side, key)
    return state.nodes[level].qty if level != 0 else 0


@helper
def _rests(state: State, handle: int) -> bool:
    return state.slots[handle] != 0


@helper
def _is_next(state: State, side: int, key: int, handle: int) -> bool:
    """Whether this order is the first at the best price: the one that a taker meets."""
    if state.sides[side].best != key:
        return False
    first = state.nodes[find_level(state, side, key)].next
    return (state.nodes[first].tag & 0xFFFFFFFF) == handle


@helper
def _act(state: State, trades: Records, kind: int, side: int, ticks: int, lots: int, handle: int) -> int:
    outcome, _ = submit(state, trades, 0, 0, kind, side, ticks, lots, handle, -1)
    return outcome


@helper
def _apply(
    state: State, trades: Records, message: Ints, prices: Ints, named: int, counts: Ints, fault: Ints
) -> int:
    """One message. An order that nobody knows is a part of its level's unnamed one."""
    kind, lots, ticks = message[M_TYPE], message[M_LOTS], message[M_TICKS]
    side = BID if message[M_DIRECTION] > 0 else ASK
    handle = message[M_HANDLE]
    if kind == NEW:
        outcome = _act(state, trades, _POST_ONLY, side, ticks, lots, handle)
        if outcome == _WOULD_TRADE:
            return WOULD_TRADE
        if outcome == _IN_USE:
            return KNOWN_ORDER
        return FINE if outcome == _RESTING else FULL
    if kind > EXECUTED:
        return FINE
    if not _rests(state, handle):
        handle = _unnamed(side, ticks, prices, named)
        if not _rests(state, handle) and kind != EXECUTED:
            return FINE  # the row of the book says whether that was right
    elif kind == DELETED:
        _act(state, trades, _CANCEL, side, ticks, 0, handle)
        return FINE
    if kind != EXECUTED:
        _act(state, trades, _REDUCE, side, ticks, lots, handle)
        return FINE
    rests = state.nodes[state.slots[handle]].qty if _rests(state, handle) else 0
    if lots > rests:  # the row of the book is none the wiser: it shows what is left, not what was taken
        fault[FAULT_SIDE], fault[FAULT_TICKS] = side, ticks
        fault[FAULT_OURS], fault[FAULT_FILE] = rests, lots
        return TOO_MUCH
    if _is_next(state, side, _key(side, ticks), handle):
        _act(state, trades, _IOC, 1 - side, ticks, lots, -1)
        counts[MATCHED] += 1
    else:
        _act(state, trades, _REDUCE, side, ticks, lots, handle)
        counts[OUT_OF_TURN] += 1
    return FINE


@helper
def _remove_level(state: State, trades: Records, side: int, key: int) -> None:
    """Orders that were taken away while nobody could see them."""
    while True:
        level = find_level(state, side, key)
        if level == 0:
            return
        first = state.nodes[level].next
        _act(state, trades, _CANCEL, side, 0, 0, state.nodes[first].tag & 0xFFFFFFFF)


@helper
def _show_level(
    state: State, trades: Records, side: int, ticks: int, lots: int, prices: Ints, named: int
) -> bool:
    """A level that has come into sight, as one unnamed order; False where there is no room.

    Orders known there from earlier may have gone unseen and others have come: their names tell nothing any more.
    """
    _remove_level(state, trades, side, _key(side, ticks))
    handle = _unnamed(side, ticks, prices, named)
    return _act(state, trades, _LIMIT, side, ticks, lots, handle) == _RESTING


@helper
def _differs(fault: Ints, side: int, key: int, ours: int, file: int) -> int:
    fault[FAULT_SIDE], fault[FAULT_TICKS] = side, key if side == ASK else -key
    fault[FAULT_OURS], fault[FAULT_FILE] = ours, file
    return DIFFERS


@helper
def _check_side(
    state: State,
    trades: Records,
    side: int,
    row: Ints,
    sight: int,
    prices: Ints,
    named: int,
    counts: Ints,
    fault: Ints,
) -> tuple[int, int]:
    """One side against a row of the book. `sight`: the worst key that was in sight before this row.

    Returns why it stopped, and the worst key in sight now.
    """
    t, q = (ASK_TICKS, ASK_LOTS) if side == ASK else (BID_TICKS, BID_LOTS)
    key = state.sides[side].best
    edge = _BLIND
    for k in range(len(row)):
        if row[k, q] <= 0:
            edge = _FAR
            break
        want = _key(side, row[k, t])
        while key < want:
            if key <= sight:
                return _differs(fault, side, key, _total(state, side, key), 0), edge
            _remove_level(state, trades, side, key)
            key = next_key(state, side, key)
        if want > sight:
            if not _show_level(state, trades, side, row[k, t], row[k, q], prices, named):
                return FULL, edge
            counts[LEVELS_SEEN] += 1
        else:
            ours = _total(state, side, want) if key == want else 0
            if ours != row[k, q]:
                return _differs(fault, side, want, ours, row[k, q]), edge
        key = next_key(state, side, want)
        edge = want
    if edge == _FAR:
        while key != EMPTY:
            if key <= sight:
                return _differs(fault, side, key, _total(state, side, key), 0), edge
            _remove_level(state, trades, side, key)
            key = next_key(state, side, key)
    return FINE, edge


@helper
def _changes(before: Ints, row: Ints, side: int, out: Ints, at: int) -> int:
    """Write the levels in which two rows of the book differ as (ticks, lots), gone ones with no lots."""
    t, q = (ASK_TICKS, ASK_LOTS) if side == ASK else (BID_TICKS, BID_LOTS)
    i = j = 0
    n = len(row)
    while True:
        old = _key(side, before[i, t]) if i < n and before[i, q] > 0 else EMPTY
        new = _key(side, row[j, t]) if j < n and row[j, q] > 0 else EMPTY
        if old == EMPTY and new == EMPTY:
            return at
        if old < new:
            out[at, 0], out[at, 1] = before[i, t], 0
            at += 1
            i += 1
        elif new < old:
            out[at, 0], out[at, 1] = row[j, t], row[j, q]
            at += 1
            j += 1
        else:
            if before[i, q] != row[j, q]:
                out[at, 0], out[at, 1] = row[j, t], row[j, q]
                at += 1
            i += 1
            j += 1


@jit
def follow(
    messages: Ints,
    books: Ints,
    first: int,
    stop: int,
    state: State,
    prices: Ints,
    named: int,
    sight: Ints,
    trades: Records,
    levels: Ints,
    turns: Ints,
    counts: Ints,
    fault: Ints,
) -> tuple[int, int]:
    """Rows `first` to `stop` of a day. Returns why it stopped, and the row.

    messages: (n, 5), see M_*; handles of named orders are below `named`. books: (n, levels, 4), each the book after
    its message, none of them crossed. prices: every price of the day in order. sight: (2,) the worst bid and ask key
    that the row before showed, or that of `new_sight`. levels: room for 4 x levels a row, filled with what each row
    changed; turns: (rows, 3): where a row's changes begin, how many are bids and how many asks.
    """
    at = 0
    for r in range(first, stop):
        row = books[r]
        blind = sight[BID] == _BLIND  # the first row that is seen: what it shows is where all begins
        if not blind or messages[r, M_TYPE] == NEW:
            why = _apply(state, trades, messages[r], prices, named, counts, fault)
            if why != FINE:
                return why, r
        for side in range(2):
            why, edge = _check_side(state, trades, side, row, sight[side], prices, named, counts, fault)
            if why != FINE:
                return why, r
            sight[side] = edge
        turns[r - first, 0] = at
        if not blind:
            turn = _changes(books[r - 1], row, BID, levels, at)
            end = _changes(books[r - 1], row, ASK, levels, turn)
            turns[r - first, 1] = turn - at
            turns[r - first, 2] = end - turn
            counts[LEVELS_CHANGED] += end - at
            at = end
    return FINE, stop


def new_sight() -> Ints:
    """Nothing is in sight yet."""
    return np.full(2, _BLIND, np.int64)


def warm() -> None:
    """Compile what Python calls."""
    none, book = np.zeros((0, 5), np.int64), np.zeros((0, 1, 4), np.int64)
    counts, fault = np.zeros(COUNTED, np.int64), np.zeros(FAULT, np.int64)
    room, turns = np.zeros((1, 2), np.int64), np.zeros((1, 3), np.int64)
    prices = np.zeros(1, np.int64)
    trades = np.zeros(4, TRADE)
    follow(none, book, 0, 0, new_state(), prices, 0, new_sight(), trades, room, turns, counts, fault)
