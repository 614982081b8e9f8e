"""What the slow and sure reading of every venue's messages is made of: decimals on a grid, times, reasons."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from engine.instrument import INT64_MAX, Instrument, NotOnGrid, Step
from engine.text import clean

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,18})?", re.ASCII)
_MAX_DECIMAL_CHARS = 26  # decimal's 28 digits then divide by any step without rounding
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_LAST_YEAR = 2254  # ns since 1970 still fit in int64


class OffTick(NotOnGrid):
    def __init__(self, text: str, tick: Step) -> None:
        super().__init__(f"{text} is not a multiple of the step {tick.text}")
        self.text = text


def why(error: Exception) -> str:
    return clean(str(error), 120)


def excerpt(data: bytes) -> str:
    return repr(clean(data[:60].decode("utf-8", "replace"), 40))


def price_ticks(text: str, instrument: Instrument) -> int:
    """Raises OffTick for a price between two ticks: orders older than the venue's present tick."""
    text, tick = plain(text), instrument.tick
    if decimals_of(text) > tick.decimals:
        raise OffTick(text, tick)
    return tick.count(text)


def decimals_of(text: str) -> int:
    """Digits behind the point that count, of a plain decimal.

    >>> decimals_of("0.25974000")
    5
    """
    return len(text.partition(".")[2].rstrip("0"))


def size_lots(text: str, instrument: Instrument) -> int:
    """Whole lots. A size off the grid goes to the nearest lot, and never to zero, which would remove it.

    Such an order would come again with every snapshot, so refusing it would leave the symbol without a book.
    The fine grids that venues' listings are given make this rare.
    """
    try:
        return instrument.lot.count(plain(text))
    except NotOnGrid:
        steps = (Decimal(plain(text)) / instrument.lot.value).to_integral_value(ROUND_HALF_EVEN)
        if steps > INT64_MAX:
            raise
        return max(1, int(steps))


def plain(text: str) -> str:
    if len(text) > _MAX_DECIMAL_CHARS or not _DECIMAL.fullmatch(text):
        raise NotOnGrid(f"expected a decimal such as 61737.63, found {clean(text, 40)!r}")
    return text


def time_ns(text: str) -> int:
    """ns since 1970 of a UTC time such as 2026-08-09T21:05:48.483587501Z; 0 before 1970. Raises NotOnGrid.

    >>> time_ns("1970-01-01T00:00:01.5Z")
    1500000000
    """
    found = _TIME.fullmatch(text)
    try:
        if found is None or int(found[1]) > _LAST_YEAR:
            raise ValueError
        year, month, day, hour, minute, second = map(int, found.groups()[:6])
        seconds = int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        expected = "expected a time such as 2026-08-09T21:05:48.5Z"
        raise NotOnGrid(f"{expected}, found {clean(text, 40)!r}") from None
    if seconds < 0:
        return 0
    return seconds * 10**9 + int((found[7] or "").ljust(9, "0"))
