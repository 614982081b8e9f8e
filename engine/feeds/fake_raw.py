"""A raw capture played to a client, byte for byte, in its own rhythm or faster, whatever the venue.

Nothing of the venue is understood here. A client that opens a path gets what the capture's next socket of that path
heard, and one that asks by REST what was answered there. Where the capture goes on from something that its client did
(opened, subscribed, asked), the playback stands still until this client has done so too, for `PATIENCE_S` at most;
as long as nobody is there, for ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from engine.feeds import fake_faults as ff
from engine.feeds.errors import FeedError
from engine.feeds.fake_book import Oracle, PlainBook
from engine.feeds.fake_client import Client
from engine.feeds.fake_dialect import Dialect, Heard, Talk
from engine.feeds.fake_exchange import Asked, Door, FakeExchange
from engine.feeds.fake_rest import Answer, Broken, Query
from engine.feeds.fake_server import FakeServer
from engine.feeds.fake_wire import Listing, Wire
from engine.feeds.raw import CLOSE, IN, OPEN, OUT, REST, RawMessage
from engine.feeds.raw_formats import messages_of
from engine.feeds.raw_playback import symbols_of
from engine.feeds.symbols import pair_of
from engine.feeds.venues import VENUES
from engine.text import clean

PATIENCE_S = 3.0
_WAIT_S = 10.0  # that a request waits for its answer's turn
_KINDS = (OPEN, OUT, IN, REST, CLOSE)


class RawPlay(FakeExchange):
    """An exchange that is one venue of one capture; `venue` "" means the first that speaks in it. `rate` 1 is the
    original rhythm. Raises FeedError where the file is no capture of that venue, at once or when it comes to it."""

    def __init__(
        self,
        path: Path,
        venue: str = "",
        rate: float = 1.0,
        port: int = 0,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        first = next(iter(messages_of(path)), None)
        self.venue = venue or (first.venue if first is not None else "")
        symbols: dict[str, None] = {}
        self._questions: set[str] = set()  # that the capture answers
        for one in messages_of(path):
            if one.venue == self.venue and one.dir in (OPEN, OUT):
                symbols.update(dict.fromkeys(symbols_of(one)))
            elif one.venue == self.venue and one.dir == REST:
                self._questions.add(_question(one.url))
        self.symbols = tuple(symbols)
        self._messages: Iterator[RawMessage] = (
            one for one in messages_of(path) if one.venue == self.venue and one.dir in _KINDS
        )
        self._next = next(self._messages, None)
        if self._next is None:
            raise FeedError(f"{clean(path.name, 100)} holds nothing of {clean(venue, 40) or 'any venue'}")
        self._begin(port, rate, now_s)
        self.finished = False
        self._clock_ns = self._next.recv_ns
        self._stood_s = 0.0
        self._arrived: list[Client] = []  # opened here, not there yet
        self._at: dict[int, Client] = {}  # the capture's socket -> who stands for it
        self._told: dict[int, int] = {}  # of the capture's socket: requests that its client had sent
        self._waiting: dict[str, list[asyncio.Future[Answer]]] = {}
        self._answered: dict[str, Answer] = {}  # the last answer of each question

    def _begin(self, port: int, rate: float, now_s: Callable[[], float]) -> None:
        FakeExchange.__init__(
            self, _Dialect(self.venue), market=_NoMarket(self.symbols), rate=rate, now_s=now_s
        )

    # What is sent -----------------------------------------------------------------------------

    def advance(self, elapsed_s: float) -> None:
        """Play what has its turn now, up to where this client has to do something first."""
        self._clock_ns += round(elapsed_s * self.rate * 1e9)
        while (message := self._next) is not None and message.recv_ns <= self._clock_ns:
            if not self._may_go_on(message, elapsed_s):
                self._clock_ns = message.recv_ns
                break
            self._stood_s = 0.0
            self._play(message)
            self._next = next(self._messages, None)
        self.finished = self._next is None

    def _may_go_on(self, message: RawMessage, elapsed_s: float) -> bool:
        if message.dir == OPEN:
            ready = any(_path_of(client) == _path(message.url) for client in self._arrived)
        elif message.dir == OUT:
            client = self._at.get(message.conn)
            ready = client is None or _talk(client).heard > self._told.get(message.conn, 0)
        elif message.dir == REST:
            ready = bool(self._waiting.get(_question(message.url)))
        else:
            return True
        if ready:
            return True
        self._stood_s += elapsed_s
        return bool(self._clients) and self._stood_s > PATIENCE_S

    def _play(self, message: RawMessage) -> None:
        client = self._at.get(message.conn)
        if message.dir == OPEN:
            path = _path(message.url)
            one = next((c for c in self._arrived if _path_of(c) == path), None)
            if one is not None:
                self._arrived.remove(one)
                self._at[message.conn] = one
        elif message.dir == OUT:
            self._told[message.conn] = self._told.get(message.conn, 0) + 1
        elif message.dir == REST:
            self._answer_with(message)
        elif message.dir == IN and client is not None and not client.muted:
            client.push(message.data)
        elif message.dir == CLOSE and client is not None:
            client.push(ff.CLOSE)

    # Who comes in -----------------------------------------------------------------------------

    async def knock(self, target: str) -> Door:
        self.connects.append(Asked(self._now_s(), target, None, 0, 101))
        return Door()

    def enter(self, client: Client) -> None:
        super().enter(client)
        self._arrived.append(client)

    def leave(self, client: Client) -> None:
        super().leave(client)
        if client in self._arrived:
            self._arrived.remove(client)
        self._at = {conn: one for conn, one in self._at.items() if one is not client}

    def hear(self, client: Client, message: str | bytes) -> None:
        client.hear(message, self._now_s())

    # REST -------------------------------------------------------------------------------------

    async def get(self, target: str) -> Answer | Broken:
        """What the capture has next for this question; where that does not come soon, what it had last."""
        question = _question(target)
        if question not in self._questions or self.finished:
            return self._said(question)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(question, []).append(answer)
        try:
            async with asyncio.timeout(_WAIT_S):
                found = await answer
        except TimeoutError:
            self._waiting[question].remove(answer)
            return self._said(question)
        self.requests.append(Asked(self._now_s(), question, None, 0, found.status))
        return found

    def _said(self, question: str) -> Answer:
        """What was answered last."""
        found = self._answered.get(question, Answer(404, b""))
        self.requests.append(Asked(self._now_s(), question, None, 0, found.status))
        return found

    def _answer_with(self, message: RawMessage) -> None:
        question = _question(message.url)
        answer = Answer(message.status or 200, message.data)
        self._answered[question] = answer
        for waiting in self._waiting.pop(question, []):
            if not waiting.done():
                waiting.set_result(answer)


class RawServer(RawPlay, FakeServer):
    """The same on loopback."""

    def _begin(self, port: int, rate: float, now_s: Callable[[], float]) -> None:
        FakeServer.__init__(self, _Dialect(self.venue), market=_NoMarket(self.symbols), rate=rate, port=port)


def _question(url: str) -> str:
    """What a request is about: its path and its symbol, however it asks."""
    parts = urlsplit(url)
    symbol = parse_qs(parts.query).get("symbol", [""])[0]
    return f"{parts.path} {symbol}".rstrip()


def _path(url: str) -> str:
    return urlsplit(url).path.rstrip("/")


def _talk(client: Client) -> _Talk:
    talk = client.talk
    assert isinstance(talk, _Talk)  # noqa: S101  our dialect made it
    return talk


def _path_of(client: Client) -> str:
    return _talk(client).path


class _Talk(Talk):
    """Counts what its client says and answers nothing: the capture has the answers."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.heard = 0

    @property
    def listens(self) -> bool:
        return self.heard > 0

    def hear(self, message: str | bytes, now_s: float) -> Heard:
        self.heard += 1
        return Heard()

    def wants(self, wire: Wire) -> bool:
        return False

    def frame(self, wire: Wire, words: bytes) -> bytes | None:
        return None


class _Dialect(Dialect):
    """Words nothing itself."""

    tells_ids = True

    def __init__(self, venue: str) -> None:
        self.name, self.title = venue, f"{VENUES[venue].title if venue in VENUES else venue} as captured"

    def spell(self, base: str) -> str:
        return base

    def opens(self, path: str) -> bool:
        return True

    def talk(self, target: str, listings: Mapping[str, Listing]) -> Talk:
        return _Talk(_path(target))

    def word(self, wire: Wire) -> bytes:
        return b""

    def read(self, target: str) -> Query:
        return Query(_question(target))

    def answer(
        self, query: Query, listings: Mapping[str, Listing], book: PlainBook | None, now_us: int
    ) -> Answer:
        return Answer(404, b"")


class _NoMarket:
    """A capture has no market behind it that could be asked for its true book; only names are known."""

    needs_audience = False

    def __init__(self, symbols: Iterable[str]) -> None:
        self.listings: Mapping[str, Listing] = {
            name: Listing(name, *(pair_of(name) or (name, "")), "", "") for name in symbols
        }

    def oracle(self, symbol: str) -> Oracle:
        raise LookupError(f"the true book of {symbol} is not known: a capture is played")

    def advance(self, elapsed_s: float, now_ms: int) -> list[Wire]:
        return []

    def snapshot(self, symbol: str) -> PlainBook | None:
        return None
