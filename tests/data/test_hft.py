"""hftbacktest's events as a session, made of a real capture by `json` and `Decimal`, against a book of two dicts."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core import State, apply
from engine.data.errors import DataError
from engine.data.hft import EVENT, HftDay
from engine.events import Kind, Setup
from engine.kernels.level_book import ASK, BID, levels_of

LOCAL, EXCH, BUY, SELL = 1 << 30, 1 << 31, 1 << 29, 1 << 28
Event = tuple[int, int, int, float, float, int, int, float]
Side = dict[Decimal, Decimal]


def captured(path: Path, lines: int) -> tuple[list[Event], dict[int, Side], int]:
    """Events of the capture, the book after them by side, and the number of trades."""
    events: list[Event] = []
    book: dict[int, Side] = {BUY: {}, SELL: {}}
    early: list[Any] = []  # updates that came before the snapshot that they belong behind
    last_id = trades = 0

    def put(kind: int, venue: int, now: int, changes: Sequence[Any]) -> None:
        for side, levels in zip((BUY, SELL), changes, strict=True):
            for price, size in levels:
                events.append((kind | LOCAL | EXCH | side, venue, now, float(price), float(size), 0, 0, 0.0))
                book[side][Decimal(price)] = Decimal(size)
                if not Decimal(size):
                    del book[side][Decimal(price)]

    with gzip.open(path, "rt") as file:
        for line in islice(file, lines):
            stamp, _, text = line.partition(" ")
            message, now = json.loads(text), int(stamp)
            if "lastUpdateId" in message:
                last_id = message["lastUpdateId"]
                events.append((3 | LOCAL | EXCH, now, now, 0.0, 0.0, 0, 0, 0.0))
                put(4, now, now, (message["bids"], message["asks"]))
                for data in early:
                    if data["u"] > last_id:
                        put(1, data["E"] * 10**6, now, (data["b"], data["a"]))
                continue
            data = message["data"]
            if message["stream"].endswith("@trade"):
                trades += 1
                flags = 2 | LOCAL | EXCH | (SELL if data["m"] else BUY)
                events.append((flags, data["T"] * 10**6, now, float(data["p"]), float(data["q"]), 0, 0, 0.0))
            elif "depth" in message["stream"] and not last_id:
                early.append(data)
            elif "depth" in message["stream"]:
                put(1, data["E"] * 10**6, now, (data["b"], data["a"]))
    return events, book, trades


def save(path: Path, events: list[Event]) -> Path:
    np.savez_compressed(path, data=np.array(events, EVENT))
    return path


def test_a_real_capture_gives_its_book_and_trades(captures: Path, tmp_path: Path) -> None:
    events, book, trades = captured(captures / "binance_spot_btcusdt_20240808.gz", 12_000)
    day = HftDay(save(tmp_path / "btcusdt_20240808.npz", events), Setup(), venue="binance")
    assert day.instrument.key == "binance:BTCUSDT"
    # An old order far away, of 25.426189 at 200,000, is not a multiple of today's lot.
    assert (day.instrument.tick_size, day.instrument.lot_size) == ("0.01", "0.000001")
    state, traded, times = State(), 0, []
    for batch in day.batches():
        assert batch.ends_at_tick
        traded += int((batch.rows["kind"] == Kind.TRADE).sum())
        times += batch.rows["ts_recv"][batch.rows["kind"] == Kind.TRADE].tolist()
        apply(state, batch)
    symbol = state.symbols[0]
    tick, lot = symbol.instrument.tick.value, symbol.instrument.lot.value
    for ours, theirs in ((BID, BUY), (ASK, SELL)):
        found = {int(p) * tick: int(n) * lot for p, n in levels_of(symbol.market.book, ours)}
        assert found == book[theirs]
    assert traded == trades > 100
    assert times == [event[2] for event in events if event[0] & 0xFF == 2]
    assert symbol.shown_state == "SYNCED"


def test_levels_that_came_together_are_one_row(tmp_path: Path) -> None:
    now = 1_700_000_000_000_000_000
    events: list[Event] = [
        (4 | LOCAL | SELL, now, now, 101.5, 2.0, 0, 0, 0.0),
        (4 | LOCAL | BUY, now, now, 101.0, 1.0, 0, 0, 0.0),
        (1 | LOCAL | BUY, now, now + 5, 101.25, 3.0, 0, 0, 0.0),
        (1 | LOCAL | SELL, now, now + 5, 101.5, 0.0, 0, 0, 0.0),
        (1 | EXCH | SELL, now, now + 5, 99.0, 1.0, 0, 0, 0.0),  # only the exchange's side saw it
        (2 | LOCAL | SELL, now, now + 5, 101.25, 1.0, 0, 0, 0.0),
        (1 | LOCAL | SELL, now, now + 6, 102.0, 4.0, 0, 0, 0.0),
    ]
    batches = list(HftDay(save(tmp_path / "x.npz", events), Setup()).batches())
    found = []
    for batch in batches[1:]:
        for row in batch.rows[batch.rows["kind"] != Kind.TICK]:
            start, turn, end = np.cumsum([row["level_start"], row["bid_count"], row["ask_count"]]).tolist()
            found.append(
                (int(row["kind"]), batch.levels[start:turn].tolist(), batch.levels[turn:end].tolist())
            )
    assert found == [
        (Kind.SNAPSHOT, [[10100, 1]], [[10150, 2]]),
        (Kind.DELTA, [[10125, 3]], [[10150, 0]]),
        (Kind.TRADE, [], []),
        (Kind.DELTA, [], [[10200, 4]]),
    ]


def test_what_is_no_such_file_is_told(tmp_path: Path) -> None:
    now = 1_700_000_000_000_000_000
    good: Event = (1 | LOCAL | BUY, now, now, 101.0, 1.0, 0, 0, 0.0)
    path = tmp_path / "x.npz"
    for change, said in (
        ({2: 5}, "received event 2: expected a local time in ns since 1970"),
        ({2: now - 1}, "received event 2: expected local times that never fall"),
        ({3: float("nan")}, "received event 2: expected a price above zero"),
        ({4: -1.0}, "received event 2: expected a size that is not negative"),
        ({0: 1 | LOCAL}, "received event 2: expected the side of a level"),
        ({3: 1.0000000001}, "expected at most 8 decimal places"),
    ):
        bad = tuple(change.get(at, value) for at, value in enumerate(good))
        with pytest.raises(DataError, match=said):
            HftDay(save(path, [good, bad]), Setup())  # type: ignore[list-item]
    with pytest.raises(DataError, match="has no depth, snapshots or trades"):
        HftDay(save(path, [(1 | EXCH | BUY, now, now, 1.0, 1.0, 0, 0, 0.0)]), Setup())
    np.savez(path, data=np.array([{"a": 1}], object))
    with pytest.raises(DataError, match="is no file of hftbacktest"):
        HftDay(path, Setup())
    np.savez(path, data=np.zeros(3))
    with pytest.raises(DataError, match="expected events with ev, exch_ts, local_ts, px and qty"):
        HftDay(path, Setup())
    path.write_bytes(b"no")
    with pytest.raises(DataError, match="is no file of hftbacktest"):
        HftDay(path, Setup())


def test_a_file_that_would_not_fit_into_memory_is_refused(tmp_path: Path) -> None:
    bare, path = tmp_path / "bare.npy", tmp_path / "x.npz"
    np.save(bare, np.zeros(3, EVENT))
    bare.rename(path)
    with pytest.raises(DataError, match="is no file of hftbacktest"):
        HftDay(path, Setup())
    head = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(EVENT)
    shape = {"descr": descr, "fortran_order": False, "shape": (10**15,)}
    np.lib.format.write_array_header_1_0(head, shape)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("data.npy", head.getvalue())
    with pytest.raises(DataError, match="is no file of hftbacktest"):
        HftDay(path, Setup())
    start = 1_700_000_000 * 10**9
    flags = 1 | LOCAL | BUY
    events = [(flags, ns, ns, 100.0, 1.0, 0, 0, 0.0) for ns in (start, start + 32 * 86_400 * 10**9)]
    with pytest.raises(
        DataError, match="received event 2: expected a local time within 31 days of the first"
    ):
        HftDay(save(path, events), Setup())


def test_an_array_that_unpacks_to_more_than_any_day_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, data=np.zeros(10_000, EVENT))
    monkeypatch.setattr("engine.data.hft.MOST_EVENTS", 1000)
    monkeypatch.setattr("engine.data.hft.np.load", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(DataError, match="it unpacks to 640,"):
        HftDay(path, Setup())
