"""Asks the feeds in their turn: one request at a time to a host, spaced, and none before it is welcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from engine.feeds.errors import Refused
from engine.feeds.hosts import Hosts
from engine.feeds.network import Fetcher, Reply, host_of
from engine.feeds.text_answers import quota_wait_s
from engine.feeds.text_feed import Received, TextFeed
from engine.feeds.text_options import TextOptions
from engine.ports import Clock

_NS = 1_000_000_000
_LONG_BYTES = 50_000  # some 2 ms

Take = Callable[[TextFeed, Received, int, int], None]


class _Gate:
    """A host's door: who holds the lock may ask, not before `opens` (ns)."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.opens = 0


class Poller:
    """`take(feed, received, body_bytes, now)` gets every answer, and every want of one."""

    def __init__(
        self,
        network: Fetcher,
        clock: Clock,
        options: TextOptions,
        hosts: Hosts,
        take: Take,
    ) -> None:
        self._network = network
        self._clock = clock
        self._options = options
        self._hosts = hosts
        self._take = take
        self._gates: dict[str, _Gate] = {}

    async def run(self, feeds: Sequence[TextFeed]) -> None:
        """Until cancelled, or until every feed was refused for good."""
        async with asyncio.TaskGroup() as tasks:
            for feed in feeds:
                tasks.create_task(self._poll(feed))

    async def _poll(self, feed: TextFeed) -> None:
        while not feed.ended:
            await self._clock.sleep(max(0, feed.due - self._clock.now()) / _NS)
            await self.ask(feed)

    async def ask(self, feed: TextFeed) -> Received:
        """One request, when the host's turn has come. A redirect is an answer: the feed is due again."""
        url, headers = feed.request()
        host = host_of(url)
        gate = self._gates.setdefault(host, _Gate())
        size = 0
        async with gate.lock:
            await self._clock.sleep(max(0, gate.opens - self._clock.now()) / _NS)
            closed = self._hosts.closed(host, self._clock.now())
            if closed is not None:
                received = feed.failed(closed, self._clock.now())
            else:
                try:
                    reply = await self._network.fetch(url, headers, self._options.max_body_bytes)
                except Refused as refused:
                    received = feed.failed(refused, self._clock.now())
                else:
                    size = len(reply.body)
                    received = await self._read(feed, reply)
                    self._rest(gate, quota_wait_s(reply.headers))
                self._rest(gate, self._options.gap_s)
                if received.refused is not None:
                    self._hosts.refused(host, received.refused, self._clock.now())
        self._take(feed, received, size, self._clock.now())
        return received

    async def _read(self, feed: TextFeed, reply: Reply) -> Received:
        """A long answer is read in a thread, where it cannot hold up the loop that books are folded in."""
        now = self._clock.now()
        if len(reply.body) < _LONG_BYTES:
            return feed.receive(reply, now)
        return await asyncio.to_thread(feed.receive, reply, now)

    def _rest(self, gate: _Gate, seconds: float) -> None:
        gate.opens = max(gate.opens, self._clock.now() + int(seconds * _NS))
