"""Coinbase without a socket: literal bytes in, rows and notes out."""

from __future__ import annotations

import json

import pytest
from fakes.coinbase import (
    BOOK,
    OPTIONS,
    Levels,
    event,
    feed,
    message,
    product,
    products,
    snapshot,
    trades,
    update,
)

from engine.batch import Batch, BatchBuilder
from engine.events import FeedStatus, Kind, Listed
from engine.feeds.coinbase import Coinbase
from engine.feeds.errors import UnknownSymbol
from engine.feeds.requests import Request
from engine.feeds.venue import (
    ALIVE,
    ANSWERED,
    DEPTH,
    LOST,
    MALFORMED,
    REFUSED,
    STREAMS_A_SYMBOL,
    TOP,
    TRADE,
    UNKNOWN,
)
from engine.instrument import Instrument


def states(batch: Batch) -> list[tuple[int | None, str]]:
    return [(note.symbol, note.state) for note in batch.notes if isinstance(note, FeedStatus)]


def rows(batch: Batch, kind: Kind) -> list[dict[str, int]]:
    names = ("symbol", "last_id", "price_ticks", "size_lots", "side", "ts_event", "bid_count", "ask_count")
    return [{name: int(row[name]) for name in names} for row in batch.rows if row["kind"] == kind]


# asking


def test_what_is_asked_for():
    asked = Coinbase(["BTC-USD", "ETH-USD"], OPTIONS, BatchBuilder())
    path = "/api/v3/brokerage/market/products"
    assert asked.info_request() == asked.full_info_request() == Request(path)
    asked.list_symbols(products(product("BTC-USD"), product("ETH-USD")), 0)
    assert asked.info_request() == Request(f"{path}?product_ids=BTC-USD&product_ids=ETH-USD")
    assert [json.loads(text) for _, text in asked.subscriptions(7)] == [
        {"type": "subscribe", "channel": "heartbeats"},
        {"type": "subscribe", "channel": "market_trades", "product_ids": ["BTC-USD", "ETH-USD"]},
        {"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD", "ETH-USD"]},
    ]
    streams = [DEPTH, TOP, STREAMS_A_SYMBOL + DEPTH, STREAMS_A_SYMBOL + TRADE]
    assert [json.loads(text) for _, text in asked.resubscriptions(streams, 9)] == [
        {"type": "unsubscribe", "channel": "level2", "product_ids": ["BTC-USD", "ETH-USD"]},
        {"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD", "ETH-USD"]},
        {"type": "unsubscribe", "channel": "market_trades", "product_ids": ["ETH-USD"]},
        {"type": "subscribe", "channel": "market_trades", "product_ids": ["ETH-USD"]},
    ]
    assert [asked.stream(n) for n in (0, 4)] == ["level2 of BTC-USD", "market_trades of ETH-USD"]


def test_the_spelling_that_is_listed_counts_and_an_alias_leads_to_the_book_it_shares():
    body = products(product("BTC-USD"), product("BTC-USDC", alias="BTC-USD"), product("ETH-USD"))
    asked = Coinbase([("BTC-USDC", "BTC-USDT", "BTC-USD")], OPTIONS, BatchBuilder(), lambda count: 3)
    asked.list_symbols(body, 5)
    assert asked.names == ("BTC-USD",)
    listed = [note for note in asked.builder.take().notes if isinstance(note, Listed)]
    assert listed == [Listed(3, Instrument("coinbase", "BTC-USD", "BTC", "USD", "0.01", "0.0000001"), 0)]
    with pytest.raises(UnknownSymbol, match="coinbase does not trade BTC-USDC; near matches: BTC-USD"):
        Coinbase(["BTC-USDC"], OPTIONS, BatchBuilder()).list_symbols(body, 0)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "TRADING"),
        ({"status": ""}, "TRADING"),
        ({"status": "offline", "cancel_only": True}, "OFFLINE"),
        ({"status": "something new"}, "SOMETHING NEW"),
        ({"trading_disabled": True, "limit_only": True}, "TRADING_DISABLED"),
        ({"is_disabled": True}, "TRADING_DISABLED"),
        ({"auction_mode": True, "post_only": True}, "AUCTION_MODE"),
        ({"cancel_only": True}, "CANCEL_ONLY"),
        ({"post_only": True}, "POST_ONLY"),
        ({"limit_only": True}, "LIMIT_ONLY"),
    ],
)
def test_the_trading_status_in_the_venue_s_words(fields: dict[str, object], word: str):
    asked = Coinbase(["BTC-USD"], OPTIONS, BatchBuilder())
    asked.list_symbols(products(product("BTC-USD")), 0)
    asked.take_status(products(product("BTC-USD", **fields)), 1)
    assert asked.symbols[0].trading == word
    asked.take_status(products(), 2)
    assert asked.symbols[0].trading == "DELISTED"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "expected products, found '[]': Expected `object`, got `array`"),
        (b'{"products":[{"product_id":"BTC-USD"}]}', "missing required field `base_increment`"),
        (
            products(product("BTC-USD", price_increment="0")),
            "the product BTC-USD: a step is a positive decimal",
        ),
    ],
)
def test_a_listing_that_cannot_be_read(body: bytes, reason: str):
    with pytest.raises(ValueError, match=reason.replace("[", r"\[").replace("]", r"\]")):
        Coinbase(["BTC-USD"], OPTIONS, BatchBuilder()).list_symbols(body, 0)


# hearing


def test_a_book_begins_with_its_snapshot_and_goes_on_with_updates():
    one = feed("BTC-USD", "ETH-USD", first=4)
    assert one.receive(update(0), 1) == DEPTH  # of a subscription before: there is no book to apply it to
    assert one.receive(snapshot(1, "ETH-USD"), 2) == STREAMS_A_SYMBOL + DEPTH
    assert one.receive(update(2, "ETH-USD"), 3) == STREAMS_A_SYMBOL + DEPTH
    batch = one.builder.take()
    assert states(batch) == [(5, "SYNCED")]
    (first,) = rows(batch, Kind.SNAPSHOT)
    (then,) = rows(batch, Kind.DELTA)
    assert (first["symbol"], first["last_id"], first["bid_count"], first["ask_count"]) == (5, 1, 2, 1)
    assert (then["symbol"], then["last_id"]) == (5, 2)
    assert one.ignored == 1


def test_patience_with_a_snapshot_counts_from_the_last_one_that_came():
    one = feed("BTC-USD", "ETH-USD", "SOL-USD")
    one.receive(snapshot(0), 7)
    one.receive(update(1), 8)
    assert [symbol.began for symbol in one.symbols[1:]] == [7, 7]
    one.receive(snapshot(2, "ETH-USD"), 9)
    assert [symbol.began for symbol in one.symbols] == [7, 9, 9]


def test_a_hole_in_the_numbers_loses_every_book_of_the_connection_at_once():
    one = feed("BTC-USD", "ETH-USD")
    for number, data in enumerate((snapshot(0), snapshot(1, "ETH-USD"), update(2))):
        assert one.receive(data, number) >= 0
    one.builder.take()
    assert one.receive(update(4), 5) == LOST
    assert one.last_error == "messages are missing: expected number 3, found 4"
    batch = one.builder.take()
    assert states(batch) == [(s, state) for s in (0, 1) for state in ("GAP", "BUFFERING", "STALE")]
    assert one.receive(update(3), 6) == one.receive(update(5), 6) == UNKNOWN
    assert one.receive(snapshot(6), 6) == UNKNOWN
    assert not len(one.builder.take().rows)
    one.connected(7)
    assert one.receive(snapshot(0), 8) == DEPTH
    assert one.symbols[0].sync.state == "SYNCED"


def test_heartbeats_tickers_and_what_nobody_knows_are_numbered_too():
    one = feed()
    assert one.receive(snapshot(7), 0) == DEPTH  # wherever a line begins to count
    assert one.receive(message(8, "heartbeats", {"heartbeat_counter": 1}), 0) == ALIVE
    assert one.receive(message(9, "subscriptions", {"subscriptions": {}}), 0) == ANSWERED
    assert one.receive(message(10, "weather", {"sky": None}), 0) == UNKNOWN
    assert one.receive(update(11), 0) == DEPTH
    assert one.receive(message(13, "heartbeats"), 0) == LOST


def test_a_message_that_came_already_is_ignored():
    one = feed()
    for number in range(3):
        one.receive(snapshot(0) if number == 0 else update(number), 0)
    before = one.builder.row_count
    assert [one.receive(update(number), 0) for number in (2, 1, 0)] == [UNKNOWN] * 3
    assert (one.builder.row_count, one.ignored) == (before, 3)
    assert one.receive(update(3), 0) == DEPTH


def test_trades_come_newest_first_and_leave_in_order_with_the_aggressor_s_side():
    one = feed()
    data = trades(
        0, "update", (12, "10.03", "SELL"), (11, "10.02", "BUY"), (10, "10.01", "UNKNOWN_ORDER_SIDE")
    )
    assert one.receive(data, 5) == TRADE
    found = rows(one.builder.take(), Kind.TRADE)
    assert [(row["last_id"], row["price_ticks"], row["side"]) for row in found] == [
        (10, 1001, 0),
        (11, 1002, -1),
        (12, 1003, 1),
    ]
    assert {row["size_lots"] for row in found} == {50_000_000}
    assert {row["ts_event"] for row in found} == {1_786_309_548_210_883_000}


def test_past_trades_are_no_new_ones_and_none_comes_twice():
    one = feed()
    assert one.receive(trades(0, "snapshot", (12, "10.03", "SELL"), (11, "10.02", "BUY")), 0) == TRADE
    one.receive(trades(1, "update", (13, "10.04", "SELL"), (12, "10.03", "SELL")), 0)
    one.receive(trades(2, "update", (13, "10.04", "SELL")), 0)
    assert [row["last_id"] for row in rows(one.builder.take(), Kind.TRADE)] == [13]


def test_an_error_is_a_refusal():
    one = feed()
    assert one.receive(b'{"type":"error","message":"rate limit exceeded"}', 0) == REFUSED
    assert one.last_error == "rate limit exceeded"
    assert one.receive(b'{"type":"weather"}', 0) == UNKNOWN


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[1]", b'{"channel":null}', update(1)[:150]])
def test_what_cannot_be_read_leaves_a_hole(data: bytes):
    one = feed()
    one.receive(snapshot(0), 0)
    assert one.receive(data, 0) == MALFORMED
    assert (one.malformed, one.symbols[0].sync.state) == (1, "SYNCED")
    assert one.receive(update(2), 0) == LOST
    assert one.symbols[0].sync.state == "STALE"


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ((("bid", "0", "1"),), "a level at a price of zero"),
        ((("bid", "10.000001", "1"),), "10.000001 is not a multiple of the step 0.01"),
        ((("bid", "ten", "1"),), "expected a decimal such as 61737.63, found 'ten'"),
    ],
)
def test_an_update_that_cannot_be_read_costs_its_own_book_only(levels: Levels, reason: str):
    one = feed("BTC-USD", "ETH-USD")
    one.receive(snapshot(0), 0)
    one.receive(snapshot(1, "ETH-USD"), 0)
    one.builder.take()
    assert one.receive(update(2, levels=levels), 0) == MALFORMED
    batch = one.builder.take()
    assert states(batch) == [(0, "GAP"), (0, "BUFFERING")]
    assert reason in next(n.reason for n in batch.notes if isinstance(n, FeedStatus))
    assert one.receive(update(3), 0) == DEPTH
    assert one.receive(update(4, "ETH-USD"), 0) == STREAMS_A_SYMBOL + DEPTH
    assert [row["symbol"] for row in rows(one.builder.take(), Kind.DELTA)] == [1]
    one.snapshot_asked(0, 0)
    assert one.receive(snapshot(5), 0) == DEPTH
    assert one.symbols[0].sync.state == "SYNCED"


def test_an_event_of_which_nobody_knows_whose_it_is_costs_the_connection():
    one = feed("BTC-USD", "ETH-USD")
    one.receive(snapshot(0), 0)
    assert one.receive(message(1, "l2_data", {"type": "update", "product_id": None}), 0) == LOST
    assert (one.malformed, one.symbols[0].sync.state) == (1, "STALE")


def test_a_book_whose_prices_are_finer_than_the_tick_is_listed_anew():
    one = feed()
    one.receive(snapshot(0), 0)
    one.builder.take()
    one.receive(update(1, levels=(("bid", "9.995", "4"),)), 1)
    batch = one.builder.take()
    (listed,) = [note for note in batch.notes if isinstance(note, Listed)]
    assert listed.instrument.tick_size == "0.001"
    assert not rows(batch, Kind.DELTA)
    one.snapshot_asked(0, 2)
    assert one.receive(snapshot(2, levels=(("bid", "9.995", "4"), ("offer", "11", "3"))), 3) == DEPTH
    batch = one.builder.take()
    assert batch.levels.tolist() == [[9995, 400_000_000], [11_000, 300_000_000]]
    assert states(batch)[-1] == (0, "SYNCED")


def test_several_events_in_one_message_are_all_taken():
    one = feed("BTC-USD", "ETH-USD")
    both = message(
        0, "l2_data", event("snapshot", BOOK), event("snapshot", BOOK, "ETH-USD"), event("update", BOOK)
    )
    assert one.receive(both, 0) == DEPTH
    batch = one.builder.take()
    assert [row["symbol"] for row in rows(batch, Kind.SNAPSHOT)] == [0, 1]
    assert [row["symbol"] for row in rows(batch, Kind.DELTA)] == [0]


def test_after_a_hand_over_the_old_book_stands_until_the_new_snapshot():
    one = feed()
    for number in range(5):
        one.receive(snapshot(0) if number == 0 else update(number), number)
    one.builder.take()
    one.handed_over(9)
    assert one.receive(update(0), 9) == DEPTH  # it changes a book that is not there yet
    assert one.receive(snapshot(1), 9) == DEPTH
    assert one.receive(update(2), 9) == DEPTH
    batch = one.builder.take()
    assert [row["last_id"] for row in rows(batch, Kind.DELTA)] == [2]
    assert one.symbols[0].sync.state == "SYNCED"
    assert ("GAP" in dict(states(batch)).values(), one.resyncs) == (False, 0)


def test_a_line_may_take_over_once_it_has_told_every_book():
    one = feed("BTC-USD", "ETH-USD")
    said = [message(0, "heartbeats"), snapshot(1), update(2, "ETH-USD")]
    assert not one.may_take_over(said)
    assert one.may_take_over([*said, snapshot(3, "ETH-USD")])


def test_an_empty_book_is_a_book():
    one = feed()
    assert one.receive(snapshot(0, levels=()), 0) == DEPTH
    (row,) = rows(one.builder.take(), Kind.SNAPSHOT)
    assert (row["bid_count"], row["ask_count"], row["ts_event"]) == (0, 0, 1_786_309_548_210_883_000)


def test_a_book_that_a_lost_line_never_told_is_told_by_the_one_that_takes_over():
    one = feed("BTC-USD", "ETH-USD")
    one.receive(snapshot(0), 0)
    assert one.receive(update(2), 0) == LOST
    assert [symbol.sync.state for symbol in one.symbols] == ["STALE", "EMPTY"]
    one.handed_over(0)
    for message_of in (snapshot(0), snapshot(1, "ETH-USD")):
        one.receive(message_of, 0)
    assert [symbol.sync.state for symbol in one.symbols] == ["SYNCED", "SYNCED"]
