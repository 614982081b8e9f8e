"""A raw capture played by the fake exchange: a live source makes the captured session of it again."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from fakes.raws import book_of, by_json, listed, market, record, states, warm_once
from fakes.venues import ALL

from engine.batch import Batch
from engine.events import Setup
from engine.feeds.errors import FeedError
from engine.feeds.fake_network import FakeNetwork
from engine.feeds.fake_raw import RawPlay, RawServer
from engine.feeds.fake_time import FakeClock, run_in_fake_time
from engine.feeds.hosts import Hosts
from engine.feeds.live import LiveSource, Watched
from engine.feeds.venues import VENUES


def played(path: Path, venue: str, symbols: list[str], until_s: float) -> list[Batch]:
    batches: list[Batch] = []

    async def main(clock: FakeClock) -> None:
        exchange = RawPlay(path, venue, now_s=clock.steady_s)
        host = f"raw-{venue}:1"
        options = msgspec.structs.replace(
            VENUES[venue].options, rest=(f"http://{host}",), ws=(f"ws://{host}",)
        )
        source = LiveSource(
            [Watched(VENUES[venue].protocol(), symbols, options)],
            clock,
            random.Random(9),
            lambda chosen: FakeNetwork(exchange, chosen),
            Hosts(),
            Setup(),
        )
        pump = asyncio.create_task(exchange.run())

        async def follow() -> None:
            batches.extend([batch async for batch in source.batches()])

        follower = asyncio.create_task(follow())
        while not exchange.finished and clock.steady_s() < until_s:
            await asyncio.sleep(0.05)
        assert exchange.finished
        await asyncio.sleep(0.5)
        await source.close()
        await asyncio.wait({follower})
        pump.cancel()

    run_in_fake_time(main)
    return batches


@pytest.mark.parametrize("venue", ALL)
def test_a_client_is_told_what_the_captured_one_was(venue: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    live = record(path, [venue])
    symbols = [note.instrument.symbol for note in listed(live).values()]  # type: ignore[attr-defined]
    again = played(path, venue, symbols, 60.0)
    assert states(again, 0)[: len(states(live, 0))] == states(live, 0)
    assert market(again) == market(live)


def test_what_is_no_capture_or_of_another_venue_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n')
    with pytest.raises(FeedError, match="is no capture"):
        RawPlay(path)
    record(tmp_path / "b.jsonl.zst", ["binance"], seconds=3.0)
    with pytest.raises(FeedError, match="holds nothing of kraken"):
        RawPlay(tmp_path / "b.jsonl.zst", "kraken")


async def test_coinbase_s_real_messages_come_through_the_real_driver_to_the_true_books(
    captures: Path,
) -> None:
    """Over sockets: the snapshot of five megabytes is one frame, and the books are those that dicts make."""
    warm_once()
    path = captures / "COINBASE.jsonl.zst"
    batches: list[Batch] = []
    async with RawServer(path, rate=8.0) as exchange:
        assert list(exchange.market.listings) == ["BTC-USD", "ETH-USD"]
        options = msgspec.structs.replace(
            VENUES["coinbase"].options, rest=(exchange.rest,), ws=(exchange.ws,)
        )
        source = LiveSource(
            [Watched(VENUES["coinbase"].protocol(), ["BTC-USD", "ETH-USD"], options)],
            hosts=Hosts(),
            setup=Setup(),
        )

        async def follow() -> None:
            batches.extend([batch async for batch in source.batches()])

        follower = asyncio.create_task(follow())
        async with asyncio.timeout(60):
            while not exchange.finished:
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
        await source.close()
        await asyncio.wait({follower})
    truth = by_json(path)
    for number, name in enumerate(("BTC-USD", "ETH-USD")):
        assert book_of(batches, number, Decimal("0.01"), Decimal("0.00000001")) == truth[name]
