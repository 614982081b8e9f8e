"""A file that one process at a time holds locked, even across a crash.

The system lets go of the lock of a process that was killed, so a file that is left over holds nobody up. Whoever only
looks takes a shared lock for a moment and never the holder's, and the file goes only while its holder still has it:
so a look keeps nobody from beginning, and nobody holds a file that is not the one the others see.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

_LOOK_LASTS_S = 1e-4


class LockFile:
    """Held from construction to `release`. Raises OSError where the file cannot be.

    Where another process, or another part of this one, holds it: BlockingIOError, or, with `on_wait`, which is called
    once, when it has let go.
    """

    def __init__(self, file: Path, on_wait: Callable[[], None] | None = None) -> None:
        self._file = file
        opened = None
        while opened is None:
            opened = _held(file, on_wait)
        self._opened = opened

    def __enter__(self) -> LockFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        # The file goes first: whoever opened it before sees that it is not there any more, and makes a new one.
        with contextlib.suppress(OSError):
            self._file.unlink()
        os.close(self._opened)


def is_held(file: Path) -> bool:
    """Whether some process, this one included, holds it now."""
    try:
        opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(opened)
    return False


def _held(file: Path, on_wait: Callable[[], None] | None) -> int | None:
    """The open file with its lock on it; None where its holder has taken it away while we came."""
    opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            while not _locked(opened):
                time.sleep(_LOOK_LASTS_S)
        except BlockingIOError:
            if on_wait is None:
                raise
            on_wait()
            fcntl.flock(opened, fcntl.LOCK_EX)
        if os.path.samestat(os.fstat(opened), file.stat()):
            return opened
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(opened)
        raise
    os.close(opened)
    return None


def _locked(opened: int) -> bool:
    """Whether it is ours now; not while somebody looks. Raises BlockingIOError: another holds it."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)  # granted beside those who look
        fcntl.flock(opened, fcntl.LOCK_UN)
        return False
