"""Kraken without a socket: literal bytes in, rows and notes out."""

from __future__ import annotations

import json

import pytest
from fakes.kraken import (
    ASKS,
    BIDS,
    OPTIONS,
    PAIRS,
    SUM,
    TIME_NS,
    book,
    digits,
    message,
    protocol,
    rows,
    state,
    trade,
)

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, CHECKED, BatchBuilder
from engine.events import Kind, Listed
from engine.feeds import venue
from engine.feeds.errors import Malformed, UnknownSymbol
from engine.feeds.kraken import Kraken
from engine.instrument import Instrument


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
