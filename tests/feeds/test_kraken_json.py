"""What Kraken's messages may hold, read by the kernel and by the slow path: the same rows, or as good as lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

import pytest
from fakes.kraken import ASKS, BIDS, TIME, TIME_NS, book, message, protocol, rows, state, trade
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import MISSING
from engine.events import Kind
from engine.feeds import venue
from engine.feeds.kraken import Kraken
from engine.feeds.kraken_text import ns_of
from engine.instrument import NotOnGrid

LOST = [
    book("update", "45283.5 1", "", 1)[:90],
    book("update", "45283.5 null", "", 1),
    book("update", "45283.5 -1", "", 1),
    book("update", "0 1", "", 1),
    book("update", "45283.5 1e999", "", 1),
    book("update", "1e-9 1", "", 1),
    book("update", "99999999999999999999 1", "", 1),
    book("update", "45283.5 0.123456789", "", 1),
    book("update", '45283.5 "x"', "", 1),
    book("update", "45283.5 []", "", 1),
    book("update", "45283.5 1", "", -1),
    book("update", "45283.5 1", "", 2**32),
    book("update", "45283.5 1", "", 1).replace(b'"asks":[]', b'"asks":null'),
    book("update", "45283.5 1", "", 1).replace(TIME.encode(), b"yesterday"),
    book("update", "45283.5 1", "", 1).replace(b"2023-10", b"9999-10"),
    book("update", "45283.5 1", "", 1).replace(b'"bids"', b'"bids\xff'),
]


@pytest.mark.parametrize("data", LOST)
def test_a_book_message_that_cannot_be_read_is_as_good_as_lost(data: bytes) -> None:
    asked = protocol("BTC/USD", "DOGE/USD")
    asked.receive(book("snapshot", BIDS, ASKS), 5)
    asked.receive(book("snapshot", "0.1234050 5", "", 1, "DOGE/USD"), 5)
    asked.builder.take()
    assert asked.receive(data, 6) == venue.MALFORMED
    assert rows(asked.builder.take()) == []
    assert [state(asked, n) for n in (0, 1)] == ["BUFFERING", "SYNCED"]
    assert asked.malformed == 1


@pytest.mark.parametrize(
    "data", [b"", b"null", b"\xff\xfe", b'{"channel":"status","data":[{}]}', b'{"channel":7}']
)
def test_other_rubbish_is_counted(data: bytes) -> None:
    asked = protocol()
    asked.receive(book("snapshot", BIDS, ASKS), 5)
    assert asked.receive(data, 6) == venue.MALFORMED
    assert state(asked) == "SYNCED"


def test_numbers_in_other_forms() -> None:
    asked = protocol()
    asked.builder.take()
    asked.receive(book("snapshot", '45283.5 1E-8, "45283.4" "0.50", 45283 1e1, 45282.10 2', "", 1), 5)
    (row,) = rows(asked.builder.take())
    assert row["levels"] == [[452835, 1], [452834, 50_000_000], [452830, 10**9], [452821, 200_000_000]]


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        (TIME, TIME_NS),
        ("2023-10-06T17:35:55Z", TIME_NS - 440_295_000),
        ("2023-10-06T17:35:55.1Z", TIME_NS - 340_295_000),
        ("2023-10-06T17:35:55.440295123Z", TIME_NS + 123),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_times(text: str, ns: int) -> None:
    assert ns_of(text) == ns


@pytest.mark.parametrize(
    "text", ["", "Z", "2023-10-06", "2023-10-06T17:35:55", "2023-10-06T17:35:55,5Z", "2023-13-06T17:35:55Z",
             "1969-12-31T23:59:59Z", "2023-10-06T17:35:55.-1Z", "2023-10-06T17:35:55.²Z"],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(NotOnGrid):
        ns_of(text)


NUMBER = st.one_of(
    st.decimals("0", "1e6", places=1).map(str),
    st.decimals("0", "1e6", places=2).map(str),
    st.sampled_from(["1e5", "0", "-1", "null", '"1.5"', "1e-400", "[]", "{}", "0.05", "1" * 30]),
)
SIZE = st.one_of(
    st.decimals("0", "1e4", places=8).map(str), st.sampled_from(["0", "1E-8", "null", "true", '""'])
)
SIDE = st.lists(st.tuples(NUMBER, SIZE), max_size=4).map(lambda side: ", ".join(f"{p} {q}" for p, q in side))
CHECKSUM = st.one_of(st.integers(-1, 2**32), st.sampled_from(["null", '"7"', "1.5"]))
KIND = st.sampled_from(["snapshot", "update", "x"])
BOOK = st.builds(book, KIND, SIDE, SIDE, CHECKSUM, st.sampled_from(["BTC/USD", "DOGE/USD", "X"]))
OTHER = st.sampled_from(
    [
        message("trade", "update", trade(5)),
        message("trade", "update", trade(6, price="x")),
        message("trade", "update", trade(2**70)),
        b'{"channel":"heartbeat"}',
        b'{"method":"subscribe","success":true}',
        message("status", "update", {"system": "post_only"}),
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = draw(st.one_of(BOOK, OTHER))
    match draw(st.sampled_from(["whole", "whole", "cut", "byte", "noise"])):
        case "cut":
            return data[: draw(st.integers(0, len(data)))]
        case "byte":
            at = draw(st.integers(0, len(data) - 1))
            return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
        case "noise":
            return draw(st.binary(max_size=60))
    return data


@settings(max_examples=150, deadline=None)
@given(st.lists(damaged(), max_size=8))
def test_the_kernel_reads_as_the_slow_path_does(sent: Sequence[bytes]) -> None:
    quick, slow = protocol("BTC/USD", "DOGE/USD", depth=10), protocol("BTC/USD", "DOGE/USD", depth=10)
    slow._by_bytes.clear()
    for data in sent:
        assert quick.receive(data, 5) == slow.receive(data, 5)
    assert quick.last_error == slow.last_error
    found, expected = quick.builder.take(), slow.builder.take()
    assert rows(found) == rows(expected)
    assert found.notes == expected.notes


def test_the_kernel_knows_what_the_venue_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """… and leaves what it does not know to the other."""
    asked = protocol("BTC/USD", "DOGE/USD")
    slowly: list[bytes] = []
    monkeypatch.setattr(asked, "_hear_books", lambda data, ts: slowly.append(data) or venue.UNKNOWN)
    update = book("update", "45283.5 0.00000000, 45283.4 1.5", "", 77)
    known = [book("snapshot", BIDS, ASKS), update, update.replace(f',"timestamp":"{TIME}"'.encode(), b"")]
    known += [update.replace(b"45283.4", price) for price in (b"45283.400", b"45283", b"0.1")]
    for data in known:
        assert asked.receive(data, 5) == venue.DEPTH
    assert slowly == []
    strange = [
        update.replace(b"77", b"null"), update.replace(b'"asks"', b' "asks"'), update.replace(b"1.5", b"15e-1"),
        update.replace(b"1.5", b'"1.5"'), update.replace(b"45283.4", b"045283.4"), update.replace(b"1.5", b"1."),
        update.replace(b"45283.4", b"45283.41"), update + b" ", update[:-1], update.replace(b"BTC/", b"BTC\\/"),
        update.replace(b"77", b"4294967296"), update.replace(b"1.5", b"-1.5"), update.replace(b"1.5", b"1.123456789"),
        update.replace(b"45283.4", b"0.0"), update.replace(b"1.5", b"12345678901.5"),
    ]  # fmt: skip
    for data in strange:
        asked.receive(data, 6)
    assert slowly == strange


@settings(max_examples=150, deadline=None)
@given(st.lists(damaged(), max_size=8))
def test_whatever_comes_nothing_breaks_and_every_row_is_one_that_was_said(sent: Sequence[bytes]) -> None:
    """Rows of a book are those of a reader with Decimal; a message that it cannot read leaves none."""
    asked = protocol("BTC/USD", "DOGE/USD")
    asked.builder.take()
    for data in sent:
        heard = asked.receive(data, 5)
        found = rows(asked.builder.take())
        if heard == venue.MALFORMED:
            assert found == []
        for row in found:
            if row["kind"] in (Kind.SNAPSHOT, Kind.DELTA):
                assert row["levels"] == said(asked, data, row["symbol"])
                assert all(ticks > 0 and lots >= 0 for ticks, lots in row["levels"])
            assert row["ts_event"] in (TIME_NS, MISSING) or TIME.encode() not in data


def said(asked: Kraken, data: bytes, index: int) -> list[list[int]]:
    """The levels of the message by Python's own reader."""
    instrument = asked.symbols[index].instrument
    assert instrument is not None
    parsed = json.loads(data.decode("utf-8", "replace"), parse_float=Decimal, parse_int=Decimal)
    told = next(one for one in parsed["data"] if one["symbol"] == asked.names[index])
    return [
        [
            int(Decimal(level["price"]) / instrument.tick.value),
            int(Decimal(level["qty"]) / instrument.lot.value),
        ]
        for side in ("bids", "asks")
        for level in told[side]
    ]
