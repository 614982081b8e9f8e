"""The fake exchange's own book, by update id: plain dicts, shared with nothing the engine computes with.

Prices and sizes are whole units of 1e-8, more digits than any venue writes here. A test asks an `Oracle` what
the book was at an update id and compares; the exchange asks it for the snapshots that it serves.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

UNITS = 10**8
JOURNAL_LIMIT = 100_000  # changes; beyond it the older half is folded into the base: minutes of one symbol


def to_units(text: str) -> int:
    """Decimal text with up to eight digits behind the point -> whole units.

    >>> to_units("61737.63000000"), to_units("0.01")
    (6173763000000, 1000000)
    """
    whole, _, rest = text.partition(".")
    return int(whole + rest.ljust(8, "0")[:8])


def to_text(units: int) -> str:
    """Whole units -> decimal text with eight digits, as Binance spot writes it.

    >>> to_text(6173763000000)
    '61737.63000000'
    """
    return f"{units // UNITS}.{units % UNITS:08d}"


def to_digits(units: int, digits: int) -> str:
    """Whole units -> decimal text with so many digits behind the point; what is finer is left out.

    >>> to_digits(6173763000000, 2), to_digits(6173763000000, 0)
    ('61737.63', '61737')
    """
    whole, rest = divmod(units, UNITS)
    return f"{whole}.{rest:08d}"[: digits - 8] if 0 < digits < 8 else to_text(units) if digits else str(whole)


def to_short(units: int) -> str:
    """Whole units -> decimal text without trailing zeros.

    >>> to_short(6173763000000), to_short(500000000), to_short(0)
    ('61737.63', '5', '0')
    """
    return to_text(units).rstrip("0").rstrip(".")


class Change(NamedTuple):
    """One level's new size at one update id; size zero removes the level."""

    update_id: int
    is_ask: bool
    price: int
    size: int


@dataclass
class PlainBook:
    """Both sides as price -> size, in units, as of one update id."""

    update_id: int
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        side = self.asks if change.is_ask else self.bids
        if change.size:
            side[change.price] = change.size
        else:
            side.pop(change.price, None)
        self.update_id = change.update_id

    def copy(self) -> PlainBook:
        return PlainBook(self.update_id, dict(self.bids), dict(self.asks))

    def best(self) -> tuple[int, int, int, int]:
        """Best bid, its size, best ask, its size."""
        bid, ask = max(self.bids), min(self.asks)
        return bid, self.bids[bid], ask, self.asks[ask]

    def sorted_bids(self, limit: int | None = None) -> list[tuple[int, int]]:
        """Price and size, best first."""
        return [(p, self.bids[p]) for p in sorted(self.bids, reverse=True)[:limit]]

    def sorted_asks(self, limit: int | None = None) -> list[tuple[int, int]]:
        return [(p, self.asks[p]) for p in sorted(self.asks)[:limit]]


class Oracle:
    """The book now, and the book at any update id since the journal's base."""

    def __init__(self, start: PlainBook) -> None:
        self.now = start.copy()
        self._base = start.copy()
        self._journal: list[Change] = []
        self._cursor, self._applied = start.copy(), 0

    def record(self, change: Change) -> None:
        self.now.apply(change)
        self._journal.append(change)
        if len(self._journal) > JOURNAL_LIMIT:
            half = JOURNAL_LIMIT // 2
            for old in self._journal[:half]:
                self._base.apply(old)
            del self._journal[:half]
            self._cursor, self._applied = self._base.copy(), 0

    def reach(self, update_id: int) -> None:
        """The book is this old now, whether anything changed or not."""
        self.now.update_id = update_id

    def book_at(self, update_id: int) -> PlainBook:
        """The book with every change up to and including `update_id`.

        Raises LookupError for an id before the journal's base or beyond the newest change.
        """
        if not self._base.update_id <= update_id <= self.now.update_id:
            raise LookupError(
                f"the journal knows ids {self._base.update_id}..{self.now.update_id}, not {update_id}"
            )
        if update_id < self._cursor.update_id:
            self._cursor, self._applied = self._base.copy(), 0
        stop = bisect_right(self._journal, update_id, lo=self._applied, key=_update_id)
        for change in self._journal[self._applied : stop]:
            self._cursor.apply(change)
        self._applied = stop
        book = self._cursor.copy()
        book.update_id = update_id
        return book


def _update_id(change: Change) -> int:
    return change.update_id
