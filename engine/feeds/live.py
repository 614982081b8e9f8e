"""Live venues as one source: what arrived since the last tick, every 100 ms of session time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from engine.batch import Batch, BatchBuilder
from engine.events import Kind, Mark, Setup
from engine.feeds.clock import TICK_NS, SystemClock
from engine.feeds.connection import Connection
from engine.feeds.driver import Internet
from engine.feeds.hosts import PROCESS_HOSTS, Hosts
from engine.feeds.network import Network
from engine.feeds.options import FeedOptions
from engine.feeds.traded import Traded
from engine.feeds.venue import Venue
from engine.frame.host import Transport
from engine.ports import AddMark, Clock, Command, Resync
from engine.text import clean

_YIELD_EVERY = 256  # messages folded at a stretch, about a millisecond
_LATE_NS = 500_000_000
_ASLEEP_NS = 60_000_000_000  # a suspended machine: the ticks in between never were


class Watched(NamedTuple):
    """Symbols of one venue: each as that venue spells it, or as a tuple of such spellings, the best first."""

    venue: type[Venue]
    symbols: Sequence[str | tuple[str, ...]]
    options: FeedOptions


class LiveSource:
    """`engine.ports.Source` for symbols of venues; their numbers go on from one venue to the next, as they are listed.

    `setup` is its first event. Batches end at multiples of 100 ms of session time. When the loop was busy, the
    ticks it missed follow at once, each with what had arrived by then. When the source is closed or its task
    cancelled, one more batch brings what came since the last tick. Watching several venues, a symbol that one of
    them does not trade is left out there.
    """

    accepts = frozenset({"mark", "record", "resync", "view"})

    def __init__(
        self,
        watched: Sequence[Watched],
        clock: Clock | None = None,
        rng: random.Random | None = None,
        network: Callable[[FeedOptions], Network] = Internet,
        hosts: Hosts | None = None,
        setup: Setup | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._started = self._clock.now()
        self._builder = BatchBuilder()
        rng = rng or random.Random()
        self._connections: list[Connection] = []
        for venue, symbols, options in watched:
            protocol = venue(symbols, options, self._builder, self._number, partial=len(watched) > 1)
            before = [connection.settled for connection in self._connections]
            self._connections.append(
                Connection(
                    protocol, network(options), self._clock, rng, options, hosts or PROCESS_HOSTS, before
                )
            )
        self._traded = Traded(self._connections)
        if setup is not None:
            self._builder.add_note(setup, self._started)
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = asyncio.Event()
        self._count = 0  # of symbols that were listed

    def _number(self, count: int) -> int:
        first, self._count = self._count, self._count + count
        return first

    @property
    def transport(self) -> Transport:
        return Transport(label="LIVE", start=self._started, end=self._clock.now())

    async def batches(self) -> AsyncIterator[Batch]:
        """Raises UnknownSymbol where the exchange answered so, NowhereTraded where none of several trades a symbol."""
        self._tasks = [asyncio.create_task(connection.run()) for connection in self._connections]
        ended = self._clock.now() // TICK_NS * TICK_NS  # the newest tick that was taken
        try:
            while not self._closed.is_set():
                tick = ended + TICK_NS
                await self._clock.sleep(max(0, tick - self._clock.now()) / 1e9)
                if self._closed.is_set():
                    break
                late_ns = self._clock.now() - tick
                if late_ns > _ASLEEP_NS:
                    tick = self._clock.now() // TICK_NS * TICK_NS
                await self._fold(tick)
                for connection in self._connections:
                    connection.check(tick, late_ns > _LATE_NS)
                self._raise_what_ended(tick)
                ended = tick
                yield self._end_at(tick)
            yield await self._last_batch(ended)
        except asyncio.CancelledError:
            yield await self._last_batch(ended)
            raise
        finally:
            await self.close()

    async def _last_batch(self, ended: int) -> Batch:
        """What has arrived by now. Its tick is taken early, so that it too is a multiple of 100 ms."""
        tick = max(ended + TICK_NS, -(-self._clock.now() // TICK_NS) * TICK_NS)
        await self._fold(tick)
        return self._end_at(tick)

    async def _fold(self, until: int) -> None:
        """Hand what was received up to `until` to the protocols, in the order in which it came."""
        folded = 0
        connections = self._connections
        while True:
            at, first = min((connection.inbox.first_at, n) for n, connection in enumerate(connections))
            if at > until:
                break
            connections[first].fold_one()
            folded += 1
            if folded % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        for connection in connections:
            connection.folded(until)

    def _raise_what_ended(self, now: int) -> None:
        """A connection only ends with an error; a symbol that no venue trades is one too."""
        if self._closed.is_set():
            return
        for task in self._tasks:
            if task.done():
                task.result()
        self._traded.look(now)

    def _end_at(self, tick: int) -> Batch:
        self._builder.add(Kind.TICK, tick, symbol=-1)
        return self._builder.take()

    async def command(self, command: Command) -> None:
        if isinstance(command, Resync):
            for connection in self._connections:
                connection.resync(command.symbol, clean(command.reason))
        elif isinstance(command, AddMark):
            at, text = command.ts, clean(command.text)
            self._connections[0].in_order(lambda ts: self._builder.add_note(Mark(text, at or ts), ts))

    async def close(self) -> None:
        self._closed.set()
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        await asyncio.gather(*(connection.close() for connection in self._connections))
