"""Binance's market data bytes straight into rows and levels, without an object in between.

The kernel knows one canonical layout a message, the one the exchange sends, byte for byte, and reads decimals
exactly into ticks and lots: the spot market's layouts, and those of the USDⓈ-M futures, which add times and name
the id before a diff (`pu`). Anything else (other key order, whitespace, escapes, null, a price off the grid, more
than 18 digits) is answered with SLOW, and `engine.feeds.binance_text` reads the message instead: that file is also
the twin which the tests hold this one against. The bytes are a stranger's, so every access is checked against the
end of the message and of the arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.batch import ROW, Levels, Rows
from engine.events import Kind
from engine.kernels import helper, jit
from engine.kernels.json_bytes import (
    BRACE,
    CLOSE,
    COMMA,
    FULL,
    OPEN,
    SLOW,
    Bytes,
    Ints,
    Octets,
    blank,
    integer,
    match,
    octets,
    steps,
    unsigned,
)

Read = tuple[int, int, int, int]  # the row's Kind, SLOW or FULL; first id; last id; levels written

_SNAPSHOT, _DELTA, _TRADE, _TOP = int(Kind.SNAPSHOT), int(Kind.DELTA), int(Kind.TRADE), int(Kind.TOP)
_AT = 64
_MAX_EVENT_MS = 9_000_000_000_000  # year 2255; in ns it still fits in int64


_STREAM = octets(b'{"stream":"')
_DATA = octets(b'","data":{"')
_DEPTH_E = octets(b'e":"depthUpdate","E":')
_TRADE_E = octets(b'e":"trade","E":')
_S = octets(b',"s":"')
_FIRST_U = octets(b'","U":')
_LAST_U = octets(b',"u":')
_PREVIOUS_U = octets(b',"pu":')
_TOP_U = octets(b'u":')
_NAMED_TOP_U = octets(b'e":"bookTicker","u":')
_AGGREGATE_E = octets(b'e":"aggTrade","E":')
_BIDS = octets(b',"b":[')
_ASKS = octets(b',"a":[')
_TOP_BID = octets(b'","b":')
_TOP_BID_SIZE = octets(b',"B":')
_TOP_ASK = octets(b',"a":')
_TOP_ASK_SIZE = octets(b',"A":')
_TRADE_ID = octets(b'","t":')
_AGGREGATE_ID = octets(b'","a":')
_FIRST_TRADE = octets(b',"f":')
_LAST_TRADE = octets(b',"l":')
_EVENT_TIME = octets(b',"E":')
_PRICE = octets(b',"p":')
_SIZE = octets(b',"q":')
_TRADE_TIME = octets(b',"T":')
_SOLD = octets(b',"m":true')
_BOUGHT = octets(b',"m":false')
_M_TRUE = octets(b',"M":true')
_M_FALSE = octets(b',"M":false')
_SNAPSHOT_ID = octets(b'{"lastUpdateId":')
_SNAPSHOT_BIDS = octets(b',"bids":[')
_SNAPSHOT_ASKS = octets(b',"asks":[')


@helper
def _side(buf: Bytes, pos: int, stop: int, grid: Ints, levels: Levels, at: int) -> tuple[int, int]:
    """Levels behind an opening bracket: (position behind the closing one, SLOW or FULL; next free level)."""
    if pos < 0 or pos >= stop:
        return SLOW, at
    if buf[unsigned(pos)] == CLOSE:
        return pos + 1, at
    while True:
        if pos >= stop or buf[unsigned(pos)] != OPEN:
            return SLOW, at
        pos, ticks = steps(buf, pos + 1, stop, grid[0], grid[1])
        if pos < 0 or pos >= stop or buf[unsigned(pos)] != COMMA or ticks == 0:
            return SLOW, at
        pos, lots = steps(buf, pos + 1, stop, grid[2], grid[3])
        if pos < 0 or pos + 1 >= stop or buf[unsigned(pos)] != CLOSE:
            return SLOW, at
        if at >= len(levels):
            return FULL, at
        levels[at, 0] = ticks
        levels[at, 1] = lots
        at += 1
        if buf[unsigned(pos + 1)] == CLOSE:
            return pos + 2, at
        if buf[unsigned(pos + 1)] != COMMA:
            return SLOW, at
        pos += 2


@helper
def _stream_of(buf: Bytes, pos: int, stop: int, name: Octets) -> int:
    """Behind a stream name such as btcusdt@trade (of the symbol BTCUSDT) and its quote's start, else -1."""
    pos = match(buf, pos, stop, _STREAM)
    if pos < 0 or pos + len(name) >= stop:
        return -1
    for i in range(len(name)):
        upper = np.int64(name[i])
        lower = upper + 32 if 65 <= upper <= 90 else upper
        if buf[unsigned(pos + i)] != lower:
            return -1
    pos += len(name)
    if buf[unsigned(pos)] != _AT:
        return -1
    while pos < stop and (
        buf[unsigned(pos)] == _AT
        or 48 <= buf[unsigned(pos)] <= 57
        or 65 <= buf[unsigned(pos)] <= 90
        or 97 <= buf[unsigned(pos)] <= 122
    ):
        pos += 1
    return pos


@helper
def _optional(buf: Bytes, pos: int, stop: int, literal: Octets) -> tuple[int, int]:
    """A named integer that only the futures send: (position behind it, value); as it was, and 0, without it."""
    after = match(buf, pos, stop, literal)
    return integer(buf, after, stop) if after >= 0 else (pos, 0)


@helper
def _depth(
    buf: Bytes,
    pos: int,
    stop: int,
    name: Octets,
    grid: Ints,
    symbol: int,
    row: Any,
    levels: Levels,
    at: int,
    ts_recv: int,
) -> Read:
    pos, event_ms = integer(buf, pos, stop)
    pos, _ = _optional(buf, pos, stop, _TRADE_TIME)
    pos = match(buf, match(buf, pos, stop, _S), stop, name)
    pos, first_id = integer(buf, match(buf, pos, stop, _FIRST_U), stop)
    pos, last_id = integer(buf, match(buf, pos, stop, _LAST_U), stop)
    after = match(buf, pos, stop, _PREVIOUS_U)
    if after >= 0:  # ids jump between the diffs of a future: this one goes on from `pu`
        pos, previous_id = integer(buf, after, stop)
        first_id = previous_id + 1
    pos, middle = _side(buf, match(buf, pos, stop, _BIDS), stop, grid, levels, at)
    if pos < 0:
        return pos, 0, 0, 0
    pos, end = _side(buf, match(buf, pos, stop, _ASKS), stop, grid, levels, middle)
    if pos < 0:
        return pos, 0, 0, 0
    if pos + 2 != stop or buf[unsigned(pos)] != BRACE or buf[unsigned(pos + 1)] != BRACE:
        return SLOW, 0, 0, 0
    if first_id > last_id or event_ms > _MAX_EVENT_MS:
        return SLOW, 0, 0, 0
    blank(row, _DELTA, symbol, ts_recv)
    row.ts_event = event_ms * 1_000_000
    row.first_id = first_id
    row.last_id = last_id
    row.level_start = at
    row.bid_count = middle - at
    row.ask_count = end - middle
    return _DELTA, first_id, last_id, end - at


@helper
def _trade(
    buf: Bytes,
    pos: int,
    stop: int,
    name: Octets,
    grid: Ints,
    symbol: int,
    row: Any,
    ts_recv: int,
    aggregate: bool,
) -> Read:
    """One trade; with `aggregate`, what one order took at one price."""
    pos, event_ms = integer(buf, pos, stop)
    pos = match(buf, match(buf, pos, stop, _S), stop, name)
    pos = match(buf, pos, stop, _AGGREGATE_ID) if aggregate else match(buf, pos, stop, _TRADE_ID)
    pos, trade_id = integer(buf, pos, stop)
    pos, ticks = steps(buf, match(buf, pos, stop, _PRICE), stop, grid[0], grid[1])
    pos, lots = steps(buf, match(buf, pos, stop, _SIZE), stop, grid[2], grid[3])
    if aggregate:
        pos, _ = integer(buf, match(buf, pos, stop, _FIRST_TRADE), stop)
        pos, _ = integer(buf, match(buf, pos, stop, _LAST_TRADE), stop)
    pos, trade_ms = integer(buf, match(buf, pos, stop, _TRADE_TIME), stop)
    side = -1  # the buyer was the maker, so the aggressor sold
    after = match(buf, pos, stop, _SOLD)
    if after < 0:
        side = 1
        after = match(buf, pos, stop, _BOUGHT)
    pos = after
    if not aggregate:
        pos = match(buf, after, stop, _M_TRUE)
        if pos < 0:
            pos = match(buf, after, stop, _M_FALSE)
    if pos < 0 or pos + 2 != stop or buf[unsigned(pos)] != BRACE or buf[unsigned(pos + 1)] != BRACE:
        return SLOW, 0, 0, 0
    if ticks == 0 or event_ms > _MAX_EVENT_MS or trade_ms > _MAX_EVENT_MS:
        return SLOW, 0, 0, 0
    blank(row, _TRADE, symbol, ts_recv)
    row.ts_event = event_ms * 1_000_000
    row.last_id = trade_id
    row.price_ticks = ticks
    row.size_lots = lots
    row.side = side
    return _TRADE, trade_id, trade_id, 0


@helper
def _top(
    buf: Bytes, pos: int, stop: int, name: Octets, grid: Ints, symbol: int, row: Any, ts_recv: int
) -> Read:
    pos, last_id = integer(buf, pos, stop)
    pos = match(buf, match(buf, pos, stop, _S), stop, name)
    pos, bid_ticks = steps(buf, match(buf, pos, stop, _TOP_BID), stop, grid[0], grid[1])
    pos, bid_lots = steps(buf, match(buf, pos, stop, _TOP_BID_SIZE), stop, grid[2], grid[3])
    pos, ask_ticks = steps(buf, match(buf, pos, stop, _TOP_ASK), stop, grid[0], grid[1])
    pos, ask_lots = steps(buf, match(buf, pos, stop, _TOP_ASK_SIZE), stop, grid[2], grid[3])
    pos, _ = _optional(buf, pos, stop, _TRADE_TIME)
    pos, _ = _optional(buf, pos, stop, _EVENT_TIME)
    if pos < 0 or pos + 2 != stop or buf[unsigned(pos)] != BRACE or buf[unsigned(pos + 1)] != BRACE:
        return SLOW, 0, 0, 0
    blank(row, _TOP, symbol, ts_recv)
    row.last_id = last_id
    row.price_ticks = bid_ticks
    row.size_lots = bid_lots
    row.ask_ticks = ask_ticks
    row.ask_lots = ask_lots
    return _TOP, last_id, last_id, 0


@helper
def _snapshot(
    buf: Bytes,
    start: int,
    stop: int,
    grid: Ints,
    symbol: int,
    row: Any,
    levels: Levels,
    at: int,
    ts_recv: int,
) -> Read:
    pos, last_id = integer(buf, match(buf, start, stop, _SNAPSHOT_ID), stop)
    pos, _ = _optional(buf, pos, stop, _EVENT_TIME)
    pos, _ = _optional(buf, pos, stop, _TRADE_TIME)
    pos, middle = _side(buf, match(buf, pos, stop, _SNAPSHOT_BIDS), stop, grid, levels, at)
    if pos < 0:
        return pos, 0, 0, 0
    pos, end = _side(buf, match(buf, pos, stop, _SNAPSHOT_ASKS), stop, grid, levels, middle)
    if pos < 0:
        return pos, 0, 0, 0
    if pos + 1 != stop or buf[unsigned(pos)] != BRACE:
        return SLOW, 0, 0, 0
    blank(row, _SNAPSHOT, symbol, ts_recv)
    row.last_id = last_id
    row.level_start = at
    row.bid_count = middle - at
    row.ask_count = end - middle
    return _SNAPSHOT, last_id, last_id, end - at


@jit
def read(
    buf: Bytes,
    start: int,
    stop: int,
    name: Octets,
    grid: Ints,
    symbol: int,
    ts_recv: int,
    rows: Rows,
    row_at: int,
    levels: Levels,
    level_at: int,
) -> Read:
    """One message, buf[start:stop], into `rows[row_at]` and `levels[level_at:]`.

    `buf` is bytes; `name` the symbol's own spelling in uint8; `grid` int64: tick mantissa and
    decimals, lot mantissa and decimals. Returns (the row's Kind, SLOW or FULL; first id; last id; levels
    written). Rows and levels at and behind the places given may be scribbled on whatever the answer.
    """
    if start < 0 or stop > len(buf) or row_at < 0 or level_at < 0:
        return SLOW, 0, 0, 0
    if row_at >= len(rows):
        return FULL, 0, 0, 0
    row = rows[row_at]
    pos = match(buf, _stream_of(buf, start, stop, name), stop, _DATA)
    if pos < 0:
        return _snapshot(buf, start, stop, grid, symbol, row, levels, level_at, ts_recv)
    after = match(buf, pos, stop, _DEPTH_E)
    if after >= 0:
        return _depth(buf, after, stop, name, grid, symbol, row, levels, level_at, ts_recv)
    after = match(buf, pos, stop, _TOP_U)
    if after >= 0:
        return _top(buf, after, stop, name, grid, symbol, row, ts_recv)
    after = match(buf, pos, stop, _TRADE_E)
    if after >= 0:
        return _trade(buf, after, stop, name, grid, symbol, row, ts_recv, False)
    after = match(buf, pos, stop, _NAMED_TOP_U)
    if after >= 0:
        return _top(buf, after, stop, name, grid, symbol, row, ts_recv)
    after = match(buf, pos, stop, _AGGREGATE_E)
    if after >= 0:
        return _trade(buf, after, stop, name, grid, symbol, row, ts_recv, True)
    return SLOW, 0, 0, 0


@jit
def read_many(
    buf: Bytes,
    ends: Ints,
    ts_recv: Ints,
    name: Octets,
    grid: Ints,
    symbol: int,
    rows: Rows,
    row_at: int,
    levels: Levels,
    level_at: int,
    codes: npt.NDArray[np.int8],
) -> tuple[int, int, int]:
    """Messages buf[0:ends[0]], buf[ends[0]:ends[1]] … of one symbol, each with its receive time.

    `codes[i]` becomes the kind of message i's row or SLOW (then it has no row). Returns (messages read, next
    free row, next free level); fewer messages than given were read where an array is full.
    """
    start = 0
    for i in range(len(ends)):
        stop = ends[i]
        code, _, _, count = read(
            buf, start, stop, name, grid, symbol, ts_recv[i], rows, row_at, levels, level_at
        )
        if code == FULL:
            return i, row_at, level_at
        codes[i] = code
        if code != SLOW:
            row_at += 1
            level_at += count
        start = stop
    return len(ends), row_at, level_at


def warm() -> None:
    """Compile `read`, or load it from the cache."""
    message = b'{"lastUpdateId":1,"bids":[["1.0","1"]],"asks":[]}'
    name, grid = octets(b"X"), np.array([1, 0, 1, 0], np.int64)
    rows, levels = np.zeros(1, ROW), np.empty((1, 2), np.int64)
    arrays: tuple[Any, ...] = (rows, 0, levels, 0)
    read(message, 0, len(message), name, grid, 0, 0, *arrays)
