"""What became of advice in sessions of real markets: a table of the state file, a session's tallies by adviser.

A session writes its own rows over as it goes, so that one that is killed has kept what it knew a while ago, and one
that is read twice counts once.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.events import Baseline, Tally
from engine.limits import MAX_TALLIES, check_baseline
from engine.text import clean

WAIT_S = 5.0  # for others who write
# The file holds other things as well: every table says whose it is.
_COLUMNS = [
    "weak",
    "weak_hits",
    "clear",
    "clear_hits",
    "strong",
    "strong_hits",
    "ups",
    "downs",
    "brier",
    "net",
    "net_square",
]
_TABLE = (
    "create table if not exists advice_tally (session text not null, adviser text not null, "
    "horizon_s real not null, "
    + ", ".join(f"{name} {'real' if at > 7 else 'integer'} not null" for at, name in enumerate(_COLUMNS))
    + ", primary key (session, adviser, horizon_s)) strict"
)


class AdviceShelf:
    """Tallies over a small database that processes share. For any thread; never raises: `reason` says what failed.

    >>> import tempfile
    >>> shelf = AdviceShelf(Path(tempfile.mkdtemp()) / "state.db")
    >>> tally = Tally("news", 900.0, (1, 2, 3), (1, 1, 2), 3, 3, 1.5, -2.0, 9.0)
    >>> for session in ("a", "b", "b"):
    ...     shelf.put(session, [tally])
    >>> found = shelf.read()
    >>> found.sessions, found.tallies[0].pieces, found.tallies[0].net
    (2, (2, 4, 6), -4.0)
    """

    def __init__(self, path: Path) -> None:
        self.reason = ""
        self._path = path
        self._lock = threading.Lock()

    def read(self) -> Baseline:
        """All sessions together; nothing where there is no file or it cannot be used."""
        if not self._path.exists():
            return Baseline()
        sums = ", ".join(f"sum({name})" for name in _COLUMNS)
        try:
            with self._writing() as connection:
                (sessions,) = connection.execute(
                    "select count(distinct session) from advice_tally"
                ).fetchone()
                rows = connection.execute(
                    f"select adviser, horizon_s, {sums} from advice_tally "  # noqa: S608  our own names
                    "group by adviser, horizon_s order by sum(weak + clear + strong) desc limit ?",
                    (MAX_TALLIES,),
                ).fetchall()
            found = Baseline(tuple(_tally(*row) for row in rows), sessions)
            check_baseline(found)
        except (sqlite3.Error, OSError, ValueError) as error:
            self.reason = f"records of advisers in {self._path} are left out: {clean(str(error), 100)}"
            return Baseline()
        return found

    def put(self, session: str, tallies: Sequence[Tally]) -> None:
        """A session's tallies as they are now, in place of what it said before."""
        if not tallies:
            return
        marks = ", ".join("?" * (3 + len(_COLUMNS)))
        try:
            with self._writing() as connection:
                connection.executemany(
                    f"insert or replace into advice_tally values ({marks})",  # noqa: S608
                    [(session, t.adviser, t.horizon_s, *_values(t)) for t in tallies],
                )
        except (sqlite3.Error, OSError) as error:
            self.reason = f"{self._path} cannot keep records of advisers: {clean(str(error), 100)}"

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=WAIT_S)
            try:
                connection.execute("begin immediate")
                connection.execute(_TABLE)
                yield connection
                connection.execute("commit")
            finally:
                connection.close()


def _values(tally: Tally) -> tuple[float, ...]:
    counts = [number for pair in zip(tally.pieces, tally.hits, strict=True) for number in pair]
    return (*counts, tally.ups, tally.downs, tally.brier, tally.net, tally.net_square)


def _tally(adviser: str, horizon_s: float, *values: float) -> Tally:
    weak, weak_hits, clear, clear_hits, strong, strong_hits, ups, downs = (int(v) for v in values[:8])
    return Tally(
        clean(adviser, 40), horizon_s, (weak, clear, strong), (weak_hits, clear_hits, strong_hits), ups, downs,
        *values[8:],
    )  # fmt: skip
