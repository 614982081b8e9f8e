"""A program in a terminal of its own: started in a pty whose reader never stops, fed keys, measured from outside."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Terminal:
    """Context manager: `command` in a pty of `columns` x `rows`."""

    def __init__(
        self, command: Sequence[str], columns: int = 160, rows: int = 48, env: Mapping[str, str] | None = None
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})},
        )
        os.close(slave)
        self.bytes = 0
        self._seen = b""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def wait_for(self, text: bytes, timeout_s: float = 60.0) -> float:
        """Seconds from the start until `text` was painted."""
        with self._changed:
            if not self._changed.wait_for(lambda: text in self._seen, timeout_s):
                raise TimeoutError(
                    f"{text!r} was not painted within {timeout_s} s; last: {self._seen[-300:]!r}"
                )
        return time.monotonic() - self.started

    def press(self, key: str) -> None:
        os.write(self._master, key.encode())

    def cpu_s(self) -> float:
        """CPU seconds of the process so far, user and system."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND

    def memory_mb(self) -> float:
        """Resident memory now."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _drain(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            with self._changed:
                self.bytes += len(data)
                self._seen = (self._seen + data)[-400_000:]
                self._changed.notify_all()
