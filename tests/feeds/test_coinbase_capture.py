"""A real recording of Coinbase through the real protocol and the engine's book, against dicts and decimals."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, BatchBuilder
from engine.events import FeedStatus, Kind, Listed
from engine.feeds import coinbase_text
from engine.feeds.coinbase import Coinbase
from engine.feeds.venue import ALIVE, ANSWERED, UNKNOWN
from engine.feeds.venues import VENUES
from engine.instrument import Instrument
from engine.kernels.fold import fit, fold, new_market
from engine.kernels.level_book import ASK, BID, COUNT, TOTAL, levels_of
from engine.kernels.market import ASK_LOTS, BID_KEY

NAMES = ("BTC-USD", "ETH-USD")
Side = dict[int, int]


@dataclass
class Told:
    """What the messages say, read by json alone; ticks of a cent, lots of 1e-8."""

    books: dict[str, tuple[Side, Side]] = field(default_factory=dict)

    def apply(self, event: dict[str, Any]) -> None:
        if event["type"] == "snapshot":
            self.books[event["product_id"]] = ({}, {})
        for update in event["updates"]:
            side = self.books[event["product_id"]][update["side"] == "offer"]
            price, size = Decimal(update["price_level"]) * 100, Decimal(update["new_quantity"]) * 10**8
            side[int(price)] = int(size)
            if not size:
                del side[int(price)]


def text_ns(text: str) -> int:
    """By another road than the protocol's: whole seconds by datetime, the fraction as text."""
    head, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(head + "+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0") or 0)


@pytest.fixture(scope="module")
def records(captures: Path) -> list[dict[str, Any]]:
    with (captures / "COINBASE.jsonl.zst").open("rb") as raw:
        lines = zstandard.ZstdDecompressor().stream_reader(raw).read().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def messages(records: list[dict[str, Any]]) -> list[bytes]:
    return [record["data"].encode() for record in records if record["t"] == "recv"]


@pytest.fixture(scope="module")
def products(records: list[dict[str, Any]]) -> bytes:
    found: str = next(record["data"] for record in records if record["t"] == "http")
    return found.encode()


def listed(products: bytes) -> Coinbase:
    feed = Coinbase(NAMES, VENUES["coinbase"].options, BatchBuilder())
    feed.list_symbols(products, 0)
    feed.connected(0)
    return feed


def test_the_listing_of_920_products(products: bytes):
    feed = listed(products)
    notes = feed.builder.take().notes
    assert [note for note in notes if isinstance(note, Listed)] == [
        Listed(0, Instrument("coinbase", "BTC-USD", "BTC", "USD", "0.01", "0.00000001"), 0),
        Listed(1, Instrument("coinbase", "ETH-USD", "ETH", "USD", "0.01", "0.00000001"), 0),
    ]
    assert {note.trading for note in notes if isinstance(note, FeedStatus)} == {"TRADING"}
    words = {name: row.status for name, row in feed.read_listing(products).items()}
    truth = {row["product_id"]: row for row in json.loads(products)["products"] if not row["alias"]}
    assert set(words) == set(truth)
    for name, row in truth.items():
        assert (words[name] == "DELISTED") == (row["status"] == "delisted")
        assert (words[name] == "TRADING") == (not row["trading_disabled"] and not row["limit_only"])


def test_the_book_equals_a_dict_after_every_message(messages: list[bytes], products: bytes):
    """Best levels, number of levels and all lots after each, every single level after every 25th."""
    feed, told = listed(products), Told()
    feed.builder.take()
    markets = [new_market(0.01, 1e-8, [100.0], 1) for _ in NAMES]
    heard: Counter[str] = Counter()
    for number, data in enumerate(messages):
        feed.receive(data, number)
        message = json.loads(data)
        if message["channel"] != "l2_data":
            continue
        event = message["events"][0]
        told.apply(event)
        heard[event["type"]] += 1
        batch = feed.builder.take()
        index = NAMES.index(event["product_id"])
        markets[index] = market = fit(batch.rows, batch.levels, index, markets[index])
        assert fold(batch.rows, batch.levels, index, market) == 0  # not crossed, nothing out of range
        (row,) = batch.rows[np.isin(batch.rows["kind"], (Kind.SNAPSHOT, Kind.DELTA))]
        assert int(row["last_id"]) == message["sequence_num"]
        assert int(row["ts_event"]) == max(text_ns(update["event_time"]) for update in event["updates"])
        bids, asks = told.books[event["product_id"]]
        assert market.now[BID_KEY : ASK_LOTS + 1].tolist() == [
            -max(bids),
            bids[max(bids)],
            min(asks),
            asks[min(asks)],
        ]
        for side, truth in ((BID, bids), (ASK, asks)):
            assert (market.head[side, COUNT], market.head[side, TOTAL]) == (len(truth), sum(truth.values()))
            if number % 25 == 0 or event["type"] == "snapshot":
                assert dict(levels_of(market.book, side).tolist()) == truth
        if event["type"] == "snapshot":
            assert row["flags"] == BIDS_WHOLE | ASKS_WHOLE
            assert int(row["bid_count"] + row["ask_count"]) == len(event["updates"]) in (46_000, 23_334)
    assert heard == {"snapshot": 2, "update": 773}
    for market, name in zip(markets, NAMES, strict=True):
        for side, truth in zip((BID, ASK), told.books[name], strict=True):
            assert dict(levels_of(market.book, side).tolist()) == truth
        assert min(told.books[name][BID]) == 1  # one cent, and 100 million dollars and more
        assert max(told.books[name][ASK]) >= 10**10
    assert (feed.malformed, feed.resyncs) == (0, 0)


def test_trades_are_the_updates_in_the_order_of_their_ids_and_their_aggressors_cross(
    messages: list[bytes], products: bytes
):
    """A trade's price is at the best level, as of the last book, that its aggressor would have taken from."""
    feed, told = listed(products), Told()
    feed.builder.take()
    expected: list[tuple[str, int, int, int, int]] = []
    crossing = inside = 0
    for number, data in enumerate(messages):
        feed.receive(data, number)
        message = json.loads(data)
        for event in message["events"]:
            if message["channel"] == "l2_data":
                told.apply(event)
            if message["channel"] != "market_trades" or event["type"] != "update":
                continue
            for trade in sorted(event["trades"], key=lambda row: int(row["trade_id"])):
                price, bought = int(Decimal(trade["price"]) * 100), trade["side"] == "SELL"
                size = int(Decimal(trade["size"]) * 10**8)
                expected.append(
                    (trade["product_id"], int(trade["trade_id"]), price, size, 1 if bought else -1)
                )
                if trade["product_id"] in told.books:
                    bids, asks = told.books[trade["product_id"]]
                    crossing += price >= min(asks) if bought else price <= max(bids)
                    inside += max(bids) < price < min(asks)
    batch = feed.builder.take()
    rows = batch.rows[batch.rows["kind"] == Kind.TRADE]
    found = [
        (NAMES[r["symbol"]], int(r["last_id"]), int(r["price_ticks"]), int(r["size_lots"]), int(r["side"]))
        for r in rows
    ]
    assert found == expected
    assert (len(found), crossing, inside) == (79, 71, 7)  # the rest came before the books


def test_every_message_counts_and_the_sequence_has_no_hole(messages: list[bytes], products: bytes):
    feed = listed(products)
    heard = Counter(feed.receive(data, 0) for data in messages)
    assert heard[ALIVE] == 25
    assert heard[ANSWERED] == 5
    assert heard[UNKNOWN] == 166  # candles and tickers, which we do not subscribe to
    assert sum(count for number, count in heard.items() if number >= 0) == len(messages) - 25 - 5 - 166
    assert (feed.messages, feed.ignored, feed.malformed) == (len(messages), 166, 0)


def test_all_levels_take_the_fast_path_and_the_slow_one_agrees(messages: list[bytes], products: bytes):
    feed = listed(products)
    feed.builder.take()
    for data in messages:
        message = json.loads(data)
        if message["channel"] != "l2_data":
            continue
        index = NAMES.index(message["events"][0]["product_id"])
        kind, sequence, count = feed._read(index, data, 7)
        fast = feed.builder.rows[0].copy(), feed.builder.levels[:count].tolist()
        envelope = coinbase_text.read_envelope(data)
        instrument = feed.symbols[index].instrument
        assert instrument is not None
        slow, named = BatchBuilder(), coinbase_text.read_named(envelope.events[0])
        assert (kind, count) == coinbase_text.read_levels(
            envelope.events[0], named, envelope, slow, instrument, index, 7
        )
        fast[0]["level_start"] = 0
        assert (slow.rows[0], slow.levels[:count].tolist()) == fast
        assert sequence == message["sequence_num"]
