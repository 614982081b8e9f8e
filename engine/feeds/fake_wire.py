"""What a fake market hands to the fake exchange: messages, and the listing of each symbol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from engine.feeds.fake_book import Oracle, PlainBook

DEPTH = "depth@100ms"
TOP = "bookTicker"
TRADE = "trade"


class Wire(NamedTuple):
    """One message of one symbol's stream: `payload` is the JSON inside the combined stream's wrapper."""

    symbol: str
    channel: str
    payload: bytes
    first_id: int = 0
    last_id: int = 0

    @property
    def stream(self) -> str:
        return f"{self.symbol.lower()}@{self.channel}"


@dataclass(frozen=True)
class Listing:
    """What exchangeInfo says of a symbol. Prices and sizes are decimal text."""

    symbol: str
    base: str
    quote: str
    tick_size: str
    lot_size: str
    status: str = "TRADING"


class Market(Protocol):
    """Where the messages come from: made up, or played from a capture."""

    needs_audience: bool  # time passes only once somebody has subscribed

    @property
    def listings(self) -> Mapping[str, Listing]: ...

    def oracle(self, symbol: str) -> Oracle:
        """Raises KeyError where the symbol is not traded, LookupError while its book is not known yet."""

    def advance(self, elapsed_s: float, now_ms: int) -> list[Wire]:
        """What is sent in the next `elapsed_s` of exchange time; `now_ms` is the venue's clock then."""

    def snapshot(self, symbol: str) -> PlainBook | None:
        """The book that a REST request is answered with now; None while it is not known yet."""
