"""A clock that only moves when everybody sleeps, and an exchange that lives by it without any socket."""

from __future__ import annotations

import asyncio
import heapq
import json
import random
from collections.abc import Callable
from itertools import count
from urllib.parse import parse_qs, urlsplit

from engine.batch import Batch
from engine.events import FeedStatus, Kind
from engine.feeds.binance import Binance
from engine.feeds.errors import Refused
from engine.feeds.hosts import Hosts
from engine.feeds.live import LiveSource, Watched
from engine.feeds.network import Reply
from engine.feeds.options import FeedOptions

START = 1_700_000_000_000_000_000
S = 1_000_000_000
INFO = {
    "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}]
}


class SimClock:
    """`now` jumps to the next sleeper's due time once all others have gone to sleep."""

    def __init__(self) -> None:
        self._now = START
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> int:
        return self._now

    @property
    def elapsed_s(self) -> float:
        return (self._now - START) / S

    async def sleep(self, seconds: float) -> None:
        due = self._now + max(0, round(seconds * S))
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (due, next(self._order), woken))
        await woken

    async def drive(self) -> None:
        while True:
            for _ in range(12):  # whoever was woken may start others, who may start others …
                await asyncio.sleep(0)
            if self._sleepers:
                due, _, woken = heapq.heappop(self._sleepers)
                self._now = max(self._now, due)
                if not woken.done():
                    woken.set_result(None)


class SimSocket:
    def __init__(self) -> None:
        self.streams: set[str] = set()
        self.requests: list[dict[str, object]] = []
        self.dead = False  # accepts and says nothing
        self.muted: set[str] = set()
        self.closed = False
        self._out: asyncio.Queue[bytes | Refused] = asyncio.Queue()

    def say(self, message: object) -> None:
        self._out.put_nowait(message if isinstance(message, bytes) else json.dumps(message).encode())

    def end(self, reason: str) -> None:
        self._out.put_nowait(Refused(reason))

    async def receive(self) -> bytes:
        said = await self._out.get()
        if isinstance(said, Refused):
            raise said
        return said

    async def send(self, text: bytes) -> None:
        request = json.loads(text)
        self.requests.append(request)
        if self.dead:
            return
        change = self.streams.update if request["method"] == "SUBSCRIBE" else self.streams.difference_update
        change(request["params"])
        if request["method"] == "SUBSCRIBE":
            self.muted -= set(request["params"])
        self.say({"result": None, "id": request["id"]})

    async def close(self) -> None:
        self.closed = True


class SimExchange:
    """One bid a symbol, whose size in lots is the update id, so that any book shows how far it has come."""

    def __init__(self, clock: SimClock, *symbols: str) -> None:
        self.clock = clock
        self.ids = dict.fromkeys(symbols, 1000)
        self.sockets: list[SimSocket] = []
        self.connects: list[tuple[float, str]] = []
        self.gets: list[tuple[float, str]] = []
        self.answer: Callable[[str], Reply | Exception | None] = lambda url: (
            None
        )  # what goes before the truth
        self.admit: Callable[[str], Exception | None] = lambda url: None
        self.dead = False
        self.quiet = False  # the market rests
        self.snapshot_lag = 0

    async def connect(self, url: str) -> SimSocket:
        self.connects.append((self.clock.elapsed_s, url))
        if error := self.admit(url):
            raise error
        socket = SimSocket()
        socket.dead = self.dead
        self.sockets.append(socket)
        return socket

    async def get(self, url: str) -> Reply:
        self.gets.append((self.clock.elapsed_s, url))
        await self.clock.sleep(0.02)
        answer = self.answer(url)
        if isinstance(answer, Exception):
            raise answer
        return answer or Reply(200, {}, json.dumps(self._truth(url)).encode())

    async def close(self) -> None:
        return

    async def live(self) -> None:
        """Every 100 ms a diff, a best price and a trade of each symbol."""
        while True:
            await self.clock.sleep(0.1)
            if self.quiet:
                continue
            ms = self.clock.now() // 1_000_000
            for symbol in self.ids:
                first, last = self.ids[symbol] + 1, self.ids[symbol] + 3
                self.ids[symbol] = last
                low = symbol.lower()
                bid = ["100.00", lots(last)]
                self.broadcast(
                    f"{low}@bookTicker",
                    {"u": last, "s": symbol, "b": bid[0], "B": bid[1], "a": "101", "A": "1"},
                )
                self.broadcast(
                    f"{low}@depth@100ms",
                    {"e": "depthUpdate", "E": ms, "s": symbol, "U": first, "u": last, "b": [bid], "a": []},
                )
                self.broadcast(
                    f"{low}@trade",
                    {
                        "e": "trade",
                        "E": ms,
                        "s": symbol,
                        "t": last,
                        "p": "100.00",
                        "q": "1",
                        "T": ms,
                        "m": True,
                    },
                )

    def broadcast(self, stream: str, data: object) -> None:
        for socket in self.sockets:
            if stream in socket.streams - socket.muted and not socket.dead:
                socket.say({"stream": stream, "data": data})

    def asked(self, part: str) -> list[float]:
        return [at for at, url in self.gets if part in url]

    def _truth(self, url: str) -> object:
        query = parse_qs(urlsplit(url).query)
        if "/depth" in url:
            symbol = query["symbol"][0]
            last = self.ids[symbol] - self.snapshot_lag
            return {"lastUpdateId": last, "bids": [["100.00", lots(last)]], "asks": [["101.00", "1"]]}
        return INFO | {"symbols": [listed(symbol) for symbol in self.ids]}


def lots(number: int) -> str:
    return f"{number / 100:.2f}"


def listed(symbol: str, status: str = "TRADING") -> dict[str, object]:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "stepSize": "1.00000000"},
    ]
    return {
        "symbol": symbol,
        "status": status,
        "baseAsset": symbol[:3],
        "quoteAsset": "USDT",
        "filters": filters,
    }


class Session:
    """A LiveSource on the simulated exchange; what it said, and the one size of each book."""

    def __init__(self, *symbols: str, options: FeedOptions | None = None) -> None:
        self.clock = SimClock()
        self.exchange = SimExchange(self.clock, *symbols)
        self.statuses: list[tuple[float, FeedStatus]] = []
        self.sizes: dict[int, int] = {}
        self.update_ids: dict[int, list[int]] = {}
        self.snapshots = dict.fromkeys(range(len(symbols)), 0)
        self.trades: dict[int, list[int]] = {}
        self.batches: list[Batch] = []
        self.hosts = Hosts()
        self.source = LiveSource(
            [Watched(Binance, symbols, options or FeedOptions())],
            self.clock,
            random.Random(5),
            lambda _: self.exchange,
            self.hosts,
        )
        self._stream = self.source.batches()

    async def __aenter__(self) -> Session:
        self._tasks = [asyncio.create_task(self.clock.drive()), asyncio.create_task(self.exchange.live())]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stream.aclose()
        for task in self._tasks:
            task.cancel()

    async def run(self, seconds: float) -> None:
        """Take batches until so much simulated time has passed."""
        until = self.clock.now() + round(seconds * S)
        async for batch in self._stream:
            self._fold(batch)
            if self.clock.now() >= until:
                return

    def states(self, symbol: int | None = None, since: float = 0.0) -> list[str]:
        return [s.state for at, s in self.statuses if s.symbol == symbol and at >= since]

    def reasons(self, symbol: int | None = None) -> list[str]:
        return [s.reason for _, s in self.statuses if s.symbol == symbol and s.reason]

    def _fold(self, batch: Batch) -> None:
        for row in batch.rows:
            symbol, kind = int(row["symbol"]), int(row["kind"])
            if kind in (Kind.SNAPSHOT, Kind.DELTA):
                price, size = batch.levels[int(row["level_start"])].tolist()
                assert price == 10_000
                self.sizes[symbol] = size
                self.update_ids.setdefault(symbol, []).append(int(row["last_id"]))
                self.snapshots[symbol] += kind == Kind.SNAPSHOT
            elif kind == Kind.TRADE:
                self.trades.setdefault(symbol, []).append(int(row["last_id"]))
            elif kind == Kind.NOTE:
                note = batch.notes[int(row["level_start"])]
                if isinstance(note, FeedStatus):
                    self.statuses.append(((int(row["ts_recv"]) - START) / S, note))
        self.batches.append(batch)
