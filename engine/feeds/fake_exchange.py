"""A fake exchange without sockets: a market, its clients, what they are told, and what goes wrong.

How a venue words things is its dialect's business (`engine.feeds.fake_dialect`); here the market moves on,
messages go to whoever listens, questions are answered, and faults strike. `engine.feeds.fake_server` puts it on
loopback; a test with a clock of its own runs it without any network.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from engine.feeds import fake_faults as ff
from engine.feeds.fake_book import Oracle, PlainBook
from engine.feeds.fake_client import Client
from engine.feeds.fake_dialect import Dialect
from engine.feeds.fake_market import MadeUpMarket
from engine.feeds.fake_rest import DEPTH as DEPTH_REQUEST
from engine.feeds.fake_rest import WEB_PAGE, Answer, Broken, Query
from engine.feeds.fake_wire import DEPTH, Market, Wire

BEAT_S = 0.02
HELD_BACK_S = 0.1  # how long diffs stay back after a snapshot that must be newer than all of them
MOMENTS = 20_000  # diffs and snapshots of a symbol whose time is remembered


@dataclass(frozen=True)
class Asked:
    """A request or connection that came: when on the monotonic clock, for what, and what it was given.

    A subscription that a snapshot answers is a request for "depth" with a limit of 0.
    """

    at_s: float
    path: str
    symbol: str | None
    limit: int
    status: int | str


@dataclass(frozen=True)
class Door:
    """What becomes of a WebSocket's handshake: it opens, muted or not, or there is an answer instead."""

    muted: bool = False
    instead: Answer | Broken | None = None


class _Moments:
    """When which update id was said, for venues whose messages carry times and no ids."""

    def __init__(self) -> None:
        self.id_at: dict[int, int] = {}
        self._order: deque[int] = deque()

    def note(self, at_us: int, update_id: int) -> int:
        """The first free moment from `at_us` on, taken."""
        while at_us in self.id_at:
            at_us += 1
        self.id_at[at_us] = update_id
        self._order.append(at_us)
        if len(self._order) > MOMENTS:
            del self.id_at[self._order.popleft()]
        return at_us


class FakeExchange:
    """`rate` is exchange time per second of ours, `venue_ms` the clock that its messages carry.

    `oracle(symbol)` knows the book at every update id; `connects` and `requests` tell what clients did, `sent`
    the newest diff of each symbol. `now_s` and `sleep` are a clock that may be a test's.
    """

    def __init__(
        self,
        dialect: Dialect,
        symbols: Sequence[str] = (),
        seed: int = 1,
        market: Market | None = None,
        faults: ff.Faults | None = None,
        rate: float = 1.0,
        venue_ms: Callable[[], int] = lambda: time.time_ns() // 10**6,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.dialect = dialect
        self.market: Market = market or MadeUpMarket(symbols, seed, dialect.spell, dialect.quote)
        self.faults = faults if faults is not None else ff.Faults()
        self.rate = rate
        self.running = True
        self.beat_s = BEAT_S
        self.connects: list[Asked] = []
        self.requests: list[Asked] = []
        self.sent: dict[str, Wire] = {}
        self._venue_ms = venue_ms
        self._now_s = now_s
        self._sleep = sleep
        self._clients: list[Client] = []
        self._moments: dict[str, _Moments] = {}
        self._held: dict[str, list[Wire]] = {}
        self._diffs: dict[str, asyncio.Event] = {}
        self._beat = asyncio.Event()  # set when it is over; each has its own
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def clients(self) -> Sequence[Client]:
        """The connections that are open now, oldest first."""
        return tuple(self._clients)

    def oracle(self, symbol: str) -> Oracle:
        return self.market.oracle(symbol)

    def id_of(self, symbol: str, last_id: int, at_ns: int) -> int | None:
        """The market's update id of a row: by its own id where the venue tells ids, else by its time.

        None where the row's time is none that was said with a diff or a snapshot of the symbol.
        """
        if self.dialect.tells_ids:
            return self.dialect.id_of(last_id)
        moments = self._moments.get(symbol)
        return None if moments is None else moments.id_at.get(at_ns // 1000)

    async def run(self) -> None:
        """The pump: for ever, or until the capture that is played breaks off with a FeedError."""
        before = self._now_s()
        while True:
            await self._sleep(self.beat_s)
            now = self._now_s()
            elapsed_s, before = min(now - before, 1.0), now
            self.advance(elapsed_s)

    def advance(self, elapsed_s: float) -> None:
        """One beat: the market moves on, and everybody is told."""
        now_us = self._venue_ms() * 1000
        listens = any(client.talk.listens for client in self._clients)
        if self.running and (listens or not self.market.needs_audience):
            for wire in self.market.advance(elapsed_s * self.rate, now_us // 1000):
                self._spread(wire)
        for client in self._clients:
            if not client.muted:
                client.push(*client.talk.beat(self._now_s(), now_us))
        self._beat.set()
        self._beat = asyncio.Event()

    def stop(self) -> None:
        """Nothing that was begun goes on."""
        for task in self._tasks:
            task.cancel()

    # What is sent -----------------------------------------------------------------------------

    def _spread(self, wire: Wire) -> None:
        if wire.channel == DEPTH:
            at_us = self._stamp(wire.symbol, wire.at_us, wire.last_id)
            wire = wire._replace(at_us=at_us)
        if wire.symbol in self._held and wire.channel == DEPTH:
            self._held[wire.symbol].append(wire)
        else:
            self._deliver(wire)
        if wire.channel == DEPTH:
            self.sent[wire.symbol] = wire
            if wire.symbol in self._diffs:
                self._diffs.pop(wire.symbol).set()

    def _stamp(self, symbol: str, at_us: int, update_id: int) -> int:
        if self.dialect.tells_ids:
            return at_us
        return self._moments.setdefault(symbol, _Moments()).note(at_us, update_id)

    def _deliver(self, wire: Wire) -> None:
        words: bytes | None = None
        for client in self._clients:
            if client.muted or not client.talk.wants(wire):
                continue
            words = self.dialect.word(wire) if words is None else words
            shutdown = client.offer(wire, words, self.faults, self._book_at)
            if shutdown is not None:
                self._announce(client, shutdown.delay_s)

    def _book_at(self, symbol: str, update_id: int) -> PlainBook:
        return self.oracle(symbol).book_at(update_id)

    def _announce(self, client: Client, delay_s: float) -> None:
        notice = client.talk.shutdown(self._venue_ms() * 1000)
        if notice is not None:
            client.push(notice)
        self._later(delay_s, lambda: client.push(ff.CLOSE))

    async def _next_diff(self, symbol: str) -> Wire:
        """Waits until the exchange makes another diff of the symbol."""
        await self._diffs.setdefault(symbol, asyncio.Event()).wait()
        return self.sent[symbol]

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        async def wait() -> None:
            await self._sleep(delay_s)
            action()

        self._spawn(wait())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Who comes in -----------------------------------------------------------------------------

    async def knock(self, target: str) -> Door:
        """A WebSocket's handshake."""
        fault = self.faults.for_request("ws")
        kind = fault.kind if fault is not None else 101
        self.connects.append(Asked(self._now_s(), target, None, 0, kind))
        if not self.dialect.opens(urlsplit(target).path):
            return Door(instead=self.dialect.refusal(404, None))
        if fault is None or fault.kind == ff.MUTE:
            return Door(muted=fault is not None)
        return Door(instead=await self._spoil(fault, Answer(503, b"")))

    def enter(self, client: Client) -> None:
        self._clients.append(client)
        client.push(*client.talk.greet(self._venue_ms() * 1000))

    def leave(self, client: Client) -> None:
        self._clients.remove(client)

    def hear(self, client: Client, message: str | bytes) -> None:
        """What a client says."""
        for symbol in client.hear(message, self._now_s()).snapshots:
            self._spawn(self._send_snapshot(client, symbol))

    async def _send_snapshot(self, client: Client, symbol: str) -> None:
        """The book in the stream, as far as a fault lets it."""
        fault = self.faults.for_request(DEPTH_REQUEST, symbol)
        kind = fault.kind if fault is not None else 200
        self.requests.append(Asked(self._now_s(), DEPTH_REQUEST, symbol, 0, kind))
        if client.muted or kind == ff.HANG or client.is_silent((symbol, DEPTH)):
            return
        if fault is not None and kind == ff.SLOW:
            await self._sleep(fault.delay_s)
        while (book := self.market.snapshot(symbol)) is None:
            await self._beat.wait()
        if client not in self._clients:
            return
        at_us = self._stamp(symbol, self._venue_ms() * 1000, book.update_id)
        frame = client.talk.snapshot(symbol, book, at_us)
        client.push(ff.Cut(frame) if kind == ff.CUT_SHORT else frame)

    # REST -------------------------------------------------------------------------------------

    async def get(self, target: str) -> Answer | Broken:
        """The answer to a GET of this path and query."""
        try:
            query = self.dialect.read(target)
        except ValueError:
            return self.dialect.unreadable()
        symbol = query.symbols[0] if query.symbols else None
        fault = self.faults.for_request(query.about, symbol)
        retry_after_s = self.dialect.spend(query, self._now_s())
        status: int | str = 429 if retry_after_s is not None else fault.kind if fault is not None else 200
        self.requests.append(Asked(self._now_s(), query.about, symbol, query.limit, status))
        answer: Answer | Broken
        if retry_after_s is not None:
            answer = self.dialect.refusal(429, retry_after_s)
        elif fault is not None and not str(fault.kind).startswith("snapshot"):
            answer = await self._spoil(fault, await self._answer(query, None))
        else:
            answer = await self._answer(query, fault)
        if isinstance(answer, Answer):
            answer.headers.update(self.dialect.headers())
        return answer

    async def _answer(self, query: Query, fault: ff.OnRequest | None) -> Answer:
        book: PlainBook | None = None
        symbol = query.symbols[0] if query.symbols else ""
        if query.about == DEPTH_REQUEST and symbol in self.market.listings:
            book = await self._snapshot(symbol, None if fault is None else str(fault.kind))
        return self.dialect.answer(query, self.market.listings, book, self._venue_ms() * 1000)

    async def _snapshot(self, symbol: str, kind: str | None) -> PlainBook:
        while (book := self.market.snapshot(symbol)) is None:
            await self._beat.wait()
        if kind is None:
            return book
        if kind == ff.SNAPSHOT_NEW:
            return await self._snapshot_ahead(symbol)
        diff = await self._next_diff(symbol)
        update_id = {
            ff.SNAPSHOT_OLD: self._first_id(symbol, diff) - 2,
            ff.SNAPSHOT_BEFORE: diff.first_id - 1,
            ff.SNAPSHOT_FIRST: diff.first_id,
            ff.SNAPSHOT_STRADDLED: (diff.first_id + diff.last_id) // 2,
            ff.SNAPSHOT_LAST: diff.last_id,
        }[kind]
        return self._book_at(symbol, update_id)

    async def _snapshot_ahead(self, symbol: str) -> PlainBook:
        """A snapshot newer than every diff that the client can have: they are held back meanwhile."""
        held = self._held.setdefault(symbol, [])
        for _ in range(3):
            await self._next_diff(symbol)
        self._later(HELD_BACK_S, lambda: self._release(symbol, held))
        return self.oracle(symbol).now.copy()

    def _release(self, symbol: str, held: list[Wire]) -> None:
        if self._held.get(symbol) is held:
            del self._held[symbol]
            for wire in held:
                self._deliver(wire)

    def _first_id(self, symbol: str, diff: Wire) -> int:
        """The first id that the newest connection with this symbol was sent."""
        for client in reversed(self._clients):
            if symbol in client.first_ids:
                return client.first_ids[symbol]
        return diff.first_id

    async def _spoil(self, fault: ff.OnRequest, answer: Answer) -> Answer | Broken:
        if isinstance(fault.kind, int):
            return self.dialect.refusal(fault.kind, fault.retry_after_s)
        if fault.kind == ff.HTML:
            return Answer(200, WEB_PAGE, {}, "text/html")
        if fault.kind == ff.SLOW:
            await self._sleep(fault.delay_s)
            return answer
        if fault.kind == ff.CUT_SHORT:
            whole = answer.serialize()
            return Broken(whole[: len(whole) // 2])
        return Broken()
