"""What each venue's protocol takes a message, over a real recording of it: bytes -> rows, and rows -> the book.

One function a venue, the best of a few rounds each; what all of a recording takes is scaled to ten symbols at
its own rate.
"""

from __future__ import annotations

import json
import time

import zstandard

from benchmarks.where import capture
from engine.batch import BatchBuilder
from engine.feeds.coinbase import Coinbase
from engine.feeds.kraken import Kraken
from engine.feeds.venues import VENUES
from engine.kernels.fold import fit, fold, new_market
from tests.feeds.test_kraken_capture import Translation, v2_name

ROUNDS = 7


def records_of(name: str) -> list[dict[str, str]]:
    with capture(name).open("rb") as raw:
        text = zstandard.ZstdDecompressor().stream_reader(raw).read()
    return [json.loads(line) for line in text.splitlines()]


def coinbase() -> dict[str, float]:
    """BTC-USD and ETH-USD; their first two level2 messages are snapshots of 46,000 and 23,334 levels."""
    records = records_of("COINBASE.jsonl.zst")
    listing = next(record["data"] for record in records if record["t"] == "http").encode()
    received = [record for record in records if record["t"] == "recv"]
    messages = [record["data"].encode() for record in received]
    great = max(messages, key=len)
    seconds = float(received[-1]["ts"]) - float(received[0]["ts"])
    parsed, folded, small, all_of_it = [], [], [], []
    for _ in range(ROUNDS):
        builder = BatchBuilder()
        feed = Coinbase(["BTC-USD", "ETH-USD"], VENUES["coinbase"].options, builder)
        feed.list_symbols(listing, 0)
        feed.connected(0)
        builder.take()
        markets = [new_market(0.01, 1e-8, [100.0, 10.0, 25.0], 1) for _ in feed.names]
        short_ns = short = 0
        began = time.perf_counter_ns()
        for at, data in enumerate(messages):
            start = time.perf_counter_ns()
            feed.receive(data, at)
            took = time.perf_counter_ns() - start
            if data is great:
                parsed.append(took / 1e6)
            elif b'"l2_data"' in data[:24] and len(data) < 1_000_000:
                short_ns += took
                short += 1
            batch = builder.take()
            start = time.perf_counter_ns()
            for index, market in enumerate(markets):
                markets[index] = market = fit(batch.rows, batch.levels, index, market)
                fold(batch.rows, batch.levels, index, market)
            if data is great:
                folded.append((time.perf_counter_ns() - start) / 1e6)
        all_of_it.append((time.perf_counter_ns() - began) / 1e9)
        small.append(short_ns / short)
    return {
        "coinbase, snapshot of 46,000 levels parsed, ms": min(parsed),
        "coinbase, the same folded, ms": min(folded),
        "coinbase, update parsed, ns": min(small),
        "coinbase, ten symbols, % of a core": 100 * min(all_of_it) / seconds * 10 / 2,
    }


def kraken() -> dict[str, float]:
    """Ten books of a quiet quarter of a minute, with every checksum; a snapshot of 1,000 levels a side is made up."""
    translation = Translation(capture("KRAKEN.jsonl.zst"), 1000)
    names = [v2_name(pair) for pair in translation.pairs]
    told = [(at_s, message) for at_s, message in translation.messages() if b'"book"' in message[:20]]
    seconds = told[-1][0] - told[0][0]
    deep = ",".join(f'{{"price":{60_000 - i}.0,"qty":0.{i + 1:08d}}}' for i in range(1000))
    above = ",".join(f'{{"price":{60_001 + i}.0,"qty":0.{i + 1:08d}}}' for i in range(1000))
    snapshot = (
        f'{{"channel":"book","type":"snapshot","data":[{{"symbol":"{names[0]}","bids":[{deep}],"asks":[{above}]'
        ',"checksum":1,"timestamp":"2026-08-16T23:37:03.745044Z"}]}'
    ).encode()
    great, small, folded = [], [], []
    for _ in range(ROUNDS):
        builder = BatchBuilder()
        feed = Kraken(names, VENUES["kraken"].options, builder)
        feed.list_symbols(translation.asset_pairs(), 0)
        feed.connected(0)
        builder.take()
        markets = [new_market(0.01, 1e-8, [100.0, 10.0, 25.0], 1) for _ in names]
        updates = parsed_ns = fold_ns = 0
        for at, (_, data) in enumerate(told):
            start = time.perf_counter_ns()
            feed.receive(data, at)
            took = time.perf_counter_ns() - start
            batch = builder.take()
            number = int(batch.rows[0]["symbol"])
            markets[number] = fit(batch.rows, batch.levels, number, markets[number])
            if b'"update"' in data[:40]:
                updates += 1
                parsed_ns += took
                start = time.perf_counter_ns()
                fold(batch.rows, batch.levels, number, markets[number])
                fold_ns += time.perf_counter_ns() - start
            else:
                fold(batch.rows, batch.levels, number, markets[number])
        small.append(parsed_ns / updates)
        folded.append(fold_ns / updates)
        start = time.perf_counter_ns()
        feed.receive(snapshot, len(told))
        great.append((time.perf_counter_ns() - start) / 1e6)
    return {
        "kraken, snapshot of 2,000 levels parsed, ms": min(great),
        "kraken, update parsed, ns": min(small),
        "kraken, update folded, cut and its checksum compared, ns": min(folded),
        "kraken, ten symbols, % of a core": (min(small) + min(folded)) * updates / seconds / 1e7,
    }


def run() -> dict[str, float]:
    return coinbase() | kraken()
