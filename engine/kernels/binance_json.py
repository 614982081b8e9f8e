"""Binance's market data bytes straight into rows and levels, without an object in between.

The kernel knows one canonical layout a message, the one the exchange sends, byte for byte, and reads decimals
exactly into ticks and lots. Anything else (other key order, whitespace, escapes, null, a price off the grid,
more than 18 digits) is answered with SLOW, and `engine.feeds.binance_text` reads the message instead: that
file is also the twin which the tests hold this one against. The bytes are a stranger's, so every access is
checked against the end of the message and of the arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.batch import MISSING, ROW, Levels, Rows
from engine.events import Kind
from engine.kernels import helper, jit

Octets = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Bytes = Any  # bytes, which index as uint8 in compiled code
Read = tuple[int, int, int, int]  # the row's Kind, SLOW or FULL; first id; last id; levels written

SLOW = -1  # not the canonical layout: let the slow path decide
FULL = -2  # the row or its levels do not fit into the arrays given

_SNAPSHOT, _DELTA, _TRADE, _TOP = int(Kind.SNAPSHOT), int(Kind.DELTA), int(Kind.TRADE), int(Kind.TOP)
_QUOTE, _COMMA, _DOT, _AT, _OPEN, _CLOSE, _BRACE = 34, 44, 46, 64, 91, 93, 125
unsigned: Any = np.uint64  # an index that cannot count from the end costs no test of its sign
int64: Any = np.int64
_POWERS = 10 ** np.arange(9)
_MAX_DIGITS = 18  # always fits in int64
_MAX_EVENT_MS = 9_000_000_000_000  # year 2255; in ns it still fits in int64


def _text(text: bytes) -> Octets:
    return np.frombuffer(text, np.uint8).copy()


_STREAM = _text(b'{"stream":"')
_DATA = _text(b'","data":{"')
_DEPTH_E = _text(b'e":"depthUpdate","E":')
_TRADE_E = _text(b'e":"trade","E":')
_S = _text(b',"s":"')
_FIRST_U = _text(b'","U":')
_LAST_U = _text(b',"u":')
_TOP_U = _text(b'u":')
_BIDS = _text(b',"b":[')
_ASKS = _text(b',"a":[')
_TOP_BID = _text(b'","b":')
_TOP_BID_SIZE = _text(b',"B":')
_TOP_ASK = _text(b',"a":')
_TOP_ASK_SIZE = _text(b',"A":')
_TRADE_ID = _text(b'","t":')
_PRICE = _text(b',"p":')
_SIZE = _text(b',"q":')
_TRADE_TIME = _text(b',"T":')
_SOLD = _text(b',"m":true')
_BOUGHT = _text(b',"m":false')
_M_TRUE = _text(b',"M":true')
_M_FALSE = _text(b',"M":false')
_SNAPSHOT_ID = _text(b'{"lastUpdateId":')
_SNAPSHOT_BIDS = _text(b',"bids":[')
_SNAPSHOT_ASKS = _text(b',"asks":[')


@helper
def _eight(buf: Bytes, pos: int) -> Any:
    """Eight bytes as one word, the first the lowest."""
    word = unsigned(0)
    for i in range(8):
        word |= unsigned(buf[pos + unsigned(i)]) << unsigned(8 * i)
    return word


@helper
def _match(buf: Bytes, pos: int, stop: int, literal: Octets) -> int:
    """Position behind `literal` if it stands at `pos`, else -1. A `pos` of -1 stays -1."""
    if pos < 0 or pos + len(literal) > stop:
        return -1
    whole = len(literal) & ~7
    for i in range(0, whole, 8):
        if _eight(buf, unsigned(pos + i)) != _eight(literal, unsigned(i)):
            return -1
    for i in range(whole, len(literal)):
        if buf[unsigned(pos + i)] != literal[i]:
            return -1
    return pos + len(literal)


@helper
def _integer(buf: Bytes, pos: int, stop: int) -> tuple[int, int]:
    """A JSON integer >= 0 of at most 18 digits: (position behind it or -1, value)."""
    if pos < 0:
        return -1, 0
    start = pos
    value = 0
    while pos < stop:
        digit = buf[unsigned(pos)] - 48
        if digit < 0 or digit > 9:
            break
        value = value * 10 + digit
        pos += 1
        if pos - start > _MAX_DIGITS:
            return -1, 0
    if pos == start or (buf[start] == 48 and pos - start > 1):
        return -1, 0
    return pos, value


@helper
def _all_digits(word: Any) -> bool:
    """Whether each byte is 0x30 to 0x39: its high half is 3, and still is with 6 added."""
    high = unsigned(0xF0F0F0F0F0F0F0F0)
    return (word & high) | (((word + unsigned(0x0606060606060606)) & high) >> unsigned(4)) == unsigned(
        0x3333333333333333
    )


@helper
def _number(word: Any) -> int:
    """The number that eight digits say: neighbours are joined into pairs, fours, then all, three products."""
    word = (word & unsigned(0x0F0F0F0F0F0F0F0F)) * unsigned(2561) >> unsigned(8)
    word = (word & unsigned(0x00FF00FF00FF00FF)) * unsigned(6553601) >> unsigned(16)
    return int64((word & unsigned(0x0000FFFF0000FFFF)) * unsigned(42949672960001) >> unsigned(32))


@helper
def _steps(buf: Bytes, pos: int, stop: int, mantissa: int, decimals: int) -> tuple[int, int]:
    """A quoted decimal on the grid `mantissa x 10**-decimals`: (position behind it or -1, whole steps)."""
    if pos < 0 or pos >= stop or buf[unsigned(pos)] != _QUOTE:
        return -1, 0
    pos += 1
    start = pos
    value = 0
    while pos < stop:
        digit = buf[unsigned(pos)] - 48
        if digit < 0 or digit > 9:
            break
        value = value * 10 + digit
        pos += 1
        if pos - start > _MAX_DIGITS:
            return -1, 0
    digits = pos - start
    if digits == 0 or pos >= stop:
        return -1, 0
    places = 0
    if buf[unsigned(pos)] == _DOT:
        pos += 1
        start = pos
        if pos + 8 < stop and decimals <= 8 and buf[unsigned(pos + 8)] == _QUOTE:
            word = _eight(buf, unsigned(pos))
            if _all_digits(word):
                fraction, unit = _number(word), _POWERS[8 - decimals]
                steps = fraction // unit
                if steps * unit != fraction or digits + decimals > _MAX_DIGITS:
                    return -1, 0
                value = value * _POWERS[decimals] + steps
                places = decimals
                pos += 8
        while pos < stop:
            digit = buf[unsigned(pos)] - 48
            if digit < 0 or digit > 9:
                break
            if places < decimals:
                value = value * 10 + digit
                places += 1
                if digits + places > _MAX_DIGITS:
                    return -1, 0
            elif digit != 0:
                return -1, 0
            pos += 1
        if pos == start or pos >= stop:
            return -1, 0
    if buf[unsigned(pos)] != _QUOTE or digits + decimals > _MAX_DIGITS:
        return -1, 0
    for _ in range(decimals - places):
        value *= 10
    if mantissa != 1:
        if value % mantissa != 0:
            return -1, 0
        value //= mantissa
    return pos + 1, value


@helper
def _side(buf: Bytes, pos: int, stop: int, grid: Ints, levels: Levels, at: int) -> tuple[int, int]:
    """Levels behind an opening bracket: (position behind the closing one, SLOW or FULL; next free level)."""
    if pos < 0 or pos >= stop:
        return SLOW, at
    if buf[unsigned(pos)] == _CLOSE:
        return pos + 1, at
    while True:
        if pos >= stop or buf[unsigned(pos)] != _OPEN:
            return SLOW, at
        pos, ticks = _steps(buf, pos + 1, stop, grid[0], grid[1])
        if pos < 0 or pos >= stop or buf[unsigned(pos)] != _COMMA or ticks == 0:
            return SLOW, at
        pos, lots = _steps(buf, pos + 1, stop, grid[2], grid[3])
        if pos < 0 or pos + 1 >= stop or buf[unsigned(pos)] != _CLOSE:
            return SLOW, at
        if at >= len(levels):
            return FULL, at
        levels[at, 0] = ticks
        levels[at, 1] = lots
        at += 1
        if buf[unsigned(pos + 1)] == _CLOSE:
            return pos + 2, at
        if buf[unsigned(pos + 1)] != _COMMA:
            return SLOW, at
        pos += 2


@helper
def _stream_of(buf: Bytes, pos: int, stop: int, name: Octets) -> int:
    """Behind a stream name such as btcusdt@trade (of the symbol BTCUSDT) and its quote's start, else -1."""
    pos = _match(buf, pos, stop, _STREAM)
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
def _blank(row: Any, kind: int, symbol: int, ts_recv: int) -> None:
    row.ts_recv = ts_recv
    row.ts_event = MISSING
    row.first_id = MISSING
    row.last_id = MISSING
    row.price_ticks = 0
    row.size_lots = 0
    row.ask_ticks = 0
    row.ask_lots = 0
    row.level_start = 0
    row.bid_count = 0
    row.ask_count = 0
    row.symbol = symbol
    row.kind = kind
    row.side = 0
    row.flags = 0
    row.spare = 0


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
    pos, event_ms = _integer(buf, pos, stop)
    pos = _match(buf, _match(buf, pos, stop, _S), stop, name)
    pos, first_id = _integer(buf, _match(buf, pos, stop, _FIRST_U), stop)
    pos, last_id = _integer(buf, _match(buf, pos, stop, _LAST_U), stop)
    pos, middle = _side(buf, _match(buf, pos, stop, _BIDS), stop, grid, levels, at)
    if pos < 0:
        return pos, 0, 0, 0
    pos, end = _side(buf, _match(buf, pos, stop, _ASKS), stop, grid, levels, middle)
    if pos < 0:
        return pos, 0, 0, 0
    if pos + 2 != stop or buf[unsigned(pos)] != _BRACE or buf[unsigned(pos + 1)] != _BRACE:
        return SLOW, 0, 0, 0
    if first_id > last_id or event_ms > _MAX_EVENT_MS:
        return SLOW, 0, 0, 0
    _blank(row, _DELTA, symbol, ts_recv)
    row.ts_event = event_ms * 1_000_000
    row.first_id = first_id
    row.last_id = last_id
    row.level_start = at
    row.bid_count = middle - at
    row.ask_count = end - middle
    return _DELTA, first_id, last_id, end - at


@helper
def _trade(
    buf: Bytes, pos: int, stop: int, name: Octets, grid: Ints, symbol: int, row: Any, ts_recv: int
) -> Read:
    pos, event_ms = _integer(buf, pos, stop)
    pos = _match(buf, _match(buf, pos, stop, _S), stop, name)
    pos, trade_id = _integer(buf, _match(buf, pos, stop, _TRADE_ID), stop)
    pos, ticks = _steps(buf, _match(buf, pos, stop, _PRICE), stop, grid[0], grid[1])
    pos, lots = _steps(buf, _match(buf, pos, stop, _SIZE), stop, grid[2], grid[3])
    pos, trade_ms = _integer(buf, _match(buf, pos, stop, _TRADE_TIME), stop)
    side = -1  # the buyer was the maker, so the aggressor sold
    after = _match(buf, pos, stop, _SOLD)
    if after < 0:
        side = 1
        after = _match(buf, pos, stop, _BOUGHT)
    pos = _match(buf, after, stop, _M_TRUE)
    if pos < 0:
        pos = _match(buf, after, stop, _M_FALSE)
    if pos < 0 or pos + 2 != stop or buf[unsigned(pos)] != _BRACE or buf[unsigned(pos + 1)] != _BRACE:
        return SLOW, 0, 0, 0
    if ticks == 0 or event_ms > _MAX_EVENT_MS or trade_ms > _MAX_EVENT_MS:
        return SLOW, 0, 0, 0
    _blank(row, _TRADE, symbol, ts_recv)
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
    pos, last_id = _integer(buf, pos, stop)
    pos = _match(buf, _match(buf, pos, stop, _S), stop, name)
    pos, bid_ticks = _steps(buf, _match(buf, pos, stop, _TOP_BID), stop, grid[0], grid[1])
    pos, bid_lots = _steps(buf, _match(buf, pos, stop, _TOP_BID_SIZE), stop, grid[2], grid[3])
    pos, ask_ticks = _steps(buf, _match(buf, pos, stop, _TOP_ASK), stop, grid[0], grid[1])
    pos, ask_lots = _steps(buf, _match(buf, pos, stop, _TOP_ASK_SIZE), stop, grid[2], grid[3])
    if pos < 0 or pos + 2 != stop or buf[unsigned(pos)] != _BRACE or buf[unsigned(pos + 1)] != _BRACE:
        return SLOW, 0, 0, 0
    _blank(row, _TOP, symbol, ts_recv)
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
    pos, last_id = _integer(buf, _match(buf, start, stop, _SNAPSHOT_ID), stop)
    pos, middle = _side(buf, _match(buf, pos, stop, _SNAPSHOT_BIDS), stop, grid, levels, at)
    if pos < 0:
        return pos, 0, 0, 0
    pos, end = _side(buf, _match(buf, pos, stop, _SNAPSHOT_ASKS), stop, grid, levels, middle)
    if pos < 0:
        return pos, 0, 0, 0
    if pos + 1 != stop or buf[unsigned(pos)] != _BRACE:
        return SLOW, 0, 0, 0
    _blank(row, _SNAPSHOT, symbol, ts_recv)
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
    pos = _match(buf, _stream_of(buf, start, stop, name), stop, _DATA)
    if pos < 0:
        return _snapshot(buf, start, stop, grid, symbol, row, levels, level_at, ts_recv)
    after = _match(buf, pos, stop, _DEPTH_E)
    if after >= 0:
        return _depth(buf, after, stop, name, grid, symbol, row, levels, level_at, ts_recv)
    after = _match(buf, pos, stop, _TOP_U)
    if after >= 0:
        return _top(buf, after, stop, name, grid, symbol, row, ts_recv)
    after = _match(buf, pos, stop, _TRADE_E)
    if after >= 0:
        return _trade(buf, after, stop, name, grid, symbol, row, ts_recv)
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
    name, grid = _text(b"X"), np.array([1, 0, 1, 0], np.int64)
    rows, levels = np.zeros(1, ROW), np.empty((1, 2), np.int64)
    arrays: tuple[Any, ...] = (rows, 0, levels, 0)
    read(message, 0, len(message), name, grid, 0, 0, *arrays)
