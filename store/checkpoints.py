# ruff: noqa: S608 (names of tables and columns are this package's own; values are always bound)
"""Checkpoints kept small: every so often a whole one, between them only what differs from an earlier one.

A session's state is hundreds of kilobytes of which little changes in a quarter of a minute, so zstd given an
earlier state as its dictionary leaves a tenth. The n-th after a whole one refers to the one whose number is n
without its lowest bit: half of them to their neighbour, and none lies more than five steps from a whole one.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import NamedTuple

import zstandard

from engine.ports import Checkpoint
from store.codec import unpack_frame
from store.errors import BadRecording

MAX_STATE_BYTES = 128 << 20
MAX_HELD_BYTES = 512 << 20  # of all states that lead to one
_LEVEL = 6  # 9 is 2 % smaller at twice the time; long-distance matching makes it larger
_GROUP = 32  # a whole one and what refers to it, directly or not
_MAX_STEPS = 8
_WORTH_IT = 0.8  # of the whole one: a larger difference is not kept, a whole one is written instead
_TRIES = 50


class _Kept(NamedTuple):
    number: int  # in its group, the whole one is 0
    seq: int
    blob: bytes


class CheckpointWriter:
    """Packs the checkpoints of one recording, in order. `usual_bytes` is what one takes at present."""

    def __init__(self) -> None:
        self.usual_bytes = 0
        self._steps: list[_Kept] = []  # from the whole one to the last, each referring to the one before
        self._whole_bytes = 0

    def pack(self, checkpoint: Checkpoint) -> tuple[int | None, bytes]:
        """(seq of the checkpoint it refers to, None for a whole one; packed bytes)."""
        blob = checkpoint.blob
        number = self._steps[-1].number + 1 if self._steps else _GROUP
        if number < _GROUP:
            base = number & (number - 1)
            while self._steps[-1].number != base:
                self._steps.pop()
            packed = _difference(blob, self._steps[-1].blob)
            if len(packed) < _WORTH_IT * self._whole_bytes:
                refers_to = self._steps[-1].seq
                self._steps.append(_Kept(number, checkpoint.seq, blob))
                self.usual_bytes = len(packed)
                return refers_to, packed
        packed = zstandard.ZstdCompressor(level=_LEVEL).compress(blob)
        self._steps = [_Kept(0, checkpoint.seq, blob)]
        self._whole_bytes = len(packed)
        if number < _GROUP or not self.usual_bytes:
            self.usual_bytes = len(packed)
        return None, packed


def _difference(blob: bytes, base: bytes) -> bytes:
    window = min(27, max(17, (len(blob) + len(base)).bit_length()))
    return zstandard.ZstdCompressor(
        dict_data=zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT),
        compression_params=zstandard.ZstdCompressionParameters.from_level(_LEVEL, window_log=window),
    ).compress(blob)


def unpack(packed: bytes, base: Checkpoint | None) -> bytes:
    """The state that `packed` holds. Raises BadRecording where it declares too much or is damaged."""
    if base is None:
        zstd = zstandard.ZstdDecompressor()
    else:
        data = zstandard.ZstdCompressionDict(base.blob, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        zstd = zstandard.ZstdDecompressor(dict_data=data)
    return unpack_frame(zstd, packed, MAX_STATE_BYTES)


class CheckpointReader:
    """Finds and unpacks checkpoints; remembers the steps of the last one, which its neighbours share."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._steps: dict[int, Checkpoint] = {}

    def before(self, ts: int) -> Checkpoint | None:
        """The last checkpoint at or before session time `ts` that can be read."""
        try:
            found = self._numbers(f"ts <= ? order by ts desc, seq desc limit {_TRIES}", ts)
        except sqlite3.DatabaseError:
            found = [seq for seq, at in reversed(self._readable_rows()) if at <= ts]
        return self._first_readable(found)

    def after(self, seq: int) -> Checkpoint | None:
        """The first checkpoint that can be read whose next event is `seq` or a later one."""
        try:
            found = self._numbers(f"seq >= ? order by seq limit {_TRIES}", seq)
        except sqlite3.DatabaseError:
            found = [number for number, _ in self._readable_rows() if number >= seq]
        return self._first_readable(found)

    def _numbers(self, where: str, value: int) -> list[int]:
        sql = f"select seq from checkpoint where {where}"
        return [seq for (seq,) in self._connection.execute(sql, (value,)) if isinstance(seq, int)]

    def _readable_rows(self) -> list[tuple[int, int]]:
        """(seq, ts) of all up to the first part that is missing: what a cut file still has."""
        rows: list[tuple[int, int]] = []
        with contextlib.suppress(sqlite3.DatabaseError):
            rows.extend(self._connection.execute("select seq, ts from checkpoint not indexed order by seq"))
        return [(seq, ts) for seq, ts in rows if isinstance(seq, int) and isinstance(ts, int)]

    def _first_readable(self, numbers: list[int]) -> Checkpoint | None:
        """Damaged ones are passed over: another one only makes the fold longer."""
        for seq in numbers[:_TRIES]:
            with contextlib.suppress(BadRecording, sqlite3.DatabaseError):
                return self._load(seq)
        return None

    def _load(self, seq: int) -> Checkpoint:
        steps: list[tuple[int, int, bytes]] = []  # from the one wanted down to one that stands alone
        at: int | None = seq
        while at is not None and at not in self._steps:
            row = self._connection.execute(
                "select ts, base, blob from checkpoint where seq = ?", (at,)
            ).fetchone()
            if row is None or len(steps) == _MAX_STEPS:
                raise BadRecording(f"the checkpoint at event {seq} refers to one that is not there")
            ts, base, packed = row
            if not (
                isinstance(ts, int) and isinstance(packed, bytes) and (base is None or isinstance(base, int))
            ):
                raise BadRecording(f"the checkpoint at event {at} does not hold numbers and bytes")
            steps.append((at, ts, packed))
            at = base
        used = {} if at is None else {at: self._steps[at]}
        found = None if at is None else self._steps[at]
        for number, ts, packed in reversed(steps):
            found = used[number] = Checkpoint(number, ts, unpack(packed, found))
            if sum(len(c.blob) for c in used.values()) > MAX_HELD_BYTES:
                raise BadRecording(f"the checkpoint at event {seq} takes more than {MAX_HELD_BYTES} bytes")
        if found is None:
            raise BadRecording(f"there is no checkpoint at event {seq}")
        self._steps = {**{n: c for n, c in self._steps.items() if n < seq}, **used}
        while len(self._steps) > _MAX_STEPS:
            del self._steps[next(iter(self._steps))]
        return found
