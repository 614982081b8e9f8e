"""Binance's USDⓈ-M futures: what is asked for on which socket, and how diffs join that name the id before them."""

from __future__ import annotations

import json

import msgspec
import pytest

from engine.batch import BatchBuilder
from engine.events import FeedStatus, Kind, Listed
from engine.feeds.binance_usdm import BinanceUsdm
from engine.feeds.errors import UnknownSymbol
from engine.feeds.sync import Join
from engine.feeds.venue import DEPTH, TOP, TRADE, UNKNOWN
from engine.feeds.venues import VENUES

INFO = json.dumps(
    {
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
        ],
        "symbols": [
            {
                "symbol": name,
                "status": "TRADING",
                "contractType": "PERPETUAL",
                "baseAsset": name[:3],
                "quoteAsset": name[3:],
                "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
                    {"filterType": "LOT_SIZE", "stepSize": "0.001"},
                ],
            }
            for name in ("BTCUSDT", "ETHUSDT", "BTCUSDC")
        ],
    }
).encode()


def listed(*symbols: str | tuple[str, ...]) -> BinanceUsdm:
    protocol = BinanceUsdm(symbols or ("BTCUSDT",), VENUES["binance-usdm"].options, BatchBuilder())
    protocol.list_symbols(INFO, 1)
    return protocol


def diff(first: int, last: int, previous: int, price: str = "100.10") -> bytes:
    data = {
        "e": "depthUpdate", "E": 1, "T": 1, "s": "BTCUSDT", "U": first, "u": last, "pu": previous,
        "b": [[price, "1.000"]], "a": [],
    }  # fmt: skip
    return json.dumps({"stream": "btcusdt@depth@100ms", "data": data}, separators=(",", ":")).encode()


def book(update_id: int) -> bytes:
    data = {
        "lastUpdateId": update_id,
        "E": 1,
        "T": 1,
        "bids": [["100.00", "1.000"]],
        "asks": [["101.00", "1.000"]],
    }
    return json.dumps(data, separators=(",", ":")).encode()


def test_depth_and_tops_are_asked_for_on_one_socket_and_trades_on_the_other():
    messages = listed("BTCUSDT", "ETHUSDT").subscriptions(5)
    told = [(message.path, json.loads(message.text)) for message in messages]
    assert [(path, request["id"]) for path, request in told] == [(0, 5), (1, 6)]
    assert told[0][1]["params"] == [
        "btcusdt@depth@100ms", "btcusdt@bookTicker", "ethusdt@depth@100ms", "ethusdt@bookTicker"
    ]  # fmt: skip
    assert told[1][1]["params"] == ["btcusdt@aggTrade", "ethusdt@aggTrade"]
    again = listed().resubscriptions([TRADE], 1)
    assert [(m.path, json.loads(m.text)["method"]) for m in again] == [(1, "UNSUBSCRIBE"), (1, "SUBSCRIBE")]


@pytest.mark.parametrize(("wanted", "asked"), [(10, 10), (300, 500), (1000, 1000), (5000, 1000), (0, 1000)])
def test_a_depth_that_the_venue_does_not_know_is_taken_up_to_one_that_it_does(wanted: int, asked: int):
    options = msgspec.structs.replace(VENUES["binance-usdm"].options, depth_limit=wanted)
    protocol = BinanceUsdm(["BTCUSDT"], options, BatchBuilder())
    protocol.list_symbols(INFO, 1)
    assert protocol.options.depth_limit == asked
    assert {note.depth_limit for note in protocol.builder.notes if isinstance(note, Listed)} == {asked}


def test_its_instruments_are_linear_and_of_its_own_venue():
    protocol = listed()
    (note,) = [note for note in protocol.builder.notes if isinstance(note, Listed)]
    assert (note.instrument.key, note.instrument.kind, note.instrument.tick_size) == (
        "binance-usdm:BTCUSDT", "linear", "0.1"
    )  # fmt: skip
    assert protocol.weight_a_minute == 2400
    assert [protocol.snapshot_request(0, n).weight for n in (50, 100, 500, 1000)] == [2, 5, 10, 20]


def test_the_spelling_that_is_listed_counts_and_the_unknown_is_told():
    assert listed(("BTCUSD", "BTCUSDT")).names == ("BTCUSDT",)
    with pytest.raises(UnknownSymbol, match="binance-usdm does not trade BTCUSX; near matches: BTCUSD"):
        listed("BTCUSX")


def test_ids_that_jump_join_by_the_id_that_each_diff_names():
    protocol = listed()
    protocol.connected(1)
    for message in (diff(90, 95, 80), diff(101, 110, 95), diff(130, 140, 110)):
        assert protocol.receive(message, 2) == DEPTH
    assert protocol.snapshot(0, protocol.snapshot_asked(0, 3), 1000, book(105), 3) is Join.SYNCED
    assert protocol.symbols[0].sync.update_id == 140
    assert protocol.receive(diff(171, 180, 140), 4) == DEPTH
    assert protocol.symbols[0].sync.state == "SYNCED"
    kinds = protocol.builder.rows["kind"][: protocol.builder.row_count].tolist()
    assert kinds.count(int(Kind.DELTA)) == 3
    assert protocol.receive(diff(200, 210, 190), 5) == DEPTH
    last = [n for n in protocol.builder.notes if isinstance(n, FeedStatus)][-2:]
    assert [n.state for n in last] == ["GAP", "BUFFERING"]
    assert "expected update 181, found 191 to 210" in last[0].reason


def test_every_stream_is_heard_and_others_are_not():
    protocol = listed()
    protocol.connected(1)
    top = {
        "e": "bookTicker",
        "u": 7,
        "s": "BTCUSDT",
        "b": "100.00",
        "B": "1.0",
        "a": "100.10",
        "A": "1.0",
        "T": 1,
        "E": 1,
    }
    trade = {
        "e": "aggTrade",
        "E": 1,
        "s": "BTCUSDT",
        "a": 9,
        "p": "100.00",
        "q": "2.000",
        "f": 1,
        "l": 3,
        "T": 1,
        "m": True,
    }

    def said(stream: str, data: dict[str, object]) -> int:
        return protocol.receive(json.dumps({"stream": stream, "data": data}).encode(), 2)

    assert said("btcusdt@bookTicker", top) == TOP
    assert said("btcusdt@aggTrade", trade) == TRADE
    row = protocol.builder.rows[protocol.builder.row_count - 1]
    assert (int(row["last_id"]), int(row["size_lots"]), int(row["side"])) == (9, 200000, -1)
    assert said("btcusdt@markPrice", {"e": "markPriceUpdate"}) == UNKNOWN
