"""One WebSocket client of the fake exchange: what it subscribed to, and what waits to be written to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from collections import deque
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from engine.feeds import fake_faults as ff
from engine.feeds.fake_book import PlainBook
from engine.feeds.fake_wire import DEPTH, Market, Wire

MESSAGES_A_SECOND = 5  # what Binance takes from a client
QUEUE_LIMIT = 50_000  # messages; a client this far behind is dropped, as Binance drops it


def _needs_book(fault: ff.OnMessage | None) -> bool:
    return fault is not None and fault.kind in (ff.CROSSED, ff.BIG)


class Client:
    """A connection with its subscriptions. `muted`: it is answered, and sent no data."""

    def __init__(self, connection: ServerConnection, muted: bool = False) -> None:
        self._connection = connection
        self.muted = muted
        self.streams: set[str] = set()
        self.first_ids: dict[str, int] = {}  # the first diff sent, by symbol
        self._combined = False
        self._memory = ff.Memory()
        self._queue: deque[ff.Act] = deque()
        self._wake = asyncio.Event()
        self._flowing = asyncio.Event()  # unset: stalled
        self._flowing.set()
        self._heard: deque[float] = deque(maxlen=MESSAGES_A_SECOND)
        request = connection.request
        if request is not None:
            target = urlsplit(request.path)
            self._combined = target.path == "/stream"
            named = parse_qs(target.query).get("streams", [""])[0] if self._combined else target.path[4:]
            self.streams.update(name for name in named.split("/") if name)

    async def run(self) -> None:
        """Until the connection is over."""
        writer = asyncio.create_task(self._write())
        try:
            async for message in self._connection:
                self._hear(message)
        except ConnectionClosed:
            pass
        finally:
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await writer

    def abort(self) -> None:
        """End it the hard way: no closing handshake."""
        self._connection.transport.abort()

    def go_on(self) -> None:
        """End a stall: what was held back comes at once, nothing is lost."""
        self._connection.transport.resume_reading()
        self._flowing.set()

    def offer(self, wire: Wire, faults: ff.Faults, market: Market) -> None:
        """Queue a message, or what a fault makes of it."""
        if wire.channel == DEPTH:
            self.first_ids.setdefault(wire.symbol, wire.first_id)
        frame = (
            b'{"stream":"%s","data":%s}' % (wire.stream.encode(), wire.payload)
            if self._combined
            else wire.payload
        )
        fault = faults.for_message(wire) if self._flowing.is_set() else None
        book = market.oracle(wire.symbol).book_at(wire.last_id) if _needs_book(fault) else PlainBook(0)
        for act in ff.strike(fault, wire, frame, self._memory, book):
            if act == ff.SHUTDOWN and fault is not None:
                self._queue.append(self._shutdown_notice())
                asyncio.get_running_loop().call_later(fault.delay_s, self._push, ff.CLOSE)
            else:
                self._queue.append(act)
        self._wake.set()
        if len(self._queue) > QUEUE_LIMIT:
            self.abort()

    def say(self, frame: bytes) -> None:
        """Send these very bytes as a text message."""
        self._push(frame)

    def _push(self, act: ff.Act) -> None:
        self._queue.append(act)
        self._wake.set()

    def _shutdown_notice(self) -> bytes:
        notice = b'{"e":"serverShutdown","E":%d}' % (time.time_ns() // 10**6)
        return b'{"stream":"!serverShutdown","data":%s}' % notice if self._combined else notice

    async def _write(self) -> None:
        while True:
            while self._queue:
                act = self._queue.popleft()
                if isinstance(act, bytes):
                    await self._connection.send(act, text=True)
                elif act == ff.STALL:
                    self._flowing.clear()
                    self._connection.transport.pause_reading()
                    await self._flowing.wait()
                elif act == ff.CUT:
                    # A text frame that promises 4,000 bytes and brings ten.
                    self._connection.transport.write(struct.pack("!BBH", 0x81, 126, 4000) + b'{"stream":')
                    self._connection.transport.close()
                else:
                    await self._connection.close(1001, "going away")
                    return
            self._wake.clear()
            await self._wake.wait()

    def _hear(self, message: str | bytes) -> None:
        now = time.monotonic()
        if len(self._heard) == MESSAGES_A_SECOND and now - self._heard[0] < 1.0:
            self._push(ff.CLOSE)
            return
        self._heard.append(now)
        try:
            request = json.loads(message)
            method, streams, number = request["method"], request.get("params", []), request.get("id")
        except (ValueError, KeyError, TypeError, AttributeError):
            self._push(b'{"error":{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}}')
            return
        if method == "SUBSCRIBE":
            self.streams.update(streams)
            for stream in streams:
                self._memory.woken(stream)
        elif method == "UNSUBSCRIBE":
            self.streams.difference_update(streams)
        else:
            self._push(
                b'{"error":{"code":2,"msg":"Invalid request: unknown variant"},"id":%d}' % (number or 0)
            )
            return
        self._push(b'{"result":null,"id":%s}' % json.dumps(number).encode())
