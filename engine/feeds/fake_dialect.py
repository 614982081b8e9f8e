"""How a venue talks: what the fake exchange has to be told to pass for Binance, Coinbase or Kraken.

The exchange (`engine.feeds.fake_exchange`) has the market, the clients, the pump and the faults. A venue adds
two classes in one file, here called after Coinbase:

* `CoinbaseDialect(Dialect)`, one for the exchange: which paths exist, what REST answers, and `word`, the part of
  a message that is the same for every client;
* `CoinbaseTalk(Talk)`, one for a connection: what its client subscribed to, and `frame`, which makes the message
  for this client: numbered (Coinbase's `sequence_num` counts over all channels of a connection), wrapped, cut
  to the depth that was subscribed, with a checksum. What `frame` returned is what a fault then loses, doubles
  or damages, so a lost message leaves a hole in the numbers.

Where the venue's snapshot comes in the stream, `hear` names its symbol in `Heard.snapshots`; the exchange then
asks for `snapshot` at the moment (or later, or never: faults) and sends it. Before that `wants` says no to the
symbol's DEPTH.

A venue without update ids in its messages is checked by time: every DEPTH wire and every snapshot has an
`at_us` of its own, which must be what the message says as its time, so that `FakeExchange.id_of` can tell the
book that a row stands for. Messages without a time are worded all the same; such rows are not compared.

The dialect is then named in `engine.feeds.fake_venues`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.feeds.fake_book import PlainBook
from engine.feeds.fake_rest import Answer, Query, blocked
from engine.feeds.fake_wire import Level, Listing, Wire

# What is done to a connection instead of sending something:
STALL = "stall"  # nothing goes out and nothing is read, but the line stays open
CLOSE = "close"  # an orderly close


@dataclass(frozen=True)
class Cut:
    """Half of this frame arrives, then the line is cut."""

    frame: bytes


Act = bytes | str | Cut  # bytes are a text message


class Heard(NamedTuple):
    """What comes of a client's message: answers in order, the streams that were subscribed (again), and the
    symbols whose snapshot is to be sent in the stream, after the answers."""

    answers: Sequence[Act] = ()
    subscribed: Sequence[tuple[str, str]] = ()
    snapshots: Sequence[str] = ()


class Talk(ABC):
    """One connection's side of the venue. Symbols are as the venue spells them, times in µs since 1970."""

    @property
    @abstractmethod
    def listens(self) -> bool:
        """Whether anything is subscribed."""

    @abstractmethod
    def hear(self, message: str | bytes, now_s: float) -> Heard:
        """A message of the client, whatever it is; `now_s` is monotonic."""

    @abstractmethod
    def wants(self, wire: Wire) -> bool:
        """Whether this client is to be told of it."""

    @abstractmethod
    def frame(self, wire: Wire, words: bytes) -> bytes | None:
        """The message, `words` being what `Dialect.word` made of the wire; None where nothing is to be said.

        `wire.untrue` bids are to be in the message, and in nothing that this side remembers or checks.
        """

    def snapshot(self, symbol: str, book: PlainBook, at_us: int) -> bytes:
        """The book in the stream, for a symbol that `hear` named; from now on its DEPTH is wanted."""
        raise NotImplementedError(f"no snapshot of {symbol} was asked for: this venue sends none")

    def greet(self, now_us: int) -> Sequence[Act]:
        """What is said as soon as the connection is open."""
        return ()

    def beat(self, now_s: float, now_us: int) -> Sequence[Act]:
        """Called every 20 ms or so: heartbeats, or CLOSE for a client that has not subscribed in time."""
        return ()

    def unknown(self) -> bytes:
        """A well-formed message that no client can know."""
        return b'{"weather":{"sky":[null,{"deep":[[]]}]}}'

    def shutdown(self, now_us: int) -> bytes | None:
        """The announcement that this server is going to close; None where the venue makes none."""
        return None


class Dialect(ABC):
    """A venue as all its clients see it."""

    name: str  # as `--venue` and `engine.feeds.venues` spell it
    title: str  # as a person does
    quote: str = "USD"  # what made-up symbols are quoted in
    snapshots_in_stream: bool = True  # False: they are asked for by REST
    tells_ids: bool = False  # messages carry update ids that `id_of` understands
    proves_levels: int | None = None  # without numbers: so many levels of a side are under a checksum
    null_fields: bytes = rb"[a-z_]+"  # a pattern of the keys whose values the NULLS fault takes away
    text_field: bytes = b'"symbol":"'  # where the BAD_UTF8 fault puts bytes that are no text

    @abstractmethod
    def spell(self, base: str) -> str:
        """The made-up symbol of a currency, BTC-USD of BTC."""

    @abstractmethod
    def opens(self, path: str) -> bool:
        """Whether a WebSocket can be opened at this path (without its query)."""

    @abstractmethod
    def talk(self, target: str, listings: Mapping[str, Listing]) -> Talk:
        """A new connection at this path and query."""

    @abstractmethod
    def word(self, wire: Wire) -> bytes:
        """What is the same for every client, made once a wire: levels as text, say."""

    @abstractmethod
    def read(self, target: str) -> Query:
        """A REST request's path and query. Raises ValueError where a parameter cannot be read."""

    @abstractmethod
    def answer(
        self, query: Query, listings: Mapping[str, Listing], book: PlainBook | None, now_us: int
    ) -> Answer:
        """`book` is there where the query is for the DEPTH of one listed symbol."""

    def unreadable(self) -> Answer:
        """To a request that `read` could not read."""
        return blocked(400, None)

    def refusal(self, status: int, retry_after_s: int | None) -> Answer:
        """What the venue says with this status."""
        return blocked(status, retry_after_s)

    def spend(self, query: Query, now_s: float) -> int | None:
        """Take the request out of the budget; where it is used up, the seconds to stay away."""
        return None

    def headers(self) -> Mapping[str, str]:
        """What every answer carries besides."""
        return {}

    def id_of(self, last_id: int) -> int:
        """The market's update id that a message's stands for, where messages tell ids."""
        return last_id


class Pace:
    """How many messages a second a client may send."""

    def __init__(self, messages_a_second: int) -> None:
        self._heard: deque[float] = deque(maxlen=messages_a_second)

    def too_fast(self, now_s: float) -> bool:
        if len(self._heard) == self._heard.maxlen and now_s - self._heard[0] < 1.0:
            return True
        self._heard.append(now_s)
        return False


def all_bids(wire: Wire) -> Sequence[Level]:
    """A diff's bids as they are to be said, those that a fault added first."""
    return [*wire.untrue, *wire.bids] if wire.untrue else wire.bids
