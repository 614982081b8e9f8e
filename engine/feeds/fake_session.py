"""A live source on fake exchanges in fake time, with a witness: what tests and a simulated day stand on."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from engine.events import FeedStatus
from engine.feeds import fake_faults as ff
from engine.feeds.fake_exchange import FakeExchange
from engine.feeds.fake_network import FakeNetwork
from engine.feeds.fake_time import FakeClock
from engine.feeds.fake_venues import dialect_of
from engine.feeds.fake_witness import Followed, NotTheTruth, Witness
from engine.feeds.hosts import Hosts
from engine.feeds.live import LiveSource, Watched
from engine.feeds.venues import VENUES
from engine.ports import Resync

_LOOK_S = 0.05  # between looks at a condition that is waited for


class FakeSession:
    """Some currencies on some venues, watched in one source; an async context manager.

    `rate` is exchange time per second, `beat_s` how often the exchanges move on. `live[venue, base]` is what is
    known of a symbol, `live.exchanges[venue]` its exchange and `live.networks[venue]` the way there.
    """

    def __init__(
        self,
        clock: FakeClock,
        venues: Sequence[str],
        bases: Sequence[str] = ("BTC",),
        seed: int = 1,
        rate: float = 1.0,
        beat_s: float = 0.1,
        hosts: Hosts | None = None,
        **options: Any,
    ) -> None:
        self.clock = clock
        self.venues = tuple(venues)
        self.exchanges: dict[str, FakeExchange] = {}
        self.networks: dict[str, FakeNetwork] = {}
        self.venue_offset_ms: dict[str, int] = dict.fromkeys(venues, 0)  # how far its clock is off
        self._at: dict[tuple[str, str], int] = {}
        watched: list[Watched] = []
        networks: dict[str, FakeNetwork] = {}
        for venue in venues:
            exchange = self._exchange(venue, bases, seed, rate)
            exchange.beat_s = beat_s
            host = f"fake-{venue}:1"
            chosen = msgspec.structs.replace(
                VENUES[venue].options, rest=(f"http://{host}",), ws=(f"ws://{host}",), **options
            )
            symbols = [exchange.dialect.spell(base) for base in bases]
            self.exchanges[venue] = exchange
            self.networks[venue] = networks[chosen.rest[0]] = FakeNetwork(exchange, chosen)
            for base in bases:
                self._at[venue, base] = len(self._at)
            watched.append(Watched(VENUES[venue].protocol(), symbols, chosen))
        self.witness = Witness(
            [(self.exchanges[venue].dialect.spell(base), self.exchanges[venue]) for venue, base in self._at]
        )
        self.source = LiveSource(
            watched,
            clock,
            random.Random(seed),
            lambda chosen: networks[chosen.rest[0]],
            hosts or Hosts(),
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._told = False

    def _exchange(self, venue: str, bases: Sequence[str], seed: int, rate: float) -> FakeExchange:
        dialect = dialect_of(venue)
        return FakeExchange(
            dialect,
            [dialect.spell(base) for base in bases],
            seed,
            rate=rate,
            venue_ms=lambda: self.clock.now_ms() + self.venue_offset_ms[venue],
            now_s=self.clock.steady_s,
        )

    def __getitem__(self, which: tuple[str, str]) -> Followed:
        return self.witness.symbols[self._at[which]]

    @property
    def symbols(self) -> Mapping[tuple[str, str], Followed]:
        return {which: self.witness.symbols[number] for which, number in self._at.items()}

    def connection(self, venue: str) -> list[FeedStatus]:
        """What was said of the venue's connection."""
        statuses = self.witness.statuses
        return [status for status in statuses if status.symbol is None and status.venue == venue]

    @property
    def said(self) -> str:
        """Everything that statuses gave as a reason."""
        reasons = (status.reason for status in self.witness.statuses if status.reason)
        return " | ".join(dict.fromkeys(reasons))

    async def __aenter__(self) -> Self:
        for exchange in self.exchanges.values():
            exchange.advance(1.0 / exchange.rate)  # it has traded before anybody came
        self._tasks = [asyncio.create_task(exchange.run()) for exchange in self.exchanges.values()]
        self._tasks.append(asyncio.create_task(self._follow()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, found: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.source.close()
        for exchange in self.exchanges.values():
            exchange.stop()
        *pumps, follower = self._tasks
        for pump in pumps:
            pump.cancel()
        await asyncio.wait({follower})
        if not self._told:
            follower.result()

    async def until(self, condition: Callable[[], object], what: str, within_s: float = 120.0) -> None:
        """Wait for it. Raises NotTheTruth where it does not come about, with what the statuses said."""
        deadline = self.clock.now() + round(within_s * 1e9)
        while not condition():
            await self.run(_LOOK_S)
            if self.clock.now() > deadline:
                books = {which: (one.states[-8:], one.compared) for which, one in self.symbols.items()}
                raise NotTheTruth(f"not within {within_s} s: {what}; books {books}, said: {self.said[-600:]}")

    async def run(self, seconds: float) -> None:
        """Let so much time pass. What went wrong is raised here."""
        await asyncio.sleep(seconds)
        if self._tasks[-1].done():
            self._told = True
            self._tasks[-1].result()
            raise NotTheTruth("the source ended")

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: the exchanges go on, a minute of trading at most, and nobody here hears of it."""
        beats = 60
        for _ in range(beats):
            self.clock.suspend(seconds / beats)
            for exchange in self.exchanges.values():
                exchange.advance(min(1.0, seconds / beats))

    async def synced(self, within_s: float = 120.0) -> None:
        """Every book is SYNCED and was compared once more since now."""
        before = {which: one.compared for which, one in self.symbols.items()}
        await self.until(
            lambda: all(
                one.state == "SYNCED" and one.compared > before[which] for which, one in self.symbols.items()
            ),
            "every book is synced and compared",
            within_s,
        )

    async def caught_up(self, within_s: float = 120.0) -> None:
        """With the market at rest every book becomes the exchange's newest."""
        await self.synced(within_s)
        for exchange in self.exchanges.values():
            exchange.running = False
        newest = {
            (venue, base): self.exchanges[venue].sent[self[venue, base].symbol].last_id
            for venue, base in self._at
        }
        await self.until(
            lambda: all(one.is_at(newest[which]) for which, one in self.symbols.items()),
            f"every book at the newest diff {newest}",
            within_s,
        )
        self.witness.compare()
        for exchange in self.exchanges.values():
            exchange.running = True

    async def strike(self, venue: str, *faults: ff.Fault, within_s: float = 120.0) -> None:
        """Let these faults strike."""
        known = self.exchanges[venue].faults
        known.add(*faults)
        await self.until(
            lambda: not any(fault in known.pending for fault in faults), f"{faults} strike", within_s
        )

    async def _follow(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            async for batch in self.source.batches():
                self.witness.fold(batch)
                for number in self.witness.compare():
                    await self.source.command(Resync(number, self.witness.symbols[number].doubt))
