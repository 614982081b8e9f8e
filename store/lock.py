"""One writer a recording, even across a crash: a file beside it that its writer keeps locked.

SQLite's own locking does the work, so it holds on every system, and a killed process lets go of it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from store.errors import BeingWritten, StoreError


class WriteLock:
    """Taken on construction; raises BeingWritten where another writer has it, StoreError where none can."""

    def __init__(self, path: Path) -> None:
        self._file = path.with_name(path.name + ".lock")
        try:
            self._connection = sqlite3.connect(
                self._file, isolation_level=None, timeout=0, check_same_thread=False
            )
            try:
                self._connection.execute("pragma journal_mode = off")
                self._connection.execute("begin exclusive")
            except sqlite3.Error:
                self._connection.close()
                raise
        except sqlite3.Error as error:
            if "locked" in str(error):
                raise BeingWritten(f"{path.name} is being written by another microtui") from None
            raise StoreError(
                f"{path.name} cannot be held for writing ({error}): can the folder {path.parent} be written?"
            ) from None

    def __enter__(self) -> WriteLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        # The file goes first: whoever comes between the two steps makes a new one.
        with contextlib.suppress(OSError):
            self._file.unlink()
        self._connection.close()


def is_being_written(path: Path) -> bool:
    """Whether some process, this one included, is recording to `path` now."""
    if not path.with_name(path.name + ".lock").exists():
        return False
    try:
        WriteLock(path).release()
    except BeingWritten:
        return True
    except StoreError:
        return False
    return False
