"""Plain bars of any source, CSV or Parquet: columns found by name, times in any usual form, prices on one grid.

Files of bars differ in everything but what they mean. What is found out is said; what cannot be is an error with its
line.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice, pairwise
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from engine.data.archive import Bounded
from engine.data.dumps import INTERVALS_S
from engine.data.errors import DataError, arrow
from engine.data.exact import SCALE, Ints
from engine.data.files import origin_of
from engine.data.trades import VENUES, split_symbol, step_of
from engine.instrument import Instrument
from engine.text import clean

NAMES = {
    "time": ("time", "timestamp", "datetime", "date", "open_time", "ts", "unix", "unix_timestamp"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c", "last"),
    "volume": ("volume", "vol", "v", "base_volume"),
}
MOST_BARS = 5_000_000
MOST_BYTES = 1 << 30  # of text: five million lines of two hundred characters
SHORTEST_NS = 1_000_000_000
_HEADER_WITHIN = 3  # lines
EXACT = Decimal(
    "1e-6"
)  # of the lowest price: how far rounding may move one, where a file has endless decimals
_EMPTY = {"", "nan", "null", "none", "na", "n/a", "-"}


@dataclass(frozen=True, slots=True)
class Bars:
    """ts_ns: when each bar opens, rising. Prices in ticks, volume in lots, shape (n,) each."""

    instrument: Instrument
    interval_ns: int  # the most frequent distance of two bars
    ts_ns: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    told: tuple[str, ...]  # what was mended, rounded or is missing

    def __len__(self) -> int:
        return len(self.ts_ns)


def read_bars(paths: Sequence[Path], symbol: str = "", venue: str = "") -> Bars:
    """The bars of one or more files of one symbol and interval. Raises DataError with file and line."""
    read = [_read(path) for path in paths]
    origin = _origin(paths[0])
    name = clean(symbol or origin[1], 40)
    base, quote = split_symbol(name)
    rows, told = _sorted([row for rows in read for row in rows])
    ts = np.array([row.ts for row in rows], np.int64)
    prices = [price for row in rows for price in row.prices]
    ticks, tick_places, off = _on_grid(prices, "prices")
    lots, lot_places, more = _on_grid([row.volume for row in rows], "volumes")
    if (np.diff(ts) < SHORTEST_NS).any():
        raise DataError(
            f"{rows[int(np.argmax(np.diff(ts) < SHORTEST_NS)) + 1].place}: expected bars of 1 s or longer"
        )
    interval_ns = (len(ts) < 2 and origin[2]) or _interval(ts)
    gaps = int((np.diff(ts) > interval_ns).sum())
    told += [*off, *more, *([f"bars are missing in {gaps:,} places"] if gaps else [])]
    if len(ts) < 2 and not origin[2]:
        told.append(
            f"one bar alone does not say how long it is: taken as one of {said_interval(interval_ns)}"
        )
    opened, high, low, close = np.array(ticks, np.int64).reshape(-1, 4).T
    instrument = Instrument(
        clean(venue or origin[0], 20), name, base, quote, step_of(tick_places), step_of(lot_places)
    )
    return Bars(
        instrument, interval_ns, ts, opened.copy(), high.copy(), low.copy(), close.copy(),
        np.array(lots, np.int64), tuple(told),
    )  # fmt: skip


@dataclass(slots=True)
class _Row:
    ts: int
    prices: tuple[Decimal, Decimal, Decimal, Decimal]
    volume: Decimal
    place: str  # file and line


def _origin(path: Path) -> tuple[str, str, int]:
    """Venue, symbol and interval (ns): of a fetched file what it says, else what its name begins with and 0."""
    if path.suffix == ".parquet":
        try:
            origin = origin_of(path)
            return VENUES[origin.market], origin.symbol, INTERVALS_S.get(origin.interval, 0) * 10**9
        except DataError:
            pass
    word = re.match(r"[A-Za-z0-9.]{1,20}", path.name.partition(".")[0])
    return "file", word[0].upper() if word else "BARS", 0


def _read(path: Path) -> list[_Row]:
    name = clean(path.name, 100)
    if not path.is_file():
        raise DataError(f"there is no file {clean(str(path))}")
    columns, lines, first_line = _parquet(path, name) if path.suffix == ".parquet" else _csv(path, name)
    found = _found(columns, name)
    if not lines:
        raise DataError(f"{name} has no rows")
    if len(lines) > MOST_BARS:
        raise DataError(f"{name} has more than {MOST_BARS:,} rows")
    rows = []
    for number, line in enumerate(lines, first_line):
        row = _row(line, found, f"{name}, line {number}")
        if row is not None:
            rows.append(row)
    if not rows:
        raise DataError(f"{name} has no row with prices")
    return rows


def _csv(path: Path, name: str) -> tuple[list[str], list[tuple[Any, ...]], int]:
    """Its columns, its lines, and the number of the first of them."""
    try:
        with _opened(path) as file:
            number = 1
            columns, mark = _fields(file.readline(65_536))
            while number < _HEADER_WITHIN and len(columns) < 2:  # some begin with a title or an address
                number += 1
                columns, mark = _fields(file.readline(65_536))
            lines = [tuple(line) for line in islice(csv.reader(file, delimiter=mark), MOST_BARS + 1)]
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise DataError(f"{name} cannot be read as CSV: {clean(str(error), 100)}") from None
    return columns, lines, number + 1


def _fields(head: str) -> tuple[list[str], str]:
    """The names in a header, and what stands between them."""
    mark = max(",;\t|", key=head.count)
    return next(csv.reader([head], delimiter=mark), []), mark


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as inner:
        bounded = io.BufferedReader(
            Bounded(cast(IO[bytes], inner), MOST_BYTES, clean(path.name, 100)), 1 << 20
        )
        yield io.TextIOWrapper(bounded, encoding="utf-8-sig", errors="replace", newline="")


def _parquet(path: Path, name: str) -> tuple[list[str], list[tuple[Any, ...]], int]:
    pa = arrow()
    try:
        if (rows := pa.parquet.read_metadata(path).num_rows) > MOST_BARS:
            raise DataError(f"{name} has more than {MOST_BARS:,} rows, it says {rows:,}")
        table = pa.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} cannot be read as Parquet: {clean(str(error), 100)}") from None
    values = []
    for column in table.columns:
        if pa.types.is_timestamp(column.type):  # Python's own times know no nanoseconds
            column = column.cast(pa.timestamp("ns")).cast(pa.int64())
        values.append(column.to_pylist())
    return table.column_names, list(zip(*values, strict=True)), 1


def _found(columns: Sequence[str], name: str) -> dict[str, int]:
    """Where each of our columns is."""
    plain = [
        re.sub(r"[^a-z0-9]+", "_", re.sub(r"[(<\[].*[)>\]]", "", c.lower()) or c.lower()).strip("_")
        for c in columns
    ]
    found = {}
    for ours, aliases in NAMES.items():
        # `Volume BTC` beside `Volume USDT`: the first is the base's by the habit of those who write both.
        at = next((plain.index(alias) for alias in aliases if alias in plain), None)
        if at is None and ours == "volume":
            at = next((i for i, text in enumerate(plain) if text.startswith("volume")), None)
        if at is not None:
            found[ours] = at
    missing = [ours for ours in NAMES if ours not in found]
    if missing:
        raise DataError(
            f"{name}: expected the columns time, open, high, low, close and volume, found no {', '.join(missing)} "
            f"among {clean(', '.join(columns), 120)}"
        )
    return found


def _row(line: tuple[Any, ...], found: dict[str, int], place: str) -> _Row | None:
    """None where a row has no prices at all."""
    if len(line) <= max(found.values()):
        if not any(line):
            return None
        raise DataError(f"{place}: expected at least {max(found.values()) + 1} fields, found {len(line)}")
    values = [line[found[name]] for name in ("open", "high", "low", "close")]
    if all(_is_empty(value) for value in values):
        return None
    if any(_is_empty(value) for value in values):
        raise DataError(
            f"{place}: expected open, high, low and close, or none of them, found "
            f"{clean(' '.join(str(value) for value in values), 60)!r}"
        )
    opened, high, low, close = (_decimal(value, place, "a price above zero") for value in values)
    volume_text = line[found["volume"]]
    volume = Decimal(0) if _is_empty(volume_text) else _decimal(volume_text, place, "a volume")
    if min(opened, high, low, close) <= 0 or volume < 0:
        raise DataError(f"{place}: expected prices above zero and a volume that is not negative")
    if low > min(opened, close) or high < max(opened, close):
        raise DataError(
            f"{place}: expected open and close between low and high, found {opened} {high} {low} {close}"
        )
    return _Row(_time_ns(line[found["time"]], place), (opened, high, low, close), volume, place)


def _is_empty(value: Any) -> bool:
    return value is None or str(value).strip().lower() in _EMPTY


def _decimal(value: Any, place: str, expected: str) -> Decimal:
    text = value if isinstance(value, str) else repr(value) if isinstance(value, float) else str(value)
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        comma = re.fullmatch(r"\s*[-+]?\d+,\d+\s*", text)
        works = f": decimals have a point, {clean(text.replace(',', '.'), 40)}" if comma else ""
        raise DataError(f"{place}: expected {expected}, found {clean(text, 40)!r}{works}") from None
    if not found.is_finite() or abs(found) > 10**12:
        raise DataError(f"{place}: expected {expected}, found {clean(text, 40)!r}")
    return found


def _time_ns(value: Any, place: str) -> int:
    """ns UTC of a number in s, ms, µs or ns, or of a day or time as ISO writes them; UTC where it names no zone."""
    if isinstance(value, datetime | date):
        value = value.isoformat()
    text = str(value).strip()
    if re.fullmatch(r"\d{9,19}(\.0*)?", text):
        digits = text.partition(".")[0]
        unit = {10: 10**9, 13: 10**6, 16: 10**3, 19: 1}.get(len(digits) if len(digits) > 9 else 10)
        if unit is not None:
            return int(digits) * unit
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        raise DataError(
            f"{place}: expected a time such as 2020-03-12 09:30, or seconds or milliseconds since 1970, found "
            f"{clean(text, 40)!r}"
        ) from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def _sorted(rows: list[_Row]) -> tuple[list[_Row], list[str]]:
    """By time, each bar once, and what that took."""
    told = []
    if any(a.ts > b.ts for a, b in pairwise(rows)):
        rows = sorted(rows, key=lambda row: row.ts)
        told.append("bars put into the order of time")
    kept: list[_Row] = []
    for row in rows:
        if not kept or row.ts != kept[-1].ts:
            kept.append(row)
        elif (row.prices, row.volume) != (kept[-1].prices, kept[-1].volume):
            raise DataError(
                f"{row.place}: expected each bar once, found another one at the time of {kept[-1].place}"
            )
    if len(kept) < len(rows):
        told.append(f"{len(rows) - len(kept):,} bars that came twice left out")
    return kept, told


def _interval(ts: Ints) -> int:
    """The most frequent distance between bars; a minute where there is one bar."""
    if len(ts) < 2:
        return 60_000_000_000
    steps, often = np.unique(np.diff(ts), return_counts=True)
    return int(steps[np.argmax(often)])


def _on_grid(values: Iterable[Decimal], what: str) -> tuple[list[int], int, list[str]]:
    """Whole numbers of 10**-places, the places, and what was rounded.

    Numbers that were once binary fractions have more decimals than were ever quoted: those are rounded, by no more
    than EXACT of the smallest.
    """
    numbers = list(values)
    places = max((_places(number) for number in numbers), default=0)
    told = []
    if places > SCALE:
        smallest = min((n for n in numbers if n), default=Decimal(1))
        wished = smallest * EXACT
        rounded = min(SCALE, max(0, -wished.adjusted()))
        told.append(f"{what} rounded to {rounded} places, the file has up to {places}")
        places = rounded
    scale = Decimal(1).scaleb(places)
    whole = [int((number * scale).to_integral_value()) for number in numbers]
    if whole and max(whole) > 2**53:
        raise DataError(f"{what}: expected numbers that fit beside {places} places, found {max(numbers)}")
    return whole, places, told


def _places(number: Decimal) -> int:
    """Decimal places that are not zeros."""
    exponent = number.normalize().as_tuple().exponent
    return max(0, -int(exponent))


def said_interval(interval_ns: int) -> str:
    """
    >>> said_interval(60 * 10**9), said_interval(90 * 10**9)
    ('1m', '90s')
    """
    seconds = interval_ns / 1e9
    return next((name for name, s in INTERVALS_S.items() if s == seconds), f"{seconds:g}s")
