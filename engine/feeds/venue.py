"""What is the same for every venue: its symbols, their books' states, what is said of them and counted. No I/O.

A venue is one subclass of `Venue` in a file of its own: bytes go in through `receive`, rows and notes come out in
the BatchBuilder. Who connects, waits and retries is another's business (`engine.feeds.connection`); here is no
socket and no clock.

A symbol is known inside by its position in `names`, and in rows and notes by that plus `first`, since a session may
watch several venues; `first` is given when the venue is listed, so that numbers have no holes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Final, NamedTuple

import msgspec
import numpy as np

from engine.batch import BatchBuilder
from engine.events import Asked, FeedCount, FeedStatus, Kind, Listed
from engine.feeds.errors import Malformed, UnknownSymbol
from engine.feeds.options import FeedOptions
from engine.feeds.requests import Request
from engine.feeds.states import BookState
from engine.feeds.symbols import differing, likeliest
from engine.feeds.sync import BookSync, Join, Verdict
from engine.instrument import Instrument
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
ALIVE: Final = -7  # the venue's own heartbeat: it speaks, though nothing of a stream
LOST: Final = -6  # the connection as a whole missed something: it has to be made anew; `last_error` says what

DELISTED: Final = "DELISTED"  # our word for the status of a symbol that the venue knows no more

_FINER_DECIMALS = 3
_NOTHING_SAID = ("", "", "", None)


class Message(NamedTuple):
    """What is sent to the venue: on the socket of which of its paths, and the text."""

    path: int
    text: bytes


class ListedAs(NamedTuple):
    """What a venue says of a symbol: its grid and its own trading status, TRADING where all is well."""

    instrument: Instrument
    status: str


@dataclass(slots=True)
class Symbol:
    """`wanted`: how the symbol may be spelt on this venue, the best first; `name`: the one that is traded."""

    name: str
    wanted: tuple[str, ...]
    sync: BookSync
    instrument: Instrument | None = None
    trading: str = ""
    finest_decimals: int = 0  # of a tick that prices may force upon us
    said: tuple[str, str, str, int | None] = _NOTHING_SAID
    retry_at: int | None = None
    began: int = 0  # session time at which the book last began to wait for a snapshot
    renewed: bool = False  # on a new line whose snapshot has not come: updates still go to nothing
    last_trade: int = -1
    last_top: int = -1
    last_depth: int = -1
    name_bytes: np.ndarray[tuple[int], np.dtype[np.uint8]] = field(
        default_factory=lambda: np.zeros(0, np.uint8)
    )
    grid: np.ndarray[tuple[int], np.dtype[np.int64]] = field(default_factory=lambda: np.zeros(4, np.int64))


class Venue(ABC):
    """The protocol of one venue in one session.

    `symbols` are spelt as the venue spells them, or are tuples of such spellings, the best first: the one that is
    listed counts. A repeated one counts once, and so do two that turn out to be one. With `partial`, symbols that the
    venue does not trade are left out when it is listed, and told in `absent`. `numbers` gives the number of the first
    of so many symbols. `last_error` is what the venue last said against a request.
    """

    name: ClassVar[str]  # in instruments, statuses and settings
    paths: ClassVar[tuple[str, ...]]  # behind an endpoint's address; a connection opens them all
    snapshots_come: ClassVar[bool] = (
        False  # on the stream, when a book is subscribed to; else they are asked for
    )

    def __init__(
        self,
        symbols: Sequence[str | tuple[str, ...]],
        options: FeedOptions,
        builder: BatchBuilder,
        numbers: Callable[[int], int] | None = None,
        partial: bool = False,
    ) -> None:
        wanted = dict.fromkeys((symbol,) if isinstance(symbol, str) else symbol for symbol in symbols)
        self.options = msgspec.structs.replace(options, depth_limit=self.depth(options.depth_limit))
        self.builder = builder
        self.first = 0
        self._numbers = numbers
        self.partial = partial
        self.absent: dict[int, str] = {}  # how it would be spelt, by its position in what was wanted
        self.known: tuple[str, ...] = ()  # all that is traded, where something is absent
        self.symbols = [Symbol(likeliest(spelt), spelt, self.new_sync()) for spelt in wanted]
        self.listed = False
        self.weight_a_minute: int | None = None
        self.last_error = ""
        self.messages = self.bytes = self.malformed = self.ignored = self.resyncs = self.reconnects = 0
        self._counted = 0, FeedCount(self.name)
        self.by_name: dict[str, int] = {}
        self._name_all()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(symbol.name for symbol in self.symbols)

    @property
    def wanted(self) -> frozenset[str]:
        """Every spelling that would do."""
        return frozenset(name for symbol in self.symbols for name in symbol.wanted)

    @property
    def streams(self) -> list[int]:
        """The numbers of what can be subscribed: a venue may refuse the whole request for one that it does not know."""
        traded = [index for index, symbol in enumerate(self.symbols) if symbol.trading != DELISTED]
        return [index * STREAMS_A_SYMBOL + kind for index in traded for kind in (DEPTH, TRADE, TOP)]

    # what a venue brings

    def new_sync(self) -> BookSync:
        return BookSync(self.options.max_held_diffs)

    def depth(self, wanted: int) -> int:
        """Levels a side to ask for, where so many are wanted; 0 wants all that there are."""
        return wanted

    @abstractmethod
    def info_request(self) -> Request:
        """What is known of our symbols."""

    @abstractmethod
    def full_info_request(self) -> Request:
        """Everything that is traded: to find another spelling, or near matches of a symbol that is not."""

    @abstractmethod
    def read_listing(self, body: bytes) -> Mapping[str, ListedAs]:
        """The answer to either, by the venue's spelling. Raises Malformed."""

    def snapshot_request(self, index: int, limit: int) -> Request:
        """For a book whose snapshot is asked for by REST."""
        raise NotImplementedError(f"{self.name} sends its snapshots on the stream")

    @abstractmethod
    def subscriptions(self, first_id: int = 1) -> list[Message]:
        """The requests that subscribe every stream, with ids from `first_id` on where the venue wants ids."""

    @abstractmethod
    def resubscriptions(self, streams: Sequence[int], first_id: int) -> list[Message]:
        """Leave these streams (numbers) and enter them again, whereupon a venue that does so sends a snapshot."""

    @abstractmethod
    def stream(self, number: int) -> str:
        """A stream's name, as a person knows it."""

    @abstractmethod
    def receive(self, data: bytes, ts: int) -> int:
        """One message of the socket. Returns what was heard; see the constants above."""

    def snapshot(self, index: int, epoch: int, limit: int, body: bytes, ts: int) -> Join | None:
        """A REST depth reply; returns what it was good for. Raises Malformed: then another must be asked for."""
        raise NotImplementedError(f"{self.name} sends its snapshots on the stream")

    # listing

    def list_symbols(self, body: bytes, ts: int) -> None:
        """Take what is traded in: a Listed note for every symbol. Raises UnknownSymbol and Malformed."""
        found = self.read_listing(body)
        known = [any(name in found for name in symbol.wanted) for symbol in self.symbols]
        if not all(known) and not self.partial:
            unknown = [s.wanted[0] for s, is_known in zip(self.symbols, known, strict=True) if not is_known]
            raise UnknownSymbol(self.name, unknown, found)
        wanted = [symbol.wanted for symbol in self.symbols]
        self.absent = {at: wanted[at][0] for at, is_known in enumerate(known) if not is_known}
        self.known = tuple(found) if self.absent else ()
        named: dict[str, Symbol] = {}
        for symbol in (s for s, is_known in zip(self.symbols, known, strict=True) if is_known):
            symbol.name = next(name for name in symbol.wanted if name in found)
            named.setdefault(symbol.name, symbol)  # BTC-USD may lead to BTCUSDT, which was named as well
        self.symbols = list(named.values())
        self.listed = not self.symbols
        if self._numbers is not None:
            self.first = self._numbers(len(self.symbols))
        self._name_all()
        for index, symbol in enumerate(self.symbols):
            self.use(index, found[symbol.name].instrument, ts)
            symbol.trading = clean(found[symbol.name].status, 20)
            self.say(index, ts)
        differs = differing(wanted, {name: self.first + index for name, index in self.by_name.items()})
        if differs:
            self.builder.add_note(Asked(self.name, differs), ts)

    def _name_all(self) -> None:
        self.by_name = {name: index for index, name in enumerate(self.names)}

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
        number = self.first + index
        self.builder.add_note(Listed(number, instrument, self.options.depth_limit), ts, number)
        self.listed = all(s.instrument is not None for s in self.symbols)

    def take_status(self, body: bytes, ts: int) -> None:
        """A later listing: only the trading status may have changed. Raises Malformed."""
        found = self.read_listing(body)
        for index, symbol in enumerate(self.symbols):
            known = found.get(symbol.name)
            symbol.trading = DELISTED if known is None else clean(known.status, 20)
            self.say(index, ts)

    def refine(self, index: int, decimals: int, why: str, ts: int) -> bool:
        """List the symbol anew with a tick of so many decimals, and its book with it; False: not so fine.

        When a venue coarsens a tick, older orders stay where they are: in a real capture a tenth of the bids
        of NKNUSDT rest between ticks. They are part of the book, so the grid has to give way.
        """
        symbol = self.symbols[index]
        if symbol.instrument is None or decimals > symbol.finest_decimals:
            return False
        finer = msgspec.structs.replace(symbol.instrument, tick_size=f"{Decimal(1).scaleb(-decimals):f}")
        symbol.sync.resync(f"{why} is between ticks of {symbol.instrument.tick_size}")
        self.say(index, ts)
        self._list(index, finer, ts)
        symbol.said = _NOTHING_SAID
        self.say(index, ts)
        return True

    # what the connection tells

    def connected(self, ts: int) -> None:
        """A new line, with nothing of the old one on it: a venue that restarted may count from anywhere."""
        for index, symbol in enumerate(self.symbols):
            symbol.sync.start(symbol.sync.reason)
            symbol.began = ts
            symbol.renewed = False
            symbol.last_trade = symbol.last_top = symbol.last_depth = -1
            self.say(index, ts)

    def may_take_over(self, said: Sequence[bytes]) -> bool:
        """Whether a second line, which has said this, may take over: a book that it has not told would stand still."""
        return True

    def handed_over(self, ts: int) -> None:
        """The messages of another line follow, from its beginning, while books stand as the old line left them."""
        if self.snapshots_come:
            for index, symbol in enumerate(self.symbols):
                if symbol.sync.state == BookState.EMPTY:  # the old line was lost before it told this book
                    symbol.sync.start(symbol.sync.reason)
                    self.say(index, ts)
                symbol.renewed = True
                symbol.began = ts

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
        symbol.began = ts
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
                number = self.first + index
                note = FeedStatus(self.name, state, number, reason, symbol.retry_at, symbol.trading)
                self.builder.add_note(note, ts, number)

    def say_connection(self, state: str, reason: str, retry_at: int | None, ts: int) -> None:
        self.builder.add_note(FeedStatus(self.name, state, None, reason, retry_at), ts)

    def count(self, ts: int) -> None:
        """A FeedCount note, at most once a second and only if something changed."""
        at, last = self._counted
        count = FeedCount(
            self.name, self.messages, self.bytes, self.malformed, self.ignored, self.resyncs, self.reconnects
        )
        if ts - at >= 1_000_000_000 and count != last:
            self._counted = ts, count
            self.builder.add_note(count, ts)

    # for the venues: a row stands behind the builder's last, not counted in yet, and is kept or left

    def keep(self, levels: int) -> None:
        self.builder.row_count += 1
        self.builder.level_count += levels

    def take(
        self, index: int, kind: int, first_id: int, last_id: int, levels: int, data: bytes, ts: int
    ) -> int:
        """Judge the row that was just read; what is known already is left out. Returns the stream's number.

        `data` is what a diff that has to wait for its snapshot is kept as.
        """
        symbol = self.symbols[index]
        if kind == Kind.TOP:
            if last_id > symbol.last_top:
                symbol.last_top = last_id
                self.keep(0)
            else:
                self.ignored += 1
            return index * STREAMS_A_SYMBOL + TOP
        if kind == Kind.TRADE:
            if last_id > symbol.last_trade:
                symbol.last_trade = last_id
                self.keep(0)
            else:
                self.ignored += 1
            return index * STREAMS_A_SYMBOL + TRADE
        symbol.last_depth = max(symbol.last_depth, last_id)
        sync = symbol.sync
        verdict = Verdict.IGNORE if symbol.renewed else sync.diff(first_id, last_id, data)
        if verdict is Verdict.APPLY:
            self.keep(levels)
        elif verdict is Verdict.IGNORE:
            self.ignored += 1
        if sync.changes:
            self.say(index, ts)
        return index * STREAMS_A_SYMBOL + DEPTH

    def take_snapshot(self, index: int, update_id: int, levels: int, ts: int) -> int:
        """Keep the SNAPSHOT row that was just read off the stream: the book is what it says. Returns the stream."""
        symbol = self.symbols[index]
        join, _ = symbol.sync.snapshot(symbol.sync.epoch, update_id)
        if join is Join.SYNCED:
            symbol.renewed = False
            symbol.retry_at = None
            symbol.last_depth = update_id
            self.keep(levels)
        else:
            self.ignored += 1
        self.say(index, ts)
        return index * STREAMS_A_SYMBOL + DEPTH

    def spoiled(self, error: Malformed, ts: int) -> int:
        """A message that cannot be read: counted; a book that may miss something by it is fetched afresh."""
        self.malformed += 1
        self.last_error = str(error)
        if error.symbol is not None and error.depth:
            self.symbols[error.symbol].sync.broken(f"a depth message could not be read: {error}")
            self.say(error.symbol, ts)
        return MALFORMED
