"""Kraken's messages (WebSocket v2) as rows: books with their checksums, and trades.

Prices and sizes are JSON numbers with all of their decimals, and the checksum is over those decimals: they are
read digit by digit, never through a float. https://docs.kraken.com/api/docs/websocket-v2/book
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, CHECKED, MISSING, BatchBuilder
from engine.events import Kind
from engine.feeds.errors import Malformed
from engine.instrument import INT64_MAX, Instrument, NotOnGrid, Step
from engine.text import clean

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
SIDES = {"buy": 1, "sell": -1}  # of the taker

_PLAIN_CHARS = 18  # digits that fit in 64 bits whatever they are
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_SYMBOL = re.compile(rb'"symbol"\s*:\s*"([^"\\]{1,40})"')
_BOOK = re.compile(rb'"channel"\s*:\s*"book"')
_MOST_NS = 9 * 10**18  # year 2255

Checksum = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
TradeId = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]


class Level(msgspec.Struct, gc=False):
    price: msgspec.Raw
    qty: msgspec.Raw


class Book(msgspec.Struct):
    symbol: str
    bids: list[Level]
    asks: list[Level]
    checksum: Checksum | None = None
    timestamp: str | None = None


class Trade(msgspec.Struct):
    symbol: str
    side: str
    price: msgspec.Raw
    qty: msgspec.Raw
    trade_id: TradeId
    timestamp: str


class Books(msgspec.Struct):
    type: str
    data: list[Book]


class Trades(msgspec.Struct):
    type: str
    data: list[Trade]


class System(msgspec.Struct):
    system: str


class Status(msgspec.Struct):
    data: list[System]


class Envelope(msgspec.Struct):
    """Whatever arrives: data of a channel, or the answer to a request."""

    channel: str | None = None
    method: str | None = None
    success: bool | None = None
    error: Any = None
    symbol: Any = None


class OffTick(NotOnGrid):
    """A price between two ticks; `text` is plain."""

    def __init__(self, text: str, tick: Step) -> None:
        super().__init__(f"{text} is not a multiple of the step {tick.text}")
        self.text = text


class Shape(NamedTuple):
    """How a symbol's books are told: levels a side, and what a tick counts in the last decimal of a price."""

    depth: int
    tick_digits: int


read_books = msgspec.json.Decoder(Books).decode
read_trades = msgspec.json.Decoder(Trades).decode
read_status = msgspec.json.Decoder(Status).decode
read_envelope = msgspec.json.Decoder(Envelope).decode


def why(error: Exception) -> str:
    return clean(str(error), 120)


def excerpt(data: bytes) -> str:
    return repr(clean(data[:60].decode("utf-8", "replace"), 40))


def symbol_in(data: bytes) -> str | None:
    """Whose a message is that cannot be read as a whole."""
    found = _SYMBOL.search(data)
    return found and found[1].decode("utf-8", "replace")


def is_book(data: bytes) -> bool:
    """Whether a message that cannot be read as a whole is one of the book channel."""
    return _BOOK.search(data, 0, 200) is not None


def may_be_book(data: bytes) -> bool:
    """Whether it may be what is left of one, cut at either end."""
    return is_book(data) or b'"checksum"' in data or (len(data) > 0 and b'{"channel":"book"'.startswith(data))


def write_book(
    book: Book,
    is_snapshot: bool,
    number: int,
    builder: BatchBuilder,
    instrument: Instrument,
    shape: Shape,
    symbol: int,
    ts: int,
) -> int:
    """A row with its levels behind the builder's last, not counted in; `number` is its id. Returns the levels.

    Raises NotOnGrid.
    """
    bids, asks = _levels(book.bids, instrument), _levels(book.asks, instrument)
    flags = 0 if book.checksum is None else CHECKED
    if is_snapshot:
        flags |= BIDS_WHOLE if len(bids) < shape.depth else 0
        flags |= ASKS_WHOLE if len(asks) < shape.depth else 0
    row_count, level_count = builder.row_count, builder.level_count
    builder.add_levels(
        Kind.SNAPSHOT if is_snapshot else Kind.DELTA,
        ts,
        bids,
        asks,
        symbol=symbol,
        ts_event=MISSING if book.timestamp is None else ns_of(book.timestamp),
        first_id=MISSING if is_snapshot else number,
        last_id=number,
        price_ticks=book.checksum or 0,
        ask_ticks=shape.tick_digits,
        size_lots=shape.depth,
        flags=flags,
    )
    builder.row_count, builder.level_count = row_count, level_count
    return len(bids) + len(asks)


def write_trade(trade: Trade, builder: BatchBuilder, instrument: Instrument, symbol: int, ts: int) -> None:
    """A row behind the builder's last, not counted in. Raises NotOnGrid."""
    if trade.side not in SIDES:
        raise NotOnGrid(f"expected a side of buy or sell, found {clean(trade.side, 20)!r}")
    builder.add(
        Kind.TRADE,
        ts,
        symbol=symbol,
        ts_event=ns_of(trade.timestamp),
        last_id=trade.trade_id,
        price_ticks=price_ticks(trade.price, instrument.tick),
        size_lots=_steps(bytes(trade.qty), instrument.lot),
        side=SIDES[trade.side],
    )
    builder.row_count -= 1


def _levels(levels: list[Level], instrument: Instrument) -> list[tuple[int, int]]:
    tick, lot = instrument.tick, instrument.lot
    return [(price_ticks(level.price, tick), _steps(bytes(level.qty), lot)) for level in levels]


def price_ticks(raw: msgspec.Raw, tick: Step) -> int:
    """Raises OffTick for a price between two ticks, else NotOnGrid for what is none."""
    text = bytes(raw)
    try:
        ticks = _steps(text, tick)
    except NotOnGrid:
        plain = _decimal(text)
        if plain < tick.value * INT64_MAX and tick.value * INT64_MAX >= plain > 0:
            raise OffTick(f"{plain:f}", tick) from None
        raise
    if ticks == 0:
        raise NotOnGrid("a price of zero")
    return ticks


def _steps(text: bytes, step: Step) -> int:
    """A JSON number, or one in quotes, as whole steps. Raises NotOnGrid."""
    whole, _, rest = text.partition(b".")
    missing = step.decimals - len(rest)
    if missing >= 0 and len(whole) + step.decimals <= _PLAIN_CHARS and (whole + rest).isdigit():
        scaled: int = int(whole + rest) * 10**missing
        steps, off = divmod(scaled, step.mantissa)
        if not off:
            return steps
    return step.count(_decimal(text))


def _decimal(text: bytes) -> Decimal:
    number = text.decode("ascii", "replace").strip('"')
    if not _NUMBER.fullmatch(number):
        raise NotOnGrid(f"expected a number such as 45285.2, found {clean(number, 40)!r}")
    return Decimal(number)


def ns_of(text: str) -> int:
    """A time such as 2023-10-06T17:35:55.440295Z in ns since 1970. Raises NotOnGrid.

    >>> ns_of("2023-10-06T17:35:55.440295Z")
    1696613755440295000
    """
    rest = text[19:].rstrip("Z")
    fraction = rest[1:10]
    if not text.endswith("Z") or (
        rest and not (rest[0] == "." and fraction.isascii() and fraction.isdigit())
    ):
        raise NotOnGrid(f"expected a time such as 2023-10-06T17:35:55.440295Z, found {clean(text, 40)!r}")
    return _second(text[:19]) * 10**9 + int(fraction.ljust(9, "0") or 0)


@lru_cache(maxsize=64)
def _second(text: str) -> int:
    try:
        second = int(datetime.fromisoformat(text + "+00:00").timestamp())
    except ValueError:
        raise NotOnGrid(f"expected a time, found {clean(text, 40)!r}") from None
    if not 0 <= second * 10**9 < _MOST_NS:
        raise NotOnGrid(f"a time out of range: {clean(text, 40)!r}")
    return second


def malformed(what: str, error: Exception, symbol: int | None, is_book: bool) -> Malformed:
    off_tick = error.text if isinstance(error, OffTick) else None
    return Malformed(f"{what}: {why(error)}", symbol, is_book, off_tick)
