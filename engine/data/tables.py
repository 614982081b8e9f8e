"""A dump's CSV as a checked table: columns found with or without a header, times in ns, decimals kept exactly.

Files of one kind differ: spot has no header and USDⓈ-M has one (since 2022), spot counts microseconds since 2025 and
milliseconds before, booleans are `True` here and `true` there, spot says more columns. All of it is found out from
the file itself. What leaves here is one schema a kind, in the order of ids, with what was mended told.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from engine.data.columns import KINDS, Kind, layout_of
from engine.data.errors import DataError, arrow
from engine.data.exact import DIGITS, SCALE, Ints, counts, mantissas, numbers
from engine.text import clean

SLACK_NS = 60_000_000_000  # a day's file may reach over midnight by so much
FALLS_NS = 1_000_000_000  # a time may step back by so much against the order of ids, and is mended
_DAY_NS = 86_400_000_000_000
_LINE = 100_000  # bytes of a line that are looked at: the csv module raises at fields of 131,072

_WHOLE = re.compile(r"-?\d{1,19}")
_DECIMAL = re.compile(r"-?\d{1,19}(\.\d{1,20})?([eE][-+]?\d{1,2})?")
_EXPECTED = {
    "id": "a whole number",
    "count": "a whole number",
    "time": "a time in ms or µs",
    "price": f"a decimal of at most {SCALE} places",
    "size": f"a decimal of at most {SCALE} places",
    "volume": f"a decimal of at most {SCALE} places",
    "flag": "true or false",
}


@dataclass(slots=True)
class Mended:
    """What was not as it should be and could be put right without inventing anything; counts of rows."""

    empty: int = 0  # neither price nor size: invalid trades, of which Binance kept the numbers
    twice: int = 0
    moved: int = 0  # out of the order of ids
    early: int = 0  # stamped earlier than the row before
    worst_ms: float = 0.0
    gaps: int = 0  # places where klines are missing

    def sentences(self) -> list[str]:
        told = {
            f"{self.empty:,} rows without price and size left out": self.empty,
            f"{self.twice:,} rows that came twice left out": self.twice,
            f"{self.moved:,} rows put into the order of their ids": self.moved,
            f"{self.early:,} times that stepped back, by at most {self.worst_ms:g} ms, held": self.early,
            f"klines are missing in {self.gaps:,} places": self.gaps,
        }
        return [text for text, count in told.items() if count]


def read_csv(file: IO[bytes], kind: str, name: str, day: date, interval_ns: int = 0) -> tuple[Any, Mended]:
    """The table of a dump's CSV, and what was mended in it.

    Columns are `ts` (timestamp ns UTC), ids int64, prices and sizes decimal(28, 8), `side` int8 (+1 the taker
    bought, -1 sold). Raises DataError that names the line of what cannot be right.
    """
    arrow()
    first = file.readline(4096)
    if not first.strip():
        raise DataError(f"{name} is empty")
    layout, header = layout_of(first, KINDS[kind], kind, name)
    rest = _Rejoined(b"" if header else first, file)
    table = _parse(rest, KINDS[kind], layout, name, header)
    return _Checking(kind, name, day, interval_ns, header).run(table)


class _Rejoined(io.RawIOBase):
    """A stream that begins with what was already read of it."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        return self._rest.read(size)


def _parse(file: Any, kind: Kind, layout: Sequence[str | None], name: str, header: bool) -> Any:
    pa = arrow()
    types = {
        "id": pa.int64(),
        "count": pa.int64(),
        "time": pa.int64(),
        "price": pa.decimal128(DIGITS, SCALE),
        "size": pa.decimal128(DIGITS, SCALE),
        "volume": pa.decimal128(DIGITS, SCALE),
        "flag": pa.bool_(),
    }
    wanted = {column.name: types[column.what] for column in kind.columns}
    named = [known or f"unread {at}" for at, known in enumerate(layout)]
    try:
        return pa.csv.read_csv(
            pa.PythonFile(file, mode="r"),
            read_options=pa.csv.ReadOptions(column_names=named),
            parse_options=pa.csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=pa.csv.ConvertOptions(
                column_types=wanted, include_columns=list(wanted), null_values=[]
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise DataError(f"{name} has no rows") from None
        raise Unparsed(clean(str(error), 200)) from None


class Unparsed(DataError):
    """A CSV that the fast reader refused; `first_fault` says where and why."""


def first_fault(file: IO[bytes], kind: str, name: str) -> DataError:
    """Read again, line by line, what the fast reader refused: the first line that is not as it should be."""
    known = KINDS[kind]
    first = file.readline(4096)
    layout, header = layout_of(first, known, kind, name)
    what = {column.name: column.what for column in known.columns}
    lines = chain([] if header else [first], file)
    text = (line[:_LINE].decode("utf-8", "replace") for line in lines)
    for number, fields in enumerate(csv.reader(text, quoting=csv.QUOTE_NONE), 2 if header else 1):
        if len(fields) != len(layout):
            return DataError(f"{name}, line {number}: expected {len(layout)} fields, found {len(fields)}")
        for column, field in zip(layout, fields, strict=True):
            if column is not None and not _fits(what[column], field.strip()):
                found = repr(clean(field, 40))
                return DataError(
                    f"{name}, line {number}: expected {_EXPECTED[what[column]]} as {column}, found {found}"
                )
    return DataError(f"{name} cannot be read as CSV")


def _fits(what: str, text: str) -> bool:
    if what == "flag":
        return text.lower() in ("true", "false", "0", "1")
    if what in ("price", "size", "volume"):
        if _DECIMAL.fullmatch(text) is None:
            return False
        return len(text.lower().partition("e")[0].partition(".")[2].rstrip("0")) <= SCALE
    return _WHOLE.fullmatch(text) is not None and abs(int(text)) < 2**63


class _Checking:
    """One table's checks and mendings, in order."""

    def __init__(self, kind: str, name: str, day: date, interval_ns: int, header: bool) -> None:
        self._kind, self._name, self._interval_ns = kind, name, interval_ns
        self._first_line = 2 if header else 1
        self._day_ns = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000_000
        self._lines: Ints = np.empty(0, np.int64)  # of the rows that are left
        self._mended = Mended()

    def run(self, table: Any) -> tuple[Any, Mended]:
        pa = arrow()
        if not table.num_rows:
            raise DataError(f"{self._name} has no rows")
        self._lines = np.arange(self._first_line, self._first_line + table.num_rows)
        if self._kind in ("aggTrades", "trades"):
            table = self._drop_empty(table)
        self._positive(table)
        if "id" in table.column_names:
            table = self._by_id(table)
        ts = self._times(numbers(table["ts"]))
        table = table.set_column(0, "ts", pa.array(ts, pa.timestamp("ns", "UTC")))
        if self._kind == "klines":
            self._bars(table, ts)
        if self._kind == "bookTicker":
            self._refuse(mantissas(table["bid"]) >= mantissas(table["ask"]), "a bid below the ask")
        if "maker" in table.column_names:
            maker = table["maker"].to_numpy(zero_copy_only=False)
            side = pa.array(np.where(maker, -1, 1), pa.int8())
            table = table.drop_columns(["maker"]).append_column("side", side)
        return table.combine_chunks(), self._mended

    def _refuse(self, bad: npt.NDArray[np.bool_], expected: str, found: Ints | None = None) -> None:
        """Raises DataError for the first row where `bad` is true."""
        if bad.any():
            at = int(np.argmax(bad))
            value = "" if found is None else f", found {int(found[at])}"
            raise DataError(f"{self._name}, line {int(self._lines[at])}: expected {expected}{value}")

    def _keep(self, table: Any, wanted: Any) -> Any:
        """The rows that a mask or indices name."""
        self._lines = self._lines[wanted]
        pa = arrow()
        return table.filter(pa.array(wanted)) if wanted.dtype == bool else table.take(pa.array(wanted))

    def _drop_empty(self, table: Any) -> Any:
        empty = (counts(table["price"])[0] == 0) & (counts(table["size"])[0] == 0)
        self._mended.empty = int(empty.sum())
        if empty.all():
            raise DataError(f"{self._name} has no row with a price")
        return self._keep(table, ~empty) if self._mended.empty else table

    def _positive(self, table: Any) -> None:
        for column in KINDS[self._kind].columns:
            if column.what in ("price", "size"):
                self._refuse(counts(table[column.name])[0] <= 0, f"a {column.name} above zero")
            elif column.what == "volume":
                self._refuse(counts(table[column.name])[0] < 0, f"a {column.name} that is not negative")

    def _by_id(self, table: Any) -> Any:
        ids = numbers(table["id"])
        steps = np.diff(ids)
        if (steps < 0).any():
            order = np.argsort(ids, kind="stable")
            self._mended.moved = int((order != np.arange(len(order))).sum())
            table = self._keep(table, order)
            ids = ids[order]
            steps = np.diff(ids)
        again = np.concatenate(([False], steps == 0))
        if again.any():
            differs = self._differs(table, again)
            if self._kind != "bookTicker":  # there an update's number may come with each of its sides
                self._refuse(differs, "an id of its own, found one that came before")
            again &= ~differs
            self._mended.twice = int(again.sum())
            table = self._keep(table, ~again)
        return table

    def _differs(self, table: Any, again: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which of these rows are not what the row before is."""
        pa, at = arrow(), np.flatnonzero(again)
        differs = np.zeros(len(again), bool)
        rows, before = table.take(pa.array(at)), table.take(pa.array(at - 1))
        for name in table.column_names:
            other = pa.compute.not_equal(rows[name].combine_chunks(), before[name].combine_chunks())
            differs[at] |= other.to_numpy(zero_copy_only=False)
        return differs

    def _times(self, raw: Ints) -> Ints:
        """ns UTC, never falling."""
        unit = _unit_ns(int(raw[0]))
        if unit is None:
            raise DataError(
                f"{self._name}, line {int(self._lines[0])}: expected a time in ms, µs or ns since 1970, "
                f"found {int(raw[0])}"
            )
        low = (self._day_ns - SLACK_NS) // unit
        high = (self._day_ns + _DAY_NS + SLACK_NS) // unit
        self._refuse((raw < low) | (raw > high), f"a time on {self._said_day()} in {_UNITS[unit]}", raw)
        ts = raw * unit
        held: Ints = np.maximum.accumulate(ts)
        fall = held - ts
        if self._kind == "klines":
            self._refuse(np.diff(ts, prepend=ts[0] - 1) <= 0, "an open time after the one before")
        self._refuse(
            fall > FALLS_NS, f"a time within {FALLS_NS // 10**9} s of those before in the order of ids"
        )
        self._mended.early = int((fall > 0).sum())
        self._mended.worst_ms = float(fall.max()) / 1e6
        return held

    def _said_day(self) -> str:
        return f"{datetime.fromtimestamp(self._day_ns / 1e9, UTC):%Y-%m-%d}"

    def _bars(self, table: Any, ts: Ints) -> None:
        opened, high, low, close = (mantissas(table[name]) for name in ("open", "high", "low", "close"))
        outside = (low > np.minimum(opened, close)) | (high < np.maximum(opened, close))
        self._refuse(outside, "open and close between low and high")
        volume, places = counts(table["volume"])
        bought, finer = counts(table["bought"], places)
        self._refuse(bought > volume * 10 ** (finer - places), "no more bought than traded")
        if self._interval_ns:
            self._refuse(ts % self._interval_ns != 0, "an open time at a whole interval")
            self._mended.gaps = int((np.diff(ts) > self._interval_ns).sum())


def _unit_ns(value: int) -> int | None:
    """ns a unit of a time by its size: any day from 2001 to 2286 has so many digits."""
    return {13: 1_000_000, 16: 1_000, 19: 1}.get(len(str(value)))


_UNITS = {1_000_000: "ms", 1_000: "µs", 1: "ns"}
