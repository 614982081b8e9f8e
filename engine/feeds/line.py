"""A connection in use: its sockets, their readers, which only drain, its pacing, and what is known of its subscription.

Most venues say everything on one socket; where one speaks on several, they live and die together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from engine.feeds.errors import Refused
from engine.feeds.inbox import Inbox
from engine.feeds.network import Socket
from engine.feeds.options import FeedOptions
from engine.feeds.venue import Message
from engine.ports import Clock


class Line:
    """`ended` gets the reason when there will be nothing more, or nothing more is wanted."""

    def __init__(
        self, sockets: Sequence[Socket], number: int, inbox: Inbox, clock: Clock, options: FeedOptions
    ) -> None:
        self.number = number  # what its messages are labelled with in the inbox
        self.opened = clock.now()
        self.subscribed: int | None = None  # when the last request was sent
        self.first_data: int | None = None
        self.unanswered = 0  # requests
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._sockets = tuple(sockets)
        self._inbox = inbox
        self._clock = clock
        self._gap_ns = int(options.send_gap_s * 1e9)
        self._next_send = 0
        self._readers = [asyncio.create_task(self._read(socket)) for socket in self._sockets]

    def end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)

    @property
    def answered(self) -> bool:
        """Whether all that was asked of the exchange was acknowledged."""
        return self.subscribed is not None and self.unanswered <= 0

    def speaks_for_ns(self, now: int) -> int:
        """How long it has been saying all that was subscribed; 0 before."""
        if self.first_data is None or self.subscribed is None:
            return 0
        return now - max(self.first_data, self.subscribed)

    async def request(self, requests: Sequence[Message]) -> None:
        """Send them no faster than the exchange allows. A socket that fails meanwhile has ended."""
        self.unanswered += len(requests)
        try:
            for request in requests:
                now = self._clock.now()
                start = max(now, self._next_send)
                self._next_send = start + self._gap_ns
                await self._clock.sleep((start - now) / 1e9)
                await self._sockets[request.path].send(request.text)
        except Refused as refused:
            self.end(refused.reason)
        self.subscribed = self._clock.now()

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*(socket.close() for socket in self._sockets))

    async def _read(self, socket: Socket) -> None:
        try:
            while True:
                data = await socket.receive()
                self._inbox.put(self._clock.now(), self.number, data)
        except Refused as refused:
            self.end(refused.reason)
