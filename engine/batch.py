"""A batch of events: rows of one record, the levels they point at, and the notes among them.

One dtype for every row, with the venue's clock and ours, integer ticks and lots. A batch never reaches past a
TICK: where a tick is present it is the batch's last row, so folding a batch ends exactly where a frame does.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from engine.events import Kind, Note

# numpy compares a column with plain numbers five times as fast as with members of an enum.
_TICK, _NOTE = int(Kind.TICK), int(Kind.NOTE)

OWN = -1  # whose an order of the person's own is, in `last_id`
MISSING = -(2**63)  # an absent id or time: never zero, which is a number

# What each field holds, by kind:
#   SNAPSHOT  last_id = the book's update id; bids then asks in levels; flags: see below
#   DELTA     first_id..last_id; bids then asks in levels (lots 0 removes the level); flags: CHECKED
#             Of both: size_lots = levels a side that the venue tells of, 0: all; with CHECKED price_ticks = its
#             checksum, ask_ticks = what a tick counts in the digits of a price there
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
# flag of SNAPSHOT and DELTA: the venue states a checksum of the book as it is now (`engine.kernels.checksum`)
CHECKED = 8

_BYTES = np.dtype((np.void, ROW.itemsize))
FEW_LEVELS = 256  # of a batch are taken as they stand, which spares looking which of them are used
_BEYOND = np.iinfo(np.int32).max  # any place of a level

Rows = npt.NDArray[np.void]
Levels = npt.NDArray[np.int64]  # shape (n, 2): price in ticks, size in lots


def no_levels() -> Levels:
    return np.empty((0, 2), np.int64)


def kinds_of(rows: Rows) -> bytes:
    """Each row's kind as a byte: `in` and `find` are ten times as quick as a comparison of a few rows in numpy."""
    return rows["kind"].tobytes()


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
        return len(self.rows) > 0 and self.rows["kind"].item(-1) == _TICK

    def split_at_ticks(self) -> Iterator[Batch]:
        """The same events as batches that each end at a tick (the last one maybe not)."""
        start = 0
        for tick in np.flatnonzero(self.rows["kind"] == _TICK):
            yield Batch(self.rows[start : tick + 1], self.levels, self.notes)
            start = int(tick) + 1
        if start < len(self.rows):
            yield Batch(self.rows[start:], self.levels, self.notes)


def concat(batches: Sequence[Batch]) -> Batch:
    """One batch of many, with each row's pointers moved along; where there are many levels, unused ones are left."""
    parts = [batch for batch in batches if len(batch)]
    if not parts:
        return Batch(np.empty(0, ROW))
    # As bare bytes: np.concatenate would promote the record's fields one by one, in Python, for every batch.
    rows = np.concatenate([part.rows.view(_BYTES) for part in parts]).view(ROW)
    lengths = [len(part) for part in parts]
    levels = _gather_levels(rows, parts, lengths) if any(len(part.levels) for part in parts) else no_levels()
    notes: list[Note] = []
    kinds, begins = kinds_of(rows), list(accumulate(lengths, initial=0))
    at = kinds.find(_NOTE)
    while at >= 0:
        part = parts[bisect_right(begins, at) - 1]
        notes.append(part.notes[int(rows["level_start"][at])])
        rows["level_start"][at] = len(notes) - 1
        at = kinds.find(_NOTE, at + 1)
    return Batch(rows, levels, notes)


def _gather_levels(rows: Rows, parts: Sequence[Batch], lengths: Sequence[int]) -> Levels:
    """The levels that each part's rows point at, one part's behind the other's; moves the pointers there."""
    start, count = rows["level_start"].copy(), rows["bid_count"] + rows["ask_count"]
    has = count > 0
    if all(len(part.levels) <= FEW_LEVELS for part in parts):
        sizes = [len(part.levels) for part in parts]
        moved = np.repeat(list(accumulate(sizes[:-1], initial=0)), lengths)
        rows["level_start"] = start + has * moved
        return np.concatenate([part.levels for part in parts])
    begins = list(accumulate(lengths[:-1], initial=0))
    first = np.minimum.reduceat(np.where(has, start, _BEYOND), begins)
    stop = np.maximum.reduceat(np.where(has, start + count, 0), begins)
    sizes = np.maximum(stop - first, 0)
    moved = np.cumsum(sizes) - sizes - first
    rows["level_start"] = np.where(has, start + np.repeat(moved, lengths), start)
    spans = zip(parts, first.tolist(), stop.tolist(), strict=True)
    found = [part.levels[low:high] for part, low, high in spans if low < high]
    return np.concatenate(found) if found else no_levels()


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
        values |= {"kind": kind, "ts_recv": ts_recv}
        # At once: numpy takes four times as long for a field at a time.
        self.rows[self.row_count] = tuple((_BLANK | values).values())
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


_BLANK = {name: MISSING if name in ("ts_event", "first_id", "last_id") else 0 for name in ROW.names or ()}
