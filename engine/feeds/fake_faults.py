"""What goes wrong on the fake exchange, as a short readable schedule.

    faults = Faults(
        OnMessage(GAP, "BTCUSDT", after=20),
        OnRequest(429, times=3, retry_after_s=2),
    )

A fault waits for what it names, lets `after` of them pass, then strikes `times` times. Faults can be added
while the exchange runs (`faults.add`), and `faults.struck` says which have done their work. Faults of messages
are done to what a dialect has worded, numbered and framed; a snapshot in the stream counts as a request for
"depth", and of the faults of requests HANG (it never comes), SLOW and CUT_SHORT are done to it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.feeds.fake_book import PlainBook
from engine.feeds.fake_dialect import CLOSE as CLOSE
from engine.feeds.fake_dialect import STALL as STALL
from engine.feeds.fake_dialect import Act as Act
from engine.feeds.fake_dialect import Cut as Cut
from engine.feeds.fake_dialect import Dialect, Talk
from engine.feeds.fake_rest import DEPTH as DEPTH_REQUEST
from engine.feeds.fake_wire import DEPTH, Level, Wire

# On a message of a stream:
GAP = "gap"  # it is lost
DUPLICATE = "duplicate"  # it comes twice
REORDER = "reorder"  # it comes after the next one of its stream
OLD = "old"  # it is followed by one from long before
MALFORMED = "malformed"  # half of its JSON is missing
NULLS = "nulls"  # its fields are null
BAD_UTF8 = "bad utf-8"  # its text is no text
UNKNOWN_EVENT = "unknown event"  # an event nobody knows comes before it
CROSSED = "crossed"  # it brings a bid above the best ask, which the exchange does not have
BIG = "big"  # it comes as a frame of `size_bytes`, padded with removals of levels that do not exist
DEAD = "dead"  # its stream falls silent, until it is subscribed again
DEAD_FOR_GOOD = "dead for good"  # its stream falls silent, until the next connection
# On a message, for the whole connection:
# STALL: nothing comes and nothing is read, but the line stays open; `Client.go_on` ends it
# CLOSE: an orderly close, as after 24 hours
CUT = "cut"  # the line is cut in the middle of a frame
SHUTDOWN = "shutdown"  # it is announced, where the venue does so; the connection closes `delay_s` later

# On a request, beside a plain HTTP status:
HTML = "html"  # 200 and a web page, as from a hotel's network
HANG = "hang"  # no answer
CUT_SHORT = "cut short"  # the line is cut in the middle of the body
SLOW = "slow"  # the true answer after `delay_s`
MUTE = "mute"  # a WebSocket that acknowledges everything and sends no data
# On a depth request:
SNAPSHOT_OLD = "snapshot before the first diff"
SNAPSHOT_NEW = "snapshot after the buffer"  # diffs are held back until it is served
SNAPSHOT_BEFORE = "snapshot at U-1"
SNAPSHOT_FIRST = "snapshot at U"
SNAPSHOT_STRADDLED = "snapshot between U and u"
SNAPSHOT_LAST = "snapshot at u"


@dataclass
class OnMessage:
    """A fault of one stream: which kind, of which symbol (None: any) and channel (None: any), and when."""

    kind: str
    symbol: str | None = None
    channel: str | None = DEPTH
    after: int = 0
    times: int = 1
    size_bytes: int = 0
    delay_s: float = 0.5

    def concerns(self, wire: Wire) -> bool:
        return self.symbol in (None, wire.symbol) and self.channel in (None, wire.channel)


@dataclass
class OnRequest:
    """A fault of REST or of the WebSocket's handshake.

    `path` is "depth", "listing", "ping", "time", "ws", or None for any but "ws"; `kind` is one of the names
    above or an HTTP status.
    """

    kind: str | int
    path: str | None = DEPTH_REQUEST
    symbol: str | None = None
    after: int = 0
    times: int = 1
    retry_after_s: int | None = None
    delay_s: float = 0.5

    def concerns(self, path: str, symbol: str | None) -> bool:
        right_path = self.path == path or (self.path is None and path != "ws")
        return right_path and self.symbol in (None, symbol)


Fault = OnMessage | OnRequest


class Faults:
    """The schedule. Whoever meets a fault first spends it."""

    def __init__(self, *faults: Fault) -> None:
        self._waiting: list[Fault] = list(faults)
        self.struck: list[Fault] = []

    def add(self, *faults: Fault) -> None:
        self._waiting.extend(faults)

    def clear(self) -> None:
        self._waiting.clear()

    @property
    def pending(self) -> tuple[Fault, ...]:
        """Those that have strikes left."""
        return tuple(self._waiting)

    def for_message(self, wire: Wire, shows: Callable[[Wire], bool]) -> OnMessage | None:
        """`shows` says whether the venue's own proof would find the message missing."""
        for fault in self._waiting:
            if isinstance(fault, OnMessage) and fault.concerns(wire):
                if fault.kind in (GAP, REORDER) and not shows(wire):
                    continue
                if not self._strikes(fault):
                    continue
                return fault
        return None

    def for_request(self, path: str, symbol: str | None = None) -> OnRequest | None:
        for fault in self._waiting:
            if isinstance(fault, OnRequest) and fault.concerns(path, symbol):
                if not self._strikes(fault):
                    continue
                return fault
        return None

    def _strikes(self, fault: Fault) -> bool:
        if fault.after > 0:
            fault.after -= 1
            return False
        fault.times -= 1
        if fault.times <= 0:
            self._waiting.remove(fault)
        self.struck.append(fault)
        return True


Stream = tuple[str, str]


@dataclass
class Memory:
    """What one connection's faults remember: messages held back, sent before, streams gone silent."""

    held: dict[Stream, bytes] = field(default_factory=dict)
    sent: dict[Stream, deque[bytes]] = field(default_factory=dict)
    silent: dict[Stream, str] = field(default_factory=dict)

    def woken(self, stream: Stream) -> None:
        """The stream was subscribed again."""
        if self.silent.get(stream) == DEAD:
            del self.silent[stream]


def strike(
    fault: OnMessage | None, stream: Stream, frame: bytes, memory: Memory, talk: Talk, dialect: Dialect
) -> list[Act]:
    """What really leaves the exchange in place of `frame`."""
    acts: list[Act] = [frame]
    if fault is not None:
        if fault.kind == REORDER:
            memory.held[stream] = frame
            return []
        acts = _damaged(fault, frame, memory.sent.get(stream), talk, dialect)
    memory.sent.setdefault(stream, deque(maxlen=10)).append(frame)
    if stream in memory.held:
        acts.append(memory.held.pop(stream))
    return acts


def _damaged(
    fault: OnMessage, frame: bytes, sent: deque[bytes] | None, talk: Talk, dialect: Dialect
) -> list[Act]:
    if fault.kind == UNKNOWN_EVENT:
        return [talk.unknown(), frame]
    if fault.kind == OLD:
        return [frame, sent[0]] if sent else [frame]
    if fault.kind == NULLS:
        return [re.sub(rb'"(%s)":(-?\d[\d.]*|"[^"]*")' % dialect.null_fields, rb'"\1":null', frame)]
    if fault.kind == BAD_UTF8:
        return [frame.replace(dialect.text_field, dialect.text_field + b"\xff\xfe", 1)]
    if fault.kind == BIG:
        return [frame.ljust(fault.size_bytes)]
    return _PLAIN[fault.kind](frame)


_PLAIN: dict[str, Callable[[bytes], list[Act]]] = {
    GAP: lambda frame: [],
    DUPLICATE: lambda frame: [frame, frame],
    MALFORMED: lambda frame: [frame[: len(frame) // 2]],
    CROSSED: lambda frame: [frame],  # the damage was done before it was framed
    STALL: lambda frame: [STALL, frame],
    CLOSE: lambda frame: [frame, CLOSE],
    CUT: lambda frame: [frame, Cut(frame.ljust(4000))],
    SHUTDOWN: lambda frame: [frame, SHUTDOWN],
}


def untrue_bids(fault: OnMessage, book: PlainBook, level_bytes: int, room_bytes: int) -> Sequence[Level]:
    """What CROSSED and BIG add to a diff: a bid above the best ask, or removals of levels that do not exist.

    `level_bytes` is how much one more level takes, `room_bytes` how much is to be filled.
    """
    best_bid, _, best_ask, _ = book.best()
    if fault.kind == CROSSED:
        return [(best_ask + 5 * (best_ask - best_bid), 10**8)]
    # Prices of one quarter of the best bid and below, a whole number of any tick: nobody has a level there.
    first = best_bid // 4
    grid = first // 200_000 // 10**6 * 10**6 or 10**4
    prices = range(first // grid * grid, 0, -grid)
    return [(price, 0) for price in prices[: max(0, room_bytes // level_bytes)]]
