"""The recorder: what was put is in the file, whatever the disk, the queue or a rival does."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from engine.batch import concat
from engine.events import Kind
from engine.ports import Checkpoint
from store import recorder as recorder_module
from store import writer as writer_module
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
from store.tables import PLAIN
from tests.store.made import (
    BTC,
    ETH,
    START_NS,
    TICK_NS,
    assert_same_events,
    derived_of,
    made_batches,
    put_all,
    record,
    state_after,
)


def assert_holds(path: Path, batches: list[Any]) -> None:
    """The recording at `path` has exactly these events, batch for batch, numbered from 0."""
    with Recording(path) as recording:
        found = list(recording.batches_from(0))
    seq = 0
    assert len(found) == len(batches)
    for (number, batch), expected in zip(found, batches, strict=True):
        assert number == seq
        assert_same_events(batch, expected)
        seq += len(expected)


@pytest.mark.parametrize("flush_every", [0, 3])
def test_everything_put_is_read_again(tmp_path: Path, flush_every: int) -> None:
    batches = made_batches(330)
    path = tmp_path / "deep" / "folder" / "a.sqlite"
    recorder = record(path, batches, flush_every=flush_every)
    with Recording(path) as live:  # three sealed chunks and hot rows behind them, while still being written
        assert live.being_written
        assert live.lost == ""
        assert live.query("select count(*) from chunk") == [(3,)]
        assert live.query("select count(*) > 0 from hot") == [(1,)]
        assert live.end == START_NS + 330 * TICK_NS
    assert_holds(path, batches)
    recorder.close()
    assert_holds(path, batches)
    assert recorder.status.state == "OFF"
    assert recorder.status.lost_events == 0
    assert recorder.status.bytes == path.stat().st_size
    assert recorder.status.seconds == pytest.approx(33.0)


def test_a_recording_that_nobody_watches_has_no_hot_rows_and_holds_the_same(tmp_path: Path) -> None:
    batches = made_batches(400)
    watched = record(tmp_path / "watched.sqlite", batches)
    patient = Recorder(tmp_path / "patient.sqlite", new_header("made", START_NS), patient=True)
    put_all(patient, batches[:7])
    with Recording(patient.path) as growing:  # nothing is whole enough to be a chunk
        assert growing.being_written
        assert growing.query("select count(*) from hot union all select count(*) from trades") == [(0,), (0,)]
    put_all(patient, batches[7:], first_seq=sum(len(batch) for batch in batches[:7]))
    for recorder in (watched, patient):
        recorder.close()
        assert not recorder.failed
    assert_holds(patient.path, batches)
    with sqlite3.connect(watched.path) as one, sqlite3.connect(patient.path) as other:
        for table in PLAIN:
            said = f"select * from {table} order by rowid"
            assert other.execute(said).fetchall() == one.execute(said).fetchall(), table


def test_a_closed_recording_is_one_file_that_any_sqlite_opens(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    record(path, made_batches(50)).close()
    assert [p.name for p in tmp_path.iterdir()] == ["a.sqlite"]
    with sqlite3.connect(path) as plain:
        assert plain.execute("pragma journal_mode").fetchone() == ("delete",)
        assert plain.execute("pragma integrity_check").fetchone() == ("ok",)


def test_plain_tables_say_what_the_events_say(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    batches = made_batches(400)
    record(path, batches).close()
    whole = concat(batches)
    plain = sqlite3.connect(path)
    fields = ("ts_recv", "symbol", "last_id", "price_ticks", "size_lots", "side")
    trades = [
        (number, *(int(r[name]) for name in fields))
        for number, r in enumerate(whole.rows)
        if r["kind"] == Kind.TRADE
    ]
    assert plain.execute("select * from trades order by seq").fetchall() == trades
    time_text, price, size, side = plain.execute("select time, price, size, side from trades_iso").fetchone()
    instrument = (BTC, ETH)[trades[0][2]]
    assert price == instrument.tick.text_of(trades[0][4])
    assert size == instrument.lot.text_of(trades[0][5])
    assert side == {1: "buy", -1: "sell"}[trades[0][6]]
    assert time_text == f"2024-08-08T23:54:14.{trades[0][1] % 10**9:09}Z"
    marks = plain.execute("select text from marks order by ts").fetchall()
    assert marks == [(f"mark {n}",) for n in range(9, 400, 40)]
    expected = [d for b in batches for d in derived_of(b)]
    for table, name in (("book_metrics", "BookMetrics"), ("signals", "Signal"), ("alerts", "Alert")):
        rows = plain.execute(f"select * from {table} order by ts").fetchall()
        assert [r[0] for r in rows] == [d.ts for d in expected if type(d).__name__ == name]
    assert plain.execute("select * from book_metrics").fetchone()[1:] == (
        *("BTCUSDT", "binance", 1.25, 0.1, 61_837.63, None, 2.5, 2.0, 34.5),
    )
    health = plain.execute("select state, symbol, reason, messages from health where symbol = 1").fetchall()
    assert health == [("GAP", 1, "an update is missing", n) for n in range(7, 400, 50)]
    plain.close()


def test_checkpoints_come_first_when_recording_starts_late_and_then_by_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    batches = made_batches(600, rows_a_tick=30)
    record(path, batches, first_seq=5000, flush_every=10).close()
    with Recording(path) as recording:
        first = recording.checkpoint_before(recording.start)
        assert first == Checkpoint(5000, START_NS, state_after(5000))
        numbers = [n for (n,) in recording.query("select seq from checkpoint order by seq")]
        chunks, checkpoints = recording.query(
            "select (select sum(length(blob)) from chunk), (select sum(length(blob)) from checkpoint)"
        )[0]
        assert len(numbers) > 3
        assert checkpoints < chunks + 25_000  # the first whole one is 20,000 bytes of noise
        for number in numbers:  # whole ones and differences alike
            found = recording.checkpoint_after(number)
            assert found is not None
            assert (found.seq, found.blob) == (number, state_after(number))


def test_an_overflow_is_a_gap_with_its_numbers_and_a_checkpoint_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.sqlite"
    batches = made_batches(120)
    monkeypatch.setattr(recorder_module, "QUEUE_BYTES", 40_000)
    monkeypatch.setattr(recorder_module, "FLUSH_S", 3600.0)  # the disk hangs, until `flush` wakes the thread
    recorder = Recorder(path, new_header("made", START_NS))
    recorder.checkpoint(Checkpoint(0, 0, b""))
    seq = 0
    for batch in batches[:80]:
        recorder.put(seq, batch, ())
        seq += len(batch)
    lost = recorder.status.lost_events
    assert lost > 0
    assert not recorder.wants_checkpoint  # the queue is still full
    recorder.flush()
    assert recorder.wants_checkpoint
    end = put_all(recorder, batches[80:], seq, flush_every=1)
    assert recorder.status.lost_events == lost
    recorder.close()
    with Recording(path) as recording:
        (gap,) = recording.gaps
        assert gap.last_seq - gap.seq + 1 == lost
        assert gap.last_seq == seq - 1
        assert gap.reason == "the disk did not keep up"
        behind = recording.checkpoint_after(gap.seq)
        assert behind is not None
        assert behind.seq == seq
        assert [n for n, _ in recording.batches_from(0)][-1] == end - len(batches[-1])
        block = recording.block_from(gap.seq)
        assert block is not None
        assert block.seq == seq


def test_a_jump_in_the_numbers_is_a_gap_too(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    first, second, third = made_batches(3)
    recorder = record(path, [first])
    recorder.put(1000, second, ())
    assert recorder.wants_checkpoint
    put_all(recorder, [third], 2000)
    recorder.close()
    with Recording(path) as recording:
        (gap,) = recording.gaps
        assert (gap.seq, gap.last_seq) == (len(first), 1999)
        assert gap.reason == f"expected event {len(first)}, found 1000"


def test_a_full_disk_stops_the_recording_and_keeps_what_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.sqlite"
    open_writer = writer_module.open_writer

    def small_disk(path: Path) -> sqlite3.Connection:
        connection = open_writer(path)
        connection.execute("pragma max_page_count = 60")
        return connection

    monkeypatch.setattr(writer_module, "open_writer", small_disk)
    batches = made_batches(1000, rows_a_tick=20)
    recorder = Recorder(path, new_header("made", START_NS))
    put_all(recorder, batches, flush_every=10)  # nothing raises here
    status = recorder.status
    assert status.state == "FAILED"
    assert "the disk is full" in status.reason
    assert status.lost_events > 0
    assert not recorder.wants_checkpoint
    recorder.close()
    assert recorder.status.state == "FAILED"
    with Recording(path) as recording:
        kept = [batch for _, batch in recording.batches_from(0)]
    assert len(kept) >= 20
    for found, expected in zip(kept, batches, strict=False):
        assert_same_events(found, expected)
    assert sum(map(len, kept)) + status.lost_events == sum(map(len, batches))


def test_a_folder_that_cannot_be_written_fails_in_plain_sight(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    recorder = record(tmp_path / "file" / "a.sqlite", made_batches(3))
    assert recorder.status.state == "FAILED"
    assert "a.sqlite" in recorder.status.reason
    recorder.close()


def test_two_writers_of_one_file_the_second_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    batches = made_batches(40)
    first = record(path, batches[:20])
    second = record(path, batches)
    assert second.status.state == "FAILED"
    assert "being written by another" in second.status.reason
    second.close()
    put_all(first, batches[20:], sum(map(len, batches[:20])))
    first.close()
    assert first.status.lost_events == 0
    assert_holds(path, batches)
    third = record(path, batches)
    assert "exists already" in third.status.reason


def test_put_returns_at_once_while_the_file_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    batches = made_batches(200)
    recorder = record(path, batches[:1])
    rival = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    rival.execute("begin immediate")
    began, seq = time.perf_counter(), len(batches[0])
    for batch in batches[1:]:
        recorder.put(seq, batch, ())
        seq += len(batch)
    assert time.perf_counter() - began < 0.5
    threading.Timer(1.5, rival.rollback).start()  # longer than one try takes
    recorder.flush()
    recorder.close()
    rival.close()
    assert recorder.status.lost_events == 0
    assert recorder.status.lag_ms > 300
    assert_holds(path, batches)


_CHILD = """
import sys, time
from pathlib import Path
from store.header import new_header
from store.recorder import Recorder
from tests.store.made import START_NS, made_batches, derived_of
batches = made_batches(1500, rows_a_tick=12)
recorder = Recorder(Path(sys.argv[1]), new_header("made", START_NS))
print("begin", flush=True)
seq = 0
for batch in batches:
    recorder.put(seq, batch, derived_of(batch))
    seq += len(batch)
    print(time.monotonic(), seq, flush=True)
    time.sleep(0.002)
time.sleep(60)
"""


def _child(script: str, path: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parent.parent.parent
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


@pytest.mark.parametrize("after_s", [0.4, 1.1])
def test_kill_9_loses_a_quarter_of_a_second_and_nothing_that_was_committed(
    tmp_path: Path, after_s: float
) -> None:
    lost_s = []
    while not lost_s or (lost_s[-1] > 0.25 and len(lost_s) < 3):  # a busy machine may hold one commit up
        lost_s.append(kill_9(tmp_path / f"{len(lost_s)}.sqlite", after_s))
    assert min(lost_s) <= 0.25
    assert max(lost_s) < 1.0


def kill_9(path: Path, after_s: float) -> float:
    """How much was lost, in seconds before the kill. What is kept is what was put."""
    child = _child(_CHILD, path)
    assert child.stdout is not None
    assert child.stdout.readline() == "begin\n"
    time.sleep(after_s)
    with Recording(path) as live:
        committed = live.next_seq  # a reader saw these: they must survive
    killed = time.monotonic()
    child.send_signal(signal.SIGKILL)
    put = [(float(at), int(seq)) for at, seq in (line.split() for line in child.stdout.read().splitlines())]
    child.wait()
    child.stdout.close()
    with Recording(path) as recording:
        assert recording.next_seq >= committed
        assert "never closed" in recording.lost
        kept = [batch for _, batch in recording.batches_from(0)]
        assert recording.query("pragma integrity_check") == [("ok",)]
    assert sum(map(len, kept)) == recording.next_seq
    for found, expected in zip(kept, made_batches(1500, rows_a_tick=12), strict=False):
        assert_same_events(found, expected)
    return killed - min((at for at, seq in put if seq > recording.next_seq), default=killed)


_SMALL_DISK = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
from tests.store.made import made_batches, record
recorder = record(Path(sys.argv[1]), made_batches(1500, rows_a_tick=20), flush_every=20)
recorder.close()
print(recorder.status.state, recorder.status.lost_events > 0, recorder.status.reason)
"""


def test_a_file_that_may_not_grow_stops_the_recording_and_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    child = _child(_SMALL_DISK, path)
    said, _ = child.communicate(timeout=60)
    assert said.startswith("FAILED True recording to a.sqlite stopped")
    with Recording(path) as recording:
        kept = [batch for _, batch in recording.batches_from(0)]
    assert len(kept) > 50
    for found, expected in zip(kept, made_batches(1500, rows_a_tick=20), strict=False):
        assert_same_events(found, expected)
