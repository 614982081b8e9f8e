# ruff: noqa: S608 (names of tables and columns are this package's own; values are always bound)
"""The shape of a recording's file: its tables, its versions, and how to open one that may be anyone's.

A file says that it is ours by SQLite's `application_id` and which form it has by `user_version`. Older forms
migrate, a step at a time; newer ones are refused with the version to install. Nothing that a file brings with
it is run: triggers, views and generated columns are never touched.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from engine.text import clean
from store.database import Database
from store.errors import BadRecording, BeingWritten, NewerRecording, NotARecording, StoreError
from store.lock import WriteLock, is_being_written
from store.tables import INSTRUMENTS, PLAIN, Columns

APPLICATION_ID = 0x6D_74_75_69  # "mtui"
SUFFIX = ".sqlite"
PAGE_BYTES = 4096
MAX_BLOB_BYTES = 64 << 20  # SQLite's own limit on one value, for files from strangers

_SINCE_THIRD = ("sentiment", "fills", "shocks")
_SINCE_FIFTH = ("factors", "advice", "outcomes", "decisions", "transfers")

# The recording itself.
BLOCK: Columns = {"seq": int, "last_seq": int, "ts": int, "last_ts": int, "rows": int, "blob": bytes}
EVENTS: dict[str, Columns] = {
    "header": {"key": str, "value": str},
    "hot": BLOCK,
    "chunk": BLOCK,
    "checkpoint": {"seq": int, "ts": int, "base": int, "size": int, "blob": bytes},
    "gap": {"seq": int, "last_seq": int, "ts": int, "last_ts": int, "reason": str},
}
TABLES: dict[str, Columns] = {**EVENTS, **PLAIN}

_KEYS = {
    "header": "key",
    "hot": "seq",
    "chunk": "seq",
    "checkpoint": "seq",
    "gap": "seq",
    "trades": "seq",
    "fills": "seq",
}


def _time(column: str) -> str:
    """ISO 8601 text of a column of ns; SQLite's own clock functions stop at ms."""
    return (
        f"strftime('%Y-%m-%dT%H:%M:%S', {column} / 1000000000, 'unixepoch')"
        f" || printf('.%09dZ', {column} % 1000000000)"
    )


def _first_form(db: Database) -> None:
    for name, columns in TABLES.items():
        if name not in ("instruments", *_SINCE_THIRD, *_SINCE_FIFTH):
            db.table(name).create(columns, pk=_KEYS.get(name))
    one_a_symbol = {name: kind for name, kind in INSTRUMENTS.items() if name != "from_seq"}
    db.table("instruments").create(one_a_symbol, pk="symbol")
    db.table("checkpoint").create_index(["ts"])
    db.table("chunk").create_index(["ts"])
    db.table("book_metrics").create_index(["ts"])
    for name in ("book_metrics", "signals", "alerts", "marks", "health"):
        db.create_view(f"{name}_iso", f'select {_time("ts")} as time, * from "{name}"')


def _second_form(db: Database) -> None:
    """Every listing of an instrument is kept, and a trade is read with the one that held for it."""
    db.execute("drop view if exists trades_iso")
    db.execute("alter table instruments rename to listed_once")
    db.table("instruments").create(INSTRUMENTS, pk=("symbol", "from_seq"))
    kept = ", ".join(name if name != "from_seq" else "0" for name in INSTRUMENTS)
    db.execute(f"insert into instruments select {kept} from listed_once")
    db.execute("drop table listed_once")
    price = "printf('%.*f', i.price_decimals, t.price_ticks * cast(i.tick_size as real))"
    size = "printf('%.*f', i.size_decimals, t.size_lots * cast(i.lot_size as real))"
    db.create_view(
        "trades_iso",
        f"select {_time('t.ts')} as time, t.ts, i.name as asset, i.venue as exchange, t.trade_id, "
        f"{price} as price, {size} as size, case t.side when 1 then 'buy' when -1 then 'sell' end as side "
        "from trades t join instruments i on i.symbol = t.symbol and i.from_seq = "
        "(select max(from_seq) from instruments where symbol = t.symbol and from_seq <= t.seq)",
    )


def _third_form(db: Database) -> None:
    """What people wrote, what our side did on paper, and shocks."""
    _create(db, _SINCE_THIRD)


def _create(db: Database, names: tuple[str, ...]) -> None:
    for name in names:
        db.table(name).create(PLAIN[name], pk=_KEYS.get(name))
        db.create_view(f"{name}_iso", f'select {_time("ts")} as time, * from "{name}"')


def _fourth_form(db: Database) -> None:
    """A post has one row from its first score on; it is written over when more is known."""
    db.execute("delete from sentiment where rowid not in (select max(rowid) from sentiment group by post)")
    db.table("sentiment").create_index(["post"], unique=True)


def _fifth_form(db: Database) -> None:
    """Regimes, advice and what became of it, and transfers on public chains."""
    _create(db, _SINCE_FIFTH)


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    _first_form,
    _second_form,
    _third_form,
    _fourth_form,
    _fifth_form,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an own or empty file to the newest form, in one transaction."""
    db = Database(connection)
    with db.atomic():
        (found,) = connection.execute("pragma user_version").fetchone()
        for step in MIGRATIONS[found:]:
            step(db)
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
        connection.execute(f"pragma user_version = {len(MIGRATIONS)}")


class Transaction(contextlib.AbstractContextManager[None]):
    """All of the statements inside, or none of them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("begin immediate")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._connection.execute("commit")
        elif self._connection.in_transaction:
            self._connection.execute("rollback")


def open_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes: WAL, a commit that survives kill -9, room given back in steps.

    Raises sqlite3.Error where the file cannot be made or written.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=1, check_same_thread=False)
    connection.execute(f"pragma page_size = {PAGE_BYTES}")
    connection.execute("pragma auto_vacuum = incremental")
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma trusted_schema = off")
    connection.execute("pragma wal_autocheckpoint = 1000")
    migrate(connection)
    return connection


def open_reader(path: Path) -> tuple[sqlite3.Connection, str]:
    """A connection that can only read, and what is known to be lost (a sentence, or nothing).

    Works beside a writer. Raises NotARecording, NewerRecording or BadRecording.
    """
    live = is_being_written(path)
    lost = "" if live else _look_at_file(path)
    try:
        if not live and not lost:
            _upgrade(path)
        connection = _connect(path, "mode=ro")
        _check(connection, path, cut=bool(lost))
    except sqlite3.OperationalError as error:
        # A log beside it that cannot be used, as in a folder that cannot be written: the file alone will do.
        if "unable to open" not in str(error) and "readonly" not in str(error):
            raise BadRecording(f"{path.name} cannot be read: {error}") from None
        connection = _connect(path, "mode=ro&immutable=1")
        _check(connection, path, cut=bool(lost))
        if path.with_name(path.name + "-wal").exists():
            lost = lost or "its folder cannot be written, so the last seconds beside the file are not read"
    except sqlite3.DatabaseError as error:
        raise BadRecording(f"{path.name} is damaged: {error}") from None
    return connection, lost


def refuse_programs(connection: sqlite3.Connection, path: Path) -> None:
    """Raise BadRecording where the file brings triggers, virtual tables or views that are not ours.

    Reading never runs any of them; this is for a file that is to be written to or kept among one's own.
    """
    views = {f"{name}_iso" for name in PLAIN}
    for kind, name, sql in connection.execute("select type, name, sql from sqlite_schema").fetchall():
        virtual = kind == "table" and not str(sql).upper().startswith("CREATE TABLE")
        if kind == "trigger" or virtual or (kind == "view" and name not in views):
            found = clean(f"{kind} {name}", 60)
            raise BadRecording(f"{path.name} brings a {found} along, which no recording of microtui has")


def _upgrade(path: Path) -> None:
    """Rewrite a file of an older form, once and for good."""
    connection = _connect(path, "mode=ro")
    (application,) = connection.execute("pragma application_id").fetchone()
    (form,) = connection.execute("pragma user_version").fetchone()
    connection.close()
    if application != APPLICATION_ID or form >= len(MIGRATIONS):
        return
    try:
        with WriteLock(path), contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            refuse_programs(connection, path)
            migrate(connection)
    except (BadRecording, BeingWritten):
        raise
    except (sqlite3.OperationalError, StoreError) as error:
        raise BadRecording(
            f"{path.name} has the older form {form} and cannot be brought to form {len(MIGRATIONS)} "
            f"where it is ({error}); copy it to a folder that can be written"
        ) from None


def _connect(path: Path, how: str) -> sqlite3.Connection:
    quoted = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = sqlite3.connect(
        f"file:{quoted}?{how}", uri=True, isolation_level=None, timeout=2, check_same_thread=False
    )
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BLOB_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in ("trusted_schema = off", "query_only = on", "cell_size_check = on", "mmap_size = 0"):
        connection.execute(f"pragma {pragma}")
    return connection


def _look_at_file(path: Path) -> str:
    """Refuse what is no database; say it when the file is shorter than it says itself.

    Never for a file that this process writes: POSIX lets go of a process's locks when any handle is closed.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        raise NotARecording(f"there is no file {path}") from None
    except OSError as error:
        raise NotARecording(f"{path} cannot be read: {error.strerror}") from None
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        raise NotARecording(f"{path.name} is not a recording: expected a SQLite file, found something else")
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    whole = pages * (65536 if page == 1 else page)
    if size < whole and not path.with_name(path.name + "-wal").exists():
        return f"the file is cut: {size:,} of {whole:,} bytes are there"
    return ""


def _check(connection: sqlite3.Connection, path: Path, *, cut: bool) -> None:
    if cut:
        # SQLite refuses a file that is too short altogether, unless told that its schema is under repair.
        connection.execute("pragma writable_schema = on")
    (application,) = connection.execute("pragma application_id").fetchone()
    (form,) = connection.execute("pragma user_version").fetchone()
    if application != APPLICATION_ID:
        raise NotARecording(f"{path.name} is a SQLite file, but not a recording of microtui")
    if form > len(MIGRATIONS):
        raise NewerRecording(
            f"{path.name} has form {form} and this microtui reads up to form {len(MIGRATIONS)}: "
            f"{_who_wrote(connection)}"
        )
    if form < len(MIGRATIONS):
        raise BadRecording(
            f"{path.name} has the older form {form}, which is read once it is whole, closed and brought to "
            f"form {len(MIGRATIONS)}"
        )
    for name, columns in TABLES.items():
        found = connection.execute("select type, name, hidden from pragma_table_xinfo(?)", (name,)).fetchall()
        kind = connection.execute("select type, sql from sqlite_schema where name = ?", (name,)).fetchone()
        if (
            not found
            or kind is None
            or kind[0] != "table"
            or not str(kind[1]).upper().startswith("CREATE TABLE")
        ):
            raise BadRecording(f"{path.name} has no table {name}")
        if any(hidden for _, _, hidden in found) or [c for _, c, _ in found] != list(columns):
            raise BadRecording(f"the table {name} of {path.name} does not have the columns of form {form}")


def _who_wrote(connection: sqlite3.Connection) -> str:
    try:
        row = connection.execute("select value from header where key = 'microtui'").fetchone()
    except sqlite3.Error:
        row = None
    version = clean(str(row[0]), 40) if row else ""
    return f"install microtui {version} or later" if version else "install a later microtui"
