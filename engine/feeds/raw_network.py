"""A network that tells a raw capture of everything that goes over it."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.feeds.errors import Refused
from engine.feeds.network import Network, Reply, Socket
from engine.feeds.raw import ASK, CLOSE, IN, OPEN, OUT, REFUSED, REST, RawMessage, without_secrets
from engine.feeds.raw_writer import RawWriter
from engine.ports import Clock

Tell = Callable[[str, bytes], None]


class RawNetwork:
    """`engine.feeds.network.Network` over another one; `venue` is written into every line."""

    def __init__(self, inner: Network, writer: RawWriter, clock: Clock, venue: str = "") -> None:
        self._inner = inner
        self._writer = writer
        self._clock = clock
        self._venue = venue

    async def connect(self, url: str) -> Socket:
        conn, shown = self._writer.next_conn(), without_secrets(url)

        def tell(kind: str, data: bytes = b"") -> None:
            self._tell(conn, shown, kind, data)

        try:
            socket = await self._inner.connect(url)
        except Refused as refused:
            tell(REFUSED, refused.reason.encode())
            raise
        tell(OPEN)
        return RawSocket(socket, tell)

    async def get(self, url: str) -> Reply:
        shown = without_secrets(url)
        self._tell(0, shown, ASK)
        try:
            reply = await self._inner.get(url)
        except Refused as refused:
            self._tell(0, shown, REFUSED, refused.reason.encode())
            raise
        self._tell(0, shown, REST, reply.body, reply.status)
        return reply

    async def close(self) -> None:
        await self._inner.close()

    def _tell(self, conn: int, url: str, kind: str, data: bytes = b"", status: int = 0) -> None:
        now, mono = self._clock.now(), time.monotonic_ns()
        self._writer.put(RawMessage(now, mono, conn, url, kind, data, self._venue, status))


class RawSocket:
    """`engine.feeds.network.Socket`; its end is told once, whoever ended it."""

    def __init__(self, inner: Socket, tell: Tell) -> None:
        self._inner = inner
        self._tell = tell
        self._over = False

    async def receive(self) -> bytes:
        try:
            data = await self._inner.receive()
        except Refused as refused:
            self._end(refused.reason)
            raise
        self._tell(IN, data)
        return data

    async def send(self, text: bytes) -> None:
        self._tell(OUT, text)  # before its answer can come
        try:
            await self._inner.send(text)
        except Refused as refused:
            self._end(refused.reason)
            raise

    async def close(self) -> None:
        self._end("closed by us")
        await self._inner.close()

    def _end(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self._tell(CLOSE, reason.encode())
