"""One batch into one market: the only road by which events change a market.

`fold` runs once a batch and symbol. Before it, `fit` makes room: a snapshot may call for a larger window, and
far levels for more capacity. A level without room is left out and OVERFLOW is raised; nothing is overwritten.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, CHECKED, GOES_ON, ROW, Levels, Rows
from engine.events import Kind
from engine.kernels import helper, inlined, jit
from engine.kernels.checksum import checksum
from engine.kernels.features import crossed, measure, mid_ticks, top_changed
from engine.kernels.level_book import (
    ASK,
    BID,
    COUNT,
    CROSSED,
    MAX_FAR,
    MAX_KEY,
    MISMATCH,
    OVERFLOW,
    WRONG_SUM,
    Ints,
    apply_side,
    begin_side,
    cut_side,
    rebuilt,
    size_of,
    window_for,
)
from engine.kernels.market import (
    BAND_FIELDS,
    FEATURES,
    HEARD_TS,
    STATE,
    SYNCED,
    TICKS,
    TOP_KNOWN,
    UPDATE_ID,
    UPDATES,
    Floats,
    MarketArrays,
    feature,
    new_market,
)
from engine.kernels.microprice import SOLVE_TICKS, solve
from engine.kernels.proof import book_says, forget, sums_agree, venue_says
from engine.kernels.windows import delay, forget_ofi, message, tick, trade

__all__ = [
    "BAND_FIELDS",
    "CROSSED",
    "FEATURES",
    "MISMATCH",
    "OVERFLOW",
    "WRONG_SUM",
    "MarketArrays",
    "feature",
    "fit",
    "fold",
    "new_market",
    "reset_book",
]

_TICK, _SNAPSHOT, _DELTA, _TRADE, _TOP = (
    int(kind) for kind in (Kind.TICK, Kind.SNAPSHOT, Kind.DELTA, Kind.TRADE, Kind.TOP)
)
_MAX_LOTS = 2**53
_int64: Any = np.int64  # the compiler's integers would differ by field otherwise, and so would every helper


def _plain(array: np.ndarray) -> np.ndarray:
    """Another memory layout would be another type, and compile every kernel anew."""
    return array if array.flags.carray else array.copy()


@helper
def _level_range(row: Any, count: int) -> tuple[int, int, int]:
    """First bid, first ask and end of a row's levels; -1 when it points outside, as a stranger's may."""
    start, bids, asks = _int64(row.level_start), _int64(row.bid_count), _int64(row.ask_count)
    if start < 0 or bids < 0 or asks < 0 or start + bids + asks > count:
        return -1, -1, -1
    return start, start + bids, start + bids + asks


@jit
def _ahead(rows: Rows, levels: Levels, symbol: int, head: Ints) -> tuple[int, int, int]:
    """Levels of the larger side after a batch at most, 0 where it adds none; best bid and ask of its last two-sided
    snapshot, or 0."""
    added = bid = ask = 0
    for i in range(len(rows)):
        row = rows[i]
        if row.symbol != symbol or (row.kind != _SNAPSHOT and row.kind != _DELTA):
            continue
        start, turn, end = _level_range(row, len(levels))
        added += max(turn - start, end - turn)
        if row.kind == _SNAPSHOT and start < turn < end:
            bid = levels[start:turn, 0].max()
            ask = levels[turn:end, 0].min()
    return max(head[BID, COUNT], head[ASK, COUNT]) + added if added > 0 else 0, bid, ask


def fit(rows: Rows, levels: Levels, symbol: int, market: MarketArrays) -> MarketArrays:
    """The market with room for this batch: itself, or one with its book in larger arrays. Before `fold`."""
    needed, bid, ask = _ahead(_plain(rows), _plain(levels), symbol, market.head)
    if needed <= market.far.shape[2] and bid == ask == 0:  # every level may be far when price jumps
        return market
    window, capacity = size_of(market.book)
    wanted = window_for((bid + ask) / 2) if 0 < bid < MAX_KEY and 0 < ask < MAX_KEY else window
    room = capacity
    while room < needed and room < MAX_FAR:
        room *= 2
    if wanted <= window and room == capacity:
        return market
    return market._replace(**rebuilt(market.book, max(wanted, window), room)._asdict())


@helper
def _begin_sides(head: Ints, cells: Ints, levels: Ints, start: int, turn: int, end: int, flags: int) -> None:
    for side in range(2):
        first, stop = (start, turn) if side == BID else (turn, end)
        whole = flags & (BIDS_WHOLE if side == BID else ASKS_WHOLE) != 0
        begin_side(head, cells, side, levels, first, stop, whole)


@helper
def _apply_sides(head: Ints, cells: Ints, far: Ints, levels: Ints, start: int, turn: int, end: int) -> int:
    overflow = 0
    for side in range(2):  # one place of call each: code that is inlined twice compiles twice
        first, stop = (start, turn) if side == BID else (turn, end)
        overflow |= apply_side(head, cells, far, side, levels, first, stop)
    return overflow


@inlined
def _fold_book(
    row: Any,
    levels: Levels,
    head: Ints,
    cells: Ints,
    far: Ints,
    now: Ints,
    rings: Ints,
    moves: Ints,
    pending: Ints,
) -> int:
    """One snapshot or depth message. Returns the flags that it raises."""
    start, turn, end = _level_range(row, len(levels))
    if start < 0:
        return OVERFLOW
    if row.kind == _SNAPSHOT:
        if row.flags & GOES_ON == 0 or now[SYNCED] == 0:
            _begin(now, rings)
        _begin_sides(head, cells, levels, start, turn, end, row.flags)
    elif now[SYNCED]:
        now[UPDATES] += 1
        message(now)
        delay(now, row.ts_recv, row.ts_event)
    else:
        return 0
    flags = _apply_sides(head, cells, far, levels, start, turn, end)
    if row.size_lots > 0:
        for side in range(2):
            cut_side(head, cells, far, side, row.size_lots)
    if row.flags & CHECKED:
        flags |= sums_agree(now, checksum(head, cells, far, row.ask_ticks), row.price_ticks)
    now[UPDATE_ID] = row.last_id
    now[HEARD_TS] = row.ts_recv
    top_changed(head, cells, far, now, moves)
    if crossed(head):
        flags |= CROSSED
    if row.kind == _DELTA:
        book_says(now, pending, row.last_id)
    return flags


@jit
def _fold(
    rows: Rows,
    levels: Levels,
    symbol: int,
    head: Ints,
    cells: Ints,
    far: Ints,
    now: Ints,
    rings: Ints,
    moves: Ints,
    pending: Ints,
    reals: Floats,
    edge: Floats,
    params: Floats,
    features: Floats,
    bands: Floats,
) -> int:
    flags = 0
    for i in range(len(rows)):
        row = rows[i]
        if row.kind == _TICK:
            tick(now, reals, rings, row.ts_recv, mid_ticks(head, now))
            if now[TICKS] % SOLVE_TICKS == 0:
                solve(moves, edge)
            measure(head, cells, far, now, rings, reals, edge, params, features, bands)
        elif row.symbol != symbol:
            continue
        elif row.kind == _DELTA or row.kind == _SNAPSHOT:
            flags |= _fold_book(row, levels, head, cells, far, now, rings, moves, pending)
        elif row.kind == _TRADE:
            if not 0 <= row.size_lots <= _MAX_LOTS or not -_MAX_LOTS <= row.price_ticks <= _MAX_LOTS:
                flags |= OVERFLOW
                continue
            trade(now, reals, row.price_ticks, row.size_lots, row.side)
        elif row.kind == _TOP:
            flags |= venue_says(
                now, pending, row.last_id, row.price_ticks, row.size_lots, row.ask_ticks, row.ask_lots
            )
    return flags


def fold(rows: Rows, levels: Levels, symbol: int, market: MarketArrays) -> int:
    """Fold the rows of one symbol, and the ticks of the clock, into its market, in place.

    rows: shape (n,) of `engine.batch.ROW`; levels: (m, 2) int64 ticks and lots. Returns the flags that were
    raised: CROSSED (a depth message left best bid >= best ask), MISMATCH (the book's top was not the venue's
    at an equal update id), WRONG_SUM (its best levels do not have the venue's checksum), OVERFLOW (a number out
    of range, a row that points outside its levels, no room).
    """
    return _fold(_plain(rows), _plain(levels), symbol, *market)


@helper
def _begin(now: Ints, rings: Ints) -> None:
    """A new book: nothing that compares it with the one before may go on."""
    now[SYNCED] = 1
    now[TOP_KNOWN] = 0
    now[STATE] = -1
    forget(now)
    forget_ofi(now, rings)


def reset_book(market: MarketArrays) -> None:
    """The book is doubtful: its features are missing until the next snapshot, and deltas are not applied.

    Its levels stay, so that the screen can show the last book, dimmed.
    """
    market.now[SYNCED] = 0
    market.features[: FEATURES.index("trade_flow")] = np.nan
    market.bands[:, 1:] = np.nan


def warm() -> None:
    """Compile what Python calls, for the arguments it is called with."""
    market = new_market(0.01, 0.01, [100.0], 1)
    rows, levels = np.zeros(1, ROW), np.zeros((1, 2), np.int64)
    fold(rows, levels, 0, fit(rows, levels, 0, market))
