"""The real recorded session through the same protocol that reads the live one."""

from __future__ import annotations

import gzip
import json
import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard

from engine.batch import Batch, BatchBuilder, concat
from engine.events import FeedStatus, Kind, Listed
from engine.feeds import binance
from engine.feeds.binance import Binance
from engine.feeds.capture import capture_batches, capture_lines
from engine.feeds.errors import FeedError
from engine.feeds.options import FeedOptions
from engine.instrument import Instrument

NAME = "binance_spot_btcusdt_20240808.gz"
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.0000001")
Side = dict[Decimal, Decimal]


def books_by_json(path: Path) -> tuple[dict[int, tuple[Decimal, Decimal]], Side, Side]:
    """Best bid and ask after each diff, and the last book, from json, Decimal and dicts by the venue's rules."""
    book: tuple[Side, Side] | None = None
    held: list[dict[str, list[list[str]]]] = []
    update_id, bests = 0, {}
    with gzip.open(path) as file:
        for line in file:
            if line.isspace():
                continue
            message = json.loads(line.split(b" ", 1)[1])
            if "lastUpdateId" in message:
                update_id = message["lastUpdateId"]
                book = tuple({Decimal(p): Decimal(q) for p, q in message[s]} for s in ("bids", "asks"))  # type: ignore[assignment]
            elif message["stream"].endswith("@depth@100ms"):
                held.append(message["data"])
            if book is None:
                continue
            for diff in held:
                if diff["u"] <= update_id:  # type: ignore[operator]
                    continue
                for side, changes in zip(book, (diff["b"], diff["a"]), strict=True):
                    for price, size in changes:
                        side[Decimal(price)] = Decimal(size)
                        if not Decimal(size):
                            del side[Decimal(price)]
                update_id = diff["u"]  # type: ignore[assignment]
                bests[update_id] = max(book[0]), min(book[1])
            held.clear()
    assert book is not None
    return bests, *book


@pytest.fixture(scope="module")
def batches(captures: Path) -> list[Batch]:
    return list(capture_batches(captures / NAME, BTC))


def test_every_diff_is_applied_and_no_gap_is_found(batches: list[Batch]):
    notes = [note for batch in batches for note in batch.notes]
    states = [note.state for note in notes if isinstance(note, FeedStatus)]
    assert states == ["BUFFERING", "SNAPSHOT_WAIT", "SYNCED"]
    assert isinstance(notes[0], Listed)
    rows = concat(batches).rows
    assert [int((rows["kind"] == kind).sum()) for kind in (Kind.SNAPSHOT, Kind.DELTA)] == [1, 3449]
    assert (int((rows["kind"] == Kind.TOP).sum()), int((rows["kind"] == Kind.TRADE).sum())) == (28040, 9757)


def test_batches_end_at_every_tenth_of_a_second(batches: list[Batch]):
    ticks = [int(batch.rows[-1]["ts_recv"]) for batch in batches]
    assert all(batch.ends_at_tick and (batch.rows["kind"] == Kind.TICK).sum() == 1 for batch in batches)
    assert {b - a for a, b in pairwise(ticks)} == {100_000_000}
    for batch in batches:
        assert (batch.rows["ts_recv"] <= batch.rows[-1]["ts_recv"]).all()
        assert (batch.rows["ts_recv"] > batch.rows[-1]["ts_recv"] - 100_000_000).all()


def test_the_book_is_the_one_that_json_and_dicts_make(batches: list[Batch], captures: Path):
    bests, last_bids, last_asks = books_by_json(captures / NAME)
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    compared = 0
    for batch in batches:
        for row in batch.rows:
            if row["kind"] not in (Kind.SNAPSHOT, Kind.DELTA):
                continue
            start, middle = int(row["level_start"]), int(row["level_start"] + row["bid_count"])
            for side, part in (
                (bids, batch.levels[start:middle]),
                (asks, batch.levels[middle : middle + int(row["ask_count"])]),
            ):
                for ticks, lots in part.tolist():
                    if lots:
                        side[ticks] = lots
                    else:
                        side.pop(ticks, None)
            if row["kind"] == Kind.DELTA:
                best = max(bids), min(asks)
                assert best[0] < best[1]
                assert best == tuple(int(price * 100) for price in bests[int(row["last_id"])])
                compared += 1
    assert compared == len(bests) == 3449
    lot = Decimal(BTC.lot_size)
    assert {Decimal(t) / 100: lots * lot for t, lots in bids.items()} == last_bids
    assert {Decimal(t) / 100: lots * lot for t, lots in asks.items()} == last_asks


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"1723161253937085768 {}\nnot a line\n",
            r"x\.gz, line 2: expected `receive_ns json`, found b'not a line",
        ),
        (b"99999999999999999999999 {}\n", r"x\.gz, line 1: expected `receive_ns json`"),
    ],
)
def test_a_line_that_is_something_else(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(FeedError, match=message):
        list(capture_lines(path))


def test_a_capture_that_is_cut_in_half(tmp_path: Path, captures: Path):
    path = tmp_path / "half.gz"
    path.write_bytes((captures / NAME).read_bytes()[:200_000])
    with pytest.raises(FeedError, match=r"^half\.gz cannot be read to its end: "):
        list(capture_batches(path, BTC))
    with pytest.raises(FeedError, match=r"^none\.gz cannot be read to its end: "):
        list(capture_lines(tmp_path / "none.gz"))


def test_a_captured_snapshot_that_is_broken(tmp_path: Path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b'1723161253937085768 {"lastUpdateId":1,"bids":7}\n'))
    with pytest.raises(FeedError, match=r"^the captured snapshot cannot be read: depth snapshot of BTCUSDT"):
        list(capture_batches(path, BTC))


def test_four_thin_symbols_of_2021_with_the_whole_exchange_info(captures: Path):
    """Another recorder, another year: exchangeInfo, four snapshots and 30 s of streams, also ones not ours."""
    names = ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR")
    feed = Binance(names, FeedOptions(depth_limit=1000), BatchBuilder())
    truth: dict[str, tuple[Side, Side]] = {}
    last: dict[str, int] = {}
    held: list[dict[str, list[list[str]]]] = []
    with (captures / "BINANCE.jsonl.zst").open("rb") as raw:
        records = [
            json.loads(line) for line in zstandard.ZstdDecompressor().stream_reader(raw).read().splitlines()
        ]
    heard = []
    for ts, record in enumerate(records):
        if "exchangeInfo" in record.get("url", ""):
            feed.list_symbols(record["data"].encode(), ts)
            feed.connected(ts)
        elif record["t"] == "http":
            name = re.findall("symbol=([A-Z]+)", record["url"])[0]
            index = names.index(name)
            assert feed.snapshot(index, feed.snapshot_asked(index, ts), 1000, record["data"].encode(), ts)
            found = json.loads(record["data"])
            last[name] = found["lastUpdateId"]
            truth[name] = tuple({Decimal(p): Decimal(q) for p, q in found[s]} for s in ("bids", "asks"))  # type: ignore[assignment]
        elif record["t"] == "recv":
            heard.append(feed.receive(record["data"].encode(), ts))
            data = json.loads(record["data"])["data"]
            if data.get("e") == "depthUpdate":
                held.append(data)
    for diff in held:
        name = str(diff["s"])
        if diff["u"] > last[name]:  # type: ignore[operator]
            for side, changes in zip(truth[name], (diff["b"], diff["a"]), strict=True):
                side.update({Decimal(price): Decimal(size) for price, size in changes})
    assert (feed.malformed, feed.resyncs, heard.count(binance.UNKNOWN)) == (0, 0, 4)
    batch = feed.builder.take()
    for index, symbol in enumerate(feed.symbols):
        assert symbol.sync.state == "SYNCED"
        assert symbol.instrument is not None
        tick, lot = Decimal(symbol.instrument.tick_size), Decimal(symbol.instrument.lot_size)
        sides: tuple[Side, Side] = ({}, {})
        for row in batch.rows[batch.rows["symbol"] == index]:
            at = int(row["level_start"])
            for side, count in zip(sides, (int(row["bid_count"]), int(row["ask_count"])), strict=True):
                side.update({t * tick: lots * lot for t, lots in batch.levels[at : at + count].tolist()})
                at += count
        for side, true in zip(sides, truth[symbol.name], strict=True):
            assert {p: q for p, q in side.items() if q} == {p: q for p, q in true.items() if q}
