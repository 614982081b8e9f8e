"""One client of the fake exchange: what its faults remember, and what waits to be sent to it. No sockets."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from engine.feeds import fake_faults as ff
from engine.feeds.fake_book import PlainBook
from engine.feeds.fake_dialect import Act, Dialect, Heard, Talk
from engine.feeds.fake_wire import DEPTH, Wire

BookAt = Callable[[str, int], PlainBook]

QUEUE_LIMIT = 50_000  # messages; a client this far behind is dropped, as Binance drops it


class Client:
    """A connection with its subscriptions. `muted`: it is answered, and sent no data."""

    def __init__(self, dialect: Dialect, talk: Talk, muted: bool = False) -> None:
        self.talk = talk
        self.muted = muted
        self.first_ids: dict[str, int] = {}  # the first diff sent, by symbol
        self._dialect = dialect
        self._memory = ff.Memory()
        self._queue: deque[Act] = deque()
        self._wake = asyncio.Event()
        self._flowing = asyncio.Event()  # unset: stalled
        self._flowing.set()

    @property
    def flows(self) -> bool:
        """It is not stalled."""
        return self._flowing.is_set()

    async def next_act(self) -> Act:
        """The next thing to do to this client. While it is stalled there is none."""
        while True:
            await self._flowing.wait()
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            act = self._queue.popleft()
            if act != ff.STALL:
                return act
            self._flowing.clear()
            self.stall()

    def stall(self) -> None:
        """Stop reading, too."""

    def go_on(self) -> None:
        """End a stall: what was held back comes at once, nothing is lost."""
        self._flowing.set()

    def abort(self) -> None:
        """End it the hard way: no closing handshake."""
        self._queue.clear()
        self.push(ff.Cut(b""))

    def hear(self, message: str | bytes, now_s: float) -> Heard:
        """Answers are queued; the snapshots that it asks for are the exchange's business."""
        heard = self.talk.hear(message, now_s)
        self.push(*heard.answers)
        for stream in heard.subscribed:
            self._memory.woken(stream)
        return heard

    def offer(self, wire: Wire, words: bytes, faults: ff.Faults, book_at: BookAt) -> ff.OnMessage | None:
        """Queue a message, or what a fault makes of it; `words` are the dialect's. Returns a fault that is
        the exchange's to go on with: an announced SHUTDOWN."""
        if wire.channel == DEPTH:
            self.first_ids.setdefault(wire.symbol, wire.first_id)
        fault = None
        if self.flows:
            fault = faults.for_message(wire, lambda wire: self._shows(wire, book_at))
        if wire.stream in self._memory.silent:
            return None
        if fault is not None and fault.kind in (ff.DEAD, ff.DEAD_FOR_GOOD):
            self._memory.silent[wire.stream] = fault.kind
            return None
        if fault is not None and fault.kind in (ff.CROSSED, ff.BIG):
            wire, words = self._with_untrue(fault, wire, words, book_at(wire.symbol, wire.last_id))
        frame = self.talk.frame(wire, words)
        if frame is None:
            return None
        acts = ff.strike(fault, wire.stream, frame, self._memory, self.talk, self._dialect)
        self.push(*(act for act in acts if act != ff.SHUTDOWN))
        return fault if ff.SHUTDOWN in acts else None

    def is_silent(self, stream: tuple[str, str]) -> bool:
        """Whether a fault has made the stream fall silent."""
        return stream in self._memory.silent

    def push(self, *acts: Act) -> None:
        self._queue.extend(acts)
        self._wake.set()
        if len(self._queue) > QUEUE_LIMIT:
            self.abort()

    def say(self, frame: bytes) -> None:
        """Send these very bytes as a text message."""
        self.push(frame)

    def _shows(self, wire: Wire, book_at: BookAt) -> bool:
        """Whether a client can find out that it was not told, by what the venue lets it check."""
        levels = self._dialect.proves_levels
        if wire.channel != DEPTH or levels is None:
            return True
        before, after = (book_at(wire.symbol, at) for at in (wire.first_id - 1, wire.last_id))
        return (before.sorted_bids(levels), before.sorted_asks(levels)) != (
            after.sorted_bids(levels),
            after.sorted_asks(levels),
        )

    def _with_untrue(
        self, fault: ff.OnMessage, wire: Wire, words: bytes, book: PlainBook
    ) -> tuple[Wire, bytes]:
        more = wire._replace(untrue=ff.untrue_bids(fault, book, 1, 1))
        level_bytes = len(self._dialect.word(more)) - len(words)
        if fault.kind == ff.BIG and level_bytes > 0:
            room = fault.size_bytes - len(words)
            more = wire._replace(untrue=ff.untrue_bids(fault, book, level_bytes, room))
        return more, self._dialect.word(more)
