"""The Parquet files that dumps become: written whole or not at all, and read back with what they say of themselves."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from engine.data.columns import KINDS
from engine.data.dumps import INTERVALS_S, MARKETS, Dump
from engine.data.errors import DataError, arrow
from engine.data.exact import numbers
from engine.data.tables import SLACK_NS
from engine.text import clean

_KEY = b"microtui"
MOST_ROWS = 200_000_000  # more than the busiest days; a Parquet file of a few KB can hold any number
_DAY_NS = 86_400_000_000_000


class Origin(msgspec.Struct, frozen=True):
    """Where a file's rows are from: written into the file, and checked when it is read."""

    market: str
    kind: str
    symbol: str
    day: str
    interval: str = ""
    url: str = ""
    sha256: str = ""  # of the zip
    mended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was read: its origin and its rows."""

    path: Path
    origin: Origin
    table: Any


def write(path: Path, table: Any, origin: Origin) -> None:
    """Write the file and give it its name when it is whole. Raises OSError."""
    pa = arrow()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    marked = table.replace_schema_metadata({_KEY: msgspec.json.encode(origin)})
    try:
        pa.parquet.write_table(marked, part, compression="zstd", row_group_size=1 << 17)
        os.replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink()


def is_whole(path: Path, dump: Dump) -> bool:
    """Whether this dump's file is there and opens."""
    try:
        origin = origin_of(path)
    except (DataError, OSError):
        return False
    return (origin.kind, origin.symbol, origin.day) == (dump.kind, dump.symbol, dump.day.isoformat())


def origin_of(path: Path) -> Origin:
    """What a Parquet file says of itself. Raises DataError where it is none of ours."""
    pa = arrow()
    name = clean(path.name, 100)
    try:
        found = pa.parquet.read_schema(path).metadata or {}
        origin = msgspec.json.decode(found[_KEY], type=Origin)
        date.fromisoformat(origin.day)
    except FileNotFoundError:
        raise DataError(f"there is no file {clean(str(path))}") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} cannot be read as Parquet: {clean(str(error), 100)}") from None
    except (KeyError, ValueError, msgspec.MsgspecError):
        raise DataError(f"{name} was not made by `microtui data fetch`") from None
    if origin.kind not in KINDS or origin.market not in MARKETS or origin.interval not in ("", *INTERVALS_S):
        raise DataError(
            f"{name} holds {clean(origin.kind, 20)} of {clean(origin.market, 20)}, which is not known"
        )
    return origin


def read(path: Path) -> Kept:
    """Read a fetched file, checking that it holds what its kind holds. Raises DataError."""
    pa = arrow()
    origin = origin_of(path)
    name = clean(path.name, 100)
    try:
        if (rows := pa.parquet.read_metadata(path).num_rows) > MOST_ROWS:
            raise DataError(f"{name}: expected at most {MOST_ROWS:,} rows, found {rows:,}")
        table = pa.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} cannot be read to its end: {clean(str(error), 100)}") from None
    expected = {c.name: c.what for c in KINDS[origin.kind].columns if c.what != "flag"}
    if origin.kind in ("aggTrades", "trades"):
        expected["side"] = "side"
    for column in table.schema:
        what = expected.get(column.name)
        fits = {
            "time": pa.types.is_timestamp,
            "id": pa.types.is_int64,
            "count": pa.types.is_int64,
            "side": pa.types.is_int8,
            None: lambda _: False,
        }.get(what, pa.types.is_decimal)
        if not fits(column.type):
            raise DataError(f"{name}: the column {clean(column.name, 40)} is not what {origin.kind} have")
    missing = set(expected) - set(table.column_names)
    if missing or any(table[column].null_count for column in table.column_names):
        raise DataError(f"{name}: expected {', '.join(expected)} without a hole")
    _check_times(name, origin, table["ts"])
    return Kept(path, origin, table)


def _check_times(name: str, origin: Origin, column: Any) -> None:
    """As when it was fetched: whoever plays the file makes a tick of every second that it spans."""
    begins = (date.fromisoformat(origin.day) - date(1970, 1, 1)).days * _DAY_NS
    try:
        ts = numbers(column)
    except arrow().ArrowInvalid:
        raise DataError(f"{name}: expected times on {origin.day}") from None
    if len(ts) and (ts.min() < begins - SLACK_NS or ts.max() > begins + _DAY_NS + SLACK_NS):
        raise DataError(f"{name}: expected times on {origin.day}")
