"""One dump from the host to a Parquet file: its stated sha256, the zip, the proof, the rows, in that order.

Nothing is kept under its name before the zip's sha256 is what the host states. What a broken download left is
kept as a `.part` beside the file to be, and gone on with the next time. Of two who want the same one fetches it, and
the other waits.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from engine.data.archive import csv_in, sha256_of, stated_sha256
from engine.data.dumps import INTERVALS_S, Dump
from engine.data.errors import DataError, NotThere
from engine.data.files import Origin, is_whole, write
from engine.data.tables import Mended, Unparsed, first_fault, read_csv
from engine.lockfile import LockFile

Progress = Callable[[int, int | None], None]  # bytes that are here, bytes in all where that is known


class Downloads(Protocol):
    """`engine.data.download.Downloads`, or a test's own."""

    def small(self, url: str) -> bytes: ...

    def there(self, url: str) -> bool: ...

    def large(self, url: str, part: Path, progress: Progress) -> bool:
        """Fetch into `part`, going on where that stops. True where something was there already."""


class Fetched:
    """What became of one dump. `rows` is None where the file was there already."""

    def __init__(self, path: Path, rows: int | None = None, mended: list[str] | None = None) -> None:
        self.path, self.rows, self.mended = path, rows, mended or []


def fetch(
    dump: Dump,
    base_url: str,
    folder: Path,
    downloads: Downloads,
    progress: Progress,
    on_wait: Callable[[], None] = lambda: None,
) -> Fetched:
    """Fetch a dump into `folder`, unless its file is there. Raises DataError; NotThere where the host has none.

    `on_wait` is called where another process fetches it already; then this waits for what comes of that.
    """
    path = dump.file(folder)
    if is_whole(path, dump):
        return Fetched(path)
    part = path.with_name(f"{dump.stem}.zip.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with LockFile(part.with_suffix(".lock"), on_wait):
            if is_whole(path, dump):
                return Fetched(path)
            table, mended = _into(path, part, dump, base_url, downloads, progress)
    except OSError as error:
        raise DataError(_said(error, path.parent)) from None
    return Fetched(path, table.num_rows, mended.sentences())


def _into(
    path: Path, part: Path, dump: Dump, base_url: str, downloads: Downloads, progress: Progress
) -> tuple[Any, Mended]:
    """Fetch a dump and write its file; its rows, and what was mended in them."""
    url, name = f"{base_url.rstrip('/')}/{dump.path}", f"{dump.stem}.zip"
    try:
        sha256 = stated_sha256(downloads.small(f"{url}.CHECKSUM"), name)
    except NotThere as error:
        if downloads.there(url):
            raise NotThere(
                f"{name} is there, its .CHECKSUM is not ({error}): nothing proves the file without it, so it is not "
                "fetched; try again when the host has both"
            ) from None
        raise NotThere(
            f"there are no {dump}: {error}. It may not be published yet, be older than what is dumped, "
            "or the symbol may be spelled another way"
        ) from None
    _proven(url, part, name, sha256, downloads, progress)
    table, mended = _parsed(part, dump)
    origin = Origin(
        dump.market, dump.kind, dump.symbol, dump.day.isoformat(), dump.interval, url, sha256,
        tuple(mended.sentences()),
    )  # fmt: skip
    write(path, table, origin)
    part.unlink(missing_ok=True)
    return table, mended


def _proven(url: str, part: Path, name: str, sha256: str, downloads: Downloads, progress: Progress) -> None:
    """The whole zip in `part`. Where a download that went on is not what is stated, once more from its beginning."""
    for _ in range(2):
        went_on = downloads.large(url, part, progress)
        found = sha256_of(part)
        if found == sha256:
            return
        part.unlink()
        if not went_on:
            break
    raise DataError(
        f"{name} is not what its .CHECKSUM states: expected sha256 {sha256[:16]}…, found {found[:16]}…; "
        "nothing of it is kept"
    )


def _parsed(part: Path, dump: Dump) -> tuple[Any, Mended]:
    name, packed = f"{dump.stem}.csv", f"{dump.stem}.zip"
    interval_ns = INTERVALS_S.get(dump.interval, 0) * 1_000_000_000
    try:
        try:
            with csv_in(part, packed) as file:
                return read_csv(file, dump.kind, name, dump.day, interval_ns)
        except Unparsed:
            with csv_in(part, packed) as file:
                raise first_fault(file, dump.kind, name) from None
    except DataError:
        part.unlink()  # as stated and still of no use: another try would find the same
        raise


def _said(error: OSError, folder: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full; what came so far is kept in {folder} and gone on with the next time"
    return f"{folder} cannot be written to: {error.strerror or error}"
