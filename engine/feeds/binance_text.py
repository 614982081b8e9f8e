"""The slow and sure reading of Binance's messages, for whatever the kernel does not know byte by byte.

Field order, whitespace, escapes and further fields do not matter here; what is missing, null or out of range
is Malformed, with the reason. `engine.kernels.binance_json` must agree with this file on every message that
it accepts.
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.batch import BatchBuilder
from engine.events import Kind
from engine.feeds.errors import Malformed
from engine.feeds.reading import DECODE_ERRORS, OffTick, excerpt, price_ticks, size_lots, why
from engine.instrument import INT64_MAX, Instrument, NotOnGrid
from engine.text import clean

Pairs = list[tuple[str, str]]

MAX_EVENT_MS = 9_000_000_000_000  # as in the kernel
_ON_BOOK = "MARKET"  # other trades of a future are the insurance fund's and no order's


class Wrapped(msgspec.Struct):
    """Whatever arrives on the socket: stream data, an answer to a request, or the server's own notice."""

    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw()  # empty where the message has no data
    id: Any = None
    result: Any = msgspec.UNSET
    error: Any = None
    code: int | None = None
    msg: str | None = None
    e: str | None = None


class Event(msgspec.Struct):
    e: str | None = None


class Depth(msgspec.Struct):
    E: int
    s: str
    U: int
    u: int
    b: Pairs
    a: Pairs
    pu: int | None = None  # of a future: the id of the diff before; ids jump between the two


class Trade(msgspec.Struct):
    E: int
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool
    X: str = _ON_BOOK


class Aggregate(msgspec.Struct):
    E: int
    s: str
    a: int
    p: str
    q: str
    T: int
    m: bool


class Top(msgspec.Struct):
    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class Book(msgspec.Struct):
    lastUpdateId: int
    bids: Pairs
    asks: Pairs


_wrapped = msgspec.json.Decoder(Wrapped)
_event = msgspec.json.Decoder(Event)
_depth = msgspec.json.Decoder(Depth)
_trade = msgspec.json.Decoder(Trade)
_aggregate = msgspec.json.Decoder(Aggregate)
_top = msgspec.json.Decoder(Top)
_book = msgspec.json.Decoder(Book)


def unwrap(data: bytes) -> Wrapped:
    """Raises Malformed."""
    try:
        return _wrapped.decode(data)
    except DECODE_ERRORS as error:
        raise Malformed(f"expected a JSON object, found {excerpt(data)}: {why(error)}") from None


def event_name(data: bytes | msgspec.Raw) -> str | None:
    """The payload's `e`; None where there is none, as in bookTicker. Raises Malformed."""
    try:
        return _event.decode(data).e
    except DECODE_ERRORS as error:
        raise Malformed(f"expected an event object: {why(error)}") from None


def read_event(
    payload: bytes | msgspec.Raw, builder: BatchBuilder, instrument: Instrument, symbol: int, ts_recv: int
) -> tuple[Kind, int, int, int] | None:
    """Write the row of one market data payload behind the builder's last, without counting it in.

    Returns (kind, first id, last id, levels) as the kernel does, or None for an event that is not ours.
    Raises Malformed.
    """
    event = event_name(payload)
    try:
        if event == "depthUpdate":
            return _read_depth(_depth.decode(payload), builder, instrument, symbol, ts_recv)
        if event == "trade":
            trade = _trade.decode(payload)
            return _read_trade(trade, builder, instrument, symbol, ts_recv) if trade.X == _ON_BOOK else None
        if event == "aggTrade":
            told = _aggregate.decode(payload)
            trade = Trade(told.E, told.s, told.a, told.p, told.q, told.T, told.m)
            return _read_trade(trade, builder, instrument, symbol, ts_recv)
        if event is None or event == "bookTicker":
            return _read_top(_top.decode(payload), builder, instrument, symbol, ts_recv)
    except (*DECODE_ERRORS, NotOnGrid) as error:
        what = event or "bookTicker"
        off_tick = error.text if isinstance(error, OffTick) else None
        reason = f"{what} of {instrument.symbol}: {why(error)}"
        raise Malformed(reason, symbol, event == "depthUpdate", off_tick) from None
    return None


def read_snapshot(
    body: bytes, builder: BatchBuilder, instrument: Instrument, symbol: int, ts_recv: int
) -> tuple[Kind, int, int, int]:
    """The same for the body of a depth reply. Raises Malformed."""
    try:
        book = _book.decode(body)
        _in_range(book.lastUpdateId, INT64_MAX, "lastUpdateId")
        count = _write(
            builder,
            Kind.SNAPSHOT,
            ts_recv,
            instrument,
            symbol,
            book.bids,
            book.asks,
            last_id=book.lastUpdateId,
        )
    except (*DECODE_ERRORS, NotOnGrid) as error:
        off_tick = error.text if isinstance(error, OffTick) else None
        reason = f"depth snapshot of {instrument.symbol}: {why(error)}"
        raise Malformed(reason, symbol, True, off_tick) from None
    return Kind.SNAPSHOT, book.lastUpdateId, book.lastUpdateId, count


def _in_range(value: int, limit: int, name: str) -> int:
    if not 0 <= value <= limit:
        raise NotOnGrid(f"{name} is {value}, expected 0 to {limit}")
    return value


def _belongs(found: str, instrument: Instrument) -> None:
    if found != instrument.symbol:
        raise NotOnGrid(f"the stream is {instrument.symbol}'s, the data say {clean(found, 20)!r}")


def _levels(pairs: Pairs, instrument: Instrument) -> list[tuple[int, int]]:
    levels = []
    for price, size in pairs:
        ticks = price_ticks(price, instrument)
        if ticks == 0:
            raise NotOnGrid("a level at a price of zero")
        levels.append((ticks, size_lots(size, instrument)))
    return levels


def _write(
    builder: BatchBuilder,
    kind: Kind,
    ts_recv: int,
    instrument: Instrument,
    symbol: int,
    bids: Pairs,
    asks: Pairs,
    **values: int,
) -> int:
    """A row with levels, behind the builder's last and not counted in. Returns the number of levels."""
    row_count, level_count = builder.row_count, builder.level_count
    builder.add_levels(
        kind, ts_recv, _levels(bids, instrument), _levels(asks, instrument), symbol=symbol, **values
    )
    builder.row_count, builder.level_count = row_count, level_count
    return len(bids) + len(asks)


def _read_depth(
    depth: Depth, builder: BatchBuilder, instrument: Instrument, symbol: int, ts_recv: int
) -> tuple[Kind, int, int, int]:
    _belongs(depth.s, instrument)
    _in_range(depth.E, MAX_EVENT_MS, "E")
    _in_range(depth.u, INT64_MAX, "u")
    first_id = depth.U if depth.pu is None else depth.pu + 1
    _in_range(first_id, depth.u, "U" if depth.pu is None else "pu + 1")
    values = {"ts_event": depth.E * 1_000_000, "first_id": first_id, "last_id": depth.u}
    count = _write(builder, Kind.DELTA, ts_recv, instrument, symbol, depth.b, depth.a, **values)
    return Kind.DELTA, first_id, depth.u, count


def _read_trade(
    trade: Trade, builder: BatchBuilder, instrument: Instrument, symbol: int, ts_recv: int
) -> tuple[Kind, int, int, int]:
    _belongs(trade.s, instrument)
    _in_range(trade.E, MAX_EVENT_MS, "E")
    _in_range(trade.T, MAX_EVENT_MS, "T")
    _in_range(trade.t, INT64_MAX, "t")
    ticks = price_ticks(trade.p, instrument)
    if ticks == 0:
        raise NotOnGrid("a trade at a price of zero")
    builder.add(
        Kind.TRADE,
        ts_recv,
        symbol=symbol,
        ts_event=trade.E * 1_000_000,
        last_id=trade.t,
        price_ticks=ticks,
        size_lots=size_lots(trade.q, instrument),
        side=-1 if trade.m else 1,
    )
    builder.row_count -= 1
    return Kind.TRADE, trade.t, trade.t, 0


def _read_top(
    top: Top, builder: BatchBuilder, instrument: Instrument, symbol: int, ts_recv: int
) -> tuple[Kind, int, int, int]:
    """An empty side comes as a price and a size of zero, and stays so."""
    _belongs(top.s, instrument)
    _in_range(top.u, INT64_MAX, "u")
    builder.add(
        Kind.TOP,
        ts_recv,
        symbol=symbol,
        last_id=top.u,
        price_ticks=price_ticks(top.b, instrument),
        size_lots=size_lots(top.B, instrument),
        ask_ticks=price_ticks(top.a, instrument),
        ask_lots=size_lots(top.A, instrument),
    )
    builder.row_count -= 1
    return Kind.TOP, top.u, top.u, 0
