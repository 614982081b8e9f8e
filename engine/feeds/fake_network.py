"""A network that is one fake exchange and no socket: for a session on a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from engine.feeds import fake_faults as ff
from engine.feeds.errors import Refused
from engine.feeds.fake_client import Client
from engine.feeds.fake_exchange import FakeExchange
from engine.feeds.fake_rest import Answer, Broken
from engine.feeds.network import Reply, host_of
from engine.feeds.options import FeedOptions
from engine.feeds.refusal import refusal

LATENCY_S = 0.02


class FakeSocket:
    def __init__(self, client: Client, host: str, network: FakeNetwork) -> None:
        self._client = client
        self._host = host
        self._network = network
        self._arrived: list[ff.Act] = []

    async def receive(self) -> bytes:
        while not self._arrived:
            act = await self._next_act()
            self._arrived += self._network.spoil(act) if isinstance(act, bytes) else (act,)
        act = self._arrived.pop(0)
        if isinstance(act, bytes):
            if len(act) <= self._network.options.max_frame_bytes:
                return act
            await self.close()
            raise Refused(
                f"{self._host} sent a message of more than {self._network.options.max_frame_bytes} bytes"
            )
        await self.close()
        if isinstance(act, ff.Cut):
            raise Refused(f"the connection to {self._host} broke")
        raise Refused(f"{self._host} closed the connection: 1001 going away")

    async def _next_act(self) -> ff.Act:
        """As the real driver: whoever leaves pings unanswered is left."""
        ping_s = self._network.options.ping_every_s
        while True:
            try:
                async with asyncio.timeout(2 * ping_s):
                    await self._network.plugged.wait()
                    return await self._client.next_act()
            except TimeoutError:
                if self._client.flows and self._network.plugged.is_set():
                    continue
                await self.close()
                raise Refused(f"{self._host} left a ping unanswered for {ping_s:g} s") from None

    async def send(self, text: bytes) -> None:
        if self._client not in self._network.exchange.clients:
            raise Refused(f"the connection to {self._host} broke")
        await self._network.plugged.wait()
        self._network.exchange.hear(self._client, text.decode())

    async def close(self) -> None:
        if self._client in self._network.exchange.clients:
            self._network.exchange.leave(self._client)


class FakeNetwork:
    """`engine.feeds.network.Network`; `unplug` takes the cable out: nothing is delivered and nobody reached.

    `spoil` makes what is received of each message that was sent.
    """

    def __init__(self, exchange: FakeExchange, options: FeedOptions) -> None:
        self.exchange = exchange
        self.options = options
        self.spoil: Callable[[bytes], Sequence[bytes]] = lambda message: (message,)
        self.plugged = asyncio.Event()
        self.plugged.set()

    def unplug(self) -> None:
        self.plugged.clear()

    def plug_in(self) -> None:
        self.plugged.set()

    async def connect(self, url: str) -> FakeSocket:
        host, target = host_of(url), _target(url)
        await self._reach(host)
        async with _patience(host, self.options.connect_timeout_s):
            door = await self.exchange.knock(target)
            if door.instead is not None:
                answer = await self._arrived(door.instead, host)
                refused = self._refusal(host, answer)
                raise refused or Refused(f"{answer.status}: {host} does not serve a WebSocket there")
        dialect = self.exchange.dialect
        client = Client(dialect, dialect.talk(target, self.exchange.market.listings), door.muted)
        self.exchange.enter(client)
        return FakeSocket(client, host, self)

    async def get(self, url: str) -> Reply:
        host = host_of(url)
        await self._reach(host)
        async with _patience(host, self.options.request_timeout_s):
            answer = await self._arrived(await self.exchange.get(_target(url)), host)
        headers = {name.lower(): value for name, value in answer.head()}
        return Reply(answer.status, headers, answer.body)

    async def close(self) -> None:
        return

    async def _reach(self, host: str) -> None:
        await asyncio.sleep(LATENCY_S)
        if not self.plugged.is_set():
            raise Refused(f"{host} cannot be reached: Network is unreachable")

    async def _arrived(self, answer: Answer | Broken, host: str) -> Answer:
        if isinstance(answer, Answer):
            return answer
        if answer.head is None:
            await asyncio.Event().wait()
        raise Refused(f"{host} cannot be reached: the answer's body breaks off")

    def _refusal(self, host: str, answer: Answer) -> Refused | None:
        headers = {name.lower(): value for name, value in answer.head()}
        return refusal(host, answer.status, headers, answer.body, self.options.firewall_wait_s)


def _target(url: str) -> str:
    """Path and query."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@asynccontextmanager
async def _patience(host: str, seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Refused(f"{host} did not answer within {seconds:g} s") from None
