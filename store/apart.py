"""A recorder in a process of its own, for a session that is made as fast as it goes.

Packing and writing take a third of the time that folding does. In a thread they would take it from the session, turn
by turn of the interpreter's lock; beside it they cost what it takes to send the events: through a pipe, many ticks at
once.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from engine.batch import Batch, concat
from engine.events import Derived
from engine.frame.host import Recording as Status
from engine.ports import Checkpoint
from store.header import Header
from store.recorder import Recorder

SENT_ROWS = 1024  # at once
PIPE_BYTES = 1 << 20  # a commit takes a while, and the session need not wait for it
# Packing a state takes as long as folding forty quiet ticks: this many events are twenty minutes of those, which a seek
# folds in a sixth of a second.
CHECKPOINT_ROWS = 11_000
_F_SETPIPE_SZ = 1031  # Linux


class Apart:
    """A `Sink` that writes the file `path`. It waits where the disk does, and loses nothing.

    What is not a chunk yet is not in the file. Where this process is killed the other one ends, and the recording is
    one that was cut short.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self._child = subprocess.Popen(  # noqa: S603  our own module, no shell
            [sys.executable, "-P", "-m", "store.apart", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._state, self._reason = "ON", ""
        self._waiting: list[Batch] = []
        self._derived: list[Derived] = []
        self._first_seq = 0
        self._rows = 0  # that wait
        self._since_checkpoint: int | None = None  # rows; None before the first event
        _widen(self._pipe)
        self._send(header)

    @property
    def _pipe(self) -> BinaryIO:
        assert self._child.stdin is not None  # noqa: S101  it was asked for
        return self._child.stdin  # type: ignore[return-value]

    @property
    def failed(self) -> bool:
        """Whether recording stopped by itself; `status` says why."""
        return self._state == "FAILED"

    @property
    def status(self) -> Status:
        return Status(state=self._state, path=str(self.path), reason=self._reason)

    @property
    def wants_checkpoint(self) -> bool:
        """By number of events, so that equal sessions have theirs at equal places."""
        return self._since_checkpoint is None or self._since_checkpoint >= CHECKPOINT_ROWS

    def put(self, seq: int, batch: Batch, derived: Sequence[Derived]) -> None:
        """Send events `seq`, `seq + 1`, …, soon."""
        if not self._waiting:
            self._first_seq = seq
        self._waiting.append(batch)
        self._derived += derived
        self._rows += len(batch)
        self._since_checkpoint = (self._since_checkpoint or 0) + len(batch)
        if self._rows >= SENT_ROWS:
            self._flush()

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Send the session's state."""
        self._since_checkpoint = 0
        if checkpoint.seq > 0:  # nothing happened before event 0: folding from the start needs no state
            self._flush()
            self._send(checkpoint)

    def close(self) -> None:
        """Wait until the rest is written and the file is one that travels alone. Safe to call twice."""
        if self._state != "ON":
            return
        self._flush()
        self._send(None)
        with suppress(OSError):
            self._pipe.close()
        said = self._child.stdout.read() if self._child.stdout is not None else b""
        code = self._child.wait()
        if self._state == "ON":
            self._state = "FAILED" if code else "OFF"
            self._reason = said.decode("utf-8", "replace").strip()

    def _flush(self) -> None:
        if self._waiting:
            parts, self._waiting = self._waiting, []
            derived, self._derived = self._derived, []
            self._rows = 0
            self._send((self._first_seq, concat(parts), derived))

    def _send(self, item: object) -> None:
        """Where the other process has ended, it says why."""
        if self._state != "ON":
            return
        try:
            self._pipe.write(pickle.dumps(item, protocol=5))
            self._pipe.flush()
        except OSError:
            said = self._child.stdout.read() if self._child.stdout is not None else b""
            self._child.wait()
            self._state = "FAILED"
            self._reason = said.decode("utf-8", "replace").strip() or f"recording to {self.path.name} stopped"


def _widen(pipe: BinaryIO) -> None:
    """A pipe holds 64 kB, less than one sending, unless it is asked for more."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # an administrator may have set a limit
            fcntl.fcntl(pipe.fileno(), _F_SETPIPE_SZ, PIPE_BYTES)


def main(path: str) -> int:
    """Record what comes on stdin; say on stdout why not, if so. Where it ends unannounced, so does the recording."""
    pipe = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=PIPE_BYTES)
    recorder = Recorder(Path(path), pickle.load(pipe), patient=True)  # noqa: S301  from whoever started us
    while not recorder.failed:
        try:
            item = pickle.load(pipe)  # noqa: S301
        except (EOFError, pickle.UnpicklingError):
            os._exit(1)  # killed: what is in the file is all that there will be
        match item:
            case None:
                recorder.close()
                break
            case Checkpoint():
                recorder.checkpoint(item)
            case seq, batch, derived:
                recorder.put(seq, batch, derived)
    if recorder.failed:
        print(recorder.status.reason, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
