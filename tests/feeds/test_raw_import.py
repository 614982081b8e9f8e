"""A raw capture imported is the session that it was captured from, on every venue and through faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from fakes.raws import KIND, last_books, listed, live_instrument, market, record, states
from fakes.venues import ALL
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.errors import DataError
from engine.data.raw_tape import RawTape
from engine.events import Kind, Said, Setup
from engine.feeds import fake_faults as ff
from engine.feeds import raw
from engine.feeds.errors import FeedError
from engine.feeds.fake_venues import dialect_of
from engine.feeds.raw import RawMessage, encode, raw_messages
from engine.feeds.venues import VENUES


@pytest.mark.parametrize("venue", ALL)
def test_an_import_has_the_rows_of_the_session_to_the_last(venue: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    live = record(path, [venue])
    tape = RawTape(path, Setup())
    again = list(tape.batches())
    rows = market(live)
    assert sorted(rows) == [0, 1]
    assert all(len(found) > 100 for found in rows.values())
    assert market(again) == rows
    assert listed(again) == listed(live)
    assert tape.instrument == live_instrument(live)
    assert VENUES[venue].title in tape.note


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize(
    "fault",
    [
        lambda symbol: ff.OnMessage(ff.GAP, symbol, after=5),
        lambda symbol: ff.OnMessage(ff.CLOSE, symbol, after=5),
        lambda symbol: ff.OnMessage(ff.MALFORMED, symbol, after=5),
    ],
    ids=["gap", "close", "malformed"],
)
def test_through_faults_the_books_go_the_same_way(
    venue: str, fault: Callable[[str], ff.OnMessage], tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl.zst"
    symbol = dialect_of(venue).spell("BTC")
    live = record(path, [venue], 20.0, bases=("BTC",), faults=lambda _: [fault(symbol)])
    again = list(RawTape(path, Setup()).batches())
    snapshots = sum(row[KIND] == Kind.SNAPSHOT for row in market(live)[0])
    assert snapshots >= 2, "the fault has struck and the book was fetched again"
    assert last_books(market(again)) == last_books(market(live))
    assert states(again, 0)[-1] == states(live, 0)[-1] == "SYNCED"
    if (
        not VENUES[venue].protocol().snapshots_come
    ):  # else the core may have asked, which no wire shows at once
        assert market(again) == market(live)


@pytest.mark.parametrize("venue", ALL)
def test_a_hand_over_and_a_resync_by_hand_are_followed(venue: str, tmp_path: Path) -> None:
    """The line is renewed after 10 s, and the first book fetched afresh when a person's session asked for it."""
    path = tmp_path / "a.jsonl.zst"
    live = record(path, [venue], seconds=30.0, resync_after_s=6.0, renew_after_s=10.0)
    assert sum(one.dir == raw.OPEN for one in raw_messages(path)) >= 2 * len(VENUES[venue].protocol().paths)
    again = list(RawTape(path, Setup()).batches())
    mine, theirs = market(again), market(live)
    assert sum(row[KIND] == Kind.SNAPSHOT for row in theirs[0]) >= 2
    assert last_books(mine) == last_books(theirs)
    assert [row for row in mine[1] if row[KIND] == Kind.TRADE] == [
        row for row in theirs[1] if row[KIND] == Kind.TRADE
    ]


def test_several_venues_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    live = record(path, ALL)
    again = list(RawTape(path, Setup()).batches())
    assert sorted(market(live)) == list(range(2 * len(ALL)))
    assert market(again) == market(live)
    assert listed(again) == listed(live)


@pytest.mark.parametrize("venue", ALL)
def test_a_venue_that_is_not_named_is_known_by_its_address(venue: str, tmp_path: Path) -> None:
    path, other = tmp_path / "a.jsonl.zst", tmp_path / "b.jsonl"
    record(path, [venue], seconds=3.0)
    options = VENUES[venue].options
    told = [
        one._replace(
            venue="",
            url=one.url.replace(f"http://fake-{venue}:1", options.rest[-1]).replace(
                f"ws://fake-{venue}:1", options.ws[-1]
            ),
        )
        for one in raw_messages(path)
    ]
    other.write_bytes(b"".join(map(encode, told)))
    assert market(list(RawTape(other, Setup()).batches())) == market(list(RawTape(path, Setup()).batches()))


def test_batches_end_at_every_tenth_of_a_second_and_a_sleep_leaves_them_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    record(path, ["binance"], seconds=5.0)
    told = list(raw_messages(path))
    late = tmp_path / "late.jsonl"
    middle, hour_ns = len(told) // 2, 3600 * 10**9
    later = [*told[:middle], *(one._replace(recv_ns=one.recv_ns + hour_ns) for one in told[middle:])]
    late.write_bytes(b"".join(map(encode, later)))
    ticks = [int(batch.rows[-1]["ts_recv"]) for batch in RawTape(late, Setup()).batches()]
    steps = [b - a for a, b in pairwise(ticks)]
    assert min(steps) == 100_000_000
    (asleep,) = (step for step in steps if step > 100_000_000)
    assert asleep > hour_ns - 10**9
    assert len(ticks) < 130
    for batch in RawTape(late, Setup()).batches():
        assert batch.ends_at_tick
        assert (batch.rows["ts_recv"] <= batch.rows[-1]["ts_recv"]).all()


def test_what_was_lost_is_said_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    record(path, ["binance"], seconds=5.0)
    told = list(raw_messages(path))
    mark = told[-20]._replace(conn=0, url="", dir=raw.LOST, data=b"3 messages, 90 bytes")
    other = tmp_path / "b.jsonl"
    other.write_bytes(b"".join(map(encode, [*told[:-20], mark, *told[-20:]])))
    notes = [note for batch in RawTape(other, Setup()).batches() for note in batch.notes]
    assert "the capture lost 3 messages, 90 bytes here" in [n.text for n in notes if isinstance(n, Said)]


def test_what_cannot_be_played_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    record(path, ["binance"], seconds=5.0)
    told = list(raw_messages(path))
    part = tmp_path / "b.jsonl"

    def refused(lines: Sequence[RawMessage], why: str) -> None:
        part.write_bytes(b"".join(map(encode, lines)))
        with pytest.raises((FeedError, DataError), match=why):
            list(RawTape(part, Setup()).batches())

    refused([], "is empty")
    refused([one for one in told if one.dir != raw.REST], "answer about what it trades, found none")
    refused(
        [one._replace(venue="mtgox") for one in told],
        "expected messages of binance, .*, found those of mtgox",
    )
    refused(
        [one for one in told if one.dir not in (raw.OUT, raw.IN)], "nothing was subscribed on Binance spot"
    )


class Short:
    """The beginning of each venue's session, two symbols each; small to look at where a test fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for venue in ALL:
            record(folder / f"{venue}.jsonl.zst", [venue], seconds=4.0)
        self.told = {venue: list(raw_messages(folder / f"{venue}.jsonl.zst"))[:400] for venue in ALL}


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Short:
    return Short(tmp_path_factory.mktemp("short"))


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["drop", "twice", "swap", "garble", "cut", "conn", "dir", "back", "status", "empty"]),
        st.integers(0, 399),
        st.integers(0, 399),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(venue=st.sampled_from(ALL), changes=CHANGES)
def test_whatever_is_in_a_file_it_is_a_session_or_a_sentence(
    venue: str, changes: list[tuple[str, int, int]], short: Short
) -> None:
    told = list(short.told[venue])
    for what, at, other in changes:
        at, other = at % len(told), other % len(told)
        one = told[at]
        match what:
            case "drop":
                del told[at]
            case "twice":
                told.insert(other, one)
            case "swap":
                told[at], told[other] = told[other], told[at]
            case "garble":
                told[at] = one._replace(data=one.data.replace(b'"', b"7", 1 + other % 5))
            case "cut":
                told[at] = one._replace(data=one.data[: len(one.data) * other // 400])
            case "conn":
                told[at] = one._replace(conn=other % 4)
            case "dir":
                told[at] = one._replace(dir=raw.DIRECTIONS[other % len(raw.DIRECTIONS)])
            case "back":
                told[at] = one._replace(recv_ns=one.recv_ns - other * 10**7)
            case "status":
                told[at] = one._replace(status=other)
            case "empty":
                told[at] = one._replace(data=b"", url="")
        if not told:
            return
    path = short.folder / "changed.jsonl"
    path.write_bytes(b"".join(map(encode, told)))
    try:
        last = 0
        for batch in RawTape(path, Setup()).batches():
            assert batch.ends_at_tick
            ts = batch.rows["ts_recv"]
            assert int(ts[0]) >= last
            assert (ts[1:] >= ts[:-1]).all()
            last = int(ts[-1])
    except (FeedError, DataError) as error:
        assert str(error)  # noqa: PT017
