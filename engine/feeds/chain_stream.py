"""One WebSocket that tells of a chain, kept up: connect, subscribe, read, and try again when it ends or falls silent.

    CONNECTING → SUBSCRIBING → LIVE → BACKOFF | BLOCKED → CONNECTING …

Its reader only drains, into a queue with a bound: what comes faster than it can be read is let go, and that is said.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from engine.events import FeedCount, FeedStatus
from engine.feeds.backoff import Backoff
from engine.feeds.chain_blockchain import Heard
from engine.feeds.chain_options import ChainOptions
from engine.feeds.chain_voice import ChainVoice
from engine.feeds.errors import Answer, Malformed, Refused
from engine.feeds.hosts import Hosts
from engine.feeds.network import Socket, host_of
from engine.feeds.states import ConnectionState
from engine.ports import Clock

_NS = 1_000_000_000
_BEAT_S = 0.1
_AT_ONCE = 32  # messages read between two turns of the loop, about a millisecond
_LATE_NS = 2 * _NS  # a loop that was busy for so long did not listen: silence proves nothing
_CALM_NS = 10 * _NS  # a flood is over once nothing had to be let go for so long


class ChainProtocol(Protocol):
    """What a source speaks, without I/O."""

    @property
    def venue(self) -> str: ...

    def hello(self) -> Sequence[bytes]:
        """What is sent once connected."""

    def receive(self, data: bytes) -> Heard:
        """Raises Malformed."""


class Connects(Protocol):
    """The part of `engine.feeds.network.Network` that is used here."""

    async def connect(self, url: str) -> Socket: ...


class ChainStream:
    """`take(heard, now)` gets every message that could be read, and raises Malformed where its content cannot be.

    `say` gets states and counts.
    """

    def __init__(
        self,
        protocol: ChainProtocol,
        url: str,
        network: Connects,
        clock: Clock,
        rng: random.Random,
        options: ChainOptions,
        hosts: Hosts,
        take: Callable[[Heard, int], None],
        say: Callable[[FeedStatus | FeedCount], None],
    ) -> None:
        self._protocol = protocol
        self._url = url
        self._network = network
        self._clock = clock
        self._options = options
        self._hosts = hosts
        self._take = take
        self._voice = ChainVoice(protocol.venue, say)
        self._backoff = Backoff(rng, options.backoff_min_s, options.backoff_max_s)
        self._queue: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = 0
        self._flood_ends = 0  # when the latest flood is over if nothing more is let go, ns; 0: none yet
        self._live_since = 0

    async def run(self) -> None:
        """Until cancelled, or refused for good."""
        while True:
            socket: Socket | None = None
            try:
                socket = await self._open()
                refused = Refused(await self._serve(socket))
            except Refused as found:
                refused = found
                self._hosts.refused(host_of(self._url), refused, self._clock.now())
            finally:
                if socket is not None:
                    await socket.close()
            if not await self._wait_after(refused):
                return

    async def _open(self) -> Socket:
        now = self._clock.now()
        closed = self._hosts.closed(host_of(self._url), now)
        if closed is not None:
            raise closed
        self._voice.say(ConnectionState.CONNECTING, f"to {host_of(self._url)}")
        gap_ns = int(self._options.connect_gap_s * _NS)
        while (last := self._hosts.last_connect) is not None and self._clock.now() - last < gap_ns:
            await self._clock.sleep((last + gap_ns - self._clock.now()) / _NS)
        self._hosts.last_connect = self._clock.now()
        return await self._network.connect(self._url)

    async def _wait_after(self, refused: Refused) -> bool:
        """Say why and until when, and wait; False: it was refused for good."""
        if refused.answer is Answer.FINAL:
            self._voice.say(ConnectionState.BLOCKED, refused.reason)
            return False
        told = refused.answer is Answer.WAIT
        wait_s = refused.seconds if told else self._backoff.next_s()
        state = ConnectionState.BLOCKED if told else ConnectionState.BACKOFF
        self._voice.say(state, refused.reason, self._clock.now() + int(wait_s * _NS))
        await self._clock.sleep(wait_s)
        self._voice.reconnects += 1
        return True

    # A connection in use

    async def _serve(self, socket: Socket) -> str:
        """Subscribe and read until it ends. Returns why it did."""
        self._queue.clear()
        self._waiting_bytes = 0
        self._flood_ends = 0
        self._voice.say(ConnectionState.SUBSCRIBING)
        for request in self._protocol.hello():
            await socket.send(request)
        reader = asyncio.create_task(self._drain(socket))
        try:
            return await self._listen(reader)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _listen(self, reader: asyncio.Task[str]) -> str:
        beat = heard_at = self._clock.now()
        live = False
        while True:
            await self._clock.sleep(_BEAT_S)
            ended = reader.done()  # before the queue is emptied: what came last is read too
            now = self._clock.now()
            if now - beat > _LATE_NS:
                heard_at = now
            beat = now
            if await self._read_queue(now):
                heard_at = now
                self._live(live, now)
                live = True
            self._voice.count(now)
            if ended:
                return reader.result()
            patience_s = self._options.silent_s if live else self._options.first_data_s
            if now - heard_at > patience_s * _NS:
                said = "no data" if live else "the subscription was taken, but no data came"
                return f"{said} for {patience_s:g} s"

    def _live(self, already: bool, now: int) -> None:
        if not already:
            self._live_since = now
        if now - self._live_since > self._options.steady_s * _NS:
            self._backoff.reset()
        flooded = now < self._flood_ends
        self._voice.say(ConnectionState.LIVE, "messages came faster than they can be read" if flooded else "")

    async def _drain(self, socket: Socket) -> str:
        """Into the queue, until there is nothing more. Returns why."""
        try:
            while True:
                data = await socket.receive()
                if self._waiting_bytes + len(data) > self._options.max_waiting_bytes:
                    self._voice.ignored += 1
                    self._flood_ends = self._clock.now() + _CALM_NS
                    continue
                self._waiting_bytes += len(data)
                self._queue.append((self._clock.now(), data))
        except Refused as refused:
            return refused.reason

    async def _read_queue(self, until: int) -> bool:
        """Hand over what had come by then; whether any of it was what was subscribed to."""
        heard_data = False
        read = 0
        while self._queue and self._queue[0][0] <= until:
            ts, data = self._queue.popleft()
            self._waiting_bytes -= len(data)
            heard_data |= self._hear(data, ts)
            read += 1
            if read % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return heard_data

    def _hear(self, data: bytes, ts: int) -> bool:
        self._voice.messages += 1
        self._voice.bytes += len(data)
        try:
            heard = self._protocol.receive(data)
        except Malformed:
            self._voice.malformed += 1
            return False
        try:
            self._take(heard, ts)
        except Malformed:
            self._voice.malformed += 1
        return heard.data
