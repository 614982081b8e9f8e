"""A venue's protocol led through a raw capture, as a live connection would have led it.

What the connection decided then is in the capture: which sockets it opened and left, which books it fetched afresh.
So nothing is decided here; the protocol hears the same messages in the same order, at the same times.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import msgspec

from engine.feeds.errors import Malformed
from engine.feeds.raw import ASK, CLOSE, IN, OPEN, REFUSED, REST, RawMessage
from engine.feeds.requests import Request
from engine.feeds.states import BookState, ConnectionState
from engine.feeds.sync import Join
from engine.feeds.venue import Venue
from engine.text import clean

_AFRESH = "fetched afresh while it was recorded"
_WAITING = (BookState.BUFFERING, BookState.SNAPSHOT_WAIT, BookState.EMPTY)


class _Line:
    """The sockets of one connection: a venue may have one for each of its paths."""

    def __init__(self) -> None:
        self.conns: set[int] = set()
        self.speaks = False  # no socket joins it any more
        self.said: list[bytes] = []  # kept while another line still counts


class RawPlayback:
    """Give it every message of its venue by `take`; rows and notes are in the protocol's builder."""

    def __init__(self, protocol: Venue) -> None:
        self.protocol = protocol
        self._line: _Line | None = None  # the one that counts
        self._next: _Line | None = None  # the one that takes over, or is being opened
        self._asked: dict[int, int] = {}  # symbol -> epoch of the snapshot that is under way
        self._lines = 0
        self._left = ""  # why there is no line; told when something follows: a session's end is no fault

    def take(self, message: RawMessage, ts: int) -> None:
        """ts: session time in ns, which never falls. Raises UnknownSymbol."""
        if self._left and message.dir != CLOSE:
            self._disconnected(self._left, ts)
        if message.conn:
            self._hear(message, ts)
        elif is_listing(self.protocol, message):
            if message.dir == REST and message.status == 200:
                self._listed(message.data, ts)
        elif (index := self._depth_of(message)) is not None:
            self._snapshot(index, message, ts)

    # sockets

    def _hear(self, message: RawMessage, ts: int) -> None:
        kind = message.dir
        if kind == OPEN:
            self._opening().conns.add(message.conn)
        elif kind == CLOSE:
            self._close(message, ts)
        elif kind == REFUSED:
            self.protocol.say_connection(ConnectionState.BACKOFF, _words(message), None, ts)
        elif kind == IN:
            line = self._line_of(message.conn, ts)
            if line is self._line:
                self.protocol.receive(message.data, ts)
            else:
                line.said.append(message.data)

    def _opening(self) -> _Line:
        if self._next is None or self._next.speaks:
            self._next = _Line()
        return self._next

    def _line_of(self, conn: int, ts: int) -> _Line:
        """The line of a socket that spoke. One that was opened before the capture began is new here."""
        if self._line is not None and conn in self._line.conns:
            return self._line
        if self._next is None or conn not in self._next.conns:
            self._opening().conns.add(conn)
        line = self._next
        assert line is not None  # noqa: S101  made just now if there was none
        line.speaks = True
        if self._line is None:
            self._line, self._next = line, None
            self.protocol.reconnects += self._lines > 0
            self._lines += 1
            self.protocol.connected(ts)
            self.protocol.say_connection(ConnectionState.LIVE, "", None, ts)
        return line

    def _close(self, message: RawMessage, ts: int) -> None:
        if self._next is not None and message.conn in self._next.conns:
            self._next = None
            return
        if self._line is None or message.conn not in self._line.conns:
            return  # the other socket of a line that is over
        self._line = None
        if self._next is not None and self._next.speaks:
            self._line, self._next = self._next, None
            self.protocol.handed_over(ts)
            for data in self._line.said:
                self.protocol.receive(data, ts)
            self._line.said = []
            return
        self._asked.clear()
        self._left = _words(message)

    def _disconnected(self, reason: str, ts: int) -> None:
        self._left = ""
        self.protocol.disconnected(reason, ts)
        self.protocol.say_connection(ConnectionState.BACKOFF, reason, None, ts)

    # requests

    def _listed(self, body: bytes, ts: int) -> None:
        try:
            if self.protocol.listed:
                self.protocol.take_status(body, ts)
            else:
                self.protocol.list_symbols(body, ts)
        except Malformed:
            self.protocol.malformed += 1

    def _depth_of(self, message: RawMessage) -> int | None:
        """The symbol whose snapshot a request is about."""
        protocol = self.protocol
        if protocol.snapshots_come or not protocol.listed or not protocol.symbols:
            return None
        if not _same_path(message.url, [protocol.snapshot_request(0, 1)]):
            return None
        (name, *_) = parse_qs(urlsplit(message.url).query).get("symbol", [""])
        return protocol.by_name.get(name)

    def _snapshot(self, index: int, message: RawMessage, ts: int) -> None:
        protocol = self.protocol
        state = protocol.symbols[index].sync.state
        if message.dir == ASK:
            if state not in _WAITING and self._line is not None:
                protocol.resync(index, _AFRESH, ts)
            self._asked[index] = protocol.snapshot_asked(index, ts)
            return
        if index not in self._asked and state != BookState.BUFFERING:
            return  # of a capture without requests: this book needs none
        epoch = self._asked.pop(index, None)
        if epoch is None:
            epoch = protocol.snapshot_asked(index, ts)
        if message.dir != REST or message.status != 200:
            reason = _words(message) if message.dir == REFUSED else f"{message.status} for the snapshot"
            protocol.snapshot_failed(index, epoch, reason, None, ts)
            return
        try:
            join = protocol.snapshot(index, epoch, limit_of(message) or 0, message.data, ts)
        except Malformed as error:
            protocol.snapshot_failed(index, epoch, str(error), None, ts)
        else:
            if join is Join.TOO_OLD:
                protocol.snapshot_failed(index, epoch, protocol.symbols[index].sync.reason, None, ts)


def is_listing(protocol: Venue, message: RawMessage) -> bool:
    """Whether a request asks, or an answer tells, what is traded."""
    return not message.conn and _same_path(
        message.url, [protocol.info_request(), protocol.full_info_request()]
    )


def limit_of(message: RawMessage) -> int | None:
    """How many levels a side a request for a snapshot asks for."""
    (text, *_) = parse_qs(urlsplit(message.url).query).get("limit", [""])
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def symbols_of(message: RawMessage) -> Iterator[str]:
    """The symbols that a message subscribes to, or whose stream it is of, spelt as the venue spells them."""
    for stream in parse_qs(urlsplit(message.url).query).get("streams", [""])[0].split("/"):
        if "@" in stream:
            yield stream.partition("@")[0].upper()
    if not message.data:
        return
    try:
        said = msgspec.json.decode(message.data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    if not isinstance(said, dict):
        return
    if isinstance(own := said.get("stream"), str):
        yield own.partition("@")[0].upper()
    params = said.get("params")
    if isinstance(params, list):
        yield from (p.partition("@")[0].upper() for p in params if isinstance(p, str) and "@" in p)
    named = [said.get("product_ids"), params.get("symbol") if isinstance(params, dict) else None]
    for names in named:
        if isinstance(names, list):
            yield from (name for name in names if isinstance(name, str))


def _same_path(url: str, requests: list[Request]) -> bool:
    path = urlsplit(url).path
    return any(path.endswith(urlsplit(request.path).path) for request in requests)


def _words(message: RawMessage) -> str:
    return clean(message.data.decode("utf-8", "replace"), 160)
