"""What the paid tier spent, in millionths of a dollar, under a monthly ceiling that no two processes pass together.

Money is reserved before a request leaves and settled when its answer is there. Both are transactions that begin with
the write lock, so whoever runs in parallel sees what others hold. Settled and unsettled money of a UTC month never
exceed the ceiling together.

A reservation that nobody settles, because its process died, counts as spent: the request may have been answered and
billed. After EXPIRES_S it is shown as such. A settlement that comes later still, as from a machine that slept,
corrects it.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from engine.text import clean

EXPIRES_S = 900.0  # beyond the longest deadline of a request, 600 s
WAIT_S = 5.0  # for others who write
# The file holds other things as well: every table says whose it is. Numbers of reservations are never used twice, so
# that a late settlement meets its own or none.
_TABLES = (
    "create table if not exists spend_month "
    "(month text primary key, micro integer not null check (micro >= 0)) strict",
    "create table if not exists spend_reservation (number integer primary key autoincrement, "
    "month text not null, micro integer not null check (micro >= 0), made_s real not null) strict",
)


class Spend:
    """`engine.sentiment.gateway.Purse` over a small database, shared by all processes. For any thread; never raises.

    >>> import tempfile
    >>> purse = Spend(Path(tempfile.mkdtemp()) / "state.db", ceiling_micro=100)
    >>> number = purse.reserve(70)
    >>> purse.reserve(31), purse.reason
    (None, 'the ceiling of $0.0001 this month leaves less than $0.000031: $0.00 is spent and $0.00007 held')
    >>> purse.settle(number, 40)
    >>> purse.spent_micro
    40
    """

    def __init__(self, path: Path, ceiling_micro: int, now_s: Callable[[], float] = time.time) -> None:
        self.ceiling_micro = ceiling_micro
        self.reason = ""  # why the last reservation was refused
        self._path, self._now_s = path, now_s
        self._lock = threading.Lock()
        self._known = ("", 0)  # month, and what was spent in it when last asked
        self.refresh()

    @property
    def spent_micro(self) -> int:
        """Of this UTC month by all processes, as of this one's last reservation, settlement or refresh."""
        month, micro = self._known
        return micro if month == _month(self._now_s()) else 0

    def reserve(self, micro: int) -> int | None:
        """The number of a reservation. None where the ceiling or the file does not allow it; `reason` says why."""
        if micro < 0:
            raise ValueError(f"expected no less than 0, found {micro}")
        now = self._now_s()
        month = _month(now)
        try:
            with self._writing() as connection:
                spent, held = _spent_and_held(connection, month, now)
                self._known = (month, spent)
                if spent + held + micro > self.ceiling_micro:
                    self.reason = (
                        f"the ceiling of {dollars(self.ceiling_micro)} this month leaves less than {dollars(micro)}: "
                        f"{dollars(spent)} is spent and {dollars(held)} held"
                    )
                    return None
                made = connection.execute(
                    "insert into spend_reservation (month, micro, made_s) values (?, ?, ?)",
                    (month, micro, now),
                )
                number = made.lastrowid
        except (sqlite3.Error, OSError) as error:
            self.reason = f"{self._path} cannot keep account of what is spent: {clean(str(error), 100)}"
            return None
        self.reason = ""
        return number

    def settle(self, number: int, micro: int) -> None:
        """Turn a reservation into what was spent of it: at least nothing, at most all. Of an unknown one, nothing.

        Where the file cannot be written the whole reservation goes on counting.
        """
        with contextlib.suppress(sqlite3.Error, OSError), self._writing() as connection:
            found = connection.execute(
                "delete from spend_reservation where number = ? returning month, micro", (number,)
            ).fetchone()
            if found is not None:
                month, reserved = found
                connection.execute(
                    "insert into spend_month (month, micro) values (?, ?) "
                    "on conflict (month) do update set micro = micro + excluded.micro",
                    (month, max(0, min(micro, reserved))),
                )
            now = self._now_s()
            self._known = (_month(now), _spent_and_held(connection, _month(now), now)[0])

    def refresh(self) -> None:
        """Look what other processes spent."""
        if not self._path.exists():
            return
        with contextlib.suppress(sqlite3.Error, OSError), self._writing() as connection:
            now = self._now_s()
            self._known = (_month(now), _spent_and_held(connection, _month(now), now)[0])

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that has the write lock from its first word on."""
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=WAIT_S)
            try:
                connection.execute("begin immediate")
                try:
                    for table in _TABLES:
                        connection.execute(table)
                    yield connection
                    connection.execute("commit")
                finally:
                    if connection.in_transaction:
                        connection.execute("rollback")
            finally:
                connection.close()


def dollars(micro: int) -> str:
    """
    >>> dollars(1_250_000), dollars(31)
    ('$1.25', '$0.000031')
    """
    whole, rest = divmod(micro, 1_000_000)
    return f"${whole}.{f'{rest:06}'.rstrip('0'):0<2}"


def _spent_and_held(connection: sqlite3.Connection, month: str, now: float) -> tuple[int, int]:
    settled = connection.execute("select micro from spend_month where month = ?", (month,)).fetchone()
    expired, held = connection.execute(
        "select total(micro) filter (where made_s < :since), total(micro) filter (where made_s >= :since) "
        "from spend_reservation where month = :month",
        {"since": now - EXPIRES_S, "month": month},
    ).fetchone()
    return (settled[0] if settled else 0) + int(expired), int(held)


def _month(now_s: float) -> str:
    return datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m")
