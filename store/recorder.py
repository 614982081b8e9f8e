"""The recorder: takes what the session folded and writes it to one SQLite file, in a thread of its own.

The engine only appends to a bounded queue. Five times a second the thread commits what came as one hot row;
every 10 s of session time the hot rows become one chunk, smaller by a columnar codec. Where the queue
overflows, the events are counted and the gap is written down, and recording goes on from a new checkpoint.
Where the disk fails, recording stops, says why, and what was committed stays.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from engine.batch import Batch
from engine.events import Derived
from engine.frame.host import Recording as Status
from engine.ports import Checkpoint
from store.codec import MAX_LEVELS, MAX_ROWS
from store.errors import StoreError
from store.header import Header
from store.writer import SEAL_NS, FileWriter, NotedGap, Put

FLUSH_S = 0.2  # and the commit itself: a kill loses 250 ms at most
LAST_TRIES = 20  # at close, of a second each, should another process hold the file
QUEUE_BYTES = 64 << 20  # some minutes of ten busy symbols, should the disk hang
# For a session that waits. Packing a state takes as long as folding forty quiet ticks: this many bytes of events are
# twenty minutes of those, which a seek folds in a sixth of a second.
PATIENT_BYTES, PATIENT_CHECKPOINT_BYTES = 16 << 20, 256 << 10
PATIENT_SEAL_NS = 120_000_000_000  # its time runs so fast that ten seconds of it would be chunks of ten ticks


class Recorder:
    """A `Sink` that writes the file `path`. Nothing here raises; only `flush` and `close` wait.

    `patient`: nobody watches this session, so `put` waits for room instead of losing events, and what is not a chunk
    yet is not in the file.
    """

    def __init__(self, path: Path, header: Header, *, patient: bool = False) -> None:
        self.path = path
        self._header = header
        self._patient = patient
        # The engine's side.
        self._next_seq: int | None = None
        self._gap: NotedGap | None = None
        self._rows_since_checkpoint = 0
        # Between the two.
        self._lock = threading.Lock()
        self._queue: deque[Put | Checkpoint | NotedGap] = deque()
        self._queued_bytes = 0
        self._wake = threading.Event()
        self._closing = False
        self._lost_events = 0
        self._state, self._reason = "ON", ""
        # The thread's side.
        self._writer = FileWriter(path, header, PATIENT_SEAL_NS if patient else SEAL_NS, hot=not patient)
        self._lag_ms = 0.0
        self._flushed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    # The session's side

    @property
    def header(self) -> Header:
        return self._header

    @property
    def wants_checkpoint(self) -> bool:
        """True before the first event, after a gap once there is room again, and by bytes of events."""
        if self._state != "ON" or self._closing:
            return False
        if self._next_seq is None:
            return True
        if self._gap is not None:
            return self._queued_bytes < QUEUE_BYTES // 2
        due = PATIENT_CHECKPOINT_BYTES if self._patient else self._writer.checkpoint_due_bytes
        return self._rows_since_checkpoint * self._writer.bytes_a_row >= due

    @property
    def failed(self) -> bool:
        """Whether recording stopped by itself; `status` says why."""
        return self._state == "FAILED"

    @property
    def status(self) -> Status:
        writer = self._writer
        return Status(
            state=self._state,
            path=str(self.path),
            bytes=writer.file_bytes,
            seconds=max(0, writer.last_ts - writer.first_ts) / 1e9,
            lag_ms=self._lag_ms,
            lost_events=self._lost_events,
            reason=self._reason,
        )

    def put(self, seq: int, batch: Batch, derived: Sequence[Derived]) -> None:
        """Queue events `seq`, `seq + 1`, …; where there is no room they are counted as lost."""
        if not len(batch):
            return
        if self._state != "ON" or self._closing:
            self._lost_events += len(batch)
            return
        item = Put(seq, batch, derived, time.monotonic())
        reason = ""
        if self._gap is not None:
            self._widen_gap(seq, batch)
            return
        if self._next_seq is not None and seq != self._next_seq:
            reason = f"expected event {self._next_seq}, found {seq}"
        elif len(batch) > MAX_ROWS or len(batch.levels) > MAX_LEVELS:
            reason = "more events at once than a recording holds"
        elif self._patient:
            self._make_room(_size(item))
        elif self._queued_bytes + _size(item) > QUEUE_BYTES:
            reason = "the disk did not keep up"
        if reason:
            first = seq if self._next_seq is None else min(seq, self._next_seq)
            self._gap = NotedGap(first, seq, int(batch.rows[0]["ts_recv"]), 0, reason)
            self._widen_gap(seq, batch)
            return
        self._next_seq = seq + len(batch)
        self._rows_since_checkpoint += len(batch)
        self._append(item)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Queue the session's state; recording goes on from it where there was a gap."""
        if self._state != "ON" or self._closing:
            return
        if self._gap is not None:
            self._end_gap(checkpoint.seq)
        self._next_seq = checkpoint.seq
        self._rows_since_checkpoint = 0
        if checkpoint.seq > 0:  # nothing happened before event 0: folding from the start needs no state
            self._append(checkpoint)

    def flush(self) -> None:
        """Wait until all that was put so far is committed, or recording has stopped."""
        self._flushed.clear()
        self._wake.set()
        while self._thread.is_alive() and self._state == "ON" and not self._flushed.wait(0.05):
            pass

    def close(self) -> None:
        """Write the rest and make the file one that travels alone. Safe to call twice."""
        if self._gap is not None:
            self._end_gap(self._gap.last_seq + 1)
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _make_room(self, wanted: int) -> None:
        """Wait until so many bytes fit into the queue, or recording has stopped."""
        while self._queued_bytes and self._queued_bytes + wanted > PATIENT_BYTES and self._state == "ON":
            self._wake.set()
            time.sleep(0.002)

    def _append(self, item: Put | Checkpoint | NotedGap) -> None:
        with self._lock:
            self._queue.append(item)
            self._queued_bytes += _size(item)

    def _widen_gap(self, seq: int, batch: Batch) -> None:
        assert self._gap is not None  # noqa: S101 (for the type checker)
        self._gap.last_seq = seq + len(batch) - 1
        self._gap.last_ts = int(batch.rows[-1]["ts_recv"])
        self._lost_events += len(batch)

    def _end_gap(self, next_seq: int) -> None:
        gap, self._gap = self._gap, None
        if gap is not None:
            gap.last_seq = next_seq - 1
            self._append(gap)

    # The thread's side

    def _run(self) -> None:
        try:
            self._writer.open()
            while not self._closing:
                self._wake.wait(FLUSH_S)
                self._wake.clear()
                self._drain()
            for _ in range(LAST_TRIES):
                if self._drain():
                    break
            self._writer.finish()
            self._state = "OFF"
        except (sqlite3.Error, OSError, StoreError, ValueError) as error:
            self._fail(error)
        self._flushed.set()

    def _drain(self) -> bool:
        """Write what is queued; False where another process holds the file, so that it stays queued."""
        waits = not self._flushed.is_set()  # asked before looking, so that what was put by then is among them
        with self._lock:
            items = list(self._queue)
        if items:
            try:
                self._writer.write(items)
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                return False
            with self._lock:
                for item in items:
                    self._queue.popleft()
                    self._queued_bytes -= _size(item)
            first = next((item.at for item in items if isinstance(item, Put)), None)
            self._lag_ms = (time.monotonic() - first) * 1e3 if first is not None else self._lag_ms
        if waits:
            self._flushed.set()
        return True

    def _fail(self, error: Exception) -> None:
        self._reason = _explain(error, self.path)
        self._state = "FAILED"
        with self._lock:
            self._lost_events += sum(len(item.batch) for item in self._queue if isinstance(item, Put))
            self._queue.clear()
        self._writer.abandon(self._reason)


def _size(item: Put | Checkpoint | NotedGap) -> int:
    """Bytes that an item holds while it is queued."""
    match item:
        case Put(batch=batch):
            return int(batch.rows.nbytes + batch.levels.nbytes)
        case Checkpoint(blob=blob):
            return len(blob)
        case _:
            return 0


def _explain(error: Exception, path: Path) -> str:
    """One sentence for the screen."""
    text = str(error)
    free = None
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(path.parent).free
    if "is full" in text or (free is not None and free < 1 << 20):
        return f"the disk is full, so recording to {path.name} stopped; what was recorded is kept"
    if isinstance(error, StoreError):
        return f"recording did not start: {text}"
    return f"recording to {path.name} stopped: {text}"
