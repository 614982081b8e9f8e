"""Sessions captured from fake exchanges in fake time, and what is compared of them."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from engine.batch import ROW, Batch, concat
from engine.core import State, apply
from engine.events import FeedStatus, Kind, Listed, Setup
from engine.feeds import fake_faults as ff
from engine.feeds.fake_exchange import FakeExchange
from engine.feeds.fake_network import FakeNetwork
from engine.feeds.fake_time import FakeClock, run_in_fake_time
from engine.feeds.fake_venues import dialect_of
from engine.feeds.hosts import Hosts
from engine.feeds.live import LiveSource, Watched
from engine.feeds.options import FeedOptions
from engine.feeds.raw_network import RawNetwork
from engine.feeds.raw_writer import RawWriter
from engine.feeds.venues import VENUES
from engine.kernels import warm
from engine.ports import Resync

MARKET = (Kind.SNAPSHOT, Kind.DELTA, Kind.TRADE, Kind.TOP)
FIELDS = [name for name in ROW.names or () if name not in ("ts_recv", "level_start", "spare")]
LEVELS = 100
KIND = FIELDS.index("kind")
Row = tuple[object, ...]


@cache
def warm_once() -> None:
    assert list(warm.warm())


def record(
    path: Path,
    venues: Sequence[str],
    seconds: float = 12.0,
    bases: Sequence[str] = ("BTC", "ETH"),
    faults: Callable[[str], Sequence[ff.Fault]] = lambda venue: (),
    resync_after_s: float | None = None,
    renew_after_s: float = 86_000.0,
) -> list[Batch]:
    """A live session on fake exchanges in fake time, captured; what its source gave."""
    warm_once()
    batches: list[Batch] = []

    async def main(clock: FakeClock) -> None:
        writer = RawWriter(path, print)
        networks: dict[FeedOptions, RawNetwork] = {}
        watched, pumps, exchanges = [], [], []
        for venue in venues:
            symbols = [dialect_of(venue).spell(base) for base in bases]
            exchange = _exchange(venue, symbols, faults(venue), clock)
            exchanges.append(exchange)
            options = _options(venue, renew_after_s)
            networks[options] = RawNetwork(FakeNetwork(exchange, options), writer, clock, venue)
            watched.append(Watched(VENUES[venue].protocol(), symbols, options))
            pumps.append(asyncio.create_task(exchange.run()))
        source = LiveSource(watched, clock, random.Random(2), networks.__getitem__, Hosts(), Setup())
        follower = asyncio.create_task(_follow(source, batches))
        if resync_after_s is not None:
            await asyncio.sleep(resync_after_s)
            await source.command(Resync(0, "asked for"))
        await asyncio.sleep(seconds - (resync_after_s or 0.0))
        for exchange in exchanges:
            exchange.running = False
        await asyncio.sleep(1.0)  # nothing is left on its way when the source is closed
        await source.close()
        await asyncio.wait({follower})
        for pump in pumps:
            pump.cancel()
        writer.close()

    run_in_fake_time(main)
    return batches


def _exchange(venue: str, symbols: list[str], faults: Sequence[ff.Fault], clock: FakeClock) -> FakeExchange:
    exchange = FakeExchange(
        dialect_of(venue),
        symbols,
        3,
        faults=ff.Faults(*faults),
        venue_ms=clock.now_ms,
        now_s=clock.steady_s,
    )
    exchange.beat_s = 0.1
    return exchange


def _options(venue: str, renew_after_s: float) -> FeedOptions:
    host = f"fake-{venue}:1"
    return msgspec.structs.replace(
        VENUES[venue].options, rest=(f"http://{host}",), ws=(f"ws://{host}",), renew_after_s=renew_after_s
    )


async def _follow(source: LiveSource, batches: list[Batch]) -> None:
    """Keep what comes, and ask for resyncs as a session does: Kraken's checksums are proved in the fold."""
    state = State()
    async for batch in source.batches():
        batches.append(batch)
        _, requests = apply(state, batch)
        for request in requests:
            await source.command(request)


def market(batches: Sequence[Batch]) -> dict[int, list[Row]]:
    """Everything of the market, by symbol, with its levels and without our clock."""
    whole = concat(batches)
    found: dict[int, list[Row]] = {}
    for row in whole.rows[[int(kind) in MARKET for kind in whole.rows["kind"]]]:
        at, count = int(row["level_start"]), int(row["bid_count"]) + int(row["ask_count"])
        levels = whole.levels[at : at + count].tolist() if count else []
        plain = tuple(int(row[name]) for name in FIELDS)
        found.setdefault(int(row["symbol"]), []).append((*plain, tuple(map(tuple, levels))))
    return found


def listed(batches: Sequence[Batch]) -> dict[int, object]:
    return {note.symbol: note for batch in batches for note in batch.notes if isinstance(note, Listed)}


def live_instrument(batches: Sequence[Batch]) -> object:
    note = listed(batches)[0]
    assert isinstance(note, Listed)
    return note.instrument


def states(batches: Sequence[Batch], symbol: int | None) -> list[str]:
    return [
        note.state
        for batch in batches
        for note in batch.notes
        if isinstance(note, FeedStatus) and note.symbol == symbol
    ]


def last_books(rows: dict[int, list[Row]]) -> dict[int, list[dict[object, object]]]:
    """The best levels of the books at the end, kept in dicts: further out Kraken's clients forget levels."""
    kind, bids = KIND, FIELDS.index("bid_count")
    books: dict[int, list[dict[object, object]]] = {}
    for symbol, found in rows.items():
        book: list[dict[object, object]] = [{}, {}]
        for row in found:
            if row[kind] == Kind.SNAPSHOT:
                book = [{}, {}]
            if row[kind] in (Kind.SNAPSHOT, Kind.DELTA):
                levels = row[-1]
                assert isinstance(levels, tuple)
                count = row[bids]
                assert isinstance(count, int)
                for side, part in zip(book, (levels[:count], levels[count:]), strict=True):
                    side.update(part)
        tops = [sorted((p, q) for p, q in side.items() if q) for side in book]  # type: ignore[type-var]
        books[symbol] = [dict(tops[0][-LEVELS:]), dict(tops[1][:LEVELS])]
    return books


Side = dict[Decimal, Decimal]


def by_json(path: Path) -> dict[str, tuple[Side, Side]]:
    """The books as the messages tell them, without a kernel, a grid or a protocol."""
    books: dict[str, tuple[Side, Side]] = {}
    with path.open("rb") as file:
        lines = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()
    for line in lines:
        record: dict[str, Any] = json.loads(line)
        if record["t"] != "recv":
            continue
        message = json.loads(record["data"])
        if message.get("channel") != "l2_data":
            continue
        for event in message["events"]:
            if event["type"] == "snapshot":
                books[event["product_id"]] = ({}, {})
            for update in event["updates"]:
                side = books[event["product_id"]][update["side"] != "bid"]
                price, size = Decimal(update["price_level"]), Decimal(update["new_quantity"])
                side[price] = size
                if not size:
                    del side[price]
    return books


def book_of(batches: list[Batch], symbol: int, tick: Decimal, lot: Decimal) -> tuple[Side, Side]:
    book: tuple[Side, Side] = ({}, {})
    for batch in batches:
        for row in batch.rows[batch.rows["symbol"] == symbol]:
            if row["kind"] == Kind.SNAPSHOT:
                book = ({}, {})
            if row["kind"] not in (Kind.SNAPSHOT, Kind.DELTA):
                continue
            at = int(row["level_start"])
            for side, count in zip(book, (int(row["bid_count"]), int(row["ask_count"])), strict=True):
                side.update({t * tick: lots * lot for t, lots in batch.levels[at : at + count].tolist()})
                at += count
    bids, asks = ({p: q for p, q in side.items() if q} for side in book)
    return bids, asks
