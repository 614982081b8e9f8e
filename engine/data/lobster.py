"""LOBSTER's pair of files, read and checked: a message a line, and beside it the book after that message.

The format is documented at https://lobsterdata.com/info/DataStructure.php. Prices are dollars times 10,000, times
seconds after midnight in New York; a level that is not there has a price of +-9999999999 and no size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from engine.data.errors import DataError, arrow
from engine.data.exact import Ints, mantissas
from engine.instrument import Instrument
from engine.text import clean

VENUE, QUOTE = "nasdaq", "USD"
UNITS = 10_000  # of a price, a dollar
_TICKS = (100, 50, 10, 5, 1)  # in those units: whole cents, but half cents where hidden orders trade between
_NAME = re.compile(r"(.{1,20})_(\d{4}-\d{2}-\d{2})_(\d+)_(\d+)_(message|orderbook)_(\d{1,3})\.csv", re.ASCII)
MOST_ROWS = 50_000_000


@dataclass(frozen=True, slots=True)
class Pair:
    """The two files of one day of one ticker."""

    messages: Path
    books: Path
    symbol: str
    day: date
    levels: int


@dataclass(frozen=True, slots=True)
class Day:
    """ts: ns UTC. kinds, ids, lots, ticks, directions: a message each. books: (n, levels, 4), ask first, no lots
    where there is no level."""

    instrument: Instrument
    ts: Ints
    kinds: Ints
    ids: Ints
    lots: Ints
    ticks: Ints  # of halts: -1, 0 or 1
    directions: Ints
    books: Ints


def pair_of(path: Path) -> Pair | None:
    """The pair that a file belongs to by its name, or None where the name is not LOBSTER's."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        return None
    symbol, day, start, end, _, levels = found.groups()
    stem = f"{symbol}_{day}_{start}_{end}"
    try:
        when = date.fromisoformat(day)
    except ValueError:
        return None
    messages, books = (path.with_name(f"{stem}_{part}_{levels}.csv") for part in ("message", "orderbook"))
    return Pair(messages, books, clean(symbol, 20), when, int(levels))


def read(pair: Pair) -> Day:
    """The whole day. Raises DataError with file and line."""
    for path in (pair.messages, pair.books):
        if not path.is_file():
            raise DataError(f"LOBSTER's files come in pairs: there is no {clean(str(path))}")
    name = clean(pair.messages.name, 100)
    table = _messages(pair.messages, name)
    midnight = _midnight_ns(pair.day)
    ts = midnight + mantissas(table["time"], 9)
    kinds, ids, lots, prices, directions = (
        table[column].to_numpy().astype(np.int64) for column in ("kind", "id", "size", "price", "direction")
    )
    _check_messages(name, ts, kinds, lots, prices, directions)
    books = _books(pair)
    if len(books) != len(ts):
        raise DataError(
            f"expected as many lines in both files, found {len(ts):,} in {name} and {len(books):,} in "
            f"{clean(pair.books.name, 100)}"
        )
    traded = kinds != 7
    tick = _tick(prices[traded], books)
    ticks = np.where(traded, prices // tick, prices)
    books[:, :, 0::2] //= tick
    text = f"{Decimal(tick) / UNITS:f}"
    instrument = Instrument(VENUE, pair.symbol, pair.symbol, QUOTE, text, "1")
    return Day(instrument, ts, kinds, ids, lots, ticks, directions, books)


def _messages(path: Path, name: str) -> Any:
    pa = arrow()
    with path.open("rb") as file:
        width = file.readline(4096).count(b",") + 1
    if width not in (6, 7):
        raise DataError(f"{name}, line 1: expected the 6 columns of a message, found {width}")
    types = {
        "time": pa.decimal128(20, 9),
        "kind": pa.int64(),
        "id": pa.int64(),
        "size": pa.int64(),
        "price": pa.int64(),
        "direction": pa.int64(),
    }
    named = [*types, *["rest"] * (width - 6)]
    return _csv(path, name, named, types, r"\d{1,6}(\.\d{1,9}0*)?(,-?\d{1,18}){5}(,.*)?")


def _books(pair: Pair) -> Ints:
    name = clean(pair.books.name, 100)
    pa = arrow()
    with pair.books.open("rb") as file:
        width = file.readline(65_536).count(b",") + 1
    if width != 4 * pair.levels:
        raise DataError(
            f"{name}, line 1: expected {4 * pair.levels} columns of {pair.levels} levels, found {width}"
        )
    names = [str(number) for number in range(width)]
    table = _csv(
        pair.books,
        name,
        names,
        dict.fromkeys(names, pa.int64()),
        rf"-?\d{{1,18}}(,-?\d{{1,18}}){{{width - 1}}}",
    )
    books = np.empty((table.num_rows, width), np.int64)
    for number, column in enumerate(names):
        books[:, number] = table[column].to_numpy()
    books = books.reshape(len(books), pair.levels, 4)
    _check_books(name, books)
    return books


def _csv(path: Path, name: str, names: list[str], types: dict[str, Any], line: str) -> Any:
    """A CSV without a header; `line` is what each of its lines looks like."""
    pa = arrow()
    try:
        table = pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(column_names=names),
            parse_options=pa.csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=pa.csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=[]
            ),
        )
    except pa.ArrowInvalid:
        raise _first_fault(path, name, line) from None
    if table.num_rows > MOST_ROWS:
        raise DataError(f"{name} has more than {MOST_ROWS:,} lines, which no day has")
    return table


def _first_fault(path: Path, name: str, line: str) -> DataError:
    expected = re.compile(line, re.ASCII)
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            text = raw[:100_000].decode("utf-8", "replace").rstrip("\r\n")
            if expected.fullmatch(text) is None:
                return DataError(
                    f"{name}, line {number}: expected numbers as LOBSTER writes them, found {clean(text, 60)!r}"
                )
    return DataError(f"{name} has no lines that could be read")


def _refuse(name: str, bad: Any, expected: str) -> None:
    """Raises DataError for the first line at which `bad` is true."""
    if bad.any():
        raise DataError(f"{name}, line {int(np.argmax(bad)) + 1}: expected {expected}")


def _check_messages(name: str, ts: Ints, kinds: Ints, lots: Ints, prices: Ints, directions: Ints) -> None:
    _refuse(name, (kinds < 1) | (kinds > 7), "a type from 1 to 7")
    orders = kinds <= 5
    _refuse(name, np.diff(ts, prepend=ts[:1]) < 0, "a time not before that of the line above")
    _refuse(name, orders & ((lots <= 0) | (prices <= 0)), "a size and a price above zero")
    _refuse(
        name,
        (kinds == 6) & ((lots < 0) | (prices < 0)),
        "a size and a price of a cross that are not negative",
    )
    _refuse(name, (lots > 2**40) | (prices > 2**40), "a size and a price that a share can have")
    _refuse(name, orders & (np.abs(directions) != 1), "a direction of 1 or -1")
    _refuse(name, (kinds == 7) & (np.abs(prices) > 1), "-1, 0 or 1 as the price of a halt")


def _check_books(name: str, books: Ints) -> None:
    """Each side best first, without a level behind one that is not there. What is not there gets no lots."""
    for first, better in ((0, 1), (2, -1)):
        prices, sizes = books[:, :, first] * better, books[:, :, first + 1]
        there = sizes > 0
        _refuse(name, (sizes < 0).any(axis=1), "sizes that are not negative")
        _refuse(
            name,
            (there & ((np.abs(prices) > 2**40) | (sizes > 2**40))).any(axis=1),
            "a price and size of a share",
        )
        _refuse(name, (there[:, 1:] & ~there[:, :-1]).any(axis=1), "no level behind one that is not there")
        falls = there[:, 1:] & (np.diff(prices, axis=1) <= 0)
        _refuse(name, falls.any(axis=1), f"the {'asks' if better > 0 else 'bids'} in order, the best first")


def _tick(prices: Ints, books: Ints) -> int:
    """The coarsest of the usual ticks that every price is a multiple of, in units of a price."""
    there = [prices, *(books[:, :, at][books[:, :, at + 1] > 0] for at in (0, 2))]
    return next(tick for tick in _TICKS if all((part % tick == 0).all() for part in there))


def _midnight_ns(day: date) -> int:
    try:
        zone = ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        raise DataError(
            "LOBSTER's times are New York's, and this machine knows no time zones: pip install tzdata"
        ) from None
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1_000_000_000
