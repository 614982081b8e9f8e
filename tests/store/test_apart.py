"""A recorder in a process of its own: it writes what one beside the session would, and ends with who feeds it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.batch import concat
from engine.events import BookMetrics
from engine.ports import Checkpoint
from store import apart
from store.apart import Apart
from store.header import new_header
from store.lock import is_being_written
from store.recorder import Recorder
from store.recording import Recording
from tests.disk import no_file_larger_than
from tests.store.made import START_NS, assert_same_events, made_batches

PATIENCE_S = 20.0


def metrics(ts: int) -> BookMetrics:
    return BookMetrics(ts, "BTCUSDT", "binance", 1.0, 0.0, 61_700.0, 0.1, 2.0, 2.0, 1.0)


def fed(sink: Apart | Recorder, count: int) -> None:
    """Batches with a derived row each, and a state after two thirds of them."""
    seq = 0
    for number, batch in enumerate(made_batches(count)):
        if number == count * 2 // 3:
            sink.checkpoint(Checkpoint(seq, START_NS, b"a state", ()))
        sink.put(seq, batch, [metrics(int(batch.rows[-1]["ts_recv"]))])
        seq += len(batch)
    sink.close()


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(path) as file:
        return {
            name: file.execute(f"select * from {name} order by 1, 2").fetchall()
            for name in ("trades", "book_metrics", "fills", "checkpoint", "instruments")
        }


def test_it_writes_what_a_recorder_beside_the_session_does(tmp_path: Path) -> None:
    apart_file, beside_file = tmp_path / "apart.sqlite", tmp_path / "beside.sqlite"
    sink = Apart(apart_file, new_header("made", START_NS))
    fed(sink, 300)
    fed(Recorder(beside_file, new_header("made", START_NS), patient=True), 300)
    assert (sink.status.state, sink.failed) == ("OFF", False)
    assert tables(apart_file) == tables(beside_file)
    with Recording(apart_file) as recording:
        assert recording.header.closed_ns is not None
        found = concat([batch for _, batch in recording.batches_from()])
        assert_same_events(found, concat(made_batches(300)))


def test_states_are_asked_for_at_equal_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "CHECKPOINT_ROWS", 40)
    sink = Apart(tmp_path / "a.sqlite", new_header("made", START_NS))
    seq, rows, asked = 0, 0, []
    for batch in made_batches(60):
        if sink.wants_checkpoint:
            asked.append(seq)
            sink.checkpoint(Checkpoint(seq, START_NS, b"a state", ()))
            assert seq == 0 or rows >= 40
            rows = 0
        sink.put(seq, batch, ())
        seq += len(batch)
        rows += len(batch)
    sink.close()
    assert len(asked) > 2
    with sqlite3.connect(tmp_path / "a.sqlite") as file:  # before event 0 there is no state to keep
        assert [seq for (seq,) in file.execute("select seq from checkpoint order by seq")] == asked[1:]


def test_a_disk_that_takes_no_more_is_told(tmp_path: Path) -> None:
    with no_file_larger_than(128 << 10):
        sink = Apart(tmp_path / "a.sqlite", new_header("made", START_NS))
        fed(sink, 6000)
    assert sink.failed
    assert "recording to a.sqlite stopped" in sink.status.reason
    sink.close()  # says nothing new
    assert sink.failed


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"mine")
    sink = Apart(tmp_path / "a.sqlite", new_header("made", START_NS))
    fed(sink, 10)
    assert sink.failed
    assert "exists already" in sink.status.reason
    assert (tmp_path / "a.sqlite").read_bytes() == b"mine"


FEEDS = """
import sys, time
from pathlib import Path
from store.apart import Apart
from store.header import new_header
from tests.store.made import START_NS, made_batches

sink, seq = Apart(Path(sys.argv[1]), new_header("made", START_NS)), 0
for batch in made_batches(3000):
    sink.put(seq, batch, ())
    seq += len(batch)
print("fed", flush=True)
time.sleep(60)
"""


def chunks(file: Path) -> int:
    try:
        with sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True) as connection:
            found: int = connection.execute("select count(*) from chunk").fetchone()[0]
            return found
    except sqlite3.OperationalError:  # it is not there yet
        return 0


def test_where_who_feeds_it_is_killed_it_ends_and_lets_the_file_go(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite"
    feeds = subprocess.Popen(
        [sys.executable, "-c", FEEDS, str(file)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert feeds.stdout is not None
    assert feeds.stdout.readline() == "fed\n"
    until = time.monotonic() + PATIENCE_S
    while not chunks(file) and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(feeds.pid, signal.SIGKILL)
    feeds.wait()
    while is_being_written(file) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_being_written(file)
    assert chunks(file) > 0
    with Recording(file) as recording:
        assert recording.header.closed_ns is None
