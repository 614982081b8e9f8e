"""Kraken without a socket: literal bytes in, rows and notes out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, CHECKED, MISSING, Batch, BatchBuilder
from engine.events import FeedStatus, Kind, Listed
from engine.feeds import venue
from engine.feeds.errors import Malformed, UnknownSymbol
from engine.feeds.kraken import Kraken
from engine.feeds.kraken_text import ns_of
from engine.feeds.venues import VENUES
from engine.instrument import Instrument, NotOnGrid
from tests.feeds.test_kraken_book import ASKS, BIDS, SUM, digits

OPTIONS = VENUES["kraken"].options

# Shapes of https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs; the last is on no WebSocket.
PAIRS = b"""{"error":[],"result":{
 "XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","aclass_base":"currency","base":"XXBT","quote":"ZUSD",
  "lot":"unit","cost_decimals":5,"pair_decimals":1,"lot_decimals":8,"ordermin":"0.0001","tick_size":"0.1",
  "status":"online"},
 "XDGUSD":{"altname":"XDGUSD","wsname":"XDG/USD","pair_decimals":7,"lot_decimals":8,"tick_size":"0.000005",
  "status":"cancel_only"},
 "ETH/XBT":{"altname":"ETHXBT","wsname":"ETH/XBT","pair_decimals":5,"lot_decimals":0},
 "XBTUSD.d":{"altname":"XBTUSD.d","pair_decimals":1,"lot_decimals":8,"status":"online"}}}"""
TIME = "2023-10-06T17:35:55.440295Z"
TIME_NS = 1_696_613_755_440_295_000


def protocol(*symbols: str | tuple[str, ...], depth: int = 1000) -> Kraken:
    found = Kraken(symbols or ("BTC/USD",), replace(OPTIONS, depth_limit=depth), BatchBuilder())
    found.list_symbols(PAIRS, 0)
    found.connected(0)
    return found


def message(channel: str, kind: str, *data: object) -> bytes:
    return json.dumps({"channel": channel, "type": kind, "data": data}, separators=(",", ":")).encode()


def levels(text: str) -> str:
    pairs = (level.split() for level in text.split(", ") if level)
    return ",".join(f'{{"price":{price},"qty":{size}}}' for price, size in pairs)


def book(kind: str, bids: str, asks: str, checksum: object = SUM, symbol: str = "BTC/USD") -> bytes:
    """As the venue writes it: numbers, not strings, with all their zeros."""
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[{levels(bids)}],'
        f'"asks":[{levels(asks)}],"checksum":{checksum},"timestamp":"{TIME}"}}]}}'
    ).encode()


def rows(batch: Batch) -> list[dict[str, Any]]:
    return [
        {name: int(row[name]) for name in row.dtype.names}
        | {
            "levels": batch.levels[int(row["level_start"]) :][
                : int(row["bid_count"] + row["ask_count"])
            ].tolist()
        }
        for row in batch.rows
        if row["kind"] not in (Kind.NOTE, Kind.TICK)
    ]


def states(batch: Batch) -> list[tuple[int | None, str, str, str]]:
    return [(n.symbol, n.state, n.reason, n.trading) for n in batch.notes if isinstance(n, FeedStatus)]


def state(asked: Kraken, index: int = 0) -> str:
    return asked.symbols[index].sync.state


def test_what_is_asked_for() -> None:
    asked = protocol("BTC/USD", "DOGE/USD", "BTC/USD", depth=400)
    assert asked.names == ("BTC/USD", "DOGE/USD")
    assert [json.loads(text) for _, text in asked.subscriptions(7)] == [
        {
            "method": "subscribe",
            "params": {
                "channel": "book",
                "symbol": ["BTC/USD", "DOGE/USD"],
                "depth": 500,
                "snapshot": True,
            },
            "req_id": 7,
        },
        {
            "method": "subscribe",
            "params": {"channel": "trade", "symbol": ["BTC/USD", "DOGE/USD"], "snapshot": False},
            "req_id": 8,
        },
    ]
    streams = [3 + venue.DEPTH, 3 + venue.TOP, 0 + venue.TRADE]
    sent = [json.loads(text) for _, text in asked.resubscriptions(streams, 9)]
    assert [(m["method"], m["params"]["channel"], m["params"]["symbol"], m["req_id"]) for m in sent] == [
        ("unsubscribe", "book", ["DOGE/USD"], 9),
        ("unsubscribe", "trade", ["BTC/USD"], 10),
        ("subscribe", "book", ["DOGE/USD"], 11),
        ("subscribe", "trade", ["BTC/USD"], 12),
    ]
    assert [asked.stream(n) for n in (0, 4)] == ["book BTC/USD", "trade DOGE/USD"]


@pytest.mark.parametrize(
    ("limit", "depth"), [(1, 10), (10, 10), (11, 25), (100, 100), (501, 1000), (5000, 1000), (0, 1000)]
)
def test_only_five_depths_can_be_subscribed(limit: int, depth: int) -> None:
    asked = protocol(depth=limit)
    (request, _) = asked.subscriptions()
    assert json.loads(request.text)["params"]["depth"] == depth
    assert [n.depth_limit for n in asked.builder.take().notes if isinstance(n, Listed)] == [depth]


def test_many_symbols_are_subscribed_in_several_requests() -> None:
    asked = Kraken([f"A{i}/USD" for i in range(250)], OPTIONS, BatchBuilder())
    sent = [json.loads(text)["params"] for _, text in asked.subscriptions()]
    found = [(params["channel"], len(params["symbol"])) for params in sent]
    assert found == [(channel, count) for channel in ("book", "trade") for count in (100, 100, 50)]


def test_the_listing() -> None:
    asked = protocol("BTC/USD", ("DOGE/EUR", "DOGE/USD"), "ETH/BTC")
    notes = [note for note in asked.builder.take().notes if isinstance(note, Listed)]
    assert [(note.symbol, note.instrument, note.depth_limit) for note in notes] == [
        (0, Instrument("kraken", "BTC/USD", "BTC", "USD", "0.1", "0.00000001"), 1000),
        (1, Instrument("kraken", "DOGE/USD", "DOGE", "USD", "0.000005", "0.00000001"), 1000),
        (2, Instrument("kraken", "ETH/BTC", "ETH", "BTC", "0.00001", "1"), 1000),
    ]
    assert [symbol.trading for symbol in asked.symbols] == ["TRADING", "CANCEL_ONLY", "TRADING"]
    assert asked.info_request().path == "/0/public/AssetPairs?pair=XXBTZUSD,XDGUSD,ETH%2FXBT"


def test_the_first_listing_asks_for_all_pairs_since_names_differ() -> None:
    asked = Kraken(["BTC/USD"], OPTIONS, BatchBuilder())
    assert asked.info_request().path == "/0/public/AssetPairs"
    asked.list_symbols(PAIRS, 0)
    with pytest.raises(Malformed, match="Unknown asset pair"):
        asked.take_status(b'{"error":["EQuery:Unknown asset pair"]}', 1)
    assert asked.info_request().path == "/0/public/AssetPairs"
    asked.take_status(b'{"error":[],"result":{}}', 2)
    assert asked.symbols[0].trading == "DELISTED"


def test_a_symbol_that_is_not_traded() -> None:
    asked = Kraken(["BTC/UST"], OPTIONS, BatchBuilder())
    with pytest.raises(UnknownSymbol, match="kraken does not trade BTC/UST; near matches: BTC/USD"):
        asked.list_symbols(PAIRS, 0)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b'{"error":"x"}', b'{"result":{"X":{"wsname":"A/B"}}}', b'{"result":null}',
        b'{"error":["EGeneral:Internal error"]}',
        b'{"result":{"X":{"wsname":"A/B","pair_decimals":-1,"lot_decimals":8}}}',
        b'{"result":{"X":{"wsname":"A/B","pair_decimals":1,"lot_decimals":99}}}',
        b'{"result":{"X":{"wsname":"A/B","pair_decimals":1,"lot_decimals":8,"tick_size":"NaN"}}}',
    ],
)  # fmt: skip
def test_a_listing_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(Malformed, match="AssetPairs"):
        Kraken(["BTC/USD"], OPTIONS, BatchBuilder()).list_symbols(body, 0)


def test_a_snapshot_and_an_update() -> None:
    asked = protocol()
    asked.builder.take()
    assert asked.receive(book("snapshot", BIDS, ASKS), 5) == venue.DEPTH
    assert state(asked) == "SYNCED"
    assert asked.receive(book("update", "45283.5 0.00000000, 45283.4 1.5", "", 77), 6) == venue.DEPTH
    first, second = rows(asked.builder.take())
    assert first["levels"] == [list(level) for level in digits(BIDS) + digits(ASKS)]
    common = {"symbol": 0, "ts_event": TIME_NS, "size_lots": 1000, "ask_ticks": 1}
    whole = BIDS_WHOLE | ASKS_WHOLE | CHECKED
    assert first | common == first
    assert first | {"kind": 1, "last_id": 1, "flags": whole, "price_ticks": SUM, "bid_count": 10} == first
    assert second | common == second
    assert second | {"kind": 2, "first_id": 2, "last_id": 2, "flags": CHECKED, "price_ticks": 77} == second
    assert second["levels"] == [[452835, 0], [452834, 150_000_000]]


def test_a_side_of_as_many_levels_as_were_asked_for_may_go_on() -> None:
    asked = protocol(depth=10)
    asked.builder.take()
    asked.receive(book("snapshot", BIDS, ASKS.rpartition(",")[0]), 5)
    (row,) = rows(asked.builder.take())
    assert (row["flags"], row["size_lots"]) == (ASKS_WHOLE | CHECKED, 10)


def test_a_tick_counts_its_digits() -> None:
    """A tick of 0.000005 in prices of seven decimals is 50 in the last of them."""
    asked = protocol("DOGE/USD")
    asked.builder.take()
    asked.receive(book("snapshot", "0.1234050 5.00000000", "", 1, "DOGE/USD"), 5)
    (row,) = rows(asked.builder.take())
    assert (row["ask_ticks"], row["levels"]) == (50, [[24681, 500_000_000]])


def test_a_price_between_ticks_makes_the_grid_finer() -> None:
    asked = protocol("DOGE/USD")
    asked.receive(book("snapshot", "0.1234050 5", "", 1, "DOGE/USD"), 5)
    asked.builder.take()
    asked.receive(book("update", "0.1234011 5", "", 1, "DOGE/USD"), 6)
    batch = asked.builder.take()
    assert [n.instrument.tick_size for n in batch.notes if isinstance(n, Listed)] == ["0.0000001"]
    assert state(asked) == "BUFFERING"
    asked.receive(book("snapshot", "0.1234050 5, 0.1234011 6", "", 1, "DOGE/USD"), 7)
    (row,) = rows(asked.builder.take())
    assert (row["ask_ticks"], row["levels"]) == (1, [[1234050, 500_000_000], [1234011, 600_000_000]])
    asked.receive(message("trade", "update", trade(1, "DOGE/USD", "0.12340115")), 8)
    assert [n.instrument.tick_size for n in asked.builder.take().notes if isinstance(n, Listed)] == [
        "0.00000001"
    ]


def trade(
    number: int, symbol: str = "BTC/USD", price: object = 45283.4, side: str = "sell"
) -> dict[str, object]:
    return {
        "symbol": symbol, "side": side, "price": price, "qty": 0.0005, "ord_type": "market",
        "trade_id": number, "timestamp": TIME,
    }  # fmt: skip


def test_trades() -> None:
    asked = protocol("BTC/USD", "DOGE/USD")
    asked.builder.take()
    sent = message("trade", "update", trade(7), trade(8, "DOGE/USD", 0.5, "buy"), trade(9, "ETC/USD"))
    assert asked.receive(sent, 5) == venue.STREAMS_A_SYMBOL + venue.TRADE
    assert asked.receive(message("trade", "update", trade(7), trade(9)), 6) == venue.TRADE
    assert asked.receive(message("trade", "snapshot", trade(3)), 7) == venue.UNKNOWN
    found = [
        (r["kind"], r["symbol"], r["last_id"], r["price_ticks"], r["size_lots"], r["side"], r["ts_event"])
        for r in rows(asked.builder.take())
    ]
    assert found == [
        (3, 0, 7, 452834, 50_000, -1, TIME_NS),
        (3, 1, 8, 100_000, 50_000, 1, TIME_NS),
        (3, 0, 9, 452834, 50_000, -1, TIME_NS),
    ]
    assert asked.ignored == 3  # of ETC, number 7 again, and what was before


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        (b'{"channel":"heartbeat"}', venue.ALIVE),
        (b'{"method":"pong","req_id":101,"time_in":"2023-09-24T14:10:23.799685Z"}', venue.ALIVE),
        (
            b'{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/USD"},'
            b'"success":true,"time_in":"2023-09-25T09:04:31.742599Z","time_out":"2023-09-25T09:04:31.742648Z"}',
            venue.ANSWERED,
        ),
        (
            b'{"method":"unsubscribe","error":"Subscription Not Found","success":false,"req_id":3}',
            venue.ANSWERED,
        ),
        (
            b'{"error":"Currency pair not supported X/USD","method":"subscribe","success":false}',
            venue.REFUSED,
        ),
        (b'{"error":"Unsupported method","success":false}', venue.REFUSED),
        (b'{"channel":"instrument","type":"update","data":{"assets":[],"pairs":[]}}', venue.UNKNOWN),
        (
            b'{"channel":"book","type":"auction","data":[{"symbol":"BTC/USD","bids":[],"asks":[]}]}',
            venue.UNKNOWN,
        ),
        (b'{"channel":"book","type":"update","data":[{"symbol":"X","bids":[],"asks":[]}]}', venue.UNKNOWN),
        (b"{}", venue.UNKNOWN),
    ],
)
def test_what_else_is_said(data: bytes, heard: int) -> None:
    asked = protocol()
    asked.builder.take()
    assert asked.receive(data, 1) == heard
    assert not len(asked.builder.take())
    assert (heard == venue.REFUSED) == bool(asked.last_error)


def test_a_pair_that_is_traded_no_more_costs_the_others_nothing() -> None:
    asked = protocol("BTC/USD", "DOGE/USD")
    refused = (
        b'{"error":"Currency pair not supported DOGE/USD","method":"subscribe","success":false,"symbol":"%s"}'
    )
    assert asked.receive(refused % b"DOGE/USD", 1) == venue.ANSWERED
    assert [symbol.trading for symbol in asked.symbols] == ["TRADING", "DELISTED"]
    assert [json.loads(text)["params"]["symbol"] for _, text in asked.subscriptions()] == [["BTC/USD"]] * 2
    assert asked.receive(refused % b"ETC/USD", 1) == venue.REFUSED


def test_the_state_of_the_exchange_counts_before_the_pairs_own() -> None:
    asked = protocol("BTC/USD", "DOGE/USD")
    seen = []
    for word in ("online", "maintenance", "limit_only", "online"):
        data = {
            "system": word,
            "api_version": "v2",
            "connection_id": 13834774380200032777,
            "version": "2.0.0",
        }
        assert asked.receive(message("status", "update", data), 1) == venue.ALIVE
        asked.take_status(PAIRS, 1)
        seen.append([symbol.trading for symbol in asked.symbols])
    assert seen == [
        ["TRADING", "CANCEL_ONLY"],
        ["MAINTENANCE", "MAINTENANCE"],
        ["LIMIT_ONLY", "LIMIT_ONLY"],
        ["TRADING", "CANCEL_ONLY"],
    ]


def test_updates_wait_for_the_snapshot() -> None:
    asked = protocol()
    asked.builder.take()
    asked.receive(book("update", "45283.5 1", "", 1), 5)
    assert state(asked) == "SNAPSHOT_WAIT"
    assert (rows(asked.builder.take()), asked.ignored) == ([], 1)


def test_after_a_resync_only_the_next_snapshot_counts() -> None:
    asked = protocol("BTC/USD", "DOGE/USD")
    asked.receive(book("snapshot", BIDS, ASKS), 5)
    asked.receive(book("snapshot", "0.1234050 5", "", 1, "DOGE/USD"), 5)
    asked.resync(0, "its best levels do not have the venue's checksum", 6)
    assert [state(asked, n) for n in (0, 1)] == ["BUFFERING", "SYNCED"]
    asked.snapshot_asked(0, 6)
    asked.builder.take()
    asked.receive(book("update", "45283.5 1", "", 1), 7)  # what was on its way
    assert rows(asked.builder.take()) == []
    asked.receive(book("snapshot", BIDS, ASKS), 8)
    assert [row["kind"] for row in rows(asked.builder.take())] == [Kind.SNAPSHOT]
    assert state(asked) == "SYNCED"


def test_a_new_lines_updates_count_from_its_snapshot_on() -> None:
    asked = protocol()
    asked.receive(book("snapshot", BIDS, ASKS), 5)
    asked.handed_over(6)
    asked.builder.take()
    asked.receive(book("update", "45283.5 1", "", 1), 7)
    assert (rows(asked.builder.take()), state(asked)) == ([], "SYNCED")
    asked.receive(book("snapshot", BIDS, ASKS), 8)
    asked.receive(book("update", "45283.5 1", "", 1), 9)
    assert [row["kind"] for row in rows(asked.builder.take())] == [Kind.SNAPSHOT, Kind.DELTA]


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
