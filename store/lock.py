"""One writer a recording: a file beside it that its writer keeps locked."""

from __future__ import annotations

from pathlib import Path

from engine.lockfile import LockFile, is_held
from store.errors import BeingWritten, StoreError


class WriteLock:
    """Taken on construction; raises BeingWritten where another writer has it, StoreError where none can."""

    def __init__(self, path: Path) -> None:
        try:
            self._lock = LockFile(_beside(path))
        except BlockingIOError:
            raise BeingWritten(f"{path.name} is being written by another microtui") from None
        except OSError as error:
            raise StoreError(
                f"{path.name} cannot be held for writing ({error.strerror or error}): "
                f"can the folder {path.parent} be written?"
            ) from None

    def __enter__(self) -> WriteLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        self._lock.release()


def is_being_written(path: Path) -> bool:
    """Whether some process, this one included, is recording to `path` now."""
    return is_held(_beside(path))


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".lock")
