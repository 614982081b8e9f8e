# ruff: noqa: S608 (names of tables and columns are this package's own; values are always bound)
"""A recording's tables and events as CSV, JSON lines or Parquet, with ISO times and decimal prices.

Prices and sizes are exact decimal text in CSV and JSON, float64 in Parquet, where people compute with them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from engine.batch import MISSING, Batch
from engine.events import Kind
from engine.instrument import Instrument
from engine.text import clean
from store.errors import BadRecording, CannotExport
from store.recording import Recording
from store.tables import PLAIN

EVENT_TABLES = ("book", "tops")
TABLES = (*PLAIN, *EVENT_TABLES)
FORMATS = ("csv", "jsonl", "parquet")
_ROWS_AT_ONCE = 50_000
_SIDES = {1: "buy", -1: "sell"}

Row = tuple[Any, ...]


class Table(NamedTuple):
    """Column names with the type of each (str, int, float, or "time" and "decimal"), and the rows."""

    columns: dict[str, str]
    rows: Iterator[Row]


def export(recording: Recording, table: str, format_: str, to: Path) -> int:
    """Write one table to the file `to`; the number of rows. Raises CannotExport or OSError."""
    data = read_table(recording, table)
    if format_ == "parquet":
        return _write_parquet(data, to)
    with to.open("w", encoding="utf-8", newline="") as file:
        return write_text(data, format_, file)


def write_text(data: Table, format_: str, file: IO[str]) -> int:
    """Write as CSV or JSON lines; the number of rows."""
    count = 0
    if format_ == "csv":
        writer = csv.writer(file)
        writer.writerow(data.columns)
        for row in data.rows:
            writer.writerow(row)
            count += 1
    elif format_ == "jsonl":
        for row in data.rows:
            file.write(json.dumps(dict(zip(data.columns, row, strict=True)), ensure_ascii=False) + "\n")
            count += 1
    else:
        raise CannotExport(f"expected a format of {', '.join(FORMATS)}, found {format_!r}")
    return count


def read_table(recording: Recording, table: str) -> Table:
    """The table with its times and decimals made out. Raises CannotExport for an unknown name."""
    match table:
        case "trades":
            return Table(
                _columns("asset exchange trade_id:int price:decimal size:decimal side"), _trades(recording)
            )
        case "book":
            names = "asset exchange event update_id:int side price:decimal size:decimal"
            return Table(_columns(names), _book(recording))
        case "tops":
            names = "asset exchange update_id:int bid:decimal bid_size:decimal ask:decimal ask_size:decimal"
            return Table(_columns(names), _tops(recording))
        case "instruments":
            return Table({n: t.__name__ for n, t in PLAIN[table].items()}, _plain(recording, table))
        case _ if table in PLAIN:
            columns = {n: t.__name__ for n, t in PLAIN[table].items()}
            return Table(
                {"time": "time", **columns}, ((iso(row[0]), *row) for row in _plain(recording, table))
            )
    raise CannotExport(f"expected a table of {', '.join(TABLES)}, found {table!r}")


def iso(ts: int) -> str:
    """ns UTC as ISO 8601 with all nine digits.

    >>> iso(1723161254087896568)
    '2024-08-08T23:54:14.087896568Z'
    """
    from datetime import UTC, datetime

    seconds, rest = divmod(ts, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _columns(names: str) -> dict[str, str]:
    named = {"time": "time", "ts": "int"}
    for part in names.split():
        name, _, kind = part.partition(":")
        named[name] = kind or "str"
    return named


def _plain(recording: Recording, table: str) -> Iterator[Row]:
    """Rows of a plain table, a page at a time, with every value brought to its column's type."""
    names = ", ".join(PLAIN[table])
    columns = [
        (kind, name == "ts" or table in ("trades", "instruments")) for name, kind in PLAIN[table].items()
    ]
    at = 0
    while True:
        sql = f"select rowid, {names} from {table} where rowid > ? order by rowid limit {_ROWS_AT_ONCE}"
        rows = recording.query(sql, (at,))
        for _, *values in rows:
            yield tuple(_typed(v, *column) for v, column in zip(values, columns, strict=True))
        if len(rows) < _ROWS_AT_ONCE:
            return
        at = rows[-1][0]


def _typed(value: Any, kind: type, required: bool) -> Any:
    if value is None and not required:
        return None
    if kind is str and isinstance(value, str):
        return clean(value)
    if kind is float and isinstance(value, int | float):
        return float(value)
    if kind is int and isinstance(value, int):
        return value
    raise BadRecording(f"expected a value of type {kind.__name__}, found {clean(repr(value), 60)}")


def _trades(recording: Recording) -> Iterator[Row]:
    listed = _Listed(recording)
    for seq, ts, symbol, trade_id, price_ticks, size_lots, side in _plain(recording, "trades"):
        i = listed.of(symbol, seq)
        price, size = i.tick.text_of(price_ticks), i.lot.text_of(size_lots)
        yield iso(ts), ts, i.symbol, i.venue, trade_id, price, size, _SIDES.get(side, "")


def _book(recording: Recording) -> Iterator[Row]:
    listed = _Listed(recording)
    for seq, batch, row in _rows_of(recording, Kind.SNAPSHOT, Kind.DELTA):
        i = listed.of(int(row["symbol"]), seq)
        ts, start, bids = int(row["ts_recv"]), int(row["level_start"]), int(row["bid_count"])
        head = (iso(ts), ts, i.symbol, i.venue, Kind(int(row["kind"])).name.lower(), _id(row["last_id"]))
        levels = batch.levels[start : start + bids + int(row["ask_count"])].tolist()
        for number, (ticks, lots) in enumerate(levels):
            side = "bid" if number < bids else "ask"
            yield (*head, side, i.tick.text_of(ticks), i.lot.text_of(lots))


def _tops(recording: Recording) -> Iterator[Row]:
    listed = _Listed(recording)
    for seq, _, row in _rows_of(recording, Kind.TOP):
        i = listed.of(int(row["symbol"]), seq)
        ts = int(row["ts_recv"])
        bid, ask = i.tick.text_of(int(row["price_ticks"])), i.tick.text_of(int(row["ask_ticks"]))
        bid_size, ask_size = i.lot.text_of(int(row["size_lots"])), i.lot.text_of(int(row["ask_lots"]))
        yield iso(ts), ts, i.symbol, i.venue, _id(row["last_id"]), bid, bid_size, ask, ask_size


class _Listed:
    def __init__(self, recording: Recording) -> None:
        self._by_symbol = recording.listings

    def of(self, symbol: int, seq: int) -> Instrument:
        """What `symbol` stood for at event `seq`."""
        for listing in reversed(self._by_symbol.get(symbol, ())):
            if listing.from_seq <= seq:
                return listing.instrument
        raise BadRecording(f"event {seq} speaks of symbol {symbol}, which is not among the instruments then")


def _rows_of(recording: Recording, *kinds: Kind) -> Iterator[tuple[int, Batch, Any]]:
    """(number of the event, its batch, its row) of all events of these kinds."""
    seq = 0
    while (block := recording.block_from(seq)) is not None:
        rows = block.batch.rows
        for at in np.flatnonzero(np.isin(rows["kind"], kinds)).tolist():
            yield block.seq + at, block.batch, rows[at]
        seq = block.seq + len(block.batch)


def _id(value: Any) -> int | None:
    return None if int(value) == MISSING else int(value)


def _write_parquet(data: Table, to: Path) -> int:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise CannotExport(
            "Parquet needs pyarrow, which is not installed: pip install 'microtui[parquet]', "
            "or export csv or jsonl"
        ) from None
    kinds = {
        "time": pyarrow.timestamp("ns", "UTC"),
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "decimal": pyarrow.float64(),
        "str": pyarrow.string(),
    }
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in data.columns.items()])
    count = 0
    with pyarrow.parquet.ParquetWriter(to, schema, compression="zstd") as writer:
        for rows in _pages(data.rows):
            columns = zip(*rows, strict=True)
            arrays = [
                pyarrow.array(_parquet_values(kind, values, rows, data), kinds[kind])
                for kind, values in zip(data.columns.values(), columns, strict=True)
            ]
            writer.write_table(pyarrow.table(arrays, schema=schema))
            count += len(rows)
    return count


def _parquet_values(kind: str, values: Row, rows: list[Row], data: Table) -> Iterable[Any]:
    if kind == "time":
        at = list(data.columns).index("ts")
        return [row[at] for row in rows]
    return [float(v) for v in values] if kind == "decimal" else values


def _pages(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while page := list(islice(rows, _ROWS_AT_ONCE)):
        yield page
