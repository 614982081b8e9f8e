"""Binance spot without I/O: what to ask for, and what the bytes that come back mean.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from engine.batch import ASKS_WHOLE, BIDS_WHOLE
from engine.events import Kind
from engine.feeds import binance_text
from engine.feeds.binance_info import listing_of, read_info
from engine.feeds.binance_requests import depth_request, info_request
from engine.feeds.errors import Malformed
from engine.feeds.reading import decimals_of
from engine.feeds.requests import Request
from engine.feeds.sync import Join
from engine.feeds.venue import (
    ANSWERED,
    REFUSED,
    SHUTDOWN,
    STREAMS_A_SYMBOL,
    UNKNOWN,
    ListedAs,
    Message,
    Venue,
)
from engine.kernels import binance_json
from engine.text import clean

_PREFIX_CHARS = len('{"stream":"')
_STREAMS_A_REQUEST = 100
_ROUND_CUTS = frozenset({100, 500, 1000, 5000})  # the limits that clients of the venue ask for


def is_whole(count: int, limit: int) -> bool:
    """Whether a snapshot's side with `count` levels, `limit` asked for, is all of that side.

    A round count below the limit is a proxy's or a capture's own cut, not the end of a book.
    """
    return count < limit and count not in _ROUND_CUTS


class Binance(Venue):
    """Depth diffs every 100 ms, trades and best prices; a snapshot by REST, and diffs joined to it by their ids."""

    name: ClassVar[str] = "binance"
    paths: ClassVar[tuple[str, ...]] = ("/stream",)
    suffixes: ClassVar[tuple[str, ...]] = ("@depth@100ms", "@trade", "@bookTicker")
    also: ClassVar[tuple[str, ...]] = ("@depth", "@depth@0ms")  # that captures hold

    def depth(self, wanted: int) -> int:
        return wanted or 5000

    def _name_all(self) -> None:
        super()._name_all()
        self._by_stream = {
            f"{name.lower()}{suffix}".encode(): index
            for name, index in self.by_name.items()
            for suffix in (*self.suffixes, *self.also)
        }

    # requests

    def info_request(self) -> Request:
        return info_request(self.names)

    def full_info_request(self) -> Request:
        return info_request(())

    def read_listing(self, body: bytes) -> Mapping[str, ListedAs]:
        info = read_info(body)
        self.weight_a_minute = info.weight_a_minute
        return listing_of(info, self.wanted, self.name)

    def snapshot_request(self, index: int, limit: int) -> Request:
        return depth_request(self.names[index], limit)

    def subscriptions(self, first_id: int = 1) -> list[Message]:
        return self._requests("SUBSCRIBE", self.streams, first_id)

    def resubscriptions(self, streams: Sequence[int], first_id: int) -> list[Message]:
        leave = self._requests("UNSUBSCRIBE", streams, first_id)
        return leave + self._requests("SUBSCRIBE", streams, first_id + len(leave))

    def _requests(self, method: str, streams: Sequence[int], first_id: int) -> list[Message]:
        names = [self.stream(number) for number in streams]
        parts = [names[i : i + _STREAMS_A_REQUEST] for i in range(0, len(names), _STREAMS_A_REQUEST)]
        return [
            Message(0, msgspec.json.encode({"method": method, "params": part, "id": first_id + i}))
            for i, part in enumerate(parts)
        ]

    def stream(self, number: int) -> str:
        symbol, kind = divmod(number, STREAMS_A_SYMBOL)
        return self.symbols[symbol].name.lower() + self.suffixes[kind]

    # what comes back

    def receive(self, data: bytes, ts: int) -> int:
        """One message of the socket. Returns what was heard; see the constants above."""
        self.messages += 1
        self.bytes += len(data)
        index = self._by_stream.get(data[_PREFIX_CHARS : data.find(b'"', _PREFIX_CHARS, 80)])
        if index is not None and self.symbols[index].instrument is not None:
            kind, first_id, last_id, levels = self._read(index, data, ts)
            if kind >= 0:
                return self.take(index, kind, first_id, last_id, levels, data, ts)
        try:
            return self._receive_slowly(data, ts)
        except Malformed as error:
            return self.spoiled(error, ts)

    def snapshot(self, index: int, epoch: int, limit: int, body: bytes, ts: int) -> Join | None:
        """A depth reply; returns what it was good for. Raises Malformed: then another must be asked for."""
        symbol, builder = self.symbols[index], self.builder
        if epoch != symbol.sync.epoch:
            return Join.NOT_WANTED
        assert symbol.instrument is not None  # noqa: S101 - nothing is asked for before it is listed
        kind, last_id, _, levels = self._read(index, body, ts)
        if kind != Kind.SNAPSHOT:
            try:
                kind, last_id, _, levels = binance_text.read_snapshot(
                    body, builder, symbol.instrument, self.first + index, ts
                )
            except Malformed as error:
                if self._refine(index, error.off_tick, ts):
                    return self.snapshot(index, epoch, limit, body, ts)
                self.malformed += 1
                symbol.sync.failed(epoch, str(error))
                raise
        join, held = symbol.sync.snapshot(epoch, last_id)
        if join is Join.SYNCED:
            row = builder.rows[builder.row_count]
            whole_bids = BIDS_WHOLE if is_whole(int(row["bid_count"]), limit) else 0
            row["flags"] = whole_bids | (ASKS_WHOLE if is_whole(int(row["ask_count"]), limit) else 0)
            self.keep(levels)
            try:
                for diff in held:
                    self._apply_held(index, diff.data, ts)
            except Malformed as error:  # it was read once, but not on the finer grid that we have now
                self.malformed += 1
                symbol.sync.resync(str(error))
            symbol.retry_at = None
        self.say(index, ts)
        return join

    # inside

    def _read(self, index: int, data: bytes, ts: int) -> tuple[int, int, int, int]:
        builder, symbol = self.builder, self.symbols[index]
        builder.reserve(
            1, len(data) // 10 + 1
        )  # the shortest level, ["1","1"], has ten characters with its comma
        found: tuple[int, int, int, int] = binance_json.read(
            data, 0, len(data), symbol.name_bytes, symbol.grid, self.first + index, ts,
            builder.rows, builder.row_count, builder.levels, builder.level_count,
        )  # fmt: skip
        return found

    def _apply_held(self, index: int, data: bytes, ts: int) -> None:
        symbol = self.symbols[index]
        kind, _, _, levels = self._read(index, data, ts)
        if kind < 0:
            assert symbol.instrument is not None  # noqa: S101 - a diff was held, so it was read before
            payload = binance_text.unwrap(data).data
            read = binance_text.read_event(payload, self.builder, symbol.instrument, self.first + index, ts)
            levels = read[3] if read else 0
        self.keep(levels)

    def _receive_slowly(self, data: bytes, ts: int) -> int:
        message = binance_text.unwrap(data)
        if message.stream is None or not bytes(message.data):
            return self._control(message)
        index = self._by_stream.get(message.stream.encode())
        instrument = self.symbols[index].instrument if index is not None else None
        if index is None or instrument is None:
            if binance_text.event_name(message.data) == "serverShutdown":
                return SHUTDOWN
            self.ignored += 1
            return UNKNOWN
        try:
            read = binance_text.read_event(message.data, self.builder, instrument, self.first + index, ts)
        except Malformed as error:
            if self._refine(index, error.off_tick, ts):
                return self._receive_slowly(data, ts)
            depth = error.depth or "@depth" in message.stream
            raise Malformed(str(error), index, depth) from None
        if read is None:
            self.ignored += 1
            return UNKNOWN
        return self.take(index, *read, data, ts)

    def _refine(self, index: int, off_tick: str | None, ts: int) -> bool:
        return off_tick is not None and self.refine(index, decimals_of(off_tick), off_tick, ts)

    def _control(self, message: binance_text.Wrapped) -> int:
        if message.e == "serverShutdown":
            return SHUTDOWN
        if message.error is not None or (message.code is not None and message.msg is not None):
            self.last_error = clean(str(message.error or message.msg), 160)
            return REFUSED
        if message.id is not None and message.result is None:
            return ANSWERED
        self.ignored += 1
        return UNKNOWN
