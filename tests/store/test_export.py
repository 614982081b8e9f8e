"""Exports against the same numbers worked out another way: decimals, numpy and pyarrow's own reading."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.batch import concat
from engine.events import Kind
from store.errors import BadRecording, CannotExport
from store.export import TABLES, export, iso, read_table, write_text
from store.recording import Recording
from store.schema import PLAIN
from tests.store.made import BTC, ETH, made_batches, record

TICKS = 200


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "a.sqlite"
    record(path, made_batches(TICKS)).close()
    return path


def as_csv(path: Path, table: str) -> list[dict[str, str]]:
    file = io.StringIO()
    with Recording(path) as recording:
        count = write_text(read_table(recording, table), "csv", file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert len(rows) == count
    return rows


def test_trades_are_exact_decimals(path: Path) -> None:
    rows = concat(made_batches(TICKS)).rows
    rows = rows[rows["kind"] == Kind.TRADE]
    found = as_csv(path, "trades")
    assert len(found) == len(rows)
    for text, row in zip(found, rows, strict=True):
        instrument = (BTC, ETH)[int(row["symbol"])]
        assert text["asset"] == instrument.symbol
        assert Decimal(text["price"]) == int(row["price_ticks"]) * Decimal(instrument.tick_size)
        assert Decimal(text["size"]) == int(row["size_lots"]) * Decimal(instrument.lot_size)
        assert text["side"] == ("buy" if row["side"] > 0 else "sell")
        assert text["time"].endswith(f".{int(text['ts']) % 10**9:09d}Z")


def test_the_book_export_rebuilds_the_same_book(path: Path) -> None:
    expected: dict[tuple[str, str, Decimal], Decimal] = {}
    whole = concat(made_batches(TICKS))
    for row in whole.rows:
        if row["kind"] not in (Kind.SNAPSHOT, Kind.DELTA):
            continue
        instrument = (BTC, ETH)[int(row["symbol"])]
        start, bids = int(row["level_start"]), int(row["bid_count"])
        for number in range(bids + int(row["ask_count"])):
            ticks, lots = whole.levels[start + number].tolist()
            key = (
                instrument.symbol,
                "bid" if number < bids else "ask",
                ticks * Decimal(instrument.tick_size),
            )
            expected[key] = lots * Decimal(instrument.lot_size)
    found: dict[tuple[str, str, Decimal], Decimal] = {}
    for text in as_csv(path, "book"):
        found[text["asset"], text["side"], Decimal(text["price"])] = Decimal(text["size"])
    assert found == expected


def test_tops_name_both_sides(path: Path) -> None:
    rows = concat(made_batches(TICKS)).rows
    rows = rows[rows["kind"] == Kind.TOP]
    found = as_csv(path, "tops")
    assert [int(t["update_id"]) for t in found] == rows["last_id"].tolist()
    for text, row in zip(found, rows, strict=True):
        tick = Decimal((BTC, ETH)[int(row["symbol"])].tick_size)
        spread_ticks = int(row["ask_ticks"]) - int(row["price_ticks"])
        assert (Decimal(text["ask"]) - Decimal(text["bid"])) / tick == spread_ticks


@pytest.mark.parametrize("table", TABLES)
def test_json_lines_and_parquet_hold_the_same_rows(path: Path, tmp_path: Path, table: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with Recording(path) as recording:
        lines, columns = tmp_path / "a.jsonl", tmp_path / "a.parquet"
        count = export(recording, table, "jsonl", lines)
        assert export(recording, table, "parquet", columns) == count > 0
    said = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    whole = parquet.read_table(columns)
    if "time" in whole.column_names:  # Python's own times end at microseconds
        whole = whole.set_column(0, "time", whole["time"].cast("int64"))
    read: list[dict[str, Any]] = whole.to_pylist()
    assert len(said) == len(read) == count
    for a, b in zip(said, read, strict=True):
        assert list(a) == list(b)
        for name, value in a.items():
            if name == "time":
                assert iso(b[name]) == value
            elif isinstance(b[name], float):
                assert float(value) == b[name]
            else:
                assert value == b[name]


def test_unknown_tables_and_formats_are_named(path: Path, tmp_path: Path) -> None:
    with Recording(path) as recording:
        with pytest.raises(CannotExport, match=r"book, tops, found 'sqlite_schema'"):
            read_table(recording, "sqlite_schema")
        with pytest.raises(CannotExport, match="found 'xlsx'"):
            export(recording, "trades", "xlsx", tmp_path / "a.xlsx")
    assert set(PLAIN) < set(TABLES)


def test_without_pyarrow_it_says_what_to_do(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with (
        Recording(path) as recording,
        pytest.raises(CannotExport, match=r"pip install 'microtui\[parquet\]'"),
    ):
        export(recording, "trades", "parquet", tmp_path / "a.parquet")


def test_a_table_with_something_else_in_it_is_refused(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "odd.sqlite"
    shutil.copy(path, copy)
    db = sqlite3.connect(copy)
    db.execute("update trades set price_ticks = '\x1b[2Jx' where seq = (select min(seq) from trades)")
    db.commit()
    db.close()
    with pytest.raises(BadRecording, match=r"expected a value of type int, found '\\x1b\[2Jx'"):
        as_csv(copy, "trades")
