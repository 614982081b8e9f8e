"""Kraken's book messages (WebSocket v2) straight into a row and its levels, without an object in between.

The kernel knows the layout that the exchange sends, byte for byte; anything else (other key order, whitespace, an
exponent, numbers in quotes, a price off the grid) is answered with SLOW, and `engine.feeds.kraken_text` reads the
message instead: that file is also the twin that the tests hold this one against. The bytes are a stranger's, so
every access is checked against the end of the message and of the arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, CHECKED, MISSING, ROW, Levels, Rows
from engine.events import Kind
from engine.kernels import helper, jit
from engine.kernels.json_bytes import (
    CLOSE,
    COMMA,
    FULL,
    SLOW,
    Bytes,
    Ints,
    Octets,
    blank,
    integer,
    match,
    octets,
    plain_steps,
    time_ns,
    unsigned,
)

Read = tuple[int, int]  # the row's Kind, SLOW or FULL; levels written

_SNAPSHOT, _DELTA = int(Kind.SNAPSHOT), int(Kind.DELTA)

_UPDATE_OF = octets(b'{"channel":"book","type":"update","data":[{"symbol":"')
_SNAPSHOT_OF = octets(b'{"channel":"book","type":"snapshot","data":[{"symbol":"')
_BIDS = octets(b'","bids":[')
_ASKS = octets(b',"asks":[')
_PRICE = octets(b'{"price":')
_SIZE = octets(b',"qty":')
_CHECKSUM = octets(b',"checksum":')
_TIMESTAMP = octets(b',"timestamp":')
_LEVEL_END = octets(b"}")
_END = octets(b"}]}")
_MOST_CHECKSUM = 2**32 - 1


@helper
def _levels(buf: Bytes, pos: int, stop: int, grid: Ints, levels: Levels, at: int) -> tuple[int, int]:
    """Levels behind an opening bracket: (position behind the closing one, SLOW or FULL; next free level)."""
    if pos < 0 or pos >= stop:
        return SLOW, at
    if buf[unsigned(pos)] == CLOSE:
        return pos + 1, at
    while True:
        pos, ticks = plain_steps(buf, match(buf, pos, stop, _PRICE), stop, grid[0], grid[1])
        pos, lots = plain_steps(buf, match(buf, pos, stop, _SIZE), stop, grid[2], grid[3])
        pos = match(buf, pos, stop, _LEVEL_END)
        if pos < 0 or pos >= stop or ticks == 0:
            return SLOW, at
        if at >= len(levels):
            return FULL, at
        levels[at, 0] = ticks
        levels[at, 1] = lots
        at += 1
        pos += 1
        if buf[unsigned(pos - 1)] == CLOSE:
            return pos, at
        if buf[unsigned(pos - 1)] != COMMA:
            return SLOW, at


@helper
def _book(
    buf: Bytes, pos: int, stop: int, grid: Ints, levels: Levels, at: int
) -> tuple[int, int, int, int, int]:
    """From the bids to the message's end: (its position, SLOW or FULL; first ask; next free level; the venue's
    checksum; time, ns, MISSING where none is told)."""
    pos, turn = _levels(buf, match(buf, pos, stop, _BIDS), stop, grid, levels, at)
    if pos < 0:
        return pos, at, at, 0, MISSING
    pos, end = _levels(buf, match(buf, pos, stop, _ASKS), stop, grid, levels, turn)
    if pos < 0:
        return pos, at, at, 0, MISSING
    pos, checksum = integer(buf, match(buf, pos, stop, _CHECKSUM), stop)
    event_ns = MISSING
    after = match(buf, pos, stop, _TIMESTAMP)
    if after >= 0:
        pos, event_ns = time_ns(buf, after, stop)
    if match(buf, pos, stop, _END) != stop or checksum > _MOST_CHECKSUM:
        return SLOW, at, at, 0, MISSING
    return stop, turn, end, checksum, event_ns


@jit
def read(
    buf: Bytes,
    name: Octets,
    grid: Ints,
    depth: int,
    tick_digits: int,
    number: int,
    symbol: int,
    ts_recv: int,
    rows: Rows,
    row_at: int,
    levels: Levels,
    level_at: int,
) -> Read:
    """One message into `rows[row_at]` and `levels[level_at:]`: a SNAPSHOT or a DELTA with the venue's checksum.

    `buf` is bytes; `name` the symbol in uint8; `grid` int64: tick mantissa and decimals, lot mantissa and decimals;
    `depth` and `tick_digits` as in `kraken_text.Shape`; `number` the row's id. Returns (the row's Kind, SLOW or FULL;
    levels written). Rows and levels at and behind the places given may be scribbled on whatever the answer.
    """
    stop = len(buf)
    if row_at < 0 or level_at < 0:
        return SLOW, 0
    if row_at >= len(rows):
        return FULL, 0
    kind = _DELTA
    pos = match(buf, 0, stop, _UPDATE_OF)
    if pos < 0:
        kind = _SNAPSHOT
        pos = match(buf, 0, stop, _SNAPSHOT_OF)
    pos = match(buf, pos, stop, name)
    pos, turn, end, checksum, event_ns = _book(buf, pos, stop, grid, levels, level_at)
    if pos < 0:
        return pos, 0
    row = rows[row_at]
    blank(row, kind, symbol, ts_recv)
    row.ts_event = event_ns
    row.last_id = number
    row.price_ticks, row.ask_ticks, row.size_lots = checksum, tick_digits, depth
    row.level_start, row.bid_count, row.ask_count = level_at, turn - level_at, end - turn
    row.flags = CHECKED
    if kind == _DELTA:
        row.first_id = number
        return kind, end - level_at
    if turn - level_at < depth:
        row.flags |= BIDS_WHOLE
    if end - turn < depth:
        row.flags |= ASKS_WHOLE
    return kind, end - level_at


def warm() -> None:
    """Compile `read`, or load it from the cache."""
    name, grid = octets(b"X"), np.array([1, 0, 1, 0], np.int64)
    rows, levels = np.zeros(1, ROW), np.empty((1, 2), np.int64)
    arrays: tuple[Any, ...] = (rows, 0, levels, 0)
    read(b"{}", name, grid, 10, 1, 0, 0, 0, *arrays)
