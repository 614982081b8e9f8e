"""A dump's zip: its sha256 as the host states it, and the one CSV in it, read without ever being unpacked to disk.

A zip can claim to be small and unpack to any size, so the bytes are counted as they come.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engine.data.errors import DataError
from engine.text import clean

MAX_CSV_BYTES = 8 << 30  # the busiest day of trades so far is a tenth of that
MAX_RATIO = 60  # CSV of trades packs five- to tenfold; a bomb a thousandfold
_FREE_BYTES = 1 << 20  # that any zip may unpack to
_BLOCK = 1 << 20


def stated_sha256(text: bytes, name: str) -> str:
    """What a `.CHECKSUM` file says of the zip called `name`: `<64 hex digits>  <name>`."""
    line = clean(text[:400].decode("utf-8", "replace"), 200)
    found = re.fullmatch(r"([0-9a-fA-F]{64})\s+\*?(\S+)", line)
    if found is None or found[2] != name:
        raise DataError(f"expected `<sha256>  {name}` in its .CHECKSUM, found {line!r}")
    return found[1].lower()


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Bounded(io.RawIOBase):
    """A stream that ends in DataError where it is longer than `most` bytes."""

    def __init__(self, inner: IO[bytes], most: int, name: str) -> None:
        self._inner, self._left, self._most, self._name = inner, most, most, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._inner.read(len(view))
        self._left -= len(data)
        if self._left < 0:
            raise DataError(
                f"{self._name} unpacks to more than {self._most:,} bytes, which no dump does: it is not read"
            )
        view[: len(data)] = data
        return len(data)


@contextmanager
def csv_in(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The CSV inside the zip at `path`, which is called `name` in what is said of it. Raises DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = _member(archive, name)
            most = min(MAX_CSV_BYTES, max(_FREE_BYTES, path.stat().st_size * MAX_RATIO))
            if member.file_size > most:
                raise DataError(
                    f"{name} says that it unpacks to {member.file_size:,} bytes, {most:,} is the most that "
                    "a dump of its size does: it is not read"
                )
            with archive.open(member) as inner:
                yield io.BufferedReader(Bounded(inner, most, name), _BLOCK)
    except zipfile.BadZipFile as error:
        raise DataError(f"{name} is not a sound zip: {clean(str(error), 100)}") from None
    except (zlib.error, EOFError) as error:
        raise DataError(f"{name} cannot be unpacked: {clean(str(error), 100)}") from None


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    files = [info for info in archive.infolist() if info.filename.lower().endswith(".csv")]
    if len(files) != 1:
        raise DataError(
            f"expected one CSV in {name}, found {len(files)} among {len(archive.infolist())} files"
        )
    if files[0].flag_bits & 1 or files[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"the CSV in {name} is encrypted or packed in a way that no dump is")
    return files[0]
