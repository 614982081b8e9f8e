"""Reading JSON bytes in kernels: a literal that stands here, a number, a decimal on a grid, a time; and a blank row.

What a venue's own kernel is made of. The bytes are a stranger's, so every access is checked against the end of
the message, and whatever is not exactly as expected is answered with a position of -1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.batch import MISSING
from engine.kernels import helper, inlined

Octets = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Bytes = Any  # bytes, which index as uint8 in compiled code

SLOW = -1  # not the canonical layout: let the slow path decide
FULL = -2  # the row or its levels do not fit into the arrays given

unsigned: Any = np.uint64  # an index that cannot count from the end costs no test of its sign
int64: Any = np.int64
QUOTE, COMMA, DOT, OPEN, CLOSE, BRACE = 34, 44, 46, 91, 93, 125
MAX_DIGITS = 18  # always fits in int64
_POWERS = 10 ** np.arange(9)
_DAYS_BEFORE = np.array(
    [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]
)  # a month of a common year
_DASH, _COLON, _T, _Z = 45, 58, 84, 90
FIRST_YEAR, LAST_YEAR = 1970, 2254  # ns since 1970 that are no negative number and fit in int64


def octets(text: bytes) -> Octets:
    return np.frombuffer(text, np.uint8).copy()


@helper
def _eight(buf: Bytes, pos: int) -> Any:
    """Eight bytes as one word, the first the lowest."""
    word = unsigned(0)
    for i in range(8):
        word |= unsigned(buf[pos + unsigned(i)]) << unsigned(8 * i)
    return word


@helper
def match(buf: Bytes, pos: int, stop: int, literal: Octets) -> int:
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


@inlined
def _whole(buf: Bytes, pos: int, stop: int) -> tuple[int, int]:
    """At least one digit and at most 18: (position behind them or -1, their number)."""
    start = pos
    value = 0
    while pos < stop:
        digit = buf[unsigned(pos)] - 48
        if digit < 0 or digit > 9:
            break
        value = value * 10 + digit
        pos += 1
        if pos - start > MAX_DIGITS:
            return -1, 0
    return (pos, value) if pos > start else (-1, 0)


@helper
def integer(buf: Bytes, pos: int, stop: int) -> tuple[int, int]:
    """A JSON integer >= 0 of at most 18 digits: (position behind it or -1, value)."""
    if pos < 0:
        return -1, 0
    start = pos
    pos, value = _whole(buf, pos, stop)
    if pos - start > 1 and buf[unsigned(start)] == 48:
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


@inlined
def _fraction(buf: Bytes, pos: int, stop: int, value: int, decimals: int) -> tuple[int, int]:
    """Digits behind a point, joined to the whole `value`: (position behind them or -1, units of 10**-decimals).

    What lies beyond `decimals` must be zeros. There is room for `decimals` digits more in `value`.
    """
    start = pos
    places = 0
    behind = buf[unsigned(pos + 8)] if pos + 8 < stop else 0
    if decimals <= 8 and behind in (QUOTE, BRACE):  # eight digits, as most sizes have
        word = _eight(buf, unsigned(pos))
        if _all_digits(word):
            fraction, unit = _number(word), _POWERS[8 - decimals]
            whole = fraction // unit
            if whole * unit != fraction:
                return -1, 0
            value = value * _POWERS[decimals] + whole
            places = decimals
            pos += 8
    while pos < stop:
        digit = buf[unsigned(pos)] - 48
        if digit < 0 or digit > 9:
            break
        if places < decimals:
            value = value * 10 + digit
            places += 1
        elif digit != 0:
            return -1, 0
        pos += 1
    if pos == start:
        return -1, 0
    for _ in range(decimals - places):
        value *= 10
    return pos, value


@inlined
def _decimal(buf: Bytes, pos: int, stop: int, mantissa: int, decimals: int) -> tuple[int, int]:
    """Digits with or without a point: (position behind them or -1, whole steps)."""
    start = pos
    pos, value = _whole(buf, pos, stop)
    if pos < 0 or pos - start + decimals > MAX_DIGITS:
        return -1, 0
    if pos < stop and buf[unsigned(pos)] == DOT:
        pos, value = _fraction(buf, pos + 1, stop, value, decimals)
    else:
        for _ in range(decimals):
            value *= 10
    if mantissa != 1:
        if value % mantissa != 0:
            return -1, 0
        value //= mantissa
    return pos, value


@inlined
def plain_steps(buf: Bytes, pos: int, stop: int, mantissa: int, decimals: int) -> tuple[int, int]:
    """A JSON number on the grid `mantissa x 10**-decimals`: (position behind its digits or -1, whole steps)."""
    if pos < 0 or pos + 1 >= stop or (buf[unsigned(pos)] == 48 and 48 <= buf[unsigned(pos + 1)] <= 57):
        return -1, 0
    return _decimal(buf, pos, stop, mantissa, decimals)


@helper
def steps(buf: Bytes, pos: int, stop: int, mantissa: int, decimals: int) -> tuple[int, int]:
    """A quoted decimal on the grid: (position behind its closing quote or -1, whole steps)."""
    if pos < 0 or pos >= stop or buf[unsigned(pos)] != QUOTE:
        return -1, 0
    pos, value = _decimal(buf, pos + 1, stop, mantissa, decimals)
    if pos < 0 or pos >= stop or buf[unsigned(pos)] != QUOTE:
        return -1, 0
    return pos + 1, value


@helper
def _digits(buf: Bytes, pos: int, count: int, end: int) -> int:
    """The number of exactly `count` digits at `pos` with `end` behind them, else -1. All of it is there."""
    value = 0
    for i in range(count):
        digit = buf[unsigned(pos + i)] - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value if buf[unsigned(pos + count)] == end else -1


@helper
def time_ns(buf: Bytes, pos: int, stop: int) -> tuple[int, int]:
    """A quoted UTC time, "2026-08-09T21:05:48.483587501Z": (position behind it or -1, ns since 1970).

    The fraction has up to nine digits or is absent. Years before 1970 and leap seconds are left to the slow path.
    """
    if pos < 0 or pos + 22 > stop or buf[unsigned(pos)] != QUOTE:
        return -1, 0
    year, month = _digits(buf, pos + 1, 4, _DASH), _digits(buf, pos + 6, 2, _DASH)
    day, hour = _digits(buf, pos + 9, 2, _T), _digits(buf, pos + 12, 2, _COLON)
    minute = _digits(buf, pos + 15, 2, _COLON)
    pos += 20
    fraction = buf[unsigned(pos)] == DOT
    second = _digits(buf, pos - 2, 2, DOT if fraction else _Z)
    if year < FIRST_YEAR or year > LAST_YEAR or month < 1 or month > 12 or day < 1 or hour < 0 or hour > 23:
        return -1, 0
    if minute < 0 or minute > 59 or second < 0 or second > 59:
        return -1, 0
    leap = 1 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 0
    if day > _DAYS_BEFORE[month] - _DAYS_BEFORE[month - 1] + (leap if month == 2 else 0):
        return -1, 0
    past = year - 1
    days = past * 365 + past // 4 - past // 100 + past // 400 - 719162  # from the year 1 to 1970
    days += _DAYS_BEFORE[month - 1] + day - 1 + (leap if month > 2 else 0)
    ns = 0
    if fraction:
        pos += 1
        places = 0
        while pos < stop and buf[unsigned(pos)] != _Z:
            digit = buf[unsigned(pos)] - 48
            if digit < 0 or digit > 9 or places == 9:
                return -1, 0
            ns = ns * 10 + digit
            places += 1
            pos += 1
        if places == 0:
            return -1, 0
        for _ in range(9 - places):
            ns *= 10
    if pos + 1 >= stop or buf[unsigned(pos + 1)] != QUOTE:
        return -1, 0
    return pos + 2, (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000 + ns


@helper
def blank(row: Any, kind: int, symbol: int, ts_recv: int) -> None:
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
