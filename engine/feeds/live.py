"""A live venue as a source: what arrived since the last tick, every 100 ms of session time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

from engine.batch import Batch, BatchBuilder
from engine.events import Kind, Mark, Setup
from engine.feeds.binance import Binance
from engine.feeds.clock import TICK_NS, SystemClock
from engine.feeds.connection import Connection
from engine.feeds.driver import Internet
from engine.feeds.hosts import PROCESS_HOSTS, Hosts
from engine.feeds.network import Network
from engine.feeds.options import FeedOptions
from engine.frame import Transport
from engine.ports import AddMark, Clock, Command, Resync
from engine.text import clean

_LATE_NS = 500_000_000
_ASLEEP_NS = 60_000_000_000  # a suspended machine: the ticks in between never were


class LiveSource:
    """`engine.ports.Source` for symbols of Binance spot; indices are positions in `symbols`.

    `setup` is its first event. Batches end at multiples of 100 ms of session time. When the loop was busy, the
    ticks it missed follow at once, each with what had arrived by then. When the source is closed or its task
    cancelled, one more batch brings what came since the last tick.
    """

    accepts = frozenset({"mark", "record", "resync", "view"})

    def __init__(
        self,
        symbols: Sequence[str],
        options: FeedOptions,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        network: Network | None = None,
        hosts: Hosts | None = None,
        setup: Setup | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._started = self._clock.now()
        self._builder = BatchBuilder()
        self._protocol = Binance(symbols, options, self._builder)
        self._connection = Connection(
            self._protocol,
            network or Internet(options),
            self._clock,
            rng or random.Random(),
            options,
            hosts or PROCESS_HOSTS,
        )
        if setup is not None:
            self._builder.add_note(setup, self._started)
        self._task: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()

    @property
    def transport(self) -> Transport:
        return Transport(label="LIVE", start=self._started, end=self._clock.now())

    async def batches(self) -> AsyncIterator[Batch]:
        """Raises UnknownSymbol where the exchange answered so."""
        self._task = asyncio.create_task(self._connection.run())
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
                await self._connection.fold(tick)
                self._connection.check(tick, late_ns > _LATE_NS)
                if self._task.done() and not self._closed.is_set():
                    self._task.result()
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
        await self._connection.fold(tick)
        return self._end_at(tick)

    def _end_at(self, tick: int) -> Batch:
        self._builder.add(Kind.TICK, tick, symbol=-1)
        return self._builder.take()

    async def command(self, command: Command) -> None:
        if isinstance(command, Resync):
            symbol, reason = command.symbol, clean(command.reason)
            self._connection.resync(symbol, reason)
        elif isinstance(command, AddMark):
            at, text = command.ts, clean(command.text)
            self._connection.in_order(lambda ts: self._builder.add_note(Mark(text, at or ts), ts))

    async def close(self) -> None:
        self._closed.set()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._connection.close()
