"""One stream of a chain in fake time: how soon it tries again, and what it says while a flood lasts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

from fakes.chains import S

from engine.events import FeedCount, FeedStatus
from engine.feeds.chain_blockchain import BlockchainInfo, Heard
from engine.feeds.chain_options import ChainOptions
from engine.feeds.chain_stream import ChainStream, Connects
from engine.feeds.errors import Refused
from engine.feeds.fake_chain_site import MadeUpChains, blockchain_message
from engine.feeds.hosts import Hosts
from engine.feeds.network import Socket

FLOODED = "messages came faster than they can be read"


class Quick:
    """A clock whose seconds pass at once."""

    def __init__(self) -> None:
        self.ns = 1_795_000_000 * S

    def now(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self.ns += int(seconds * S)
        await asyncio.sleep(0)


def no_news(heard: Heard, now: int) -> None:
    """What nobody said."""


@asynccontextmanager
async def streaming(
    network: Connects, clock: Quick, options: ChainOptions
) -> AsyncIterator[list[FeedStatus | FeedCount]]:
    """A stream at work; what it says."""
    said: list[FeedStatus | FeedCount] = []
    stream = ChainStream(
        BlockchainInfo(),
        "ws://here",
        network,
        clock,
        random.Random(5),
        options,
        Hosts(),
        no_news,
        said.append,
    )
    task = asyncio.create_task(stream.run())
    try:
        yield said
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Line:
    """A network with one line, on which the test speaks."""

    def __init__(self) -> None:
        self.says: asyncio.Queue[bytes] = asyncio.Queue()

    async def connect(self, url: str) -> Socket:
        return self

    async def receive(self) -> bytes:
        return await self.says.get()

    async def send(self, text: bytes) -> None:
        """What is subscribed to is no matter here."""

    async def close(self) -> None:
        """It stays."""


class Refusing:
    """A network on which nobody is at home; `at` is when it was tried, ns."""

    def __init__(self, clock: Quick) -> None:
        self.at: list[int] = []
        self._clock = clock

    async def connect(self, url: str) -> Socket:
        self.at.append(self._clock.now())
        raise Refused("nobody is at home")


async def test_an_hour_of_refusals_is_borne_with_few_attempts_never_two_in_a_second() -> None:
    clock = Quick()
    begun, ends = clock.now(), clock.now() + 3600 * S
    network = Refusing(clock)
    async with streaming(network, clock, ChainOptions()) as said:
        while clock.now() < ends:
            await asyncio.sleep(0)
    gaps_s = [(later - earlier) / S for earlier, later in pairwise(network.at)]
    assert network.at[0] == begun
    assert 80 < len(network.at) < 180  # a mean of 30 s between them
    assert min(gaps_s) >= 1.0
    assert max(gaps_s) <= 61.0
    late = gaps_s[20:]
    assert (
        max(late) > 45.0
    )  # spread over all of the bound, so that many who start together do not stay together
    assert min(late) < 15.0
    waits = [note.retry_at_ns for note in said if isinstance(note, FeedStatus) and note.state == "BACKOFF"]
    assert None not in waits


async def test_a_flood_is_said_until_it_is_over_and_again_when_it_is_back() -> None:
    clock, line = Quick(), Line()
    message = blockchain_message(MadeUpChains().pay(("1x", 1.0)))
    spoken = 0

    def speak() -> None:
        nonlocal spoken
        spoken += 1
        line.says.put_nowait(message)

    async def passes(seconds: float) -> None:
        until = clock.now() + int(seconds * S)
        while clock.now() < until:
            await asyncio.sleep(0)

    async def hear(at_once: int, seconds: float) -> str:
        """So many messages at once, then one each half second; why it is said to be live after that."""
        for _ in range(at_once):
            speak()
        until = clock.now() + int(seconds * S)
        while clock.now() < until:
            await passes(0.5)
            speak()
        last = next(note for note in reversed(said) if isinstance(note, FeedStatus))
        assert last.state == "LIVE"
        return last.reason

    async with streaming(line, clock, ChainOptions(max_waiting_bytes=20 * len(message))) as said:
        assert await hear(1, 5.0) == ""
        for _ in range(3):
            for _ in range(3):  # while it comes back every eight seconds it is not over
                assert await hear(100, 8.0) == FLOODED
            assert await hear(15, 8.0) == ""  # fewer than may wait
        await passes(3.0)
    reasons = [note.reason for note in said if isinstance(note, FeedStatus) and note.state == "LIVE"]
    assert reasons == ["", *[FLOODED, ""] * 3]
    counted = [note for note in said if isinstance(note, FeedCount)][-1]
    assert counted.messages + counted.ignored == spoken
    assert counted.ignored >= 9 * 80
