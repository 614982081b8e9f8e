"""Numbers, times and states as the screen writes them: grouped digits, honest small amounts."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import lru_cache

from engine.frame.symbol import Line
from engine.instrument import Instrument
from engine.text import MINUS, clean
from engine.text import grouped as grouped
from engine.text import signed as with_sign

SECOND_NS = 1_000_000_000

# What a book that is not SYNCED is doing, in words.
BOOK_STATES = {
    "EMPTY": "no book yet",
    "BUFFERING": "collecting updates",
    "SNAPSHOT_WAIT": "waiting for the snapshot",
    "STALE": "stale",
    "GAP": "gap, resyncing",
    "CROSSED": "crossed, resyncing",
    "MISMATCH": "not the venue's book, resyncing",
}
MISSING = "–"


def told_apart(line: Line, lines: Sequence[Line]) -> str:
    """The symbol, with its venue where the same stands for another too."""
    symbol = clean(line.instrument.symbol, 16)
    twins = sum(other.instrument.symbol == line.instrument.symbol for other in lines) > 1
    return f"{symbol} {clean(line.instrument.venue, 14)}" if twins else symbol


@lru_cache(8192)
def price(instrument: Instrument, ticks: int) -> str:
    """A price of whole ticks with all its digits."""
    return grouped(instrument.tick.text_of(ticks))


def mean_price(instrument: Instrument, value: float | None) -> str:
    """A price that lies between ticks, such as a mid, with the tick's digits."""
    return MISSING if value is None else grouped(f"{value:.{instrument.tick.decimals}f}")


def trimmed(text: str) -> str:
    """Decimal text without zeros that say nothing.

    >>> trimmed("0.50000"), trimmed("120"), trimmed("3.00")
    ('0.5', '120', '3')
    """
    return text.rstrip("0").rstrip(".") if "." in text else text


def size_decimals(instrument: Instrument, at_price: float | None) -> int:
    """Digits behind the point of a size: the last one is worth about 10 to 100 units of the quote.

    It depends on the instrument and the price's magnitude only, so that columns do not jump.

    >>> btc = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
    >>> size_decimals(btc, 61_693.7), size_decimals(btc, 0.1)
    (3, 0)
    """
    if not at_price or at_price <= 0:
        return min(3, instrument.lot.decimals)
    return max(0, min(instrument.lot.decimals, math.floor(math.log10(at_price)) - 1))


def size(value: float, decimals: int) -> str:
    """A size in base units. Above zero it is never written as zero; from a million on it is shortened.

    >>> size(3.235, 3), size(0.0002, 3), size(0, 3), size(12_345.6, 1), size(2_500_000, 0)
    ('3.235', '<.001', '0.000', '12 346', '2.50M')
    """
    if value >= 1e12:
        return f"{value:.2e}"
    for limit, letter in ((1e9, "B"), (1e6, "M")):
        if value >= limit:
            return f"{value / limit:.2f}{letter}"
    if 0 < value <= 0.5 * 10**-decimals:  # half a digit rounds to zero, an even one
        return f"<{10**-decimals:.{decimals}f}".replace("<0.", "<.")
    # A long whole part needs fewer digits behind the point: four of them say enough.
    spare = max(0, len(str(int(value))) - 4 + 1)
    return grouped(f"{value:.{max(0, decimals - spare)}f}")


def signed(value: float | None, decimals: int, minus: str = MINUS) -> str:
    """A number with its sign, as `engine.text.signed` has it, or the sign for a missing one.

    >>> signed(-0.333, 2), signed(106_613, 0), signed(None, 2)
    ('−0.33', '+106 613', '–')
    """
    return MISSING if value is None else with_sign(value, decimals).replace(MINUS, minus)


def plain(value: float | None, decimals: int) -> str:
    """A number, or the sign for a missing one."""
    return MISSING if value is None else grouped(f"{value:.{decimals}f}")


def basis_points(value: float | None) -> str:
    """A width in basis points with about two digits that matter.

    >>> basis_points(0.00162), basis_points(1.234), basis_points(24.3), basis_points(0.0)
    ('0.0016', '1.2', '24', '0')
    """
    if value is None:
        return MISSING
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(decimals, 6)}f}"


def band_text(bps: float, reach_bps: float | None, plus_minus: str = "±") -> str:
    """How wide a depth band really is: its own width, or where the known book ends inside it.

    >>> band_text(100.0, 100.0), band_text(100.0, 24.3), band_text(10.0, None)
    ('±1 %', '±24.3 bp', '±10 bp')
    """
    if reach_bps is not None and reach_bps < bps:
        return f"{plus_minus}{reach_bps:.3g} bp"
    return f"{plus_minus}{bps / 100:g} %" if bps % 100 == 0 else f"{plus_minus}{bps:g} bp"


def clock(ts_ns: int, utc: bool, tenths: bool = False) -> str:
    """A time of day, `23:59:44` or with tenths `23:59:44.1`, in UTC or the machine's zone."""
    seconds, rest = divmod(ts_ns, SECOND_NS)
    moment = time.gmtime(seconds) if utc else time.localtime(seconds)
    text = time.strftime("%H:%M:%S", moment)
    return f"{text}.{rest // 100_000_000}" if tenths else text


def day(ts_ns: int, utc: bool) -> str:
    """A date, `2026-03-12`."""
    seconds = ts_ns // SECOND_NS
    return time.strftime("%Y-%m-%d", time.gmtime(seconds) if utc else time.localtime(seconds))


def span(seconds: float) -> str:
    """A length of time as `00:12:31`; days are counted in hours.

    >>> span(751), span(90_061)
    ('00:12:31', '25:01:01')
    """
    whole = max(0, int(seconds))
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def byte_size(count: int) -> str:
    """Bytes in the unit that suits.

    >>> byte_size(812), byte_size(1_402_113), byte_size(3_200_000_000)
    ('812 B', '1.4 MB', '3.2 GB')
    """
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{count / limit:.1f} {unit}"
    return f"{count} B"


def step_125(value: int, up: bool) -> int:
    """The next step of 1, 2, 5, 10, 20, 50 … above `value`, or below it (never under 1).

    >>> [step_125(v, True) for v in (1, 2, 3, 5, 99)], [step_125(v, False) for v in (1, 2, 10, 7, 100)]
    ([2, 5, 5, 10, 100], [1, 1, 5, 5, 50])
    """
    if up:
        return next((step for step in _STEPS if step > value), _STEPS[-1])
    return next((step for step in reversed(_STEPS) if step < value), 1)


def next_125(value: float, up: bool) -> float:
    """The next of 1, 2 and 5 times a power of ten above `value`, or below it, from 1e-9 to 5e12.

    >>> [next_125(v, True) for v in (0.3, 1.0, 50.0)], [next_125(v, False) for v in (0.3, 1.0, 50.0)]
    ([0.5, 2.0, 100.0], [0.2, 0.5, 20.0])
    """
    if up:
        return next((step for step in _GRID if step > value * (1 + 1e-9)), _GRID[-1])
    return next((step for step in reversed(_GRID) if step < value * (1 - 1e-9)), _GRID[0])


def nearest_125(value: float) -> float:
    """The step of 1, 2, 5 that is nearest in ratio to a value above zero.

    >>> nearest_125(0.47), nearest_125(11.7), nearest_125(300.0)
    (0.5, 10.0, 200.0)
    """
    return min(_GRID, key=lambda step: abs(math.log(step / value)))


_GRID: tuple[float, ...] = tuple(float(f"{m}e{e}") for e in range(-9, 13) for m in (1, 2, 5))
_STEPS: tuple[int, ...] = tuple(m * int(f"1{'0' * e}") for e in range(16) for m in (1, 2, 5))
