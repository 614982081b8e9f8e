"""Kraken without I/O (WebSocket v2): what to ask for, and what the bytes that come back mean.

A subscription brings the snapshot, then updates; both carry a checksum of the ten best levels, and no numbers by
which a lost message could be seen. So each row brings the checksum along, the fold compares it with the book it
has, and a book that fails is asked for again. Levels behind the subscribed depth are let go of, since the venue
does not tell of their end. https://docs.kraken.com/api/docs/guides/spot-ws-book-v2
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from engine.batch import BatchBuilder
from engine.events import Kind
from engine.feeds import kraken_text as text
from engine.feeds.errors import Malformed
from engine.feeds.kraken_pairs import Pair, read_pairs, request
from engine.feeds.options import FeedOptions
from engine.feeds.requests import Request
from engine.feeds.sync import BookSync, StreamSync
from engine.feeds.venue import (
    ALIVE,
    ANSWERED,
    DELISTED,
    DEPTH,
    REFUSED,
    STREAMS_A_SYMBOL,
    TRADE,
    UNKNOWN,
    ListedAs,
    Message,
    Venue,
)
from engine.instrument import Instrument, NotOnGrid
from engine.kernels import kraken_json
from engine.text import clean

_DEPTHS = (10, 25, 100, 500, 1000)
_CHANNELS = {DEPTH: "book", TRADE: "trade"}
_SYMBOLS_A_REQUEST = 100
_BOOK_PREFIX = b'{"channel":"book",'
_SYMBOL_KEY = b'"symbol":"'
_NAME_ENDS = 100  # bytes into a message, at the latest
_LEVEL_CHARS = 20  # of the shortest, {"price":1,"qty":1} with its comma
_ONLINE = "online"
_TELLS_BOOK, _HEAD_BYTES = (
    b'"type":"snapshot"',
    120,
)  # where a book's message says what it is, and of which symbol
_NOT_TRADED = "not supported"  # of "Currency pair not supported"
_SNAPSHOT, _DELTA = int(Kind.SNAPSHOT), int(Kind.DELTA)


class Kraken(Venue):
    """Books of up to 1,000 levels a side with the venue's checksum, and trades."""

    name: ClassVar[str] = "kraken"
    paths: ClassVar[tuple[str, ...]] = ("/v2",)
    snapshots_come: ClassVar[bool] = True

    def __init__(
        self,
        symbols: Sequence[str | tuple[str, ...]],
        options: FeedOptions,
        builder: BatchBuilder,
        numbers: Callable[[int], int] | None = None,
        partial: bool = False,
    ) -> None:
        wanted = options.depth_limit or _DEPTHS[-1]
        depth = next((depth for depth in _DEPTHS if depth >= wanted), _DEPTHS[-1])
        options = msgspec.structs.replace(options, depth_limit=depth)
        super().__init__(symbols, options, builder, numbers, partial)
        self._pairs: dict[str, Pair] = {}
        self._shapes: dict[str, text.Shape] = {}
        self._system = _ONLINE

    def _name_all(self) -> None:
        super()._name_all()
        self._by_bytes = {name.encode(): index for name, index in self.by_name.items()}

    def new_sync(self) -> BookSync:
        return StreamSync(self.options.max_held_diffs)

    # listing

    def info_request(self) -> Request:
        """Of all pairs at first: only their list says by which names REST knows ours."""
        return request(self._pairs[name].key for name in self.names if name in self._pairs)

    def full_info_request(self) -> Request:
        return request(())

    def read_listing(self, body: bytes) -> Mapping[str, ListedAs]:
        try:
            self._pairs = read_pairs(body, self.name)
        except Malformed:
            self._pairs = {}  # as when one of ours is unknown: so that the next request asks for all
            raise
        return {name: self._with_system(pair.listed) for name, pair in self._pairs.items()}

    def _with_system(self, listed: ListedAs) -> ListedAs:
        """The state of the whole exchange counts before the pair's own."""
        return listed if self._system == _ONLINE else listed._replace(status=self._system.upper())

    def _list(self, index: int, instrument: Instrument, ts: int) -> None:
        super()._list(index, instrument, ts)
        tick, pair = instrument.tick, self._pairs.get(instrument.symbol)
        decimals = tick.decimals if pair is None else max(pair.price_decimals, tick.decimals)
        digits = tick.mantissa * 10 ** (decimals - tick.decimals)
        self._shapes[instrument.symbol] = text.Shape(self.options.depth_limit, digits)

    def may_take_over(self, said: Sequence[bytes]) -> bool:
        """Once every book was told."""
        told = b"".join(data[:_HEAD_BYTES] for data in said if _TELLS_BOOK in data[:_HEAD_BYTES])
        wanted = (number // STREAMS_A_SYMBOL for number in self.streams if number % STREAMS_A_SYMBOL == DEPTH)
        return all(b'"symbol":"%s"' % self.symbols[index].name.encode() in told for index in wanted)

    # requests

    def subscriptions(self, first_id: int = 1) -> list[Message]:
        return self._requests("subscribe", self.streams, first_id)

    def resubscriptions(self, streams: Sequence[int], first_id: int) -> list[Message]:
        leave = self._requests("unsubscribe", streams, first_id)
        return leave + self._requests("subscribe", streams, first_id + len(leave))

    def _requests(self, method: str, streams: Sequence[int], first_id: int) -> list[Message]:
        requests: list[Message] = []
        for kind, channel in _CHANNELS.items():
            names = [
                self.symbols[n // STREAMS_A_SYMBOL].name for n in streams if n % STREAMS_A_SYMBOL == kind
            ]
            for start in range(0, len(names), _SYMBOLS_A_REQUEST):
                params: dict[str, Any] = {
                    "channel": channel,
                    "symbol": names[start : start + _SYMBOLS_A_REQUEST],
                }
                if kind == DEPTH:
                    params["depth"] = self.options.depth_limit
                if method == "subscribe":
                    params["snapshot"] = kind == DEPTH
                wanted = {"method": method, "params": params, "req_id": first_id + len(requests)}
                requests.append(Message(0, msgspec.json.encode(wanted)))
        return requests

    def stream(self, number: int) -> str:
        symbol, kind = divmod(number, STREAMS_A_SYMBOL)
        return f"{_CHANNELS.get(kind, 'best prices')} {self.symbols[symbol].name}"

    # what comes back

    def receive(self, data: bytes, ts: int) -> int:
        self.messages += 1
        self.bytes += len(data)
        try:
            if data.startswith(_BOOK_PREFIX):
                return self._read_book(data, ts)
            return self._hear(data, ts)
        except Malformed as error:
            if error.symbol is None and text.may_be_book(data):
                self._lose(f"a message could not be read: {error}", ts)
            return self.spoiled(error, ts)

    def _lose(self, reason: str, ts: int) -> None:
        """No number would tell that an update is missing: where nobody knows whose it was, it was everybody's."""
        for index, symbol in enumerate(self.symbols):
            symbol.sync.broken(reason)
            self.say(index, ts)

    def _read_book(self, data: bytes, ts: int) -> int:
        """By the kernel, or slowly what that does not know."""
        start = data.find(_SYMBOL_KEY, 0, _NAME_ENDS) + len(_SYMBOL_KEY)
        index = self._by_bytes.get(data[start : data.find(b'"', start, _NAME_ENDS)])
        if index is not None and self.symbols[index].instrument is not None:
            symbol, builder, number = self.symbols[index], self.builder, self.messages
            builder.reserve(1, len(data) // _LEVEL_CHARS + 1)
            kind, levels = kraken_json.read(
                data, symbol.name_bytes, symbol.grid, *self._shapes[symbol.name], number, self.first + index, ts,
                builder.rows, builder.row_count, builder.levels, builder.level_count,
            )  # fmt: skip
            if kind == _SNAPSHOT:
                return self.take_snapshot(index, number, levels, ts)
            if kind == _DELTA:
                return self.take(index, kind, number, number, levels, b"", ts)
        return self._hear_books(data, ts)

    def _hear(self, data: bytes, ts: int) -> int:
        try:
            envelope = text.read_envelope(data)
        except text.DECODE_ERRORS as error:
            raise self._unreadable(data, error) from None
        match envelope.channel:
            case "book":
                return self._hear_books(data, ts)
            case "trade":
                return self._hear_trades(data, ts)
            case "heartbeat":
                return ALIVE
            case "status":
                return self._hear_status(data, ts)
        if envelope.method == "pong":
            return ALIVE
        if envelope.success is False and envelope.method != "unsubscribe":  # that had ended already
            return self._hear_refusal(envelope, ts)
        if envelope.success is not None:
            return ANSWERED
        self.ignored += 1
        return UNKNOWN

    def _hear_refusal(self, envelope: text.Envelope, ts: int) -> int:
        """Each symbol is answered on its own: one that is traded no more costs the others nothing."""
        index = self.by_name.get(str(envelope.symbol))
        if index is not None and _NOT_TRADED in str(envelope.error):
            self.symbols[index].trading = DELISTED
            self.say(index, ts)
            return ANSWERED
        self.last_error = clean(str(envelope.error or "without a reason"), 160)
        return REFUSED

    def _unreadable(self, data: bytes, error: Exception) -> Malformed:
        """Whoever it was meant for misses something, if that much can be read."""
        index = self.by_name.get(text.symbol_in(data) or "")
        what = f"expected a message of v2, found {text.excerpt(data)}"
        return text.malformed(what, error, index, text.is_book(data))

    def _known(self, name: str) -> tuple[int, Instrument] | None:
        index = self.by_name.get(name)
        instrument = self.symbols[index].instrument if index is not None else None
        if index is None or instrument is None:
            self.ignored += 1
            return None
        return index, instrument

    def _hear_books(self, data: bytes, ts: int) -> int:
        try:
            message = text.read_books(data)
        except text.DECODE_ERRORS as error:
            raise self._unreadable(data, error) from None
        heard = UNKNOWN
        for book in message.data:
            if message.type not in ("snapshot", "update"):
                self.ignored += 1
            elif (known := self._known(book.symbol)) is not None:
                heard = self._take_book(book, message.type == "snapshot", *known, ts)
        return heard

    def _take_book(
        self, book: text.Book, is_snapshot: bool, index: int, instrument: Instrument, ts: int
    ) -> int:
        """Rows are numbered by our own count of messages, since the venue numbers nothing."""
        shape, number = self._shapes[instrument.symbol], self.messages
        try:
            levels = text.write_book(
                book, is_snapshot, number, self.builder, instrument, shape, self.first + index, ts
            )
        except NotOnGrid as error:
            finer = self._finer(index, error, ts)
            if finer is not None:
                return self._take_book(book, is_snapshot, index, finer, ts)
            raise text.malformed(f"book of {book.symbol}", error, index, True) from None
        if is_snapshot:
            return self.take_snapshot(index, number, levels, ts)
        return self.take(index, Kind.DELTA, number, number, levels, b"", ts)

    def _hear_trades(self, data: bytes, ts: int) -> int:
        try:
            message = text.read_trades(data)
        except text.DECODE_ERRORS as error:
            raise self._unreadable(data, error) from None
        heard = UNKNOWN
        for trade in message.data:
            if message.type != "update":  # what was before we came
                self.ignored += 1
            elif (known := self._known(trade.symbol)) is not None:
                heard = self._take_trade(trade, *known, ts)
        return heard

    def _take_trade(self, trade: text.Trade, index: int, instrument: Instrument, ts: int) -> int:
        try:
            text.write_trade(trade, self.builder, instrument, self.first + index, ts)
        except NotOnGrid as error:
            finer = self._finer(index, error, ts)
            if finer is not None:
                return self._take_trade(trade, index, finer, ts)
            raise text.malformed(f"trade of {trade.symbol}", error, index, False) from None
        return self.take(index, Kind.TRADE, trade.trade_id, trade.trade_id, 0, b"", ts)

    def _finer(self, index: int, error: NotOnGrid, ts: int) -> Instrument | None:
        """The instrument with a tick that holds the price which was between two; None where that is not so."""
        if isinstance(error, text.OffTick):
            decimals = len(error.text.partition(".")[2].rstrip("0"))
            if self.refine(index, decimals, error.text, ts):
                return self.symbols[index].instrument
        return None

    def _hear_status(self, data: bytes, ts: int) -> int:
        try:
            message = text.read_status(data)
        except text.DECODE_ERRORS as error:
            raise self._unreadable(data, error) from None
        for told in message.data:
            self._system = clean(told.system, 20)
        for index, symbol in enumerate(self.symbols):
            pair = self._pairs.get(symbol.name)
            if pair is not None:
                symbol.trading = self._with_system(pair.listed).status
                self.say(index, ts)
        return ALIVE
