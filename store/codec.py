"""A batch of events as bytes and back, a column at a time.

Rows are grouped by kind and symbol, because only like events resemble each other. Each field of a group is a
column: first differences where they help, divided by what they share, zigzagged, their bytes laid out plane
by plane, then zstd. Fields that hold nothing but their default take no room. Prices and sizes of levels are
two more columns of their group.

Decoding trusts nothing. Counts are held to limits before anything is allocated, a frame of zstd must declare
exactly the size its column needs, where a row's levels and notes lie is computed and never read, and text is
cleaned as if it came from the network.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import zstandard

from engine.batch import MISSING, ROW, Batch, Levels, Rows, no_levels
from engine.events import Kind, Note
from engine.text import clean
from store.errors import BadRecording
from store.notes import MAX_SYMBOLS, cleaned

LEVEL_SEALED = (
    9  # of 3, 9 and 19: 2.6 % smaller than 3 at 2 ms for 10 s of a busy market; 19 costs 15 ms for 3 %
)
LEVEL_PATIENT = 3  # where a session is made as fast as it goes
LEVEL_HOT = 1

# Ten seconds of ten busy symbols are some 15,000 rows. A hostile blob can make us allocate 80 MB, no more.
MAX_ROWS = 1 << 19
MAX_LEVELS = 1 << 21
MAX_NOTES = 1 << 16
MAX_NOTE_BYTES = 8 << 20

_VERSION = 1
_HEAD = struct.Struct("<BIIIH")  # version, rows, levels, notes, groups
_GROUP = struct.Struct("<BhI")  # kind, symbol, rows
_U2 = struct.Struct("<H")
_U4 = struct.Struct("<I")
_I8 = struct.Struct("<q")

_DELTA, _PACKED, _SCALED, _PLANES = 0x10, 0x20, 0x40, 0x0F
_STORED_BELOW = 48  # bytes: a frame of zstd costs ten

_FIELDS = tuple(n for n in ROW.names or () if n not in ("ts_recv", "kind", "symbol", "level_start"))
_DEFAULT = {n: MISSING if n in ("ts_event", "first_id", "last_id") else 0 for n in _FIELDS}
_KINDS = frozenset(int(k) for k in Kind)
# numpy compares a column with plain numbers five times as fast as with members of an enum.
_TICK, _NOTE = int(Kind.TICK), int(Kind.NOTE)

Column = npt.NDArray[np.int64]

_note_encoder = msgspec.msgpack.Encoder()
_note_decoder = msgspec.msgpack.Decoder(tuple[Note, ...])


def encode(batch: Batch, level: int = LEVEL_SEALED) -> bytes:
    """The batch's events as bytes; `level` is zstd's.

    Raises ValueError for more rows or levels than a blob may hold.
    """
    rows = batch.rows
    order = (rows["kind"].astype(np.int64) << 16) | (rows["symbol"].astype(np.int64) & 0xFFFF)
    keys, group_of = np.unique(order, return_inverse=True)
    counts = rows["bid_count"].astype(np.int64) + rows["ask_count"]
    level_count = int(counts.sum())
    is_note = rows["kind"] == _NOTE
    notes = [batch.notes[int(i)] for i in rows["level_start"][is_note]]
    if len(rows) > MAX_ROWS or level_count > MAX_LEVELS or len(notes) > MAX_NOTES:
        raise ValueError(
            f"a blob holds at most {MAX_ROWS} rows, {MAX_LEVELS} levels and {MAX_NOTES} notes, "
            f"found {len(rows)}, {level_count} and {len(notes)}"
        )
    writer = _Writer(level)
    writer.put(_HEAD.pack(_VERSION, len(rows), level_count, len(notes), len(keys)))
    members = [np.flatnonzero(group_of == g) for g in range(len(keys))]
    for member in members:
        first = rows[member[0]]
        writer.put(_GROUP.pack(int(first["kind"]), int(first["symbol"]), len(member)))
    writer.column(group_of, delta=False)
    if notes:
        writer.packed(_note_encoder.encode(notes))
    is_tick = rows["kind"] == _TICK
    for part in (is_tick, ~is_tick):  # the clock beats evenly, the market does not
        writer.column(rows["ts_recv"][part], delta=True)
    for member in members:
        _encode_group(writer, rows[member], counts[member], batch.levels)
    return writer.joined()


def _encode_group(writer: _Writer, rows: Rows, counts: Column, levels: Levels) -> None:
    present = [n for n in _FIELDS if (rows[n] != _DEFAULT[n]).any()]
    writer.put(_U2.pack(sum(1 << _FIELDS.index(n) for n in present)))
    for name in present:
        writer.column(rows[name], delta=True)
    if counts.any():
        own = levels[_spread(rows["level_start"].astype(np.int64), counts)]
        writer.column(own[:, 0], delta=True)
        writer.column(own[:, 1], delta=False)  # sizes are noise: their differences are one bit noisier


def decode(blob: bytes) -> Batch:
    """The batch whose events `blob` holds, with levels and notes in the order of their rows.

    Raises BadRecording for anything that `encode` would not have written.
    """
    reader = _Reader(blob)
    version, row_count, level_count, note_count, group_count = reader.unpack(_HEAD)
    if version != _VERSION:
        raise BadRecording(f"expected events in form {_VERSION}, found form {version}")
    _limit("rows", row_count, MAX_ROWS)
    _limit("levels", level_count, MAX_LEVELS)
    _limit("notes", note_count, MAX_NOTES)
    groups = [reader.unpack(_GROUP) for _ in range(group_count)]
    group_of = reader.column(row_count)
    _check_groups(groups, group_of, row_count, note_count)

    rows = np.zeros(row_count, ROW)
    notes: tuple[Note, ...] = _decode_notes(reader.packed(MAX_NOTE_BYTES), note_count) if note_count else ()
    heads = np.array([(kind, symbol) for kind, symbol, _ in groups], np.int64).reshape(-1, 2)
    rows["kind"] = heads[group_of, 0]
    rows["symbol"] = heads[group_of, 1]
    is_tick = rows["kind"] == _TICK
    ticks = int(is_tick.sum())
    rows["ts_recv"][is_tick] = reader.column(ticks)
    rows["ts_recv"][~is_tick] = reader.column(row_count - ticks)

    level_parts = []
    for number, (_, _, size) in enumerate(groups):
        member = np.flatnonzero(group_of == number)
        level_parts.append((member, _decode_group(reader, rows, member, size, level_count)))
    reader.end()
    levels = _place_levels(rows, level_parts, level_count)
    rows["level_start"][rows["kind"] == _NOTE] = np.arange(note_count)
    return Batch(rows, levels, notes)


def _check_groups(groups: list[tuple[int, ...]], group_of: Column, row_count: int, note_count: int) -> None:
    sizes = np.array([size for _, _, size in groups], np.int64)
    if row_count and (group_of.min() < 0 or group_of.max() >= len(groups)):
        raise BadRecording("a row belongs to a group of events that is not there")
    if not np.array_equal(np.bincount(group_of, minlength=len(groups)), sizes):
        raise BadRecording("the groups of events do not hold as many rows as they declare")
    for kind, symbol, _ in groups:
        if kind not in _KINDS:
            raise BadRecording(f"expected a kind of event from 0 to {max(_KINDS)}, found {kind}")
        lowest = -1 if kind in (Kind.TICK, Kind.NOTE) else 0
        if not lowest <= symbol < MAX_SYMBOLS:
            raise BadRecording(f"expected a symbol index from {lowest} to {MAX_SYMBOLS - 1}, found {symbol}")
    if sum(size for kind, _, size in groups if kind == Kind.NOTE) != note_count:
        raise BadRecording("there are not as many notes as rows that speak of one")


def _decode_group(reader: _Reader, rows: Rows, member: Column, size: int, level_count: int) -> Levels:
    (present,) = reader.unpack(_U2)
    if present >> len(_FIELDS):
        raise BadRecording("a group of events has a field that this version does not know")
    for bit, name in enumerate(_FIELDS):
        if present >> bit & 1:
            values = reader.column(size)
            narrow = values.astype(ROW[name])
            if not np.array_equal(narrow, values):
                raise BadRecording(f"a value of {name} does not fit its field")
            rows[name][member] = narrow
        elif _DEFAULT[name]:
            rows[name][member] = _DEFAULT[name]
    bids, asks = rows["bid_count"][member], rows["ask_count"][member]
    if (bids < 0).any() or (asks < 0).any():
        raise BadRecording("a row has less than no levels")
    count = int(bids.sum(dtype=np.int64) + asks.sum(dtype=np.int64))
    if count > level_count:
        raise BadRecording(f"rows speak of {count} levels where {level_count} are declared")
    levels = np.empty((count, 2), np.int64)
    if count:
        levels[:, 0] = reader.column(count)
        levels[:, 1] = reader.column(count)
    return levels


def _place_levels(rows: Rows, parts: list[tuple[Column, Levels]], level_count: int) -> Levels:
    counts = rows["bid_count"].astype(np.int64) + rows["ask_count"]
    if int(counts.sum()) != level_count:
        raise BadRecording(f"rows speak of {int(counts.sum())} levels where {level_count} are declared")
    if not level_count:
        return no_levels()
    starts = np.cumsum(counts) - counts
    rows["level_start"] = np.where(counts > 0, starts, 0)
    levels = np.empty((level_count, 2), np.int64)
    for member, own in parts:
        if len(own):
            levels[_spread(starts[member], counts[member])] = own
    return levels


def _spread(starts: Column, counts: Column) -> Column:
    """The indices start, start + 1, … of every run, one run after the other."""
    ends = np.cumsum(counts)
    return np.repeat(starts - (ends - counts), counts) + np.arange(int(ends[-1]) if len(ends) else 0)


def _decode_notes(data: bytes, count: int) -> tuple[Note, ...]:
    try:
        notes = _note_decoder.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadRecording(f"a note cannot be read: {clean(str(error))}") from None
    if len(notes) != count:
        raise BadRecording(f"expected {count} notes, found {len(notes)}")
    return tuple(cleaned(note) for note in notes)


def _limit(what: str, found: int, most: int) -> None:
    if found > most:
        raise BadRecording(f"expected at most {most} {what} in one piece, found {found} declared")


class _Writer:
    def __init__(self, level: int) -> None:
        self._parts: list[bytes] = []
        self._zstd = zstandard.ZstdCompressor(level=level)

    def put(self, data: bytes) -> None:
        self._parts.append(data)

    def joined(self) -> bytes:
        return b"".join(self._parts)

    def packed(self, data: bytes) -> None:
        frame = self._zstd.compress(data)
        self.put(_U4.pack(len(frame)))
        self.put(frame)

    def column(self, values: npt.NDArray[Any], *, delta: bool) -> None:
        """flags, then the first value (of differences), what all share, and the planes of the rest."""
        if not len(values):
            return
        column = values.astype(np.int64)
        flags, head = 0, b""
        if delta:
            flags, head = _DELTA, _I8.pack(int(column[0]))
            column = np.diff(column)  # wraps around, and so does the sum that undoes it
            shared = int(np.gcd.reduce(column)) if len(column) else 0
            if shared > 1:
                flags |= _SCALED
                head += _I8.pack(shared)
                column = column // shared
        zigzag = ((column << 1) ^ (column >> 63)).view(np.uint64)
        planes = (int(zigzag.max()).bit_length() + 7) // 8 if len(zigzag) else 0
        if planes:
            body = np.ascontiguousarray(zigzag.view(np.uint8).reshape(-1, 8)[:, :planes].T).tobytes()
            if len(body) >= _STORED_BELOW:
                frame = self._zstd.compress(body)
                if len(frame) < len(body):
                    flags, body = flags | _PACKED, frame
            head += _U4.pack(len(body)) + body
        self.put(bytes((flags | planes,)) + head)


class _Reader:
    def __init__(self, blob: bytes) -> None:
        self._view = memoryview(blob)
        self._at = 0
        self._zstd = zstandard.ZstdDecompressor()

    def take(self, size: int) -> memoryview:
        if size > len(self._view) - self._at:
            raise BadRecording(f"a piece ends {size - len(self._view) + self._at} bytes too early")
        self._at += size
        return self._view[self._at - size : self._at]

    def unpack(self, shape: struct.Struct) -> tuple[int, ...]:
        return shape.unpack(self.take(shape.size))

    def end(self) -> None:
        if self._at != len(self._view):
            raise BadRecording(f"a piece goes on for {len(self._view) - self._at} bytes behind its end")

    def packed(self, most: int) -> bytes:
        (size,) = self.unpack(_U4)
        return unpack_frame(self._zstd, self.take(size), most)

    def column(self, count: int) -> Column:
        if not count:
            return np.empty(0, np.int64)
        flags = self.take(1)[0]
        planes = flags & _PLANES
        first = self.unpack(_I8)[0] if flags & _DELTA else 0
        shared = self.unpack(_I8)[0] if flags & _SCALED else 1
        length = count - 1 if flags & _DELTA else count
        values = np.zeros(length, np.int64)
        if planes:
            values = self._planes(planes, length, bool(flags & _PACKED)) * np.int64(shared)
        if not flags & _DELTA:
            return values
        column = np.empty(count, np.int64)
        column[0] = first
        np.cumsum(values, out=column[1:])
        column[1:] += first
        return column

    def _planes(self, planes: int, length: int, packed: bool) -> Column:
        if planes > 8:
            raise BadRecording(f"expected at most 8 bytes a value, found {planes}")
        (size,) = self.unpack(_U4)
        body: bytes | memoryview = self.take(size)
        if packed:
            body = unpack_frame(self._zstd, body, planes * length, exact=True)
        if len(body) != planes * length:
            raise BadRecording(f"expected a column of {planes * length} bytes, found {len(body)}")
        wide = np.zeros((length, 8), np.uint8)
        wide[:, :planes] = np.frombuffer(body, np.uint8).reshape(planes, length).T
        zigzag = wide.view(np.uint64).reshape(length)
        return (zigzag >> np.uint64(1)).view(np.int64) ^ -(zigzag & np.uint64(1)).view(np.int64)


def unpack_frame(
    zstd: zstandard.ZstdDecompressor, frame: bytes | memoryview, most: int, *, exact: bool = False
) -> bytes:
    """What a frame of zstd holds, if it declares a size of at most `most` bytes (or exactly that).

    zstandard allocates what a frame declares whatever limit it is given, so the declaration is read first.
    """
    try:
        declared = zstandard.frame_content_size(frame)
        if declared < 0 or declared > most or (exact and declared != most):
            raise BadRecording(f"expected {'' if exact else 'at most '}{most} bytes packed, found {declared}")
        if declared == 0:
            return b""
        data = zstd.decompress(frame)
    except zstandard.ZstdError as error:
        raise BadRecording(f"a piece cannot be unpacked: {error}") from None
    if len(data) != declared:
        raise BadRecording(f"expected {declared} bytes packed, found {len(data)}")
    return data
