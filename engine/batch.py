"""A batch of events: rows of one record, the levels they point at, and the notes among them.

One dtype for every row, with the venue's clock and ours, integer ticks and lots. A batch never reaches past a
TICK: where a tick is present it is the batch's last row, so folding a batch ends exactly where a frame does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.events import Kind, Note

# numpy compares a column with plain numbers five times as fast as with members of an enum.
_TICK, _NOTE = int(Kind.TICK), int(Kind.NOTE)

OWN = -1  # whose an order of the person's own is, in `last_id`
MISSING = -(2**63)  # an absent id or time: never zero, which is a number

# What each field holds, by kind:
#   SNAPSHOT  last_id = the book's update id; bids then asks in levels; flags: see below
#   DELTA     first_id..last_id; bids then asks in levels (lots 0 removes the level)
#   TRADE     last_id = trade id; price_ticks, size_lots; side = the aggressor's, +1 bought, -1 sold
#   TOP       last_id = update id; price_ticks/size_lots = best bid, ask_ticks/ask_lots = best ask
#   NOTE      level_start = index into the batch's notes
#   TICK      ts_recv only
#   ORDER     first_id = its number, last_id = whose (an agent's number, OWN, -2: a shock); side +1 buys, -1 sells;
#             price_ticks; size_lots still open, 0: ended; ask_lots = lots estimated to stand ahead of it
#   FILL      first_id = the order's number, last_id = whose; side +1 bought, -1 sold; price_ticks, size_lots;
#             ask_ticks = fee in ticks x lots, negative a rebate; flags: 1 it waited (maker), 0 it took
ROW = np.dtype(
    [
        ("ts_recv", "<i8"),  # session time, ns UTC, never steps back
        ("ts_event", "<i8"),  # the venue's clock, ns UTC, or MISSING
        ("first_id", "<i8"),
        ("last_id", "<i8"),
        ("price_ticks", "<i8"),
        ("size_lots", "<i8"),
        ("ask_ticks", "<i8"),
        ("ask_lots", "<i8"),
        ("level_start", "<i4"),
        ("bid_count", "<i4"),
        ("ask_count", "<i4"),
        ("symbol", "<i2"),
        ("kind", "u1"),
        ("side", "i1"),
        ("flags", "<i4"),
        ("spare", "<i4"),
    ],
    align=True,
)

# flags of a SNAPSHOT: fewer levels came than were asked for, so that side is known to its very end
BIDS_WHOLE = 1
ASKS_WHOLE = 2
# This is the same book as before, told again to say how far it is known: nothing that compares it is forgotten.
GOES_ON = 4

Rows = npt.NDArray[np.void]
Levels = npt.NDArray[np.int64]  # shape (n, 2): price in ticks, size in lots


def no_levels() -> Levels:
    return np.empty((0, 2), np.int64)


@dataclass(slots=True)
class Batch:
    """Rows in the order they count; `rows[i]['level_start']` points into `levels` or `notes`."""

    rows: Rows
    levels: Levels = field(default_factory=no_levels)
    notes: Sequence[Note] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def ends_at_tick(self) -> bool:
        return len(self.rows) > 0 and int(self.rows[-1]["kind"]) == _TICK

    def split_at_ticks(self) -> Iterator[Batch]:
        """The same events as batches that each end at a tick (the last one maybe not)."""
        start = 0
        for tick in np.flatnonzero(self.rows["kind"] == _TICK):
            yield Batch(self.rows[start : tick + 1], self.levels, self.notes)
            start = int(tick) + 1
        if start < len(self.rows):
            yield Batch(self.rows[start:], self.levels, self.notes)


def concat(batches: Sequence[Batch]) -> Batch:
    """One batch of many, with each row's pointers moved along and unused levels left behind."""
    # np.concatenate would promote the record's fields one by one, in Python, for every batch.
    rows = np.empty(sum(len(batch) for batch in batches), ROW)
    levels: list[Levels] = []
    notes: list[Note] = []
    at = level_at = 0
    for batch in batches:
        part = rows[at : at + len(batch)]
        at += len(batch)
        if not len(part):
            continue
        part[:] = batch.rows
        is_note = part["kind"] == _NOTE
        has_levels = (part["bid_count"] + part["ask_count"]) > 0
        if has_levels.any():
            first = int(part["level_start"][has_levels].min())
            counts = part["bid_count"] + part["ask_count"]
            stop = int((part["level_start"] + counts)[has_levels].max())
            levels.append(batch.levels[first:stop])
            part["level_start"][has_levels] += level_at - first
            level_at += stop - first
        for row in np.flatnonzero(is_note):
            notes.append(batch.notes[int(part["level_start"][row])])
            part["level_start"][row] = len(notes) - 1
    return Batch(rows, np.concatenate(levels) if levels else no_levels(), notes)


class BatchBuilder:
    """Collects events between two ticks. The parsing kernels write straight into `rows` and `levels`."""

    def __init__(self, row_capacity: int = 1024, level_capacity: int = 16384) -> None:
        self.rows = np.zeros(row_capacity, ROW)
        self.levels = np.empty((level_capacity, 2), np.int64)
        self.notes: list[Note] = []
        self.row_count = 0
        self.level_count = 0

    def reserve(self, rows: int, levels: int) -> None:
        """Make room for this many more, so that a kernel can write without growing anything."""
        if self.row_count + rows > len(self.rows):
            self.rows = np.concatenate([self.rows, np.zeros(max(rows, len(self.rows)), ROW)])
        if self.level_count + levels > len(self.levels):
            self.levels = np.concatenate(
                [self.levels, np.empty((max(levels, len(self.levels)), 2), np.int64)]
            )

    def add(self, kind: Kind, ts_recv: int, **values: int) -> int:
        """Append one row; unnamed ids and times are MISSING, unnamed numbers zero. Returns its index."""
        self.reserve(1, 0)
        row = self.rows[self.row_count]
        row["kind"] = kind
        row["ts_recv"] = ts_recv
        for name, default in _DEFAULTS:
            row[name] = values.get(name, default)
        self.row_count += 1
        return self.row_count - 1

    def add_levels(
        self,
        kind: Kind,
        ts_recv: int,
        bids: Sequence[tuple[int, int]],
        asks: Sequence[tuple[int, int]],
        **values: int,
    ) -> None:
        """Append a SNAPSHOT or DELTA with its levels as (ticks, lots) pairs."""
        count = len(bids) + len(asks)
        self.reserve(1, count)
        start = self.level_count
        if bids:
            self.levels[start : start + len(bids)] = bids
        if asks:
            self.levels[start + len(bids) : start + count] = asks
        self.level_count += count
        self.add(kind, ts_recv, level_start=start, bid_count=len(bids), ask_count=len(asks), **values)

    def add_note(self, note: Note, ts_recv: int, symbol: int = -1) -> None:
        self.notes.append(note)
        self.add(Kind.NOTE, ts_recv, level_start=len(self.notes) - 1, symbol=symbol)

    def take(self) -> Batch:
        """Everything so far as a batch of its own; the builder starts afresh."""
        batch = Batch(
            self.rows[: self.row_count].copy(), self.levels[: self.level_count].copy(), tuple(self.notes)
        )
        self.row_count = self.level_count = 0
        self.notes = []
        return batch


_DEFAULTS = tuple(
    (name, MISSING if name in ("ts_event", "first_id", "last_id") else 0)
    for name in ROW.names or ()
    if name not in ("kind", "ts_recv")
)
