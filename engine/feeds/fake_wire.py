"""What a fake market hands to the fake exchange: what happens in it, and the listing of each symbol.

Nothing here is in any venue's words: prices and sizes are whole units of 1e-8 (`engine.feeds.fake_book`), and
a dialect (`engine.feeds.fake_dialect`) says how its venue writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from engine.feeds.fake_book import Oracle, PlainBook

DEPTH: Final = "depth"
TOP: Final = "top"
TRADE: Final = "trade"

Level = tuple[int, int]  # price and size, in units


class Deal(NamedTuple):
    """A trade; `bought`: the taker did."""

    trade_id: int
    price: int
    size: int
    bought: bool


class Wire(NamedTuple):
    """One thing that happened to one symbol, and that whoever listens to its channel is told.

    DEPTH: `bids` and `asks` are the new sizes of levels, best first, zero for a level that is gone; together
    they lead from the book at `first_id` - 1 to the book at `last_id`. TOP: the best level of each side as of
    `last_id`. TRADE: `deal`.

    `recorded` is the very payload of a capture, which is not to be worded anew. `untrue` are bids that a fault
    adds to what is said, without the exchange's book having them.
    """

    symbol: str
    channel: str
    at_us: int  # on the venue's clock, since 1970; no two diffs of a symbol have the same
    first_id: int = 0
    last_id: int = 0
    bids: Sequence[Level] = ()
    asks: Sequence[Level] = ()
    deal: Deal | None = None
    recorded: bytes | None = None
    untrue: Sequence[Level] = ()

    @property
    def stream(self) -> tuple[str, str]:
        return self.symbol, self.channel


@dataclass(frozen=True)
class Listing:
    """What the venue's listing says of a symbol. Prices and sizes are decimal text.

    `status` is Binance's word: TRADING, HALT, BREAK … or one that nobody has heard of yet.
    """

    symbol: str
    base: str
    quote: str
    tick_size: str
    lot_size: str
    status: str = "TRADING"


class Market(Protocol):
    """Where it comes from: made up, or played from a capture. Symbols are as the venue spells them."""

    needs_audience: bool  # time passes only once somebody has subscribed

    @property
    def listings(self) -> Mapping[str, Listing]: ...

    def oracle(self, symbol: str) -> Oracle:
        """Raises KeyError where the symbol is not traded, LookupError while its book is not known yet."""

    def advance(self, elapsed_s: float, now_ms: int) -> Sequence[Wire]:
        """What happens in the next `elapsed_s` of exchange time; `now_ms` is the venue's clock then."""

    def snapshot(self, symbol: str) -> PlainBook | None:
        """The book that whoever asks is given now; None while it is not known yet."""
