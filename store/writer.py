# ruff: noqa: S608 (names of tables and columns are this package's own; values are always bound)
"""What the recorder's thread does with the file: one transaction at a time, hot rows sealed into chunks.

A hot row is what came since the last commit, packed lightly. When ten seconds of session time are together,
one transaction packs them well into a chunk and deletes the hot rows. A session that nobody watches does without
hot rows: what it loses when it is killed is made again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.batch import FEW_LEVELS, Batch, concat
from engine.events import Derived
from engine.ports import Checkpoint
from store.checkpoints import CheckpointWriter
from store.codec import LEVEL_HOT, LEVEL_PATIENT, LEVEL_SEALED, MAX_LEVELS, encode
from store.errors import StoreError
from store.header import Header, write_ending, write_header
from store.lock import WriteLock
from store.plain import PlainTables
from store.schema import PAGE_BYTES, Transaction, open_writer

SEAL_NS = 10_000_000_000
SEAL_ROWS = 8192  # a seek decodes a chunk of which it may want the end only
SEAL_LEVELS = MAX_LEVELS // 8

# A checkpoint is due after this many bytes of events; after as many as one usually takes, where that is more;
# after a part of the state's own size, by which the time goes that packing and unpacking take. On a busy
# BTCUSDT: one every 13 s, 39 % of all that is kept, and a seek folds 3,000 events at most. Twice the bytes
# between two would save 13 % and fold twice as many.
CHECKPOINT_BYTES = 24 << 10
CHECKPOINT_STATE_PART = 1 / 32
_BYTES_A_ROW = 15.0  # at first; then as the last chunk came out


class Put(msgspec.Struct, frozen=True):
    seq: int
    batch: Batch
    derived: Sequence[Derived]
    at: float  # monotonic


class NotedGap(msgspec.Struct):
    seq: int
    last_seq: int
    ts: int
    last_ts: int
    reason: str


def _levels_of(batch: Batch) -> int:
    """Levels that a batch's rows point at; many batches may share one array of them."""
    held = len(batch.levels)
    return held if held <= FEW_LEVELS else int((batch.rows["bid_count"] + batch.rows["ask_count"]).sum())


class FileWriter:
    """The only connection that writes, and what is to be written at the next commit.

    `seal_ns` of session time at most become one chunk; until then they are in the file where it is `hot`.
    """

    def __init__(self, path: Path, header: Header, seal_ns: int = SEAL_NS, *, hot: bool = True) -> None:
        self._path, self._header, self._seal_ns, self._hot = path, header, seal_ns, hot
        self._connection: sqlite3.Connection | None = None
        self._lock: WriteLock | None = None
        self._plain = PlainTables()
        self._checkpoints = CheckpointWriter()
        self._fresh: list[Put] = []  # since the last commit
        self._untold: list[Put] = []  # not in the plain tables yet
        self._unsealed: list[Put] = []  # since the last chunk, in hot rows by now
        self._unsealed_rows = self._unsealed_levels = 0
        # Read by the other thread, whole numbers one at a time.
        self.first_ts = self.last_ts = 0
        self.file_bytes = 0
        self.bytes_a_row = _BYTES_A_ROW
        self.checkpoint_due_bytes = float(CHECKPOINT_BYTES)

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("the recording is not open")
        return self._connection

    def open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = WriteLock(self._path)
        if self._path.exists() and self._path.stat().st_size:
            raise StoreError(f"{self._path.name} exists already")
        self._connection = open_writer(self._path)
        with Transaction(self._db):
            write_header(self._db, self._header)
        self._measure()

    def write(self, items: Sequence[Put | Checkpoint | NotedGap]) -> None:
        """One transaction: all of `items` or nothing."""
        with Transaction(self._db):
            for item in items:
                match item:
                    case Put():
                        self._add(item)
                    case Checkpoint():
                        self._tell()  # who was listed before it is not listed by it
                        self._write_checkpoint(item)
                    case NotedGap():
                        self._seal()
                        self._db.execute(
                            "insert or replace into gap values (?, ?, ?, ?, ?)", msgspec.structs.astuple(item)
                        )
            if self._hot:
                self._tell()
                self._write_block("hot", self._fresh, LEVEL_HOT)
                self._fresh = []
            self._plain.write(self._db)
        self._measure()

    def finish(self) -> None:
        """Seal, give unused room back, and return to rollback mode: one file, no log beside it."""
        with Transaction(self._db):
            self._seal()
            self._plain.write(self._db)
            write_ending(self._db, self.last_ts or self._header.started_ns)
        self._db.executescript("pragma incremental_vacuum")
        self._db.execute("pragma wal_checkpoint(truncate)")
        # Where a reader is still there the log stays, empty, until the catalogue next looks after it.
        with contextlib.suppress(sqlite3.OperationalError):
            self._db.execute("pragma journal_mode = delete")
        self._measure()
        self._release()

    def abandon(self, reason: str) -> None:
        """After a failure: keep what was committed, say how it ended if that can still be written."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error, OSError):
                with Transaction(self._db):
                    write_ending(self._db, self.last_ts or self._header.started_ns, reason)
                self._db.execute("pragma wal_checkpoint(truncate)")
                self._db.execute("pragma journal_mode = delete")
        elif self._lock is not None and self._path.exists() and not self._path.stat().st_size:
            self._path.unlink()  # a name that was reserved, and nothing behind it
        self._release()

    def _release(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        if self._lock is not None:
            self._lock.release()

    def _add(self, item: Put) -> None:
        rows = item.batch.rows
        self._fresh.append(item)
        self._untold.append(item)
        self._unsealed.append(item)
        self._unsealed_rows += len(rows)
        self._unsealed_levels += _levels_of(item.batch)
        self.first_ts = self.first_ts or int(rows[0]["ts_recv"])
        self.last_ts = max(self.last_ts, int(rows[-1]["ts_recv"]))
        span = self.last_ts - int(self._unsealed[0].batch.rows[0]["ts_recv"])
        if span >= self._seal_ns or self._unsealed_rows >= SEAL_ROWS or self._unsealed_levels >= SEAL_LEVELS:
            self._seal()

    def _seal(self) -> None:
        """All since the last chunk becomes a chunk; its hot rows go in the same transaction."""
        if not self._unsealed:
            return
        self._tell()
        level = LEVEL_SEALED if self._hot else LEVEL_PATIENT
        size = self._write_block("chunk", self._unsealed, level)
        self._db.execute("delete from hot")
        self.bytes_a_row = size / self._unsealed_rows
        self._fresh, self._unsealed = [], []
        self._unsealed_rows = self._unsealed_levels = 0

    def _tell(self) -> None:
        """The plain tables hear of many batches at once: of each alone it takes five times as long."""
        if self._untold:
            puts, self._untold = self._untold, []
            derived = [item for put in puts for item in put.derived]
            self._plain.add(puts[0].seq, concat([put.batch for put in puts]), derived)

    def _write_block(self, table: str, puts: Sequence[Put], level: int) -> int:
        if not puts:
            return 0
        batch = concat([put.batch for put in puts])
        blob = encode(batch, level)
        first, last = int(batch.rows[0]["ts_recv"]), int(batch.rows[-1]["ts_recv"])
        seq = puts[0].seq
        self._db.execute(
            f"insert into {table} values (?, ?, ?, ?, ?, ?)",
            (seq, seq + len(batch) - 1, first, last, len(batch), blob),
        )
        return len(blob)

    def _write_checkpoint(self, checkpoint: Checkpoint) -> None:
        base, packed = self._checkpoints.pack(checkpoint)
        row = (checkpoint.seq, checkpoint.ts, base, len(checkpoint.blob), packed)
        self._db.execute("insert or replace into checkpoint values (?, ?, ?, ?, ?)", row)
        for listed in checkpoint.listed:
            self._plain.add_listed(checkpoint.seq, listed)
        self.checkpoint_due_bytes = max(
            CHECKPOINT_BYTES, self._checkpoints.usual_bytes, CHECKPOINT_STATE_PART * len(checkpoint.blob)
        )

    def _measure(self) -> None:
        """What is in the file, the log's part too, without the room that the log keeps for later."""
        self.file_bytes = int(self._db.execute("pragma page_count").fetchone()[0]) * PAGE_BYTES
