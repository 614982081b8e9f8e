"""Binance spot without I/O: what to ask for, and what the bytes that come back mean.

Bytes go in through `receive` and `snapshot`, rows and notes come out in the BatchBuilder. Who connects, waits
and retries is another's business (`engine.feeds.connection`); here is no socket and no clock.
https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import msgspec
import numpy as np

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, BatchBuilder
from engine.events import FeedCount, FeedStatus, Kind, Listed
from engine.feeds import binance_text
from engine.feeds.binance_info import VENUE, ExchangeInfo, instrument_of, read_info
from engine.feeds.binance_requests import Request, depth_request, info_request
from engine.feeds.errors import Malformed, UnknownSymbol
from engine.feeds.options import FeedOptions
from engine.feeds.states import BookState
from engine.feeds.sync import BookSync, Join, Verdict
from engine.instrument import Instrument
from engine.kernels import binance_json
from engine.text import clean

# What `receive` heard: a stream's number (symbol x 3 + DEPTH, TRADE or TOP), or one of the negative ones.
DEPTH: Final = 0
TRADE: Final = 1
TOP: Final = 2
STREAMS_A_SYMBOL: Final = 3
ANSWERED: Final = -1  # a request of ours was taken
REFUSED: Final = -2  # … or was not
SHUTDOWN: Final = -3  # the server says that it is going to close
UNKNOWN: Final = -4  # nothing of ours
MALFORMED: Final = -5

_SUFFIXES = ("@depth@100ms", "@trade", "@bookTicker")
_PREFIX_CHARS = len('{"stream":"')
_STREAMS_A_REQUEST = 100
_FINER_DECIMALS = 3
_ROUND_CUTS = frozenset({100, 500, 1000, 5000})  # the limits that clients of the venue ask for
_NOTHING_SAID = ("", "", "", None)


@dataclass(slots=True)
class _Symbol:
    name: str
    sync: BookSync
    instrument: Instrument | None = None
    trading: str = ""
    finest_decimals: int = 0  # of a tick that prices may force upon us
    said: tuple[str, str, str, int | None] = _NOTHING_SAID
    retry_at: int | None = None
    began: int = 0  # session time at which the book last began to wait for a snapshot
    last_trade: int = -1
    last_top: int = -1
    last_depth: int = -1
    name_bytes: np.ndarray[tuple[int], np.dtype[np.uint8]] = field(
        default_factory=lambda: np.zeros(0, np.uint8)
    )
    grid: np.ndarray[tuple[int], np.dtype[np.int64]] = field(default_factory=lambda: np.zeros(4, np.int64))


def is_whole(count: int, limit: int) -> bool:
    """Whether a snapshot's side with `count` levels, `limit` asked for, is all of that side.

    A round count below the limit is a proxy's or a capture's own cut, not the end of a book.
    """
    return count < limit and count not in _ROUND_CUTS


class Binance:
    """The protocol of one session: its symbols, their books, and what was heard of them.

    `symbols` are spelt as the venue spells them; a repeated one counts once. Symbol indices are positions in
    `names`. `last_error` is what the venue last said against a request.
    """

    def __init__(self, symbols: Sequence[str], options: FeedOptions, builder: BatchBuilder) -> None:
        self.options = options
        self.builder = builder
        self.names = tuple(dict.fromkeys(symbols))
        self.symbols = [_Symbol(name, BookSync(options.max_held_diffs)) for name in self.names]
        self.listed = False
        self.weight_a_minute: int | None = None
        self.last_error = ""
        self.messages = self.bytes = self.malformed = self.ignored = self.resyncs = self.reconnects = 0
        self._by_stream = {name.lower().encode(): index for index, name in enumerate(self.names)}
        self._counted = 0, FeedCount(VENUE)

    # requests

    def info_request(self) -> Request:
        return info_request(self.names)

    def full_info_request(self) -> Request:
        """Everything that is traded: only to find near matches of a symbol that is not."""
        return info_request(())

    def snapshot_request(self, symbol: int, limit: int) -> Request:
        return depth_request(self.names[symbol], limit)

    def subscriptions(self, first_id: int = 1) -> list[bytes]:
        """The requests that subscribe every stream, with ids from `first_id` on."""
        streams = [self.stream(i) for i in range(len(self.names) * STREAMS_A_SYMBOL)]
        parts = [streams[i : i + _STREAMS_A_REQUEST] for i in range(0, len(streams), _STREAMS_A_REQUEST)]
        return [self.request("SUBSCRIBE", part, first_id + i) for i, part in enumerate(parts)]

    def request(self, method: str, streams: Sequence[str], request_id: int) -> bytes:
        return msgspec.json.encode({"method": method, "params": list(streams), "id": request_id})

    def stream(self, number: int) -> str:
        symbol, kind = divmod(number, STREAMS_A_SYMBOL)
        return self.names[symbol].lower() + _SUFFIXES[kind]

    # what comes back

    def list_symbols(self, body: bytes, ts: int) -> None:
        """Take exchangeInfo in: a Listed note for every symbol. Raises UnknownSymbol and Malformed."""
        info = read_info(body)
        found = {listed.symbol: listed for listed in info.symbols}
        unknown = [name for name in self.names if name not in found]
        if unknown:
            raise UnknownSymbol(VENUE, unknown, found)
        instruments = [instrument_of(found[name]) for name in self.names]
        for index, (symbol, instrument) in enumerate(zip(self.symbols, instruments, strict=True)):
            self.use(index, instrument, ts)
            symbol.trading = clean(found[symbol.name].status, 20)
            self.say(index, ts)
        self.weight_a_minute = info.weight_a_minute

    def use(self, index: int, instrument: Instrument, ts: int) -> None:
        """From now on this symbol's messages are read on this instrument's grid."""
        self.symbols[index].finest_decimals = instrument.tick.decimals + _FINER_DECIMALS
        self._list(index, instrument, ts)

    def _list(self, index: int, instrument: Instrument, ts: int) -> None:
        symbol = self.symbols[index]
        symbol.instrument = instrument
        symbol.name_bytes = np.frombuffer(instrument.symbol.encode(), np.uint8).copy()
        tick, lot = instrument.tick, instrument.lot
        symbol.grid = np.array([tick.mantissa, tick.decimals, lot.mantissa, lot.decimals], np.int64)
        self.builder.add_note(Listed(index, instrument, self.options.depth_limit), ts, index)
        self.listed = all(s.instrument is not None for s in self.symbols)

    def take_status(self, body: bytes, ts: int) -> None:
        """A later exchangeInfo: only the trading status may have changed. Raises Malformed."""
        info: ExchangeInfo = read_info(body)
        status = {listed.symbol: clean(listed.status, 20) for listed in info.symbols}
        for index, symbol in enumerate(self.symbols):
            symbol.trading = status.get(symbol.name, "DELISTED")
            self.say(index, ts)

    def receive(self, data: bytes, ts: int) -> int:
        """One message of the socket. Returns what was heard; see the constants above."""
        self.messages += 1
        self.bytes += len(data)
        index = self._by_stream.get(data[_PREFIX_CHARS : data.find(b"@", 0, 64)])
        if index is not None and self.symbols[index].instrument is not None:
            symbol = self.symbols[index]
            kind, first_id, last_id, levels = self._read(symbol, index, data, ts)
            if kind >= 0:
                return self._take(symbol, index, kind, first_id, last_id, levels, data, ts)
        try:
            return self._receive_slowly(data, ts)
        except Malformed as error:
            self.malformed += 1
            self.last_error = str(error)
            if error.symbol is not None and error.depth:
                self.symbols[error.symbol].sync.broken(f"a depth message could not be read: {error}")
                self.say(error.symbol, ts)
            return MALFORMED

    def snapshot(self, index: int, epoch: int, limit: int, body: bytes, ts: int) -> Join | None:
        """A depth reply; returns what it was good for. Raises Malformed: then another must be asked for."""
        symbol, builder = self.symbols[index], self.builder
        if epoch != symbol.sync.epoch:
            return Join.NOT_WANTED
        assert symbol.instrument is not None  # noqa: S101 - nothing is asked for before it is listed
        kind, last_id, _, levels = self._read(symbol, index, body, ts)
        if kind != Kind.SNAPSHOT:
            try:
                kind, last_id, _, levels = binance_text.read_snapshot(
                    body, builder, symbol.instrument, index, ts
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
            self._keep(levels)
            try:
                for diff in held:
                    self._apply_held(symbol, index, diff.data, ts)
            except Malformed as error:  # it was read once, but not on the finer grid that we have now
                self.malformed += 1
                symbol.sync.resync(str(error))
            symbol.retry_at = None
        self.say(index, ts)
        return join

    # what the connection tells

    def connected(self, ts: int) -> None:
        """A new line, with nothing of the old one on it: a venue that restarted may count from anywhere."""
        for index, symbol in enumerate(self.symbols):
            symbol.sync.start(symbol.sync.reason)
            symbol.began = ts
            symbol.last_trade = symbol.last_top = symbol.last_depth = -1
            self.say(index, ts)

    def disconnected(self, reason: str, ts: int) -> None:
        for index, symbol in enumerate(self.symbols):
            symbol.sync.lost(reason)
            self.say(index, ts)

    def resync(self, index: int, reason: str, ts: int) -> None:
        if 0 <= index < len(self.symbols):
            self.symbols[index].sync.resync(reason)
            self.say(index, ts)

    def stale(self, index: int, reason: str, ts: int) -> None:
        self.symbols[index].sync.stale(reason)
        self.say(index, ts)

    def snapshot_asked(self, index: int, ts: int) -> int:
        symbol = self.symbols[index]
        symbol.retry_at = None
        epoch = symbol.sync.asked()
        self.say(index, ts)
        return epoch

    def snapshot_failed(self, index: int, epoch: int, reason: str, retry_at: int | None, ts: int) -> None:
        symbol = self.symbols[index]
        if epoch == symbol.sync.epoch:
            symbol.retry_at = retry_at
            symbol.sync.failed(epoch, reason)
            self.say(index, ts)

    def say(self, index: int, ts: int) -> None:
        """A FeedStatus note for every state that the book has gone through since the last call."""
        symbol = self.symbols[index]
        changes = symbol.sync.take_changes() or [(symbol.sync.state, symbol.sync.reason)]
        for state, reason in changes:
            if state == BookState.GAP:
                self.resyncs += 1
                symbol.began = ts
            saying = (state, reason, symbol.trading, symbol.retry_at)
            if saying != symbol.said:
                symbol.said = saying
                note = FeedStatus(VENUE, state, index, reason, symbol.retry_at, symbol.trading)
                self.builder.add_note(note, ts, index)

    def count(self, ts: int) -> None:
        """A FeedCount note, at most once a second and only if something changed."""
        at, last = self._counted
        count = FeedCount(
            VENUE, self.messages, self.bytes, self.malformed, self.ignored, self.resyncs, self.reconnects
        )
        if ts - at >= 1_000_000_000 and count != last:
            self._counted = ts, count
            self.builder.add_note(count, ts)

    # inside

    def _read(self, symbol: _Symbol, index: int, data: bytes, ts: int) -> tuple[int, int, int, int]:
        builder = self.builder
        builder.reserve(
            1, len(data) // 10 + 1
        )  # the shortest level, ["1","1"], has ten characters with its comma
        found: tuple[int, int, int, int] = binance_json.read(
            data, 0, len(data), symbol.name_bytes, symbol.grid, index, ts,
            builder.rows, builder.row_count, builder.levels, builder.level_count,
        )  # fmt: skip
        return found

    def _keep(self, levels: int) -> None:
        self.builder.row_count += 1
        self.builder.level_count += levels

    def _take(
        self,
        symbol: _Symbol,
        index: int,
        kind: int,
        first_id: int,
        last_id: int,
        levels: int,
        data: bytes,
        ts: int,
    ) -> int:
        """Judge the row that was just read; what is known already is left out."""
        if kind == Kind.TOP:
            if last_id > symbol.last_top:
                symbol.last_top = last_id
                self._keep(0)
            else:
                self.ignored += 1
            return index * STREAMS_A_SYMBOL + TOP
        if kind == Kind.TRADE:
            if last_id > symbol.last_trade:
                symbol.last_trade = last_id
                self._keep(0)
            else:
                self.ignored += 1
            return index * STREAMS_A_SYMBOL + TRADE
        symbol.last_depth = max(symbol.last_depth, last_id)
        sync = symbol.sync
        verdict = sync.diff(first_id, last_id, data)
        if verdict is Verdict.APPLY:
            self._keep(levels)
        elif verdict is Verdict.IGNORE:
            self.ignored += 1
        if sync.changes:
            self.say(index, ts)
        return index * STREAMS_A_SYMBOL + DEPTH

    def _apply_held(self, symbol: _Symbol, index: int, data: bytes, ts: int) -> None:
        kind, _, _, levels = self._read(symbol, index, data, ts)
        if kind < 0:
            assert symbol.instrument is not None  # noqa: S101 - a diff was held, so it was read before
            payload = binance_text.unwrap(data).data
            read = binance_text.read_event(payload, self.builder, symbol.instrument, index, ts)
            levels = read[3] if read else 0
        self._keep(levels)

    def _receive_slowly(self, data: bytes, ts: int) -> int:
        message = binance_text.unwrap(data)
        if message.stream is None or not bytes(message.data):
            return self._control(message)
        name = message.stream.partition("@")[0]
        index = self._by_stream.get(name.encode())
        instrument = self.symbols[index].instrument if index is not None else None
        if index is None or instrument is None:
            if binance_text.event_name(message.data) == "serverShutdown":
                return SHUTDOWN
            self.ignored += 1
            return UNKNOWN
        try:
            read = binance_text.read_event(message.data, self.builder, instrument, index, ts)
        except Malformed as error:
            if self._refine(index, error.off_tick, ts):
                return self._receive_slowly(data, ts)
            depth = error.depth or "@depth" in message.stream
            raise Malformed(str(error), index, depth) from None
        if read is None:
            self.ignored += 1
            return UNKNOWN
        return self._take(self.symbols[index], index, *read, data, ts)

    def _refine(self, index: int, off_tick: str | None, ts: int) -> bool:
        """List the symbol anew with a tick that holds this price too, and its book with it; False: not so fine.

        When a venue coarsens a tick, older orders stay where they are: in a real capture a tenth of the bids
        of NKNUSDT rest between ticks. They are part of the book, so the grid has to give way.
        """
        symbol = self.symbols[index]
        if off_tick is None or symbol.instrument is None:
            return False
        decimals = binance_text.decimals_of(off_tick)
        if decimals > symbol.finest_decimals:
            return False
        finer = msgspec.structs.replace(symbol.instrument, tick_size=f"{Decimal(1).scaleb(-decimals):f}")
        symbol.sync.resync(f"{off_tick} is between ticks of {symbol.instrument.tick_size}")
        self.say(index, ts)
        self._list(index, finer, ts)
        symbol.said = _NOTHING_SAID
        self.say(index, ts)
        return True

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
