"""Binance without a socket: literal bytes in, rows and notes out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, Batch, BatchBuilder
from engine.events import FeedCount, FeedStatus, Kind, Listed
from engine.feeds import venue
from engine.feeds.binance import Binance, is_whole
from engine.feeds.errors import Malformed, UnknownSymbol
from engine.feeds.options import FeedOptions
from engine.feeds.requests import Request
from engine.feeds.sync import Join
from engine.instrument import Instrument

INFO = b"""{"timezone":"UTC","serverTime":1,"rateLimits":[
 {"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50},
 {"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1200}],
 "symbols":[
 {"symbol":"ETHUSDT","status":"BREAK","baseAsset":"ETH","baseAssetPrecision":8,"quoteAsset":"USDT","filters":[
  {"filterType":"LOT_SIZE","minQty":"0.0001","stepSize":"0.00010000"},
  {"filterType":"PRICE_FILTER","minPrice":"0.01","tickSize":"0.01000000"}]},
 {"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT","filters":[
  {"filterType":"PRICE_FILTER","minPrice":"0.01","tickSize":"0.01000000"},
  {"filterType":"LOT_SIZE","minQty":"0.00001","stepSize":"0.00001000"}]}]}"""


def protocol(*symbols: str, options: FeedOptions | None = None) -> Binance:
    found = Binance(symbols or ("BTCUSDT",), options or FeedOptions(), BatchBuilder())
    for index, name in enumerate(found.names):
        found.use(index, Instrument("binance", name, name[:3], "USDT", "0.01", "0.00001"), 0)
    found.connected(0)
    found.builder.take()
    return found


def depth(first: int, last: int, symbol: str = "BTCUSDT", bids: object = (), asks: object = ()) -> bytes:
    data = {"e": "depthUpdate", "E": 1, "s": symbol, "U": first, "u": last, "b": bids, "a": asks}
    message = {"stream": f"{symbol.lower()}@depth@100ms", "data": data}
    return json.dumps(message, separators=(",", ":")).encode()


def snapshot(last: int, bids: object = (["10.00", "1"],), asks: object = (["11.00", "1"],)) -> bytes:
    return json.dumps({"lastUpdateId": last, "bids": bids, "asks": asks}, separators=(",", ":")).encode()


def rows(batch: Batch, *kinds: Kind) -> list[tuple[int, int, int]]:
    return [
        (int(r["kind"]), int(r["symbol"]), int(r["last_id"]))
        for r in batch.rows
        if not kinds or r["kind"] in kinds
    ]


def states(batch: Batch) -> list[tuple[int | None, str, str]]:
    return [(n.symbol, n.state, n.reason) for n in batch.notes if isinstance(n, FeedStatus)]


def test_what_is_asked_for():
    asked = Binance(["BTCUSDT", "ETHUSDT", "BTCUSDT"], FeedOptions(), BatchBuilder())
    assert asked.names == ("BTCUSDT", "ETHUSDT")
    assert asked.info_request() == Request(
        "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D", 20
    )
    assert asked.snapshot_request(1, 5000) == Request("/api/v3/depth?symbol=ETHUSDT&limit=5000", 250)
    assert [asked.snapshot_request(0, n).weight for n in (100, 101, 500, 1000, 1001)] == [5, 25, 25, 50, 250]
    assert [text for _, text in asked.subscriptions(7)] == [
        b'{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@trade","btcusdt@bookTicker",'
        b'"ethusdt@depth@100ms","ethusdt@trade","ethusdt@bookTicker"],"id":7}'
    ]


def test_many_symbols_are_subscribed_in_several_requests():
    asked = Binance([f"A{i}USDT" for i in range(50)], FeedOptions(), BatchBuilder())
    requests = [json.loads(request.text) for request in asked.subscriptions()]
    assert [(r["id"], len(r["params"])) for r in requests] == [(1, 100), (2, 50)]


def test_exchange_info_lists_each_symbol_on_a_grid_a_hundred_times_finer_than_the_lot_step():
    listing = Binance(["BTCUSDT", "ETHUSDT"], FeedOptions(), BatchBuilder())
    listing.list_symbols(INFO, 5)
    batch = listing.builder.take()
    assert [note for note in batch.notes if isinstance(note, Listed)] == [
        Listed(0, Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.0000001"), 5000),
        Listed(1, Instrument("binance", "ETHUSDT", "ETH", "USDT", "0.01", "0.000001"), 5000),
    ]
    assert [(n.symbol, n.trading) for n in batch.notes if isinstance(n, FeedStatus)] == [
        (0, "TRADING"),
        (1, "BREAK"),
    ]
    assert listing.weight_a_minute == 1200
    assert listing.listed


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        (["BTCUSD"], "binance does not trade BTCUSD; near matches: BTCUSDT"),
        (["BTC"], "binance does not trade BTC; near matches: BTCUSDT"),
        (["BTCUSDT", "QQQ"], "binance does not trade QQQ"),
        (
            ["ETHUSD", "ZZZ"],
            "binance does not trade ETHUSD; near matches: ETHUSDT. binance does not trade ZZZ",
        ),
    ],
)
def test_an_unknown_symbol(symbols: list[str], message: str):
    with pytest.raises(UnknownSymbol) as caught:
        Binance(symbols, FeedOptions(), BatchBuilder()).list_symbols(INFO, 5)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>", "expected exchangeInfo, found '<html>': JSON is malformed: invalid character (byte 0)"),
        (
            INFO.replace(b"PRICE_FILTER", b"PRICE"),
            "exchangeInfo of BTCUSDT has no PRICE_FILTER.tickSize or no LOT_SIZE.stepSize",
        ),
        (
            INFO.replace(b'"0.01000000"', b'"0.00000000"'),
            "exchangeInfo of BTCUSDT: a step is a positive decimal such as 0.01, found '0.00000000'",
        ),
    ],
)
def test_exchange_info_that_is_none(body: bytes, message: str):
    listing = Binance(["BTCUSDT"], FeedOptions(), BatchBuilder())
    with pytest.raises(Malformed) as caught:
        listing.list_symbols(body, 5)
    assert str(caught.value) == message
    assert not listing.listed


def test_a_snapshot_becomes_one_row_and_only_diffs_that_apply_follow():
    feed = protocol()
    assert feed.receive(depth(101, 105, bids=[["10.00", "2"]]), 1) == venue.DEPTH
    feed.receive(depth(106, 110, bids=[["10.01", "3"]]), 2)
    assert rows(feed.builder.take(), Kind.DELTA) == []
    epoch = feed.snapshot_asked(0, 3)
    assert feed.snapshot(0, epoch, 1, snapshot(107), 4) is Join.SYNCED
    feed.receive(depth(100, 107), 5)
    feed.receive(depth(111, 112, asks=[["11.00", "0"]]), 6)
    batch = feed.builder.take()
    assert rows(batch, Kind.SNAPSHOT, Kind.DELTA) == [(1, 0, 107), (2, 0, 110), (2, 0, 112)]
    assert [int(r["ts_recv"]) for r in batch.rows if r["kind"] == Kind.DELTA] == [4, 6]
    assert batch.levels.tolist() == [[1000, 100000], [1100, 100000], [1001, 300000], [1100, 0]]
    assert states(batch) == [(0, "SNAPSHOT_WAIT", ""), (0, "SYNCED", "")]
    assert feed.ignored == 1


@pytest.mark.parametrize(
    ("limit", "flags"), [(1, 0), (2, BIDS_WHOLE | ASKS_WHOLE)], ids=["as many as asked", "fewer than asked"]
)
def test_a_side_is_whole_where_fewer_levels_came_than_were_asked_for(limit: int, flags: int):
    feed = protocol()
    feed.snapshot(0, feed.snapshot_asked(0, 0), limit, snapshot(5), 1)
    row = next(r for r in feed.builder.take().rows if r["kind"] == Kind.SNAPSHOT)
    assert row["flags"] == flags


def test_a_round_number_of_levels_is_a_cut_and_not_the_end_of_the_book():
    assert [is_whole(count, 5000) for count in (0, 37, 999, 1000, 1001, 5000)] == [
        True,
        True,
        True,
        False,
        True,
        False,
    ]


def test_a_gap_resyncs_that_symbol_alone():
    feed = protocol("BTCUSDT", "ETHUSDT")
    for index, name in enumerate(feed.names):
        feed.receive(depth(1, 10, name), 0)
        feed.snapshot(index, feed.snapshot_asked(index, 0), 1000, snapshot(10), 0)
    feed.builder.take()
    feed.receive(depth(15, 16), 1)
    feed.receive(depth(11, 12, "ETHUSDT"), 1)
    batch = feed.builder.take()
    reason = "gap: expected update 11, found 15 to 16"
    assert states(batch) == [(0, "GAP", reason), (0, "BUFFERING", reason)]
    assert rows(batch, Kind.DELTA) == [(2, 1, 12)]
    assert feed.resyncs == 1


def test_a_trade_or_a_top_that_came_before_is_left_out():
    feed = protocol()
    trade = (
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":%d,"p":"1.00","q":"1","T":1,'
        b'"m":true,"M":true}}'
    )
    top = (
        b'{"stream":"btcusdt@bookTicker","data":{"u":%d,"s":"BTCUSDT","b":"1.00","B":"1","a":"2.00","A":"1"}}'
    )
    for number in (5, 6, 6, 4, 7):
        assert feed.receive(trade % number, 1) == venue.TRADE
        assert feed.receive(top % number, 1) == venue.TOP
    batch = feed.builder.take()
    assert rows(batch, Kind.TRADE) == [(3, 0, 5), (3, 0, 6), (3, 0, 7)]
    assert rows(batch, Kind.TOP) == [(4, 0, 5), (4, 0, 6), (4, 0, 7)]
    assert feed.ignored == 4


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        (b'{"result":null,"id":1}', venue.ANSWERED),
        (b'{"error":{"code":2,"msg":"Invalid request: unknown stream"},"id":1}', venue.REFUSED),
        (b'{"code":0,"msg":"Unknown property"}', venue.REFUSED),
        (b'{"e":"serverShutdown","E":1700000000000}', venue.SHUTDOWN),
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}', venue.SHUTDOWN),
        (b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT"}}', venue.UNKNOWN),
        (b'{"stream":"xrpusdt@trade","data":{"e":"trade","E":1}}', venue.UNKNOWN),
        (b"{}", venue.UNKNOWN),
        (b"[1,2]", venue.MALFORMED),
        (b"", venue.MALFORMED),
        (b"\xff\xfe", venue.MALFORMED),
        (b'{"stream":"btcusdt@trade","data":null}', venue.MALFORMED),
        (b"[" * 100_000, venue.MALFORMED),
    ],
)
def test_what_else_may_be_heard(message: bytes, heard: int):
    feed = protocol()
    feed.receive(depth(1, 10), 0)
    feed.snapshot(0, feed.snapshot_asked(0, 0), 1000, snapshot(10), 0)
    feed.builder.take()
    assert feed.receive(message, 1) == heard
    assert feed.malformed == (heard == venue.MALFORMED)
    assert len(feed.builder.take()) == 0  # and the book stays as it is


def test_what_the_exchange_said_against_a_request_is_kept_and_cleaned():
    feed = protocol()
    feed.receive(b'{"code":-1121,"msg":"Invalid \\u001b[31msymbol."}', 1)
    assert feed.last_error == "Invalid [31msymbol."


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (
            depth(11, 12).replace(b'"U":11', b'"U":null'),
            "depthUpdate of BTCUSDT: Expected `int`, got `null` - at `$.U`",
        ),
        (depth(13, 12), "depthUpdate of BTCUSDT: U is 13, expected 0 to 12"),
        (
            depth(11, 12).replace(b'"s":"BTCUSDT"', b'"s":"ETHUSDT"'),
            "depthUpdate of BTCUSDT: the stream is BTCUSDT's, the data say 'ETHUSDT'",
        ),
        (
            depth(11, 12).replace(b'"e":"depthUpdate"', b'"e":7'),
            "expected an event object: Expected `str | null`",
        ),
    ],
)
def test_a_diff_that_cannot_be_read_resyncs_its_symbol(broken: bytes, why: str):
    feed = protocol("BTCUSDT", "ETHUSDT")
    feed.receive(depth(1, 10), 0)
    feed.snapshot(0, feed.snapshot_asked(0, 0), 1000, snapshot(10), 0)
    feed.builder.take()
    assert feed.receive(broken, 1) == venue.MALFORMED
    found = states(feed.builder.take())
    assert [state[:2] for state in found] == [(0, "GAP"), (0, "BUFFERING")]
    assert found[0][2].startswith(f"a depth message could not be read: {why}")


def test_a_snapshot_that_cannot_be_read_is_asked_for_again():
    feed = protocol()
    feed.receive(depth(1, 10), 0)
    epoch = feed.snapshot_asked(0, 0)
    with pytest.raises(Malformed, match=r"^depth snapshot of BTCUSDT: Object missing required field `bids`$"):
        feed.snapshot(0, epoch, 1000, b'{"lastUpdateId":10}', 1)
    assert feed.symbols[0].sync.wants_snapshot
    assert rows(feed.builder.take(), Kind.SNAPSHOT) == []


def test_held_diffs_of_an_unusual_layout_are_applied_too():
    feed = protocol()
    unusual = json.dumps(json.loads(depth(11, 12, bids=[["9.00", "4"]]))).encode()  # with spaces
    feed.receive(unusual, 1)
    feed.snapshot(0, feed.snapshot_asked(0, 1), 1000, snapshot(10), 2)
    batch = feed.builder.take()
    assert rows(batch, Kind.SNAPSHOT, Kind.DELTA) == [(1, 0, 10), (2, 0, 12)]
    assert batch.levels[-1].tolist() == [900, 400000]


def test_counts_come_at_most_once_a_second_and_only_when_something_changed():
    feed = protocol()
    second = 1_000_000_000
    for ts in (second, second + 1, 2 * second, 2 * second + 1, 4 * second):
        feed.receive(b"{}", ts) if ts < 3 * second else None
        feed.count(ts)
    counts = [note for note in feed.builder.take().notes if isinstance(note, FeedCount)]
    assert [count.messages for count in counts] == [1, 3, 4]


@given(
    st.lists(
        st.sampled_from(["diff", "gap", "old", "bad", "snapshot", "late", "lost", "crossed"]), max_size=40
    )
)
@settings(max_examples=150, deadline=None)
def test_whatever_comes_the_rows_are_one_gapless_sequence(events: list[str]):
    """After a SNAPSHOT row, each DELTA row begins at or before the id after the last and ends beyond it."""
    feed = protocol()
    now = 100
    epochs: list[tuple[int, int]] = []
    for ts, event in enumerate(events):
        if event in ("diff", "gap"):
            now += 5 * (event == "gap")
            feed.receive(depth(now + 1, now + 3), ts)
            now += 3
        elif event == "old":
            feed.receive(depth(max(1, now - 8), now - 2), ts)
        elif event == "bad":
            now += 2
            feed.receive(depth(now - 1, now)[:-4], ts)
        elif event == "snapshot" and feed.symbols[0].sync.wants_snapshot:
            epochs.append((feed.snapshot_asked(0, ts), now))
        elif event == "late" and epochs:
            epoch, at = epochs.pop(0)
            feed.snapshot(0, epoch, 1000, snapshot(at), ts)
        elif event == "lost":
            feed.disconnected("it broke", ts)
            feed.connected(ts)
        elif event == "crossed":
            feed.resync(0, "crossed", ts)
    book: int | None = None
    batch = feed.builder.take()
    for row in batch.rows:
        if row["kind"] == Kind.SNAPSHOT:
            book = int(row["last_id"])
        elif row["kind"] == Kind.DELTA:
            assert book is not None
            assert int(row["first_id"]) <= book + 1 <= int(row["last_id"])
            book = int(row["last_id"])
    assert feed.symbols[0].sync.update_id == book


@given(
    st.lists(
        st.binary(max_size=80) | st.sampled_from([depth(1, 2)[:60], b'{"stream":"btcusdt@', b"null"]),
        max_size=8,
    )
)
@settings(max_examples=200, deadline=None)
def test_garbage_makes_no_rows_and_no_exception(messages: list[bytes]):
    feed = protocol()
    for message in messages:
        assert feed.receive(message, 1) < 0
    assert rows(feed.builder.take(), Kind.TRADE, Kind.TOP, Kind.DELTA, Kind.SNAPSHOT) == []
    assert feed.malformed + feed.ignored >= 0
    assert feed.messages == len(messages)


def test_a_price_between_ticks_lists_the_symbol_anew_on_a_finer_grid():
    feed = protocol("BTCUSDT", "ETHUSDT")
    for index, name in enumerate(feed.names):
        feed.receive(depth(1, 10, name), 0)
        feed.snapshot(index, feed.snapshot_asked(index, 0), 1000, snapshot(10), 0)
    feed.builder.take()
    assert feed.receive(depth(11, 12, bids=[["9.995", "1"]]), 1) == venue.DEPTH
    feed.snapshot(0, feed.snapshot_asked(0, 2), 1000, snapshot(10), 2)
    batch = feed.builder.take()
    listed = [note for note in batch.notes if isinstance(note, Listed)]
    assert [(note.symbol, note.instrument.tick_size) for note in listed] == [(0, "0.001")]
    reason = "9.995 is between ticks of 0.01"
    assert states(batch)[:3] == [(0, "GAP", reason), (0, "BUFFERING", reason), (0, "BUFFERING", reason)]
    assert rows(batch, Kind.SNAPSHOT, Kind.DELTA) == [(1, 0, 10), (2, 0, 12)]
    assert batch.levels.tolist() == [[10_000, 100_000], [11_000, 100_000], [9_995, 100_000]]
    assert (feed.malformed, feed.symbols[1].sync.state) == (0, "SYNCED")


def test_a_snapshot_with_prices_between_ticks_is_read_again_at_once():
    feed = protocol()
    body = snapshot(10, bids=[["10.0005", "1"], ["9.995", "2"], ["9.99", "3"]])
    assert feed.snapshot(0, feed.snapshot_asked(0, 0), 1000, body, 1) is Join.SYNCED
    batch = feed.builder.take()
    assert [n.instrument.tick_size for n in batch.notes if isinstance(n, Listed)] == ["0.0001"]
    assert batch.levels[:3, 0].tolist() == [100_005, 99_950, 99_900]


def test_a_price_that_no_tick_ever_had_is_refused():
    feed = protocol()
    body = snapshot(10, bids=[["10.000001", "1"]])
    with pytest.raises(Malformed, match=r"10\.000001 is not a multiple of the step 0\.01$"):
        feed.snapshot(0, feed.snapshot_asked(0, 0), 1000, body, 1)
    assert feed.symbols[0].instrument == Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")


def test_a_held_diff_that_the_finer_grid_cannot_hold_is_not_forgotten():
    feed = protocol()
    feed.receive(depth(11, 12, bids=[["92233720368547758.07", "1"]]), 0)  # 2**63 - 1 ticks
    assert feed.symbols[0].sync.wants_snapshot
    feed.receive(depth(13, 14, bids=[["9.995", "1"]]), 0)
    feed.snapshot(0, feed.snapshot_asked(0, 0), 1000, snapshot(10), 1)
    reason = "92233720368547758.07 at a step of 0.001 does not fit in 64 bits"
    assert states(feed.builder.take())[-1] == (0, "BUFFERING", f"depthUpdate of BTCUSDT: {reason}")


def test_two_spellings_of_one_symbol_are_one_book():
    """Two would share a stream, of which one alone hears: the other stood still, and looked well."""
    feed = Binance([("BTCUSD", "BTCUSDT"), ("ETHUSDT",), ("BTCUSDT",)], FeedOptions(), BatchBuilder())
    feed.list_symbols(INFO, 0)
    assert feed.names == ("BTCUSDT", "ETHUSDT")
    listed = [
        (note.symbol, note.instrument.symbol) for note in feed.builder.notes if isinstance(note, Listed)
    ]
    assert listed == [(0, "BTCUSDT"), (1, "ETHUSDT")]
    feed.connected(0)
    feed.receive(depth(5, 6), 0)
    assert [symbol.sync.wants_snapshot for symbol in feed.symbols] == [True, False]
