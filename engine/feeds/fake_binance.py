"""A fake Binance spot exchange on loopback: WebSocket streams and REST on one port.

By hand, with no network at all:

    python -m engine.feeds.fake_binance --port 9001

and then a terminal with `rest=http://127.0.0.1:9001` and `ws=ws://127.0.0.1:9001` as Binance's endpoints.
It speaks the real layouts (key order, eight decimals), counts request weight, refuses too many messages,
sends pings, and can be told to misbehave (`engine.feeds.fake_faults`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from engine.feeds import fake_faults as ff
from engine.feeds.errors import FeedError
from engine.feeds.fake_book import Oracle
from engine.feeds.fake_capture import CapturePlayback
from engine.feeds.fake_client import Client
from engine.feeds.fake_market import MadeUpMarket
from engine.feeds.fake_rest import WEB_PAGE, Answer, Query, Weights, error, exchange_info, refusal
from engine.feeds.fake_text import FakeText, settings_of
from engine.feeds.fake_text_site import MadeUpText
from engine.feeds.fake_wire import DEPTH, Market, Wire

BEAT_S = 0.02
HELD_BACK_S = 0.1  # how long diffs stay back after a snapshot that must be newer than all of them


@dataclass(frozen=True)
class Asked:
    """A request or connection that came: when on the monotonic clock, for what, and what it was given."""

    at_s: float
    path: str
    symbol: str | None
    limit: int
    status: int | str


class FakeBinance:
    """The exchange, as an async context manager.

    `rate` is exchange time per second of ours, `venue_ms` the clock that its messages carry.
    `oracle(symbol)` knows the book at every update id; `connects` and `requests` tell what clients did,
    `pongs` when they answered (monotonic seconds).
    """

    def __init__(
        self,
        symbols: Sequence[str] = ("BTCUSDT",),
        seed: int = 1,
        market: Market | None = None,
        faults: ff.Faults | None = None,
        rate: float = 1.0,
        port: int = 0,
        ping_interval_s: float = 20.0,
        venue_ms: Callable[[], int] = lambda: time.time_ns() // 10**6,
    ) -> None:
        self.market: Market = market if market is not None else MadeUpMarket(symbols, seed)
        self.faults = faults if faults is not None else ff.Faults()
        self.rate = rate
        self.running = True
        self.connects: list[Asked] = []
        self.requests: list[Asked] = []
        self.pongs: list[float] = []
        self.sent: dict[str, Wire] = {}  # the newest diff of each symbol
        self._port = port
        self._ping_interval_s = ping_interval_s
        self._venue_ms = venue_ms
        self._weights = Weights()
        self._clients: list[Client] = []
        self._held: dict[str, list[Wire]] = {}
        self._diffs: dict[str, asyncio.Event] = {}
        self._beat = asyncio.Event()  # set when it is over; each has its own
        self._arriving: set[asyncio.Task[Any] | None] = set()
        self._muted: set[ServerConnection] = set()
        self._pump: asyncio.Task[None]
        self._server: Server

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    @property
    def clients(self) -> Sequence[Client]:
        """The connections that are open now, oldest first."""
        return tuple(self._clients)

    async def ended(self) -> None:
        """Waits for ever; raises FeedError where the capture that is played breaks off."""
        await self._pump

    def oracle(self, symbol: str) -> Oracle:
        return self.market.oracle(symbol)

    async def __aenter__(self) -> Self:
        self._server = await listen(
            self._serve_client,
            "127.0.0.1",
            self._port,
            process_request=self._handshake,
            compression=None,
            ping_interval=None,
            open_timeout=None,
            close_timeout=1.0,
            max_size=2**16,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        self._pump = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, found: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in (self._pump, *self._arriving):
            if task is not None:
                task.cancel()
        for client in self._clients:
            client.abort()
        self._server.close()
        await self._server.wait_closed()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump

    # What is sent -----------------------------------------------------------------------------

    async def _run(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(BEAT_S)
            now = time.monotonic()
            elapsed_s, before = min(now - before, 1.0), now
            if self.running and (self._watched or not self.market.needs_audience):
                for wire in self.market.advance(elapsed_s * self.rate, self._venue_ms()):
                    self._spread(wire)
            self._beat.set()
            self._beat = asyncio.Event()

    @property
    def _watched(self) -> bool:
        return any(client.streams for client in self._clients)

    def _spread(self, wire: Wire) -> None:
        if wire.symbol in self._held and wire.channel == DEPTH:
            self._held[wire.symbol].append(wire)
        else:
            self._deliver(wire)
        if wire.channel == DEPTH:
            self.sent[wire.symbol] = wire
            if wire.symbol in self._diffs:
                self._diffs.pop(wire.symbol).set()

    def _deliver(self, wire: Wire) -> None:
        for client in self._clients:
            if wire.stream in client.streams and not client.muted:
                client.offer(wire, self.faults, self.market)

    async def _next_diff(self, symbol: str) -> Wire:
        """Waits until the exchange makes another diff of the symbol."""
        await self._diffs.setdefault(symbol, asyncio.Event()).wait()
        return self.sent[symbol]

    # Who comes in -----------------------------------------------------------------------------

    async def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        task = asyncio.current_task()
        self._arriving.add(task)
        try:
            if request.path.startswith("/api/"):
                answer = await self._rest(connection, request.path)
            else:
                answer = await self._upgrade(connection, request.path)
        finally:
            self._arriving.discard(task)
        return None if answer is None else _response(answer)

    async def _upgrade(self, connection: ServerConnection, path: str) -> Answer | None:
        """None where the WebSocket may open, or the line was cut or left hanging."""
        fault = self.faults.for_request("ws")
        kind = fault.kind if fault is not None else 101
        self.connects.append(Asked(time.monotonic(), path, None, 0, kind))
        if path.split("?")[0] not in ("/ws", "/stream") and not path.startswith("/ws/"):
            return refusal(404, None)
        if fault is None or fault.kind == ff.MUTE:
            if fault is not None:
                self._muted.add(connection)
            return None
        return await self._spoil(fault, connection, Answer(503, b""))

    async def _serve_client(self, connection: ServerConnection) -> None:
        client = Client(connection, muted=connection in self._muted)
        self._clients.append(client)
        pinger = asyncio.create_task(self._ping(connection))
        try:
            await client.run()
        finally:
            self._clients.remove(client)
            self._muted.discard(connection)
            pinger.cancel()

    async def _ping(self, connection: ServerConnection) -> None:
        """Binance closes a connection whose pong does not come within a minute: here, three intervals."""
        with contextlib.suppress(Exception):
            while True:
                await asyncio.sleep(self._ping_interval_s)
                pong = await connection.ping()
                try:
                    await asyncio.wait_for(pong, 3 * self._ping_interval_s)
                except TimeoutError:
                    await connection.close(1008, "no pong")
                    return
                self.pongs.append(time.monotonic())

    # REST -------------------------------------------------------------------------------------

    async def _rest(self, connection: ServerConnection, target: str) -> Answer | None:
        """The answer, or None where the line was cut or left hanging."""
        try:
            query = Query.parse(target)
        except ValueError:
            return Answer(400, error(-1100, "Illegal characters found in a parameter."))
        symbol = query.symbols[0] if query.symbols else None
        fault = self.faults.for_request(query.path, symbol)
        retry_after_s = self._weights.spend(query.weight, time.monotonic())
        status: int | str = 429 if retry_after_s is not None else fault.kind if fault is not None else 200
        self.requests.append(Asked(time.monotonic(), query.path, symbol, query.limit, status))
        answer: Answer | None
        if retry_after_s is not None:
            answer = refusal(429, retry_after_s)
        elif fault is not None and not str(fault.kind).startswith("snapshot"):
            answer = await self._spoil(fault, connection, await self._answer(query, None))
        else:
            answer = await self._answer(query, fault)
        if answer is not None:
            answer.headers.setdefault("X-MBX-USED-WEIGHT-1M", str(self._weights.used))
        return answer

    async def _answer(self, query: Query, fault: ff.OnRequest | None) -> Answer:
        now_ms = self._venue_ms()
        if query.path == "ping":
            return Answer(200, b"{}")
        if query.path == "time":
            return Answer(200, f'{{"serverTime":{now_ms}}}'.encode())
        if query.path == "exchangeInfo":
            return exchange_info(query, self.market.listings, now_ms)
        if query.path != "depth":
            return refusal(404, None)
        symbol = query.symbols[0] if query.symbols else ""
        if symbol not in self.market.listings:
            return Answer(400, error(-1121, "Invalid symbol."))
        return Answer(
            200, await self._snapshot(symbol, query.limit, fault.kind if fault is not None else None)
        )

    async def _snapshot(self, symbol: str, limit: int, kind: int | str | None) -> bytes:
        while (book := self.market.snapshot(symbol)) is None:
            await self._beat.wait()
        if kind is None:
            return book.snapshot(limit)
        oracle = self.oracle(symbol)
        if kind == ff.SNAPSHOT_NEW:
            return await self._snapshot_ahead(symbol, oracle, limit)
        diff = await self._next_diff(symbol)
        update_id = {
            ff.SNAPSHOT_OLD: self._first_id(symbol, diff) - 2,
            ff.SNAPSHOT_BEFORE: diff.first_id - 1,
            ff.SNAPSHOT_FIRST: diff.first_id,
            ff.SNAPSHOT_STRADDLED: (diff.first_id + diff.last_id) // 2,
            ff.SNAPSHOT_LAST: diff.last_id,
        }[str(kind)]
        return oracle.book_at(update_id).snapshot(limit)

    async def _snapshot_ahead(self, symbol: str, oracle: Oracle, limit: int) -> bytes:
        """A snapshot newer than every diff that the client can have: they are held back meanwhile."""
        held = self._held.setdefault(symbol, [])
        for _ in range(3):
            await self._next_diff(symbol)
        body = oracle.now.snapshot(limit)
        asyncio.get_running_loop().call_later(HELD_BACK_S, self._release, symbol, held)
        return body

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

    async def _spoil(
        self, fault: ff.OnRequest, connection: ServerConnection, answer: Answer
    ) -> Answer | None:
        if isinstance(fault.kind, int):
            return refusal(fault.kind, fault.retry_after_s)
        if fault.kind == ff.HTML:
            return Answer(200, WEB_PAGE, {}, "text/html")
        if fault.kind == ff.SLOW:
            await asyncio.sleep(fault.delay_s)
            return answer
        if fault.kind == ff.CUT_SHORT:
            whole = answer.serialize()
            connection.transport.write(whole[: len(whole) // 2])
            connection.transport.close()
        else:
            await asyncio.Event().wait()
        await connection.wait_closed()
        return None


def _response(answer: Answer) -> Response:
    return Response(answer.status, answer.reason, Headers(answer.head()), answer.body)


async def serve(
    port: int,
    symbols: Sequence[str] = (),
    seed: int = 1,
    capture: Path | None = None,
    rate: float = 1.0,
    posts_a_minute: float = 12.0,
) -> None:
    """Run the exchange, and a site where people write about it, until cancelled. No symbols: all that it knows.

    Raises ValueError for a symbol that it does not know, FeedError for a file that is no capture, and OSError
    where the port cannot be had.
    """
    market: Market = CapturePlayback(capture, rate) if capture is not None else MadeUpMarket(symbols, seed)
    pace = 1.0 if capture is not None else rate
    async with (
        FakeBinance(market=market, rate=pace, port=port) as exchange,
        FakeText(MadeUpText(seed, posts_a_minute / 60.0)) as text,
    ):
        print(f"a fake Binance trades {', '.join(market.listings)} on {exchange.rest} and {exchange.ws}")
        print(f"made-up people write {posts_a_minute:g} posts a minute on {text.url}")
        told = {"venues.binance.rest": exchange.rest, "venues.binance.ws": exchange.ws, **settings_of(text)}
        flags = " ".join(f"--set {key}={value}" for key, value in told.items())
        print(f"microtui live {next(iter(market.listings))} {flags}", flush=True)
        await exchange.ended()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m engine.feeds.fake_binance", description="A fake Binance spot exchange."
    )
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--symbols", nargs="*", default=(), metavar="SYMBOL")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--capture", type=Path, help="play this capture instead of a made-up market")
    parser.add_argument("--rate", type=float, default=1.0, help="how much faster than real time")
    chosen = parser.parse_args()
    try:
        asyncio.run(serve(chosen.port, chosen.symbols, chosen.seed, chosen.capture, chosen.rate))
    except KeyboardInterrupt:
        return
    except (OSError, ValueError, FeedError) as fault:
        parser.error(str(fault))


if __name__ == "__main__":
    main()
