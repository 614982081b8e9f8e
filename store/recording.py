# ruff: noqa: S608 (names of tables and columns are this package's own; values are always bound)
"""Reading a recording: what it holds, its events from any number on, and its checkpoints.

Works beside the session that writes it, on a file that was never closed, and on one that was cut: whatever
can be read is, and `lost` says what cannot. What a file holds is taken as a stranger's word throughout.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from engine.batch import Batch
from engine.events import Kind
from engine.instrument import Instrument, NotOnGrid
from engine.ports import Checkpoint
from engine.text import clean
from store.checkpoints import CheckpointReader
from store.codec import decode
from store.errors import BadRecording
from store.header import read_header
from store.lock import is_being_written
from store.notes import MAX_SYMBOLS
from store.schema import open_reader

MAX_MARKS = 10_000
MAX_GAPS = 10_000
_BLOCK = "seq, last_seq, ts, last_ts, blob"

T = TypeVar("T")


class Gap(NamedTuple):
    """Events `seq` to `last_seq` that were never written, and why."""

    seq: int
    last_seq: int
    ts: int
    last_ts: int
    reason: str


class Listing(NamedTuple):
    """What a symbol stands for from event `from_seq` on."""

    from_seq: int
    instrument: Instrument


class Block(NamedTuple):
    """Events `seq`, `seq + 1`, … as one batch with many ticks."""

    seq: int
    batch: Batch


class Recording:
    """One recording, open for reading. Safe to use from several threads, one at a time inside.

    `start` and `end` are session times (ns UTC) of the first and last event; both 0 where there is none.
    `cut` says what is missing of the file itself, `lost` all that is lost; both are empty where all is well.
    Raises NotARecording, NewerRecording or BadRecording on construction.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self.being_written = is_being_written(self.path)
        self._connection, self.cut = open_reader(self.path)
        self._checkpoints = CheckpointReader(self._connection)
        self.header = self._read(lambda: read_header(self._connection), "its header")
        self.start = self.end = 0
        self.next_seq = 0
        self.listings: dict[int, tuple[Listing, ...]] = {}  # by symbol index, in the order of the events
        self.gaps: tuple[Gap, ...] = ()
        self.marks: tuple[tuple[int, str], ...] = ()
        self.refresh()
        self.lost = self._what_is_lost()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / 1e9

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """As listed last."""
        return tuple(listings[-1].instrument for listings in self.listings.values())

    def refresh(self) -> None:
        """Look again at a file that grows: its end, marks, gaps and instruments."""
        with self._lock:
            self.start, self.end, self.next_seq = self._extent()
            self.listings = self._listings()
            self.gaps = tuple(
                Gap(seq, last_seq, ts, last_ts, clean(str(reason)))
                for seq, last_seq, ts, last_ts, reason in self._rows(
                    f"select seq, last_seq, ts, last_ts, reason from gap order by seq limit {MAX_GAPS}"
                )
                if all(isinstance(n, int) for n in (seq, last_seq, ts, last_ts))
            )
            said = self._rows(
                "select ts, kind from alerts union all select ts, 'MARK' from marks "
                f"order by ts limit {MAX_MARKS}"
            )
            self.marks = tuple((ts, clean(str(kind), 20)) for ts, kind in said if isinstance(ts, int))

    # Events

    def block_from(self, seq: int) -> Block | None:
        """The events of one stored piece from event `seq` on; from a later one where `seq` is not there.

        None at the end. Raises BadRecording where the piece is damaged.
        """
        with self._lock:
            row = self._read(lambda: self._find_block(seq), f"event {seq}")
        return None if row is None else _decode_block(row, seq)

    def batches_from(self, seq: int = 0) -> Iterator[tuple[int, Batch]]:
        """(number of its first event, batch) from event `seq` on, each to its tick; gaps are skipped."""
        while (block := self.block_from(seq)) is not None:
            seq = block.seq
            for batch in block.batch.split_at_ticks():
                yield seq, batch
                seq += len(batch)

    def tick_before(self, ts: int, count: int = 1) -> int:
        """Session time of the `count`-th tick before `ts`, or the start."""
        column, before = "ts", ts
        while True:
            with self._lock:
                row = self._read(partial(self._find_block_before, column, before), "the ticks before")
            if row is None:
                return self.start
            rows = _decode_block(row, row[0]).batch.rows
            ticks = rows["ts_recv"][(rows["kind"] == Kind.TICK) & (rows["ts_recv"] < ts)]
            if len(ticks) >= count:
                return int(ticks[-count])
            count -= len(ticks)
            column, before = "seq", row[0]

    # Checkpoints

    def checkpoint_before(self, ts: int) -> Checkpoint | None:
        """The last readable checkpoint at or before session time `ts`; None: fold from the first event."""
        with self._lock:
            return self._read(lambda: self._checkpoints.before(ts), "a checkpoint")

    def checkpoint_after(self, seq: int) -> Checkpoint | None:
        """The first readable checkpoint from which event `seq` or a later one is the next."""
        with self._lock:
            return self._read(lambda: self._checkpoints.after(seq), "a checkpoint")

    # Plain tables, for lists and exports

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of microtui's own query; never of text that a file brought along."""
        with self._lock:
            return self._read(lambda: self._connection.execute(sql, values).fetchall(), "a table")

    def _find_block(self, seq: int) -> tuple[Any, ...] | None:
        self._connection.execute(
            "begin"
        )  # both tables as they were at one moment: sealing moves rows between them
        try:
            for table in ("chunk", "hot"):
                row = self._connection.execute(
                    f"select {_BLOCK} from {table} where seq <= ? order by seq desc limit 1", (seq,)
                ).fetchone()
                if row is not None and _numbers(row)[1] >= seq:
                    return tuple(row)
            later = [
                self._connection.execute(
                    f"select {_BLOCK} from {table} where seq > ? order by seq limit 1", (seq,)
                ).fetchone()
                for table in ("chunk", "hot")
            ]
            return min((tuple(row) for row in later if row is not None), key=_numbers, default=None)
        finally:
            self._end_read()

    def _find_block_before(self, column: str, value: int) -> tuple[Any, ...] | None:
        self._connection.execute("begin")
        try:
            rows = [
                self._connection.execute(
                    f"select {_BLOCK} from {table} where {column} < ? order by {column} desc limit 1",
                    (value,),
                ).fetchone()
                for table in ("chunk", "hot")
            ]
            return max((tuple(row) for row in rows if row is not None), key=_numbers, default=None)
        finally:
            self._end_read()

    def _end_read(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("commit")

    def _extent(self) -> tuple[int, int, int]:
        """(first ts, last ts, number behind the last event), of as much as can be read."""
        spans = []
        for table in ("chunk", "hot"):
            try:
                ends = [
                    self._connection.execute(
                        f"select ts, last_ts, last_seq from {table} order by seq {way} limit 1"
                    ).fetchone()
                    for way in ("asc", "desc")
                ]
            except sqlite3.DatabaseError:
                ends = self._rows(f"select ts, last_ts, last_seq from {table} order by seq")
            spans += [row for row in ends if row is not None and all(isinstance(n, int) for n in row)]
        if not spans:
            return 0, 0, 0
        return min(s[0] for s in spans), max(s[1] for s in spans), max(s[2] for s in spans) + 1

    def _listings(self) -> dict[int, tuple[Listing, ...]]:
        rows = self._rows(
            "select symbol, from_seq, venue, name, base, quote, tick_size, lot_size, kind, multiplier "
            f"from instruments order by symbol, from_seq limit {MAX_SYMBOLS}"
        )
        found: dict[int, tuple[Listing, ...]] = {}
        for symbol, from_seq, *row in rows:
            if not (isinstance(symbol, int) and isinstance(from_seq, int)):
                raise BadRecording(
                    f"an instrument of {self.path.name} cannot be read: expected a symbol index and the number "
                    f"of an event, found {clean(repr((symbol, from_seq)), 60)}"
                )
            instrument = Instrument(*(clean(str(text), 40) for text in row))
            try:
                _ = instrument.tick.value, instrument.lot.value
            except NotOnGrid as error:
                raise BadRecording(f"an instrument of {self.path.name} cannot be read: {error}") from None
            found[symbol] = (*found.get(symbol, ()), Listing(from_seq, instrument))
        return found

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        """As many rows as can be read."""
        rows: list[tuple[Any, ...]] = []
        with contextlib.suppress(sqlite3.DatabaseError):  # the rest is damaged; `verify` says where
            rows.extend(self._connection.execute(sql))
        return rows

    def _read(self, read: Callable[[], T], what: str) -> T:
        try:
            return read()
        except sqlite3.DatabaseError as error:
            raise BadRecording(f"{what} cannot be read from {self.path.name}: {error}") from None

    def _what_is_lost(self) -> str:
        ends = f"{datetime.fromtimestamp(self.end / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC" if self.end else ""
        until = f"what can be read ends at {ends}" if ends else "no event can be read"
        if self.cut:
            return f"{self.cut}; {until}"
        if self.header.closed_ns is None and not self.being_written:
            return f"this recording was never closed; {until}, and at most 250 ms behind it are lost"
        return self.header.ending


def _numbers(row: tuple[Any, ...]) -> tuple[int, int]:
    """Of a piece of events: its first and its last."""
    first, last, _, _, blob = row
    if not (isinstance(first, int) and isinstance(last, int) and isinstance(blob, bytes)):
        raise BadRecording("a piece of events does not hold numbers and bytes")
    return first, last


def _decode_block(row: tuple[Any, ...], seq: int) -> Block:
    first, last = _numbers(row)
    blob = row[-1]
    try:
        batch = decode(blob)
    except BadRecording as error:
        raise BadRecording(f"events {first} to {last} are damaged: {error}") from None
    if len(batch) != last - first + 1:
        raise BadRecording(f"events {first} to {last} are damaged: {len(batch)} are there")
    skip = max(0, seq - first)
    return Block(first + skip, Batch(batch.rows[skip:], batch.levels, batch.notes) if skip else batch)
