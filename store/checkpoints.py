# ruff: noqa: S608 (names of tables and columns are this package's own; values are always bound)
"""Checkpoints kept small: every so often a whole one, between them only what differs from it.

A session's state is megabytes of which little changes in half a minute, so zstd given the last whole one as
its dictionary leaves a few per cent. Each difference refers to a whole checkpoint and never to another
difference: a seek unpacks two frames at most.
"""

from __future__ import annotations

import sqlite3

import zstandard

from engine.ports import Checkpoint
from store.codec import unpack_frame
from store.errors import BadRecording

MAX_STATE_BYTES = 512 << 20
_LEVEL = 6
_DIFFERENCES = 24  # after a whole one; it ages, and the differences grow
_TRIES = 50
_WORTH_IT = 0.6  # of a whole one: a difference larger than this is not kept, a whole one is written instead


class CheckpointWriter:
    """Packs the checkpoints of one recording, in order."""

    def __init__(self) -> None:
        self._whole = b""
        self._whole_seq = 0
        self._whole_packed = 0
        self._since = 0

    def pack(self, checkpoint: Checkpoint) -> tuple[int | None, bytes]:
        """(seq of the whole checkpoint it refers to or None, packed bytes)."""
        blob = checkpoint.blob
        if self._whole and self._since < _DIFFERENCES:
            base = zstandard.ZstdCompressionDict(self._whole, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
            packed = zstandard.ZstdCompressor(
                dict_data=base, compression_params=_params(len(blob) + len(self._whole))
            ).compress(blob)
            if len(packed) < _WORTH_IT * self._whole_packed:
                self._since += 1
                return self._whole_seq, packed
        packed = zstandard.ZstdCompressor(level=_LEVEL).compress(blob)
        self._whole, self._whole_seq, self._whole_packed, self._since = blob, checkpoint.seq, len(packed), 0
        return None, packed


def _params(reach: int) -> zstandard.ZstdCompressionParameters:
    """A window that spans the state and the one before it, so that like parts find each other."""
    window = min(27, max(17, reach.bit_length()))
    return zstandard.ZstdCompressionParameters.from_level(_LEVEL, window_log=window, enable_ldm=True)


def unpack(packed: bytes, base: Checkpoint | None) -> bytes:
    """The state that `packed` holds. Raises BadRecording where it declares too much or is damaged."""
    if base is None:
        zstd = zstandard.ZstdDecompressor()
    else:
        data = zstandard.ZstdCompressionDict(base.blob, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        zstd = zstandard.ZstdDecompressor(dict_data=data)
    return unpack_frame(zstd, packed, MAX_STATE_BYTES)


class CheckpointReader:
    """Finds and unpacks checkpoints; remembers the last whole one, since neighbours share it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._whole: Checkpoint | None = None

    def before(self, ts: int) -> Checkpoint | None:
        """The last checkpoint at or before session time `ts` that can be read."""
        return self._first_readable("ts <= ? order by ts desc, seq desc", ts)

    def after(self, seq: int) -> Checkpoint | None:
        """The first checkpoint that can be read whose next event is `seq` or a later one."""
        return self._first_readable("seq >= ? order by seq", seq)

    def _first_readable(self, where: str, value: int) -> Checkpoint | None:
        """Damaged ones are passed over: another one only makes the fold longer."""
        rows = self._connection.execute(
            f"select seq, ts, base from checkpoint where {where} limit {_TRIES}",
            (value,),
        ).fetchall()
        for seq, ts, base in rows:
            try:
                return self._load(seq, ts, base)
            except BadRecording:
                continue
        return None

    def _load(self, seq: int, ts: int, base: int | None) -> Checkpoint:
        if base is None and self._whole is not None and self._whole.seq == seq:
            return self._whole
        row = self._connection.execute("select blob from checkpoint where seq = ?", (seq,)).fetchone()
        if row is None or not (isinstance(seq, int) and isinstance(ts, int) and isinstance(row[0], bytes)):
            raise BadRecording("a checkpoint's row does not hold numbers and bytes")
        checkpoint = Checkpoint(seq, ts, unpack(row[0], None if base is None else self._base(base)))
        if base is None:
            self._whole = checkpoint
        return checkpoint

    def _base(self, seq: int) -> Checkpoint:
        if self._whole is None or self._whole.seq != seq:
            row = self._connection.execute(
                "select ts, base, blob from checkpoint where seq = ?", (seq,)
            ).fetchone()
            if row is None or row[1] is not None or not isinstance(row[2], bytes):
                raise BadRecording(f"a checkpoint refers to a whole one at event {seq}, which is not there")
            self._whole = Checkpoint(seq, row[0], unpack(row[2], None))
        return self._whole
