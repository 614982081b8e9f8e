"""A LOBSTER day as a session: trades, changes of the book and tops, a message at a time.

Every message goes through the matching engine (`engine.kernels.lobster`), and what the book shows is what the engine
made of it wherever that can be known. Tops are those of the orderbook file, so that the session's own proof compares
the two again. Hidden orders print trades and leave the book alone, as in the files; a halt is told as the venue's
status, and a book that crosses while it lasts is stale until it no longer does.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, GOES_ON, MISSING, Batch, Levels, Rows, no_levels
from engine.data.batches import beginning, blank, cut, in_order, tick_of
from engine.data.errors import DataError
from engine.data.exact import Ints
from engine.data.lobster import VENUE, Day, Pair
from engine.events import FeedStatus, Kind, Note, Setup
from engine.feeds.clock import TICK_NS
from engine.kernels import lobster as kernel
from engine.kernels.matching_state import MAX_HANDLES, MAX_NODES, TRADE, State, new_state
from engine.text import clean

CHUNK = 20_000
_SECOND_NS = 1_000_000_000
_HALTS = {
    -1: ("HALT", "trading is halted"),
    0: ("HALT", "quoting has resumed, trading has not"),
    1: ("TRADING", ""),
}


class LobsterDay:
    """One day's batches. `matched` and `out_of_turn` count executions, by whether the matching engine's first in the
    queue was the order that the file names."""

    def __init__(self, pair: Pair, day: Day, setup: Setup) -> None:
        self._pair, self._day, self._setup = pair, day, setup
        self.instrument = day.instrument
        self.note = (
            f"{self.instrument.symbol} on {pair.day}, rebuilt from LOBSTER's messages and checked against its book "
            f"of {pair.levels} levels at every message"
        )
        named, handles = np.unique(day.ids[day.kinds <= 4], return_inverse=True)
        self._named = len(named)
        self._messages = np.zeros((len(day.ts), 5), np.int64)
        self._messages[day.kinds <= 4, kernel.M_HANDLE] = handles
        for column, values in (
            (kernel.M_TYPE, day.kinds),
            (kernel.M_LOTS, day.lots),
            (kernel.M_TICKS, day.ticks),
            (kernel.M_DIRECTION, day.directions),
        ):
            self._messages[:, column] = values
        there = [day.books[:, :, at][day.books[:, :, at + 1] > 0] for at in (0, 2)]
        self._prices = np.unique(np.concatenate([day.ticks[day.kinds <= 4], *there]))
        if self._named + 2 * len(self._prices) > MAX_HANDLES:
            raise DataError(f"a day of more than {MAX_HANDLES:,} orders and prices cannot be held")
        self._counts = np.zeros(kernel.COUNTED, np.int64)
        self._fault = np.zeros(kernel.FAULT, np.int64)
        self._trades = np.zeros(4, TRADE)
        self._start_over()

    @property
    def matched(self) -> int:
        return int(self._counts[kernel.MATCHED])

    @property
    def out_of_turn(self) -> int:
        return int(self._counts[kernel.OUT_OF_TURN])

    def _start_over(self) -> None:
        nodes = min(len(self._messages) + 4 * len(self._prices) + 16, MAX_NODES)
        handles = self._named + 2 * len(self._prices) + 1
        self._state: State = new_state(nodes=nodes, handles=handles, levels=2 * len(self._prices) + 4)
        self._sight = kernel.new_sight()

    def batches(self) -> Iterator[Batch]:
        """All of the day, in order. Raises DataError with file and line where the files cannot both be right."""
        after = int(tick_of(self._day.ts[:1])[0]) - TICK_NS
        first = beginning(
            self.instrument,
            after,
            self._setup,
            self.note,
            depth_limit=self._pair.levels,
            book=self._sides(0),
            flags=self._wholes(0),
            update_id=1,
        )
        for number, (start, stop, crossed) in enumerate(self._stretches()):
            self._start_over()
            for at, end in self._chunks(start, stop):
                if crossed:
                    parts = _Parts(self._day, at, end, "STALE")
                    if at == start:
                        parts.status("the book is crossed until trading resumes", at)
                else:
                    parts = self._followed(at, end)
                    if at == start and number:
                        parts.snapshot(at, self._sides(at), self._wholes(at))
                        parts.status("", at)
                if not at:
                    yield first
                rows, levels = parts.laid_out()
                for batch in cut(rows, levels, parts.notes, after):
                    after = int(batch.rows[-1]["ts_recv"])
                    yield batch

    def _chunks(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Parts of about CHUNK messages, none of which ends within a tick unless the stretch does."""
        ticks = tick_of(self._day.ts[start:stop])
        at = 0
        while at < len(ticks):
            end = int(np.searchsorted(ticks, ticks[min(at + CHUNK, len(ticks)) - 1], side="right"))
            yield start + at, start + end
            at = end

    def _stretches(self) -> list[tuple[int, int, bool]]:
        """(first row, row behind the last, whether the book is crossed there): only a halted one may be."""
        day = self._day
        best_ask, best_bid = day.books[:, 0, :2], day.books[:, 0, 2:]
        crossed = (best_ask[:, 1] > 0) & (best_bid[:, 1] > 0) & (best_bid[:, 0] >= best_ask[:, 0])
        wrong = crossed & ~_halted(day)
        if wrong.any() or crossed[0]:
            line = int(np.argmax(wrong)) + 1
            raise DataError(f"{self._books_name}, line {line}: expected the best bid below the best ask")
        turns = np.flatnonzero(np.diff(crossed)) + 1
        bounds = [0, *turns.tolist(), len(crossed)]
        return [(a, b, bool(crossed[a])) for a, b in pairwise(bounds)]

    def _followed(self, start: int, stop: int) -> _Parts:
        """Rows through the matching engine, as trades, changes and tops."""
        room = np.empty((4 * self._pair.levels * (stop - start), 2), np.int64)
        turns = np.zeros((stop - start, 3), np.int64)
        why, row = kernel.follow(
            self._messages, self._day.books, start, stop, self._state, self._prices, self._named,
            self._sight, self._trades, room, turns, self._counts, self._fault,
        )  # fmt: skip
        if why != kernel.FINE:
            raise self._said(why, row)
        parts = _Parts(self._day, start, stop)
        parts.changes(turns, room)
        seconds = self._day.ts[start:stop] // _SECOND_NS
        for at in np.flatnonzero(np.diff(seconds, append=-1)).tolist():
            parts.snapshot(start + at, self._sides(start + at), self._wholes(start + at) | GOES_ON)
        return parts

    def _sides(self, row: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        book = self._day.books[row].tolist()
        return (
            [(ticks, lots) for _, _, ticks, lots in book if lots],
            [(ticks, lots) for ticks, lots, _, _ in book if lots],
        )

    def _wholes(self, row: int) -> int:
        """A side of fewer levels than the file has room for is known to its end."""
        last = self._day.books[row, -1]
        return (0 if last[3] else BIDS_WHOLE) | (0 if last[1] else ASKS_WHOLE)

    @property
    def _books_name(self) -> str:
        return clean(self._pair.books.name, 100)

    def _said(self, why: int, row: int) -> DataError:
        kinds, text = ("to sell", "to buy"), self.instrument.tick.text_of
        message = f"{clean(self._pair.messages.name, 100)}, line {row + 1}"
        if why == kernel.DIFFERS:
            side, ticks, ours, file = self._fault[: kernel.FAULT_FILE + 1].tolist()
            return DataError(
                f"{self._books_name}, line {row + 1}: after its message the matching engine has {ours:,} at the "
                f"{'ask' if side else 'bid'} of {text(ticks)}, the file has {file:,}"
            )
        order = f"{kinds[int(self._day.directions[row]) > 0]} at {text(int(self._day.ticks[row]))}"
        if why == kernel.TOO_MUCH:
            ours, file = self._fault[kernel.FAULT_OURS : kernel.FAULT_FILE + 1].tolist()
            return DataError(
                f"{message}: expected at most the {ours:,} that rest of the order {int(self._day.ids[row])} "
                f"{order} to be executed, found {file:,}"
            )
        if why == kernel.WOULD_TRADE:
            return DataError(
                f"{message}: expected a new order that rests, found one {order} that would trade"
            )
        if why == kernel.KNOWN_ORDER:
            return DataError(
                f"{message}: expected a new order, found {int(self._day.ids[row])}, which rests already"
            )
        return DataError(f"{message}: more orders rest than the matching engine holds")


def _halted(day: Day) -> npt.NDArray[np.bool_]:
    """Whether trading is halted, after each message."""
    said = np.where(day.kinds == 7, np.arange(len(day.ts)), -1)
    latest = np.maximum.accumulate(said)
    found: npt.NDArray[np.bool_] = (latest >= 0) & (day.ticks[latest] < 1)
    return found


class _Parts:
    """The rows of some messages, by rank: what is said of a message stands in this order."""

    _NOTE, _TRADE, _DELTA, _TOP, _SNAPSHOT, _STATUS, _RANKS = range(7)

    def __init__(self, day: Day, start: int, stop: int, state: str = "SYNCED") -> None:
        self._day, self._start, self._stop, self._state = day, start, stop, state
        self._parts: list[tuple[Ints, Rows]] = []
        self._noted: list[tuple[int, Note]] = []  # by rank
        self._pool: list[Levels] = []
        self._pooled = 0
        self._trades()
        for at in (start + np.flatnonzero(day.kinds[start:stop] == 7)).tolist():
            trading, reason = _HALTS[int(day.ticks[at])]
            self._note(FeedStatus(VENUE, state, 0, reason, trading=trading), at, self._NOTE)

    def changes(self, turns: Ints, room: Levels) -> None:
        """What each row changed, (begin, bids, asks), and its top where it changed anything."""
        at = np.flatnonzero(turns[:, 1] + turns[:, 2])
        rows = self._of(Kind.DELTA, self._start + at)
        rows["ts_event"] = (
            MISSING  # an import has no latency, and no trade is already in the book that it moves
        )
        rows["first_id"] = rows["last_id"]
        rows["level_start"] = turns[at, 0] + self._pooled
        rows["bid_count"], rows["ask_count"] = turns[at, 1], turns[at, 2]
        self._pool.append(room)
        self._pooled += len(room)
        self._add(self._start + at, self._DELTA, rows)
        tops = self._of(Kind.TOP, self._start + at)
        best = self._day.books[self._start + at, 0]
        for name, column in (("ask_ticks", 0), ("ask_lots", 1), ("price_ticks", 2), ("size_lots", 3)):
            tops[name] = np.where(best[:, column | 1] > 0, best[:, column], 0)
        self._add(self._start + at, self._TOP, tops)

    def snapshot(
        self, at: int, sides: tuple[list[tuple[int, int]], list[tuple[int, int]]], flags: int
    ) -> None:
        bids, asks = sides
        row = self._of(Kind.SNAPSHOT, np.array([at]))
        row["level_start"], row["bid_count"], row["ask_count"] = self._pooled, len(bids), len(asks)
        row["flags"] = flags
        levels = np.array(bids + asks, np.int64).reshape(-1, 2)
        self._pool.append(levels)
        self._pooled += len(levels)
        self._add(np.array([at]), self._SNAPSHOT, row)

    def status(self, reason: str, at: int) -> None:
        """How the book is doing from here on."""
        self._note(FeedStatus(VENUE, self._state, 0, reason), at, self._STATUS)

    @property
    def notes(self) -> list[Note]:
        return [note for _, note in sorted(self._noted, key=lambda noted: noted[0])]

    def laid_out(self) -> tuple[Rows, Levels]:
        return in_order(self._parts, np.concatenate([no_levels(), *self._pool]))

    def _trades(self) -> None:
        """Executions of visible and hidden orders, and crosses, which have no aggressor."""
        day = self._day
        part = slice(self._start, self._stop)
        at = self._start + np.flatnonzero(np.isin(day.kinds[part], (4, 5, 6)) & (day.lots[part] > 0))
        rows = self._of(Kind.TRADE, at)
        rows["price_ticks"], rows["size_lots"] = day.ticks[at], day.lots[at]
        rows["side"] = np.where(day.kinds[at] == 6, 0, -day.directions[at])
        self._add(at, self._TRADE, rows)

    def _of(self, kind: Kind, at: Ints) -> Rows:
        rows = blank(len(at), kind, self._day.ts[at])
        rows["last_id"] = at + 1
        return rows

    def _note(self, note: Note, at: int, what: int) -> None:
        rows = self._of(Kind.NOTE, np.array([at]))
        self._noted.append((at * self._RANKS + what, note))
        self._add(np.array([at]), what, rows)

    def _add(self, at: Ints, what: int, rows: Rows) -> None:
        self._parts.append((at * self._RANKS + what, rows))
