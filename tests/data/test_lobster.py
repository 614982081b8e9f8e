"""LOBSTER days rebuilt by the matching engine, against the market of plain lists that wrote the files."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.batch import Batch
from engine.core import State, apply
from engine.data.errors import DataError
from engine.data.lobster import pair_of, read
from engine.data.lobster_rows import LobsterDay
from engine.events import FeedStatus, Kind, Setup
from tests.data.lobster_files import MIDNIGHT_NS, Row, Written, made


@dataclass
class Heard:
    """A session's rows, followed by a book of two dicts."""

    books: list[tuple[int, Row]] = field(default_factory=list)  # (message, the book after it)
    trades: list[tuple[int, int, int, int]] = field(default_factory=list)  # message, ticks, lots, side
    ticks: list[int] = field(default_factory=list)
    statuses: list[FeedStatus] = field(default_factory=list)

    def hear(self, batch: Batch) -> None:
        sides: tuple[dict[int, int], dict[int, int]] = self.sides
        latest = 0
        for row in batch.rows:
            kind, start, turn = int(row["kind"]), int(row["level_start"]), int(row["bid_count"])
            assert int(row["ts_recv"]) >= latest
            latest = int(row["ts_recv"])
            if kind in (Kind.SNAPSHOT, Kind.DELTA):
                if kind == Kind.SNAPSHOT:
                    sides[0].clear()
                    sides[1].clear()
                end = start + turn + int(row["ask_count"])
                for at in range(start, end):
                    price, lots = batch.levels[at].tolist()
                    side = sides[0] if at < start + turn else sides[1]
                    side[price] = lots
                    if not lots:
                        del side[price]
                bids = tuple(sorted(sides[0].items(), reverse=True))
                self.books.append((int(row["last_id"]), (bids, tuple(sorted(sides[1].items())))))
            elif kind == Kind.TRADE:
                trade = (row["last_id"], row["price_ticks"], row["size_lots"], row["side"])
                self.trades.append(tuple(map(int, trade)))  # type: ignore[arg-type]
            elif kind == Kind.TICK:
                self.ticks.append(latest)
            elif kind == Kind.NOTE and isinstance(note := batch.notes[start], FeedStatus):
                self.statuses.append(note)

    sides: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))


def play(folder: Path, levels: int) -> tuple[Heard, State, LobsterDay]:
    (path,) = folder.glob("*_message_*.csv")
    pair = pair_of(path)
    assert pair is not None
    day = LobsterDay(pair, read(pair), Setup())
    heard, state = Heard(), State()
    for batch in day.batches():
        assert batch.ends_at_tick
        heard.hear(batch)
        apply(state, batch)
    return heard, state, day


def scaled(row: Row, tick: int) -> Row:
    bids, asks = row
    return tuple((p // tick, q) for p, q in bids), tuple((p // tick, q) for p, q in asks)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), levels=st.sampled_from([1, 2, 5, 10]), steps=st.integers(1, 400))
def test_the_session_says_what_the_files_say(
    tmp_path_factory: pytest.TempPathFactory, seed: int, levels: int, steps: int
) -> None:
    folder = tmp_path_factory.mktemp("lobster")
    written = made(seed, steps, levels)
    written.write(folder, levels)
    heard, state, day = play(folder, levels)
    tick = round(float(day.instrument.tick.value) * 10_000)
    for message, book in heard.books:
        assert book == scaled(written.books[message - 1], tick)
    heard_of = {message for message, _ in heard.books}
    assert {n for n, both in enumerate(pairwise(written.books), 2) if both[0] != both[1]} <= heard_of
    expected = [
        (n, price // tick, size, 0 if kind == 6 else -direction)
        for n, (_, kind, _, size, price, direction) in enumerate(written.messages, 1)
        if kind in (4, 5, 6)
    ]
    assert heard.trades == expected
    executed = sum(kind == 4 for _, kind, *_ in written.messages)
    assert day.matched + day.out_of_turn in (
        executed,
        executed - 1,
    )  # the first message may have come before all
    assert heard.ticks[0] < written.messages[0][0] <= heard.ticks[1]
    assert np.all(np.diff(heard.ticks) <= 10**9)
    assert np.all(np.diff(heard.ticks) > 0)
    symbol = state.symbols[0]
    assert symbol.shown_state == "SYNCED"
    assert symbol.feature("verified") == symbol.feature("decided")


def test_a_book_in_sight_from_the_start_is_matched_in_turn(tmp_path: Path) -> None:
    """Where all orders are known, the order that the file names is always the engine's first in the queue."""
    written, levels = Written(), 5
    ns = MIDNIGHT_NS + 34_200 * 10**9
    written.messages.append((ns, 1, 1, 100, 5_850_100, -1))
    written.books.append(((), ((5_850_100, 100),)))
    for number in range(2, 6):
        written.messages.append((ns + number, 1, number, 100, 5_850_100, -1))
        written.books.append(((), ((5_850_100, 100 * number),)))
    left = 500
    for number in range(1, 5):
        left -= 100
        written.messages.append((ns + 10 + number, 4, number, 100, 5_850_100, -1))
        written.books.append(((), ((5_850_100, left),)))
    written.write(tmp_path, levels)
    _, state, day = play(tmp_path, levels)
    assert (day.matched, day.out_of_turn) == (4, 0)
    assert state.symbols[0].feature("best_ask_lots") == 100


def edited(path: Path, line: int, column: int, change: int) -> None:
    lines = path.read_text().splitlines()
    fields = lines[line - 1].split(",")
    fields[column] = str(int(fields[column]) + change)
    lines[line - 1] = ",".join(fields)
    path.write_text("\n".join(lines) + "\n")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), at=st.integers(2, 150), side=st.integers(0, 1))
def test_a_corrupted_size_at_the_best_is_told_with_file_and_line(
    tmp_path_factory: pytest.TempPathFactory, seed: int, at: int, side: int
) -> None:
    folder = tmp_path_factory.mktemp("lobster")
    written = made(seed, 150, 5)
    before, after = written.books[at - 2], written.books[at - 1]
    if not after[1 - side] or (after[1 - side][0][0] not in dict(before[1 - side])):
        return  # not in sight before, so nobody can know what it should be
    _, books = written.write(folder, 5)
    edited(books, at, 4 * 0 + 2 * side + 1, 7)
    with pytest.raises(DataError) as caught:
        play(folder, 5)
    expected, said = after[1 - side][0][1], str(caught.value)
    assert f"{books.name}, line {at}: after its message the matching engine has {expected:,} at the " in said
    assert f"the file has {expected + 7:,}" in said


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), more=st.integers(10**5, 10**6), which=st.integers(0, 30))
def test_an_execution_of_more_than_rests_is_told_with_file_line_and_both_numbers(
    tmp_path_factory: pytest.TempPathFactory, seed: int, more: int, which: int
) -> None:
    """The book after it shows what is left, so only the queue itself can tell that a trade is too large."""
    folder = tmp_path_factory.mktemp("lobster")
    written = made(seed, 150, 5)
    rests: dict[int, int] = {}
    taken = []  # (line, what rests of the order) of executions of orders that were seen to come
    for line, (_, kind, number, size, _, _) in enumerate(written.messages, 1):
        if kind == 1:
            rests[number] = size
        elif kind in (2, 3, 4) and number in rests:
            if kind == 4:
                taken.append((line, rests[number]))
            rests[number] -= size
    if not taken:
        return
    line, left = taken[which % len(taken)]
    size = written.messages[line - 1][3]
    messages, _ = written.write(folder, 5)
    edited(messages, line, 3, left - size + more)
    with pytest.raises(DataError) as caught:
        play(folder, 5)
    said = str(caught.value)
    assert said.startswith(f"{messages.name}, line {line}: expected at most the ")
    assert said.endswith(f"to be executed, found {left + more:,}")


def test_an_execution_where_nothing_rests_is_told(tmp_path: Path) -> None:
    written = made(5, 60, 3)
    ns, book = written.messages[-1][0], written.books[-1]
    written.messages.append((ns, 4, 77, 10, book[0][0][0] - 30_000, 1))
    written.books.append(book)
    written.write(tmp_path, 3)
    with pytest.raises(
        DataError, match=r"line 61: expected at most the 0 that rest of the order 77 to buy at"
    ):
        play(tmp_path, 3)


def test_a_missing_message_is_told(tmp_path: Path) -> None:
    written = made(5, 300, 5)
    at = next(n for n in range(100, 300) if written.messages[n][1] == 4 and written.messages[n + 1][1] != 7)
    del written.messages[at], written.books[at]
    written.write(tmp_path, 5)
    with pytest.raises(DataError, match=f"orderbook_5.csv, line {at + 1}: after its message"):
        play(tmp_path, 5)


def test_halts_are_told_and_a_book_that_crosses_while_they_last_is_stale(tmp_path: Path) -> None:
    written = made(7, 120, 3)
    ns = written.messages[-1][0]
    book = written.books[-1]
    crossed = (((book[1][0][0], 5), *book[0][:2]), book[1])
    for offset, price, shown in ((1, -1, book), (2, 0, book)):
        written.messages.append((ns + offset * 10**9, 7, 0, 0, price, -1))
        written.books.append(shown)
    for offset in (3, 4):
        written.messages.append((ns + offset * 10**9, 1, 900_000 + offset, 5, book[1][0][0], 1))
        written.books.append(crossed)
    written.messages.append((ns + 5 * 10**9, 6, -1, 5, book[1][0][0], 1))
    written.books.append(book)
    written.messages.append((ns + 5 * 10**9, 7, 0, 0, 1, -1))
    written.books.append(book)
    written.write(tmp_path, 3)
    heard, state, day = play(tmp_path, 3)
    assert [(s.state, s.trading, s.reason) for s in heard.statuses if s.symbol == 0][1:] == [
        ("SYNCED", "HALT", "trading is halted"),
        ("SYNCED", "HALT", "quoting has resumed, trading has not"),
        ("STALE", "", "the book is crossed until trading resumes"),
        ("SYNCED", "", ""),
        ("SYNCED", "TRADING", ""),
    ]
    tick = round(float(day.instrument.tick.value) * 10_000)
    assert heard.books[-1][1] == scaled(book, tick)
    assert heard.trades[-1][3] == 0
    assert state.symbols[0].shown_state == "SYNCED"
    assert state.symbols[0].trading == "TRADING"


def test_a_book_that_crosses_without_a_halt_is_told(tmp_path: Path) -> None:
    written = made(7, 120, 3)
    bids, asks = written.books[60]
    written.books[60] = (((asks[0][0], 5), *bids[:2]), asks)
    written.write(tmp_path, 3)
    with pytest.raises(DataError, match="line 61: expected the best bid below the best ask"):
        play(tmp_path, 3)


@pytest.mark.parametrize(
    ("which", "line", "text", "said"),
    [
        (
            0,
            9,
            "34200.1,1,2,3",
            "message_3.csv, line 9: expected numbers as LOBSTER writes them, found '34200.1,1,2,3",
        ),
        (0, 9, "x,1,2,3,4,1", "line 9: expected numbers"),
        (0, 9, "34000.5,1,7,3,5850000,1", "line 9: expected a time not before that of the line above"),
        (0, 120, "57600,9,7,3,5850000,1", "line 120: expected a type from 1 to 7"),
        (0, 120, "57600,1,7,0,5850000,1", "line 120: expected a size and a price above zero"),
        (0, 120, "57600,1,7,3,5850000,0", "line 120: expected a direction of 1 or -1"),
        (0, 120, "57600,7,0,0,5,-1", "line 120: expected -1, 0 or 1 as the price of a halt"),
        (1, 9, "1,2,3", "orderbook_3.csv, line 9: expected numbers"),
        (1, 9, "5,1,4,1,6,1,3,-1,7,1,2,1", "line 9: expected sizes that are not negative"),
        (1, 9, "5,1,4,1,6,1,4,1,7,1,2,1", "line 9: expected the bids in order, the best first"),
        (1, 9, "5,0,4,1,6,1,3,1,7,1,2,1", "line 9: expected no level behind one that is not there"),
    ],
)
def test_lines_that_are_no_lobster_are_told(
    tmp_path: Path, which: int, line: int, text: str, said: str
) -> None:
    path = made(3, 120, 3).write(tmp_path, 3)[which]
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError) as caught:
        play(tmp_path, 3)
    assert said in str(caught.value)


def test_files_that_do_not_belong_together_are_told(tmp_path: Path) -> None:
    _, books = made(3, 120, 3).write(tmp_path, 3)
    books.write_text("".join(books.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DataError, match=r"expected as many lines in both files, found 120 in .* and 119 in"):
        play(tmp_path, 3)
    books.unlink()
    with pytest.raises(DataError, match="come in pairs: there is no"):
        play(tmp_path, 3)
    assert pair_of(tmp_path / "AAPL_2012-13-41_1_2_message_10.csv") is None
    assert pair_of(tmp_path / "btc.csv") is None
