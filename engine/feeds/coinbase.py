"""Coinbase Advanced Trade without I/O: what to ask for, and what the bytes that come back mean.

Every message of a connection, of whatever channel, carries the next `sequence_num`. A hole in it may have been
anybody's update, so the connection as a whole is made anew; that is the only proof of the book that the venue
gives. Its `ticker` names best prices, but of a moment of its own: in a real capture 40 of 154 differ from the book
at the same place of the sequence, because level2 gathers 50 ms of changes and comes later.
https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-overview
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from engine.events import Kind
from engine.feeds import coinbase_text
from engine.feeds.coinbase_info import products_request, read_products
from engine.feeds.coinbase_text import LEVEL2, TRADES, Envelope
from engine.feeds.errors import Malformed
from engine.feeds.reading import decimals_of
from engine.feeds.requests import Request
from engine.feeds.states import BookState
from engine.feeds.sync import StreamSync
from engine.feeds.venue import (
    ALIVE,
    ANSWERED,
    DEPTH,
    LOST,
    REFUSED,
    STREAMS_A_SYMBOL,
    TRADE,
    UNKNOWN,
    ListedAs,
    Message,
    Venue,
)
from engine.kernels import coinbase_json
from engine.text import clean

_LEVEL2_HEAD = b'{"channel":"l2_data"'
_SNAPSHOT = b'"type":"snapshot"'
_PRODUCT = b'"product_id":"'
_HEAD_BYTES = 256
_SHORTEST_LEVEL = 80  # characters
_CHANNELS = ("level2", "market_trades", "ticker")  # of the streams' numbers; the last is not subscribed


class Coinbase(Venue):
    """Whole books with every change, and trades; snapshots come in the stream."""

    name: ClassVar[str] = "coinbase"
    paths: ClassVar[tuple[str, ...]] = ("",)
    snapshots_come: ClassVar[bool] = True

    _expected: int | None = None  # the next sequence_num, None at the beginning of a line
    _lost = False  # a hole was found, and nothing that still comes on this line is of use

    def new_sync(self) -> StreamSync:
        return StreamSync()

    def _name_all(self) -> None:
        super()._name_all()
        self._by_product = {name.encode(): index for name, index in self.by_name.items()}

    # requests

    def info_request(self) -> Request:
        """Everything while nothing is known, so that another spelling is found; then our own products."""
        return products_request(self.names if self.listed else ())

    def full_info_request(self) -> Request:
        return products_request(())

    def read_listing(self, body: bytes) -> Mapping[str, ListedAs]:
        return read_products(body, self.wanted, self.name)

    def subscriptions(self, first_id: int = 1) -> list[Message]:
        """Without heartbeats a connection whose markets are quiet is closed."""
        traded = [
            self.symbols[number // STREAMS_A_SYMBOL].name for number in self.streams[::STREAMS_A_SYMBOL]
        ]
        heartbeats = _message("subscribe", "heartbeats", ())
        if not traded:
            return [heartbeats]
        channels = (_CHANNELS[TRADE], _CHANNELS[DEPTH])
        return [heartbeats, *(_message("subscribe", channel, traded) for channel in channels)]

    def resubscriptions(self, streams: Sequence[int], first_id: int) -> list[Message]:
        messages = []
        for kind in (DEPTH, TRADE):
            of_kind = [number // STREAMS_A_SYMBOL for number in streams if number % STREAMS_A_SYMBOL == kind]
            names = [self.symbols[index].name for index in of_kind]
            if names:
                verbs = ("unsubscribe", "subscribe")
                messages += [_message(verb, _CHANNELS[kind], names) for verb in verbs]
        return messages

    def stream(self, number: int) -> str:
        index, kind = divmod(number, STREAMS_A_SYMBOL)
        return f"{_CHANNELS[kind]} of {self.symbols[index].name}"

    # what the connection tells

    def connected(self, ts: int) -> None:
        self._begin_line()
        super().connected(ts)

    def may_take_over(self, said: Sequence[bytes]) -> bool:
        """Once every book was told: ten of them are 30 MB, which take a while."""
        told = {self._index_of(data) for data in said if data.find(_SNAPSHOT, 0, _HEAD_BYTES) > 0}
        return told.issuperset(range(len(self.symbols)))

    def handed_over(self, ts: int) -> None:
        self._begin_line()
        super().handed_over(ts)

    def _begin_line(self) -> None:
        self._expected = None
        self._lost = False

    # what comes back

    def receive(self, data: bytes, ts: int) -> int:
        """One message of the socket. Returns what was heard; see `engine.feeds.venue`."""
        self.messages += 1
        self.bytes += len(data)
        if self._lost:
            self.ignored += 1
            return UNKNOWN
        index = self._index_of(data)
        if index is not None and self.symbols[index].instrument is not None:
            kind, sequence, levels = self._read(index, data, ts)
            if kind >= 0:
                unwanted = self._in_order(sequence, ts)
                return unwanted or self._take_levels(index, kind, sequence, levels, ts)
        try:
            return self._receive_slowly(data, ts)
        except Malformed as error:
            return self.spoiled(error, ts)

    def _index_of(self, data: bytes) -> int | None:
        """Whose book a level2 message is about, in the layout that the exchange sends."""
        if not data.startswith(_LEVEL2_HEAD):
            return None
        start = data.find(_PRODUCT, 0, _HEAD_BYTES) + len(_PRODUCT)
        return self._by_product.get(data[start : data.find(b'"', start, start + 60)])

    def _read(self, index: int, data: bytes, ts: int) -> tuple[int, int, int]:
        builder, symbol = self.builder, self.symbols[index]
        builder.reserve(1, len(data) // _SHORTEST_LEVEL + 1)
        found: tuple[int, int, int] = coinbase_json.read(
            data, symbol.name_bytes, symbol.grid, self.first + index, ts,
            builder.rows, builder.row_count, builder.levels, builder.level_count,
        )  # fmt: skip
        return found

    def _take_levels(self, index: int, kind: int, sequence: int, levels: int, ts: int) -> int:
        if kind == Kind.SNAPSHOT:
            # They come one after another: this one shows that the others are on their way.
            for symbol in self.symbols:
                if symbol.renewed or symbol.sync.state == BookState.SNAPSHOT_WAIT:
                    symbol.began = ts
            return self.take_snapshot(index, sequence, levels, ts)
        return self.take(index, kind, sequence, sequence, levels, b"", ts)

    def _in_order(self, sequence: int, ts: int) -> int:
        """0 where the message is the next one of its line; else what is to be answered to it."""
        if self._expected is None or sequence == self._expected:
            self._expected = sequence + 1
            return 0
        if sequence < self._expected:
            self.ignored += 1
            return UNKNOWN
        return self._lose(f"messages are missing: expected number {self._expected}, found {sequence}", ts)

    def _lose(self, reason: str, ts: int) -> int:
        """An update of nobody knows which book is gone."""
        self._lost = True
        self.last_error = reason
        for index, symbol in enumerate(self.symbols):
            symbol.sync.resync(reason)
            symbol.sync.lost(reason)
            self.say(index, ts)
        return LOST

    def _receive_slowly(self, data: bytes, ts: int) -> int:
        """What cannot be read has no number either: the next message will be found to leave a hole."""
        envelope = coinbase_text.read_envelope(data)
        if envelope.type == "error":
            self.last_error = clean(envelope.message, 160)
            return REFUSED
        unwanted = self._in_order(envelope.sequence_num, ts) if envelope.channel else UNKNOWN
        if unwanted:
            self.ignored += not envelope.channel
            return unwanted
        if envelope.channel == "heartbeats":
            return ALIVE
        if envelope.channel == "subscriptions":
            return ANSWERED
        heard = UNKNOWN
        for event in envelope.events:
            if self._lost:
                break
            if envelope.channel == LEVEL2:
                heard = self._level2(event, envelope, ts)
            elif envelope.channel == TRADES:
                heard = self._trades(event, ts)
        if heard == UNKNOWN:
            self.ignored += 1
        return heard

    def _level2(self, event: msgspec.Raw, envelope: Envelope, ts: int) -> int:
        try:
            named = coinbase_text.read_named(event)
        except Malformed as error:
            self.malformed += 1
            return self._lose(f"a message could not be read: {error}", ts)
        index = self.by_name.get(named.product_id)
        instrument = self.symbols[index].instrument if index is not None else None
        if index is None or instrument is None:
            return UNKNOWN
        try:
            kind, levels = coinbase_text.read_levels(
                event, named, envelope, self.builder, instrument, self.first + index, ts
            )
        except Malformed as error:
            if self._refine(index, error, ts):
                return self._level2(event, envelope, ts)
            return self.spoiled(Malformed(str(error), index, True), ts)
        return self._take_levels(index, kind, envelope.sequence_num, levels, ts)

    def _trades(self, event: msgspec.Raw, ts: int) -> int:
        """Those of a snapshot were made before we came; they only tell which are known."""
        told = coinbase_text.read_trades(event)
        heard = UNKNOWN
        for trade in told.trades:
            index = self.by_name.get(trade.product_id)
            instrument = self.symbols[index].instrument if index is not None else None
            if index is None or instrument is None:
                continue
            number = coinbase_text.trade_id(trade)
            if told.type == "snapshot":
                self.symbols[index].last_trade = max(self.symbols[index].last_trade, number)
                heard = index * STREAMS_A_SYMBOL + TRADE
            else:
                heard = self._trade(index, trade, number, ts)
        return heard

    def _trade(self, index: int, trade: coinbase_text.Trade, number: int, ts: int) -> int:
        instrument = self.symbols[index].instrument
        assert instrument is not None  # noqa: S101 - the caller has looked
        try:
            coinbase_text.read_trade(trade, self.builder, instrument, self.first + index, ts)
        except Malformed as error:
            if self._refine(index, error, ts):
                return self._trade(index, trade, number, ts)
            return self.spoiled(error, ts)
        return self.take(index, Kind.TRADE, number, number, 0, b"", ts)

    def _refine(self, index: int, error: Malformed, ts: int) -> bool:
        off_tick = error.off_tick
        return off_tick is not None and self.refine(index, decimals_of(off_tick), off_tick, ts)


def _message(verb: str, channel: str, names: Sequence[str]) -> Message:
    request: dict[str, object] = {"type": verb, "channel": channel}
    if names:
        request["product_ids"] = list(names)
    return Message(0, msgspec.json.encode(request))
