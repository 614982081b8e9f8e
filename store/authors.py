"""What sites told of authors, for thirty days: a table of the state file, by the author's keyed hash, no name."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

WAIT_S = 5.0  # for others who write
MOST = 20_000  # authors
# The file holds other things as well: every table says whose it is.
_TABLE = (
    "create table if not exists author_account (author text primary key, told_s real not null, "
    "born_day integer, karma integer, verified integer, says_bot integer) strict"
)
_FIELDS = 4


class AuthorShelf:
    """`engine.sentiment.authors.Shelf` over a small database that processes share. For any thread; never raises.

    What cannot be written is not kept: it is asked for again in the next session.

    >>> import tempfile
    >>> shelf = AuthorShelf(Path(tempfile.mkdtemp()) / "state.db")
    >>> shelf.put("5f0c", 1000.0, (19000, 120, 1, None))
    >>> shelf.read(since_s=999.0), shelf.read(since_s=1001.0)
    ([('5f0c', 1000.0, (19000, 120, 1, None))], [])
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def read(self, since_s: float) -> list[tuple[str, float, tuple[int | None, ...]]]:
        """What was told since then, the oldest first, at most MOST; what is older is deleted."""
        if not self._path.exists():
            return []
        with contextlib.suppress(sqlite3.Error, OSError), self._writing() as connection:
            connection.execute("delete from author_account where told_s < ?", (since_s,))
            found = connection.execute(
                "select author, told_s, born_day, karma, verified, says_bot from author_account "
                "order by told_s desc limit ?",
                (MOST,),
            ).fetchall()
            return [(author, told_s, tuple(fields)) for author, told_s, *fields in reversed(found)]
        return []

    def put(self, author: str, at_s: float, profile: tuple[int | None, ...]) -> None:
        """`profile`: born_day, karma, verified, says_bot."""
        if len(profile) != _FIELDS:
            raise ValueError(f"expected {_FIELDS} fields of a profile, found {len(profile)}")
        with contextlib.suppress(sqlite3.Error, OSError), self._writing() as connection:
            connection.execute(
                "insert or replace into author_account values (?, ?, ?, ?, ?, ?)", (author, at_s, *profile)
            )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=WAIT_S)
            try:
                connection.execute("begin immediate")
                try:
                    connection.execute(_TABLE)
                    yield connection
                    connection.execute("commit")
                finally:
                    if connection.in_transaction:
                        connection.execute("rollback")
            finally:
                connection.close()
