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

import msgspec
import pytest

from engine.batch import BatchBuilder, concat
from engine.events import Kind, Listed
from engine.ports import Checkpoint
from store.errors import BadRecording, CannotExport
from store.export import TABLES, export, iso, read_table, write_text
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
from store.tables import PLAIN
from tests.store.made import BTC, ETH, START_NS, TICK_NS, made_batches, record

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


def test_a_symbol_listed_again_on_a_finer_tick_keeps_its_earlier_prices(tmp_path: Path) -> None:
    path = tmp_path / "relisted.sqlite"
    fine = msgspec.structs.replace(BTC, tick_size="0.001", lot_size="0.1")
    out = BatchBuilder()
    for number, (instrument, mid) in enumerate(((BTC, 6_000_000), (fine, 60_000_000), (fine, 60_000_001))):
        ts = START_NS + number * TICK_NS
        out.add_note(Listed(0, instrument), ts, 0)
        out.add(Kind.TRADE, ts + 1, symbol=0, last_id=number, price_ticks=mid, size_lots=3, side=1)
        out.add(Kind.TOP, ts + 2, symbol=0, price_ticks=mid, size_lots=1, ask_ticks=mid + 1, ask_lots=1)
        out.add_levels(Kind.DELTA, ts + 3, [(mid, 5)], [], symbol=0, last_id=1)
        out.add(Kind.TICK, ts + TICK_NS, symbol=-1)
    record(path, out.take().split_at_ticks()).close()
    assert [(r["price"], r["size"]) for r in as_csv(path, "trades")] == [
        ("60000.00", "0.00003"),
        ("60000.000", "0.3"),
        ("60000.001", "0.3"),
    ]
    assert [r["bid"] for r in as_csv(path, "tops")] == ["60000.00", "60000.000", "60000.001"]
    assert [r["price"] for r in as_csv(path, "book")] == ["60000.00", "60000.000", "60000.001"]
    assert [(r["from_seq"], r["tick_size"]) for r in as_csv(path, "instruments")] == [
        ("0", "0.01"),
        ("5", "0.001"),
    ]
    with Recording(path) as recording:
        shown = recording.query("select price, size from trades_iso order by ts")
        assert recording.instruments == (fine,)
    assert shown == [("60000.00", "0.00003"), ("60000.000", "0.3"), ("60000.001", "0.3")]


def test_a_recording_begun_late_or_behind_a_gap_knows_its_instruments_from_the_checkpoint(
    tmp_path: Path,
) -> None:
    path = tmp_path / "late.sqlite"
    fine = msgspec.structs.replace(BTC, tick_size="0.001")
    out = BatchBuilder()
    for number in range(3):
        ts = START_NS + number * TICK_NS
        out.add(Kind.TRADE, ts, symbol=0, last_id=number, price_ticks=60_000_000, size_lots=1, side=1)
        out.add(Kind.TICK, ts + TICK_NS, symbol=-1)
    batches = list(out.take().split_at_ticks())
    recorder = Recorder(path, new_header("made", START_NS))
    recorder.checkpoint(Checkpoint(1000, START_NS, b"state", (Listed(0, BTC), Listed(1, ETH))))
    recorder.put(1000, batches[0], ())
    recorder.checkpoint(Checkpoint(1002, START_NS, b"state", (Listed(0, BTC), Listed(1, ETH))))
    recorder.put(4000, batches[1], ())  # lost: it does not follow
    recorder.checkpoint(Checkpoint(5000, START_NS, b"state", (Listed(0, fine), Listed(1, ETH))))
    recorder.put(5000, batches[2], ())
    recorder.close()
    with Recording(path) as recording:
        assert recording.instruments == (fine, ETH)
        assert recording.listings == {0: ((1000, BTC), (5000, fine)), 1: ((1000, ETH),)}
        shown = recording.query("select price from trades_iso order by ts")
        assert shown == [("600000.00",), ("60000.000",)]
    assert [r["price"] for r in as_csv(path, "trades")] == ["600000.00", "60000.000"]


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


@pytest.mark.parametrize(
    ("table", "column", "value", "says"),
    [
        ("trades", "price_ticks", "\x1b[2Jx", r"type int, found '\\x1b\[2Jx'"),
        ("trades", "price_ticks", None, "type int, found None"),
        ("trades", "ts", None, "type int, found None"),
        ("trades", "size_lots", 1.5, "type int, found 1.5"),
        ("alerts", "ts", None, "type int, found None"),
        ("alerts", "text", b"bytes", "type str, found b'bytes'"),
        ("book_metrics", "mid_price", "much", "type float, found 'much'"),
    ],
)
def test_a_table_with_something_else_in_it_is_refused(
    path: Path, tmp_path: Path, table: str, column: str, value: object, says: str
) -> None:
    copy = tmp_path / "odd.sqlite"
    shutil.copy(path, copy)
    db = sqlite3.connect(copy)
    db.execute(f"update {table} set {column} = ? where rowid = (select max(rowid) from {table})", (value,))
    db.commit()
    db.close()
    with pytest.raises(BadRecording, match=f"expected a value of {says}"):
        as_csv(copy, table)
