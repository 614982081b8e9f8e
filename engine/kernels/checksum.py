"""Kraken's checksum of a book: a CRC-32 over its ten best levels a side, best first, asks before bids.

Of each level the digits of its price, then those of its size, without the point and without leading zeros:
0.00100000 counts as 100000. So the digits are those of an integer in the last decimal that the venue writes, and
need no text. https://docs.kraken.com/api/docs/guides/spot-ws-book-v2
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.kernels import helper
from engine.kernels.level_book import ASK, BEST, BID, EMPTY, Ints, lots_at, next_level

LEVELS = 10  # a side, however deep the subscription
_ALL = 0xFFFFFFFF
_POLYNOMIAL = 0xEDB88320  # of zlib's CRC-32, lowest bit first

unsigned: Any = np.uint64
int64: Any = np.int64


def _table() -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """What a byte makes of the sum."""
    table = np.arange(256, dtype=np.uint64)
    for _ in range(8):
        table = np.where(table & np.uint64(1), np.uint64(_POLYNOMIAL), np.uint64(0)) ^ (table >> np.uint64(1))
    return table


_TABLE = _table()


@helper
def _add_digits(crc: Any, number: Any) -> Any:
    """The sum with the decimal digits of `number` behind; zero has none."""
    ten = unsigned(10)
    backwards = unsigned(0)
    count = 0
    while number > unsigned(0):  # by a constant, which needs no division
        backwards = backwards * ten + number % ten
        number //= ten
        count += 1
    for _ in range(count):
        digit = unsigned(48) + backwards % ten
        backwards //= ten
        crc = _TABLE[(crc ^ digit) & unsigned(255)] ^ (crc >> unsigned(8))
    return crc


@helper
def checksum(head: Ints, cells: Ints, far: Ints, tick_digits: int) -> int:
    """The checksum of a settled book. A tick counts `tick_digits` in a price's last decimal, a lot 1 in a size's."""
    crc = unsigned(_ALL)
    for turn in range(2):
        side = ASK if turn == 0 else BID
        key = head[side, BEST]
        for _ in range(LEVELS):
            if key == EMPTY:
                break
            ticks = key if side == ASK else -key
            crc = _add_digits(crc, unsigned(ticks * tick_digits))
            crc = _add_digits(crc, unsigned(lots_at(head, cells, far, side, key)))
            key = next_level(head, cells, far, side, key + 1)
    return int64(crc ^ unsigned(_ALL))
