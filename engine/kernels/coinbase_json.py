"""Coinbase's level2 bytes straight into a row and its levels, without an object in between.

A BTC-USD snapshot is one message of 5 MB and 46,000 levels, and updates come twenty times a second and product;
trades are few and are read by `engine.feeds.coinbase_text`. The kernel knows the layout that the exchange sends,
byte for byte; anything else (other key order, whitespace, a bid behind an offer, a price off the grid) is answered
with SLOW, and coinbase_text reads the message instead: that file is also the twin that the tests hold this one
against. The bytes are a stranger's, so every access is checked against the end of the message and of the arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, ROW, Levels, Rows
from engine.events import Kind
from engine.kernels import helper, jit
from engine.kernels.json_bytes import (
    BRACE,
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
    steps,
    time_ns,
    unsigned,
)

Read = tuple[int, int, int]  # the row's Kind, SLOW or FULL; sequence number; levels written

_SNAPSHOT, _DELTA = int(Kind.SNAPSHOT), int(Kind.DELTA)
_WHOLE = BIDS_WHOLE | ASKS_WHOLE

_CHANNEL = octets(b'{"channel":"l2_data",')
_CLIENT = octets(b'"client_id":"",')  # the documentation has it, a capture of August 2026 has not
_TIMESTAMP = octets(b'"timestamp":')
_SEQUENCE = octets(b',"sequence_num":')
_SNAPSHOT_OF = octets(b',"events":[{"type":"snapshot","product_id":"')
_UPDATE_OF = octets(b',"events":[{"type":"update","product_id":"')
_UPDATES = octets(b'","updates":[')
_BID = octets(b'{"side":"bid","event_time":')
_OFFER = octets(b'{"side":"offer","event_time":')
_PRICE = octets(b',"price_level":')
_SIZE = octets(b',"new_quantity":')
_END = octets(b"}]}")


@helper
def _same(buf: Bytes, first: int, second: int, count: int) -> bool:
    """Whether `count` bytes at two places, both inside the message, are the same."""
    for i in range(count):  # noqa: SIM110 - compiled code knows no generators
        if buf[unsigned(first + i)] != buf[unsigned(second + i)]:
            return False
    return True


@helper
def _levels(
    buf: Bytes, pos: int, stop: int, grid: Ints, levels: Levels, at: int
) -> tuple[int, int, int, int]:
    """Levels behind an opening bracket, bids before offers: (position behind the closing one, SLOW or FULL;
    first offer; next free level; latest event time, ns, 0 where none is told)."""
    turn, latest = -1, 0
    said, length = 0, 0  # where the last event time was read: mostly all are the same
    if pos >= 0 and pos < stop and buf[unsigned(pos)] == CLOSE:
        return pos + 1, at, at, 0
    while True:
        after = match(buf, pos, stop, _OFFER)
        if after >= 0:
            if turn < 0:
                turn = at
        else:
            after = match(buf, pos, stop, _BID)
            if after < 0 or turn >= 0:
                return SLOW, at, at, 0
        if length > 0 and after + length <= stop and _same(buf, said, after, length):
            pos = after + length
        else:
            pos, event_ns = time_ns(buf, after, stop)
            said, length = after, pos - after
            latest = max(latest, event_ns)
        pos, ticks = steps(buf, match(buf, pos, stop, _PRICE), stop, grid[0], grid[1])
        pos, lots = steps(buf, match(buf, pos, stop, _SIZE), stop, grid[2], grid[3])
        if pos < 0 or pos + 1 >= stop or ticks == 0 or buf[unsigned(pos)] != BRACE:
            return SLOW, at, at, 0
        if at >= len(levels):
            return FULL, at, at, 0
        levels[at, 0] = ticks
        levels[at, 1] = lots
        at += 1
        pos += 2
        if buf[unsigned(pos - 1)] == CLOSE:
            return pos, at if turn < 0 else turn, at, latest
        if buf[unsigned(pos - 1)] != COMMA:
            return SLOW, at, at, 0


@jit
def read(
    buf: Bytes,
    name: Octets,
    grid: Ints,
    symbol: int,
    ts_recv: int,
    rows: Rows,
    row_at: int,
    levels: Levels,
    level_at: int,
) -> Read:
    """One message into `rows[row_at]` and `levels[level_at:]`: a SNAPSHOT, whole on both sides, or a DELTA.

    `buf` is bytes; `name` the product's own spelling in uint8; `grid` int64: tick mantissa and decimals, lot
    mantissa and decimals. Returns (the row's Kind, SLOW or FULL; sequence_num; levels written). Rows and levels
    at and behind the places given may be scribbled on whatever the answer.
    """
    stop = len(buf)
    if row_at < 0 or level_at < 0:
        return SLOW, 0, 0
    if row_at >= len(rows):
        return FULL, 0, 0
    pos = match(buf, 0, stop, _CHANNEL)
    after = match(buf, pos, stop, _CLIENT)
    pos, said_ns = time_ns(buf, match(buf, pos if after < 0 else after, stop, _TIMESTAMP), stop)
    pos, sequence = integer(buf, match(buf, pos, stop, _SEQUENCE), stop)
    kind = _DELTA
    after = match(buf, pos, stop, _UPDATE_OF)
    if after < 0:
        kind = _SNAPSHOT
        after = match(buf, pos, stop, _SNAPSHOT_OF)
    pos = match(buf, match(buf, after, stop, name), stop, _UPDATES)
    if pos < 0:
        return SLOW, 0, 0
    pos, turn, end, event_ns = _levels(buf, pos, stop, grid, levels, level_at)
    if pos < 0:
        return pos, 0, 0
    if match(buf, pos, stop, _END) != stop:
        return SLOW, 0, 0
    row = rows[row_at]
    blank(row, kind, symbol, ts_recv)
    row.ts_event = event_ns if event_ns > 0 else said_ns
    row.last_id = sequence
    if kind == _DELTA:
        row.first_id = sequence
    else:
        row.flags = _WHOLE
    row.level_start = level_at
    row.bid_count = turn - level_at
    row.ask_count = end - turn
    return kind, sequence, end - level_at


def warm() -> None:
    """Compile `read`, or load it from the cache."""
    name, grid = octets(b"X"), np.array([1, 0, 1, 0], np.int64)
    rows, levels = np.zeros(1, ROW), np.empty((1, 2), np.int64)
    arrays: tuple[Any, ...] = (rows, 0, levels, 0)
    read(b"{}", name, grid, 0, 0, *arrays)
