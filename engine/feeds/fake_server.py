"""The fake exchange on loopback: WebSocket streams and REST on one port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from engine.feeds import fake_faults as ff
from engine.feeds.fake_client import Client
from engine.feeds.fake_dialect import Dialect
from engine.feeds.fake_exchange import FakeExchange
from engine.feeds.fake_rest import Answer, Broken
from engine.feeds.fake_wire import Market


class SocketClient(Client):
    """A client at the other end of a WebSocket."""

    def __init__(self, connection: ServerConnection, dialect: Dialect, muted: bool, market: Market) -> None:
        target = connection.request.path if connection.request is not None else "/"
        super().__init__(dialect, dialect.talk(target, market.listings), muted)
        self._connection = connection

    def stall(self) -> None:
        self._connection.transport.pause_reading()

    def go_on(self) -> None:
        self._connection.transport.resume_reading()
        super().go_on()

    def abort(self) -> None:
        self._connection.transport.abort()

    async def write(self) -> None:
        """Until the connection is over, or closed by what is to be done to it."""
        while True:
            act = await self.next_act()
            if isinstance(act, bytes):
                await self._connection.send(act, text=True)
            elif isinstance(act, ff.Cut):
                transport = self._connection.transport
                transport.write(struct.pack("!BBQ", 0x81, 127, len(act.frame)))
                transport.write(act.frame[: len(act.frame) // 2])
                transport.close()
            else:
                await self._connection.close(1001, "going away")
                return


class FakeServer(FakeExchange):
    """The exchange, as an async context manager. `pongs` tells when clients answered (monotonic seconds)."""

    def __init__(
        self,
        dialect: Dialect,
        symbols: Sequence[str] = (),
        seed: int = 1,
        market: Market | None = None,
        faults: ff.Faults | None = None,
        rate: float = 1.0,
        port: int = 0,
        ping_interval_s: float = 20.0,
        venue_ms: Callable[[], int] = lambda: time.time_ns() // 10**6,
    ) -> None:
        super().__init__(dialect, symbols, seed, market, faults, rate, venue_ms)
        self.pongs: list[float] = []
        self._port = port
        self._ping_interval_s = ping_interval_s
        self._arriving: set[asyncio.Task[Any] | None] = set()
        self._muted: set[ServerConnection] = set()
        self._pump: asyncio.Task[None]
        self._server: Server

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    async def ended(self) -> None:
        """Waits for ever; raises FeedError where the capture that is played breaks off."""
        await self._pump

    async def __aenter__(self) -> Self:
        self._server = await listen(
            self._serve_client,
            "127.0.0.1",
            self._port,
            process_request=self._handshake,
            compression=None,
            ping_interval=None,
            open_timeout=None,
            close_timeout=1.0,
            max_size=2**16,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        self._pump = asyncio.create_task(self.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, found: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        for task in (self._pump, *self._arriving):
            if task is not None:
                task.cancel()
        for client in self.clients:
            client.abort()
        self._server.close()
        await self._server.wait_closed()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump

    async def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        task = asyncio.current_task()
        self._arriving.add(task)
        try:
            if request.headers.get("Upgrade", "").lower() != "websocket":
                return await self._put(connection, await self.get(request.path))
            door = await self.knock(request.path)
            if door.muted:
                self._muted.add(connection)
            return None if door.instead is None else await self._put(connection, door.instead)
        finally:
            self._arriving.discard(task)

    async def _put(self, connection: ServerConnection, answer: Answer | Broken) -> Response | None:
        """The response; None where the line was cut or left hanging until the other side gave up."""
        if isinstance(answer, Answer):
            return Response(answer.status, answer.reason, Headers(answer.head()), answer.body)
        if answer.head is None:
            await asyncio.Event().wait()
        else:
            connection.transport.write(answer.head)
            connection.transport.close()
        await connection.wait_closed()
        return None

    async def _serve_client(self, connection: ServerConnection) -> None:
        client = SocketClient(connection, self.dialect, connection in self._muted, self.market)
        self.enter(client)
        helpers = [asyncio.create_task(client.write()), asyncio.create_task(self._ping(connection))]
        try:
            async for message in connection:
                self.hear(client, message)
        except ConnectionClosed:
            pass
        finally:
            self.leave(client)
            self._muted.discard(connection)
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _ping(self, connection: ServerConnection) -> None:
        """Binance closes a connection whose pong does not come within a minute: here, three intervals."""
        with contextlib.suppress(Exception):
            while True:
                await asyncio.sleep(self._ping_interval_s)
                pong = await connection.ping()
                try:
                    await asyncio.wait_for(pong, 3 * self._ping_interval_s)
                except TimeoutError:
                    await connection.close(1008, "no pong")
                    return
                self.pongs.append(time.monotonic())
