"""Opens the lines of a connection: which endpoint has its turn, how fast, and what is closed when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from engine.feeds.errors import Answer, Refused
from engine.feeds.hosts import Endpoints, Hosts
from engine.feeds.inbox import Inbox
from engine.feeds.line import Line
from engine.feeds.network import Network, Socket, host_of
from engine.feeds.options import FeedOptions
from engine.ports import Clock


class Opener:
    """`paths` stand behind an endpoint's address; a line has a socket for each. `count` lines were opened so far."""

    def __init__(
        self,
        paths: Sequence[str],
        network: Network,
        clock: Clock,
        options: FeedOptions,
        hosts: Hosts,
        inbox: Inbox,
    ) -> None:
        self.count = 0
        self._paths = tuple(paths)
        self._network = network
        self._clock = clock
        self._options = options
        self._hosts = hosts
        self._inbox = inbox
        self._endpoints = Endpoints(options.ws, hosts, options.tries_an_endpoint)
        self._lines: set[Line] = set()
        self._leaving: set[asyncio.Task[None]] = set()

    async def open(self, trying: Callable[[str], None] = lambda host: None) -> Line:
        """A new line with its readers, not yet subscribed; `trying` hears of each host. Raises Refused."""
        while True:
            base = self._endpoints.current(self._clock.now())
            trying(host_of(base))
            try:
                sockets = await self._open_paths(base)
            except Refused as refused:
                self._endpoints.failed(base, refused, self._clock.now())
                if refused.answer is not Answer.FINAL and not refused.elsewhere:
                    raise
            else:
                break
        self._endpoints.worked()
        self.count += 1
        line = Line(sockets, self.count, self._inbox, self._clock, self._options)
        self._lines.add(line)
        return line

    def leave(self, line: Line) -> None:
        """Close in the background: a silent peer would let us wait for its goodbye."""

        async def close() -> None:
            await line.close()
            self._lines.discard(line)

        task = asyncio.create_task(close())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*(line.close() for line in self._lines))
        await self._network.close()

    async def _open_paths(self, base: str) -> list[Socket]:
        """A socket for each path. Raises Refused; whatever happens, none stays open that nobody has."""
        sockets: list[Socket] = []
        try:
            for path in self._paths:
                await self._pace()
                sockets.append(await self._network.connect(f"{base}{path}"))
        except BaseException:
            await asyncio.gather(*(socket.close() for socket in sockets))
            raise
        return sockets

    async def _pace(self) -> None:
        gap_ns = int(self._options.connect_gap_s * 1e9)
        while (last := self._hosts.last_connect) is not None and self._clock.now() - last < gap_ns:
            await self._clock.sleep((last + gap_ns - self._clock.now()) / 1e9)
        self._hosts.last_connect = self._clock.now()
