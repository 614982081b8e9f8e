"""Writes a raw capture beside everything else: whoever hears a message never waits for the disk.

Messages go into a queue of bounded size; a thread packs and writes them ten times a second and flushes twice a second,
so that a killed program loses no more than that. What does not fit is counted, told, and marked in the file. A disk
that is full ends the capture and nothing else.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

import zstandard

from engine.feeds.errors import FeedError
from engine.feeds.raw import LOST, RawMessage, encode_parts
from engine.text import clean

ENDING = ".jsonl.zst"
MAX_QUEUED_BYTES = 64 * 2**20  # a quarter of a minute of the busiest feed there is, or twelve whole snapshots
_LINE_BYTES = 200  # that a line has beside its message
_EVERY_S = 0.1
_FLUSH_EVERY_S = 0.5
_LEVEL = 3
_JOIN_S = 10.0


class RawWriter:
    """One file. `put` is for one thread, the one that hears; `say` gets sentences for a person, from any thread."""

    def __init__(
        self, path: Path, say: Callable[[str], None], max_queued_bytes: int = MAX_QUEUED_BYTES
    ) -> None:
        """Raises FeedError where the file cannot be made, or is there already."""
        self.path = path
        self.reason = ""  # why it ended early
        self.written = 0  # messages
        self.lost = 0
        self._say = say
        self._max_bytes = max_queued_bytes
        self._queue: deque[RawMessage] = deque()
        self._put_bytes = self._taken_bytes = 0  # each written by one thread
        self._conns = 0
        self._unmarked = self._unmarked_bytes = 0  # lost, and not in the file yet
        self._closing = threading.Event()
        self._file = _created(path)
        self._thread = threading.Thread(target=self._run, name="raw capture", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return bool(self.reason) or self._closing.is_set()

    def next_conn(self) -> int:
        self._conns += 1
        return self._conns

    def put(self, message: RawMessage) -> None:
        """Keep it, or count it as lost. Never waits and never raises."""
        if self.ended:
            return
        size = len(message.data) + _LINE_BYTES
        if self._put_bytes - self._taken_bytes + size > self._max_bytes:
            if not self.lost:
                self._say(f"raw capture: messages come faster than {self.path.name} can be written")
            self.lost += 1
            self._unmarked += 1
            self._unmarked_bytes += len(message.data)
            return
        if self._unmarked:
            told = f"{self._unmarked} messages, {self._unmarked_bytes} bytes".encode()
            self._queue.append(message._replace(conn=0, url="", dir=LOST, data=told, status=0))
            self._put_bytes += len(told) + _LINE_BYTES
            self._unmarked = self._unmarked_bytes = 0
        self._put_bytes += size
        self._queue.append(message)

    def close(self) -> None:
        """Write what is queued and end the file. Waits for the disk, but not for ever."""
        self._closing.set()
        self._thread.join(_JOIN_S)

    # in the thread

    def _run(self) -> None:
        try:
            with self._file as file:
                packed = zstandard.ZstdCompressor(level=_LEVEL).stream_writer(file, closefd=False)
                flushed = time.monotonic()
                dirty = True  # the first flush writes the stream's head: an empty capture can be read too
                while not self._closing.wait(_EVERY_S):
                    dirty |= self._write(packed)
                    if dirty and time.monotonic() - flushed >= _FLUSH_EVERY_S:
                        packed.flush(zstandard.FLUSH_BLOCK)
                        flushed, dirty = time.monotonic(), False
                self._write(packed)
                packed.flush(zstandard.FLUSH_FRAME)
        except OSError as error:
            self.reason = clean(error.strerror or str(error), 80)
            self._queue.clear()
            self._say(f"raw capture ended: {self.path.name}: {self.reason}; the session goes on without it")

    def _write(self, packed: zstandard.ZstdCompressionWriter) -> bool:
        wrote = False
        while self._queue:
            message = self._queue.popleft()
            for part in encode_parts(message):
                packed.write(part)
            self._taken_bytes += len(message.data) + _LINE_BYTES
            self.written += message.dir != LOST
            wrote = True
        return wrote


def _created(path: Path) -> IO[bytes]:
    if not path.name.endswith(ENDING):
        raise FeedError(f"expected a raw capture's name to end in {ENDING}, found {clean(path.name, 100)}")
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb", buffering=0)
    except FileExistsError:
        raise FeedError(
            f"{clean(str(path))} is there already, and a capture never overwrites: give another name"
        ) from None
    except OSError as error:
        raise FeedError(f"{clean(str(path))} cannot be written: {error.strerror}") from None
