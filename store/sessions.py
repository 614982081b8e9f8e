"""The catalogue: a folder of recordings, one file a session, and what is known of each without opening it.

A session's name is its file's name. The small database beside the files only remembers what listing found, by
size and time of change, so two instances can share it, and losing it loses nothing.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import msgspec

from engine.text import clean
from store.database import Database
from store.errors import BadRecording, BeingWritten, NoSuchSession, NotARecording, StoreError
from store.header import read_header, write_ending
from store.lock import WriteLock, is_being_written
from store.recording import Recording
from store.schema import SUFFIX, Transaction, open_reader, open_writer, refuse_programs
from store.verify import Refold, verify

KEEP_DAYS = 30.0
DISK_CAP_BYTES = 20 << 30
_DAY_S = 86_400
_CATALOGUE = "catalogue.db"
_FORM = 2


class Session(msgspec.Struct, frozen=True):
    """One line of the list. `state` is recording, closed, unclosed or unreadable, and `note` says more."""

    name: str
    path: Path
    state: str
    bytes: int
    changed: float  # seconds since 1970, by the file system
    id: str = ""
    started_ns: int = 0
    seconds: float = 0.0
    symbols: tuple[str, ...] = ()
    marks: int = 0
    note: str = ""
    parent: str = ""  # the id of the session that this one goes on from


class _Known(msgspec.Struct, frozen=True):
    """What the catalogue remembers of a file as long as it does not change."""

    state: str
    id: str = ""
    started_ns: int = 0
    seconds: float = 0.0
    symbols: tuple[str, ...] = ()
    marks: int = 0
    note: str = ""
    parent: str = ""


class Catalogue:
    """The recordings in `folder`, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # Names

    def new_path(self, symbols: tuple[str, ...], started_ns: int) -> Path:
        """An empty file for a session that begins now, so that no other one takes the name. Raises OSError."""
        moment = datetime.fromtimestamp(started_ns / 1e9, UTC).strftime("%Y%m%d-%H%M%S")
        shown = "-".join(s.lower() for s in symbols[:3]) + (f"-and-{len(symbols) - 3}" if symbols[3:] else "")
        return self._reserved(f"{moment}-{shown}" if shown else moment)

    def find(self, name: str | None = None) -> Path:
        """The recording by its name, the beginning of its name or id, or its path; None: the latest.

        Raises NoSuchSession, which says what there is.
        """
        if name is not None and (Path(name).is_file() or os.sep in name):
            if not Path(name).is_file():
                raise NoSuchSession(f"there is no file {name}")
            return Path(name)
        paths = {path.stem: path for path in self._paths()}
        if name is None:
            if not paths:
                raise NoSuchSession(
                    f"there are no recordings in {self.folder} yet; `microtui live` makes one"
                )
            return max(paths.values(), key=lambda path: (path.stat().st_mtime, path.name))
        wanted = name.removesuffix(SUFFIX)
        if wanted in paths:
            return paths[wanted]
        begins = [path for stem, path in paths.items() if stem.startswith(wanted)]
        begins = begins or [s.path for s in self.sessions() if s.id and s.id.startswith(wanted)]
        if len(begins) == 1:
            return begins[0]
        if begins:
            raise NoSuchSession(f"{len(begins)} sessions begin with {name!r}: {_names(begins)}")
        near = [paths[stem] for stem in get_close_matches(wanted, paths, n=3)] or self._latest(paths)
        there = f"; there is {_names(near)}" if near else f"; there are none in {self.folder}"
        raise NoSuchSession(f"no session is named {name!r}{there}")

    # What there is

    def sessions(self) -> list[Session]:
        """All sessions, the latest first."""
        with self._known() as known:
            sessions = [self._look(path, known) for path in self._paths()]
        return sorted((s for s in sessions if s is not None), key=lambda s: (s.changed, s.name), reverse=True)

    def rename(self, name: str, new: str) -> Path:
        """Give a session another name. Raises BeingWritten, NoSuchSession or StoreError."""
        path = self.find(name)
        stem = _stem(new)
        target = path.with_name(stem + SUFFIX)
        if target.exists():
            raise StoreError(f"there is a session named {stem} already")
        _recover(path)
        with WriteLock(path):
            if path.with_name(path.name + "-wal").exists():
                raise StoreError(
                    f"{path.stem} keeps its last seconds in a log that is in use; "
                    "close whatever reads it and try again"
                )
            path.rename(target)
        return target

    def import_(self, path: Path, name: str | None = None, refold: Refold | None = None) -> Path:
        """Copy somebody's recording into the folder, after every part of it was read and found good.

        `refold` folds it again, as in `verify`. Raises StoreError with the first thing that is wrong.
        """
        stem = _stem(path.stem if name is None else name)
        connection, lost = open_reader(path)
        try:
            refuse_programs(connection, path)
            problems = verify(path, refold).problems
            if lost or problems:
                raise NotARecording(f"{path.name} is not imported: {lost or problems[0]}")
            target = self._reserved(stem)
            part = target.with_name(target.name + ".part")
            try:
                with contextlib.closing(sqlite3.connect(part)) as copy:
                    connection.backup(copy)  # with whatever still lies in a log beside it
                    copy.execute("pragma journal_mode = delete")
                part.rename(target)
            except (sqlite3.Error, OSError) as error:
                part.unlink(missing_ok=True)
                target.unlink(missing_ok=True)
                raise StoreError(f"{path.name} is not imported: {error}") from None
            return target
        finally:
            connection.close()

    def prune(
        self,
        keep_days: float = KEEP_DAYS,
        cap_bytes: int = DISK_CAP_BYTES,
        *,
        now: float | None = None,
        only_say: bool = False,
    ) -> list[Session]:
        """Delete what has not changed for `keep_days`, then the oldest until all fit in `cap_bytes`.

        A recording that is being written stays, and so does what is not a recording. Returns what went.
        """
        oldest = (time.time() if now is None else now) - keep_days * _DAY_S
        kept = [s for s in self.sessions() if s.state in ("closed", "unclosed")]
        total = sum(s.bytes for s in self.sessions() if s.state in ("closed", "unclosed", "recording"))
        gone = []
        for session in sorted(kept, key=lambda s: s.changed):
            if session.changed >= oldest and total <= cap_bytes:
                break
            if not only_say:
                try:
                    with WriteLock(session.path):
                        _delete(session.path)
                except (BeingWritten, OSError):
                    continue
            total -= session.bytes
            gone.append(session)
        return gone

    def recover(self) -> list[str]:
        """Close what a crash left open, and say of each what it lost. Safe beside other instances."""
        said = []
        for path in self._paths():
            try:
                lost = _recover(path)
            except (StoreError, OSError) as error:
                lost = str(error)
            if lost:
                said.append(f"{clean(path.stem)}: {lost}")
        return said

    def _paths(self) -> list[Path]:
        with contextlib.suppress(OSError):
            return sorted(path for path in self.folder.glob(f"*{SUFFIX}") if path.is_file())
        return []

    def _latest(self, paths: dict[str, Path]) -> list[Path]:
        return sorted(paths.values(), key=lambda path: path.stat().st_mtime, reverse=True)[:3]

    def _reserved(self, stem: str) -> Path:
        """An empty file of that name or, where it is taken, of that name and a number."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path, number = self.folder / (stem + SUFFIX), 1
        while True:
            try:
                path.touch(exist_ok=False)
                return path
            except FileExistsError:
                number += 1
                path = self.folder / f"{stem}-{number}{SUFFIX}"

    def _look(self, path: Path, known: sqlite3.Connection | None) -> Session | None:
        try:
            found = path.stat()
        except FileNotFoundError:
            return None  # pruned by another instance meanwhile
        key = (path.name, found.st_size, found.st_mtime_ns)
        seen = _remembered(known, key)
        if seen is None:
            seen = _read(path)
            if seen.state == "closed":
                _remember(known, key, seen)
        return Session(
            clean(path.stem),
            path,
            bytes=found.st_size,
            changed=found.st_mtime,
            **msgspec.structs.asdict(seen),
        )

    @contextlib.contextmanager
    def _known(self) -> Iterator[sqlite3.Connection | None]:
        """The catalogue's database, or None where it cannot be had: then every file is opened anew."""
        try:
            connection = sqlite3.connect(self.folder / _CATALOGUE, isolation_level=None, timeout=2)
        except sqlite3.Error:
            yield None
            return
        try:
            (form,) = connection.execute("pragma user_version").fetchone()
            if form != _FORM:
                with Transaction(connection):
                    connection.execute("drop table if exists session")
                    columns = {"name": str, "bytes": int, "changed_ns": int, "known": bytes}
                    Database(connection).table("session").create(columns, pk="name")
                    connection.execute(f"pragma user_version = {_FORM}")
            yield connection
        except sqlite3.Error:
            yield None
        finally:
            connection.close()


def _remembered(known: sqlite3.Connection | None, key: tuple[str, int, int]) -> _Known | None:
    if known is None:
        return None
    try:
        sql = "select known from session where name = ? and bytes = ? and changed_ns = ?"
        row = known.execute(sql, key).fetchone()
        return msgspec.json.decode(row[0], type=_Known) if row else None
    except (sqlite3.Error, msgspec.DecodeError):
        return None


def _remember(known: sqlite3.Connection | None, key: tuple[str, int, int], seen: _Known) -> None:
    if known is not None:
        with contextlib.suppress(sqlite3.Error):
            row = (*key, msgspec.json.encode(seen))
            known.execute("insert or replace into session values (?, ?, ?, ?)", row)


def _read(path: Path) -> _Known:
    try:
        with Recording(path) as recording:
            closed = recording.header.closed_ns is not None
            return _Known(
                "recording" if recording.being_written else "closed" if closed else "unclosed",
                recording.header.id,
                recording.start or recording.header.started_ns,
                recording.seconds,
                tuple(i.symbol for i in recording.instruments),
                len(recording.marks),
                recording.lost,
                recording.header.parent,
            )
    except StoreError as error:
        return _Known("unreadable", note=str(error))


def _recover(path: Path) -> str:
    if is_being_written(path):
        return ""
    with Recording(path) as recording:
        closed, lost, end = recording.header.closed_ns, recording.lost, recording.end
    if closed is not None and not path.with_name(path.name + "-wal").exists():
        return ""
    try:
        with WriteLock(path):
            connection = open_writer(path)
            try:
                refuse_programs(connection, path)
                if read_header(connection).closed_ns is None:
                    with Transaction(connection):
                        write_ending(connection, end, lost)
                # Not while somebody reads it; then the next start does it.
                with contextlib.suppress(sqlite3.OperationalError):
                    connection.execute("pragma journal_mode = delete")
            finally:
                connection.close()
    except BeingWritten:
        return ""  # another instance is at it
    except BadRecording:
        raise
    except (sqlite3.Error, StoreError) as error:
        return f"{lost} ({error})" if closed is None else ""
    return lost if closed is None else ""


def _stem(name: str) -> str:
    """The name of a session that somebody chose. Raises StoreError where it is none."""
    stem = name.removesuffix(SUFFIX)
    if not stem or stem != Path(stem).name or stem.startswith(".") or not stem.isprintable():
        raise StoreError(f"expected a name without / such as fomc-surprise, found {name!r}")
    return stem


def _delete(path: Path) -> None:
    path.unlink()
    for beside in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + beside).unlink(missing_ok=True)


def _names(paths: list[Path]) -> str:
    return ", ".join(clean(path.stem) for path in paths[:5]) + (", …" if len(paths) > 5 else "")
