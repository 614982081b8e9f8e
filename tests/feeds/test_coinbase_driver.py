"""Coinbase through the real driver: the recording over loopback, and what only this venue does, in fake time."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import zstandard
from fakes.follower import following
from fakes.venues import lines, play, snapshots_asked
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from engine.batch import Batch
from engine.core import State
from engine.events import FeedStatus, Kind
from engine.feeds import fake_faults as ff
from engine.feeds.coinbase import Coinbase
from engine.feeds.fake_coinbase import CoinbaseDialect
from engine.feeds.fake_market import MadeUpMarket
from engine.feeds.fake_server import FakeServer
from engine.feeds.fake_session import FakeSession
from engine.feeds.fake_witness import Followed
from engine.feeds.hosts import Hosts
from engine.feeds.live import LiveSource, Watched
from engine.feeds.venues import VENUES
from engine.kernels.level_book import ASK, BID, levels_of
from engine.ports import Resync
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from tests.laws.test_laws import digest, replayed

NAMES = ("BTC-USD", "ETH-USD")
Sides = dict[tuple[str, int], int]


@asynccontextmanager
async def played(records: list[dict[str, Any]]) -> AsyncIterator[int]:
    """A server that answers the listing and, when heartbeats, trades and books are subscribed, says it all."""

    def listing(connection: ServerConnection, request: Request) -> Response | None:
        if not request.path.startswith("/api/"):
            return None
        body = next(record["data"] for record in records if record["t"] == "http")
        return connection.respond(HTTPStatus.OK, body)

    async def say(connection: ServerConnection) -> None:
        heard = {json.loads(await connection.recv())["channel"] for _ in range(3)}
        assert heard == {"heartbeats", "market_trades", "level2"}
        for record in records:
            if record["t"] == "recv":
                await connection.send(record["data"])
        await connection.wait_closed()

    async with serve(say, "127.0.0.1", 0, process_request=listing, compression=None) as server:
        yield next(iter(server.sockets)).getsockname()[1]


def truth_of(records: list[dict[str, Any]]) -> dict[str, Sides]:
    books: dict[str, Sides] = {}
    for record in records:
        said = json.loads(record["data"]) if record["t"] == "recv" else {"channel": ""}
        if said["channel"] != "l2_data":
            continue
        for event in said["events"]:
            if event["type"] == "snapshot":
                books[event["product_id"]] = {}
            for update in event["updates"]:
                key = update["side"], round(float(update["price_level"]) * 100)
                size = round(float(update["new_quantity"]) * 10**8)
                books[event["product_id"]][key] = size
                if not size:
                    del books[event["product_id"]][key]
    return books


class Tapped(LiveSource):
    """What flows by is counted."""

    trades = 0

    async def batches(self) -> AsyncIterator[Batch]:
        self.statuses: list[FeedStatus] = []
        async for batch in super().batches():
            self.statuses += [note for note in batch.notes if isinstance(note, FeedStatus)]
            self.trades += int((batch.rows["kind"] == Kind.TRADE).sum())
            yield batch


async def test_the_recording_over_loopback_ends_in_the_recorded_books_and_replays(
    captures: Path, tmp_path: Path
):
    """11 MB in 1,030 messages, the greatest of them 5 MB, as fast as they go: driver, engine, recorder, replay."""
    with (captures / "COINBASE.jsonl.zst").open("rb") as raw:
        text = zstandard.ZstdDecompressor().stream_reader(raw).read()
    records = [json.loads(line) for line in text.splitlines()]
    truth = truth_of(records)
    frames: dict[int, bytes] = {}
    path = tmp_path / "coinbase.sqlite"
    async with played(records) as port:
        options = msgspec.structs.replace(
            VENUES["coinbase"].options,
            rest=(f"http://127.0.0.1:{port}",),
            ws=(f"ws://127.0.0.1:{port}",),
            stale_s=60.0,
        )
        source = Tapped([Watched(Coinbase, NAMES, options)], rng=random.Random(1), hosts=Hosts())
        session = Session(source, sink=Recorder(path, new_header("test", 1)))

        def observe(state: State, _: object) -> None:
            frames[state.ts] = digest(state)

        session.observers.append(observe)
        running = asyncio.create_task(session.run())
        last = max(
            json.loads(r["data"])["sequence_num"] for r in records if '"l2_data"' in r.get("data", "")[:24]
        )
        async with asyncio.timeout(30.0):
            while last not in {book.feature("update_id") for book in session.state.symbols.values()}:
                await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    for index, name in enumerate(NAMES):
        market = session.state.symbols[index].market
        sides = (("bid", levels_of(market.book, BID)), ("offer", levels_of(market.book, ASK)))
        found = {(side, price): lots for side, levels in sides for price, lots in levels.tolist()}
        assert found == truth[name]
        assert [one.state for one in source.statuses if one.symbol == index].count("SYNCED") == 1
    assert source.trades == 79
    assert "GAP" not in {one.state for one in source.statuses}
    assert await asyncio.to_thread(replayed, path) == frames


async def test_a_frame_of_5_mb_is_taken_and_one_of_20_mb_refused_cleanly():
    async with (
        FakeServer(CoinbaseDialect(), ("BTC-USD",), seed=10) as exchange,
        following(exchange, stale_s=5.0, send_gap_s=0.05) as live,
    ):
        await live.synced()
        one = live["BTC-USD"]
        exchange.faults.add(ff.OnMessage(ff.BIG, "BTC-USD", after=1, size_bytes=5_000_000))
        await live.until(lambda: live.count.bytes > 5_000_000, "5 MB are taken")
        await live.caught_up()
        assert (len(exchange.connects), one.snapshots) == (1, 1)
        exchange.faults.add(ff.OnMessage(ff.BIG, "BTC-USD", after=1, size_bytes=20_000_000))
        await live.until(lambda: len(exchange.connects) == 2 and one.snapshots == 2, "it connects anew")
        await live.caught_up()
        assert "more than 16777216 bytes" in live.said


def pair(live: FakeSession) -> tuple[Followed, Followed]:
    return live["coinbase", "BTC"], live["coinbase", "ETH"]


SPARE: dict[str, Any] = {"bases": ("BTC", "ETH"), "rate": 0.5, "seed": 6}


def test_a_book_that_is_doubted_is_subscribed_to_again_and_its_neighbour_is_left_alone():
    async def story(live: FakeSession) -> None:
        await live.synced()
        doubted, other = pair(live)
        await live.source.command(Resync(0, "somebody doubts it"))
        await live.until(lambda: doubted.snapshots == 2, "a fresh book")
        await live.caught_up()
        assert (other.snapshots, lines(live, "coinbase")) == (1, 1)
        assert snapshots_asked(live, "coinbase", "BTC") == 2
        assert doubted.states[-4:] == ["GAP", "BUFFERING", "SNAPSHOT_WAIT", "SYNCED"]

    play(story, "coinbase", **SPARE)


def test_a_hole_in_the_numbers_is_said_of_every_book_at_once_and_why():
    async def story(live: FakeSession) -> None:
        await live.synced()
        one, other = pair(live)
        await live.strike("coinbase", ff.OnMessage(ff.GAP, "BTC-USD"))
        await live.until(lambda: one.snapshots == other.snapshots == 2, "fresh books")
        await live.caught_up()
        for book in (one, other):
            assert book.states[-6:-2] == ["GAP", "BUFFERING", "STALE", "BUFFERING"]
            assert book.states[-2:] == ["SNAPSHOT_WAIT", "SYNCED"]
        assert "messages are missing: expected number" in live.said
        reasons = [status.reason for status in live.connection("coinbase") if status.state == "BACKOFF"]
        assert reasons[-1].startswith("messages are missing")

    play(story, "coinbase", **SPARE)


def test_halts_auctions_and_a_delisting_are_told_when_the_listing_is_asked_for_again():
    async def story(live: FakeSession) -> None:
        await live.synced()
        market = live.exchanges["coinbase"].market
        assert isinstance(market, MadeUpMarket)

        def word() -> str:
            said = [status for status in live.witness.statuses if status.symbol == 0]
            return said[-1].trading

        for status, expected in (
            ("HALT", "TRADING_DISABLED"),
            ("AUCTION_MODE", "AUCTION_MODE"),
            ("NEVER HEARD OF", "NEVER HEARD OF"),
            ("TRADING", "TRADING"),
        ):
            market.set_status("BTC-USD", status)
            await live.until(lambda expected=expected: word() == expected, f"{status} is told")
        market.delist("BTC-USD")
        await live.until(lambda: word() == "DELISTED", "it is delisted")
        assert lines(live, "coinbase") == 1

    play(story, "coinbase", **SPARE, status_every_s=5.0)


def test_a_second_connection_takes_over_only_when_it_has_told_every_book():
    """Were it earlier, the old books would stand still until theirs comes, and be called SYNCED meanwhile."""

    async def story(live: FakeSession) -> None:
        await live.synced()
        slow = ff.OnRequest(ff.SLOW, symbol="ETH-USD", delay_s=8.0)
        live.exchanges["coinbase"].faults.add(slow)
        await live.until(lambda: lines(live, "coinbase") == 2, "a second connection")
        for _ in range(7):
            before = [book.deltas for book in pair(live)]
            await live.run(2.0)
            assert all(book.deltas > known for book, known in zip(pair(live), before, strict=True))
        assert slow in live.exchanges["coinbase"].faults.struck
        assert "handed over" in live.said
        await live.caught_up()
        for book in pair(live):
            assert (book.states.count("SYNCED"), book.snapshots) == (1, 2)

    play(story, "coinbase", **SPARE, renew_after_s=60.0)


def test_a_quiet_market_keeps_its_connection_by_heartbeats():
    async def story(live: FakeSession) -> None:
        await live.synced()
        await live.run(20.0)
        for market in ("BTC-USD", "ETH-USD"):
            live.exchanges["coinbase"].market.set_status(market, "HALT")  # type: ignore[attr-defined]
        await live.run(60.0)
        assert lines(live, "coinbase") == 1
        for market in ("BTC-USD", "ETH-USD"):
            live.exchanges["coinbase"].market.set_status(market)  # type: ignore[attr-defined]
        await live.caught_up()
        assert lines(live, "coinbase") == 1

    play(story, "coinbase", **SPARE)


def test_a_client_that_subscribes_to_nothing_is_sent_away_after_five_seconds():
    talk = CoinbaseDialect().talk("/", {})
    assert [list(talk.beat(at, 0)) for at in (0.0, 4.9, 5.1)] == [[], [], [ff.CLOSE]]
    answers = talk.hear(b'{"type":"subscribe","channel":"heartbeats"}', 5.2).answers
    assert json.loads(answers[0])["events"] == [{"subscriptions": {"heartbeats": ["heartbeats"]}}]  # type: ignore[arg-type]
    (beat,) = talk.beat(5.3, 10**15)
    assert json.loads(beat)["sequence_num"] == 1
    assert json.loads(beat)["channel"] == "heartbeats"
