"""What goes wrong on the fake exchange, as a short readable schedule.

    faults = Faults(
        OnMessage(GAP, "BTCUSDT", after=20),
        OnRequest(429, times=3, retry_after_s=2),
    )

A fault waits for what it names, lets `after` of them pass, then strikes `times` times. Faults can be added
while the exchange runs (`faults.add`), and `faults.struck` says which have done their work.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.feeds.fake_book import PlainBook, to_text
from engine.feeds.fake_wire import DEPTH, Wire

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
STALL = "stall"  # nothing comes and nothing is read, but the line stays open; `Client.go_on` ends it
CLOSE = "close"  # an orderly close, as after 24 hours
CUT = "cut"  # the line is cut in the middle of a frame
SHUTDOWN = "shutdown"  # serverShutdown is announced; the connection closes `delay_s` later

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

Act = bytes | str  # bytes are sent as a text frame; CLOSE, CUT, SHUTDOWN and STALL are done to the connection


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

    `path` is "depth", "exchangeInfo", "ping", "time", "ws", or None for any but "ws"; `kind` is one of the
    names above or an HTTP status.
    """

    kind: str | int
    path: str | None = "depth"
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

    def for_message(self, wire: Wire) -> OnMessage | None:
        for fault in self._waiting:
            if isinstance(fault, OnMessage) and fault.concerns(wire):
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


@dataclass
class Memory:
    """What one connection's faults remember: messages held back, sent before, streams gone silent."""

    held: dict[str, bytes] = field(default_factory=dict)
    sent: dict[str, deque[bytes]] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)

    def woken(self, stream: str) -> None:
        """The stream was subscribed again."""
        if self.silent.get(stream) == DEAD:
            del self.silent[stream]


def strike(fault: OnMessage | None, wire: Wire, frame: bytes, memory: Memory, book: PlainBook) -> list[Act]:
    """What really leaves the exchange in place of `frame`."""
    stream = wire.stream
    if stream in memory.silent:
        return []
    acts: list[Act] = [frame]
    if fault is not None:
        if fault.kind == REORDER:
            memory.held[stream] = frame
            return []
        if fault.kind in (DEAD, DEAD_FOR_GOOD):
            memory.silent[stream] = fault.kind
            return []
        acts = _DAMAGE[fault.kind](fault, frame, memory.sent.get(stream), book)
    memory.sent.setdefault(stream, deque(maxlen=10)).append(frame)
    if stream in memory.held:
        acts.append(memory.held.pop(stream))
    return acts


_Damage = Callable[[OnMessage, bytes, "deque[bytes] | None", PlainBook], list[Act]]


def _old(fault: OnMessage, frame: bytes, sent: deque[bytes] | None, book: PlainBook) -> list[Act]:
    return [frame, sent[0]] if sent else [frame]


def _crossed(fault: OnMessage, frame: bytes, sent: deque[bytes] | None, book: PlainBook) -> list[Act]:
    best_bid, _, best_ask, _ = book.best()
    bid = best_ask + 5 * (best_ask - best_bid)
    return [_with_bids(frame, f'["{to_text(bid)}","{to_text(10**8)}"]')]


def _unknown(fault: OnMessage, frame: bytes, sent: deque[bytes] | None, book: PlainBook) -> list[Act]:
    event = b'{"e":"weather","E":1,"sky":[null,{"deep":[[]]}]}'
    combined = frame.startswith(b'{"stream"')
    return [b'{"stream":"btcusdt@weather","data":%s}' % event if combined else event, frame]


def _big(fault: OnMessage, frame: bytes, sent: deque[bytes] | None, book: PlainBook) -> list[Act]:
    # Prices of one quarter of the best bid and below, a whole number of any tick: nobody has a level there.
    first = book.best()[0] // 4
    grid = first // 200_000 // 10**6 * 10**6 or 10**4
    levels: list[str] = []
    size = len(frame)
    for price in range(first // grid * grid, 0, -grid):
        levels.append(f'["{to_text(price)}","0.00000000"]')
        size += len(levels[-1]) + 1
        if size > fault.size_bytes:
            break
    return [_with_bids(frame, ",".join(levels)).ljust(fault.size_bytes)]


def _with_bids(frame: bytes, levels: str) -> bytes:
    """The depth message with more bids in front."""
    message = json.loads(frame)
    bids = message.get("data", message)["b"]
    joined = f'"b":[{levels}' + ("," if bids else "")
    return frame.replace(b'"b":[', joined.encode(), 1)


_DAMAGE: dict[str, _Damage] = {
    GAP: lambda *_: [],
    DUPLICATE: lambda fault, frame, sent, book: [frame, frame],
    OLD: _old,
    MALFORMED: lambda fault, frame, sent, book: [frame[: len(frame) // 2]],
    NULLS: lambda fault, frame, sent, book: [re.sub(rb'"([uUbapqtT])":(\d+|"[^"]*")', rb'"\1":null', frame)],
    BAD_UTF8: lambda fault, frame, sent, book: [frame.replace(b'"s":"', b'"s":"\xff\xfe', 1)],
    UNKNOWN_EVENT: _unknown,
    CROSSED: _crossed,
    BIG: _big,
    STALL: lambda fault, frame, sent, book: [STALL, frame],
    CLOSE: lambda fault, frame, sent, book: [frame, CLOSE],
    CUT: lambda fault, frame, sent, book: [frame, CUT],
    SHUTDOWN: lambda fault, frame, sent, book: [frame, SHUTDOWN],
}
