"""The slow and sure reading of Coinbase's messages, for whatever the kernel does not know byte by byte.

Field order, whitespace, escapes and further fields do not matter here; what is missing, null or out of range
is Malformed, with the reason. `engine.kernels.coinbase_json` must agree with this file on every message that
it accepts.
https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
"""

from __future__ import annotations

import msgspec

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, BatchBuilder
from engine.events import Kind
from engine.feeds.errors import Malformed
from engine.feeds.reading import (
    DECODE_ERRORS,
    OffTick,
    excerpt,
    price_ticks,
    size_lots,
    time_ns,
    why,
)
from engine.instrument import INT64_MAX, Instrument, NotOnGrid
from engine.text import clean

LEVEL2 = "l2_data"  # what the channel `level2` calls itself in its messages
TRADES = "market_trades"
_MAX_SEQUENCE = 10**18 - 1  # as in the kernel
_KINDS = {"snapshot": Kind.SNAPSHOT, "update": Kind.DELTA}
# The side is the maker's: a SELL was resting, so that the aggressor bought. So in the documentation of the
# exchange's own feed (https://docs.cdp.coinbase.com/exchange/websocket-feed/channels#match), and so in a real
# capture, where each SELL is at the best ask and each BUY at the best bid.
_AGGRESSORS = {"SELL": 1, "BUY": -1}


class Envelope(msgspec.Struct):
    """Whatever arrives on the socket. What has no channel is not numbered: an error, or something new."""

    channel: str = ""
    timestamp: str = ""
    sequence_num: int = -1
    events: list[msgspec.Raw] = []
    type: str = ""
    message: str = ""


class Named(msgspec.Struct):
    type: str
    product_id: str


class Level(msgspec.Struct):
    side: str
    event_time: str
    price_level: str
    new_quantity: str


class Levels(msgspec.Struct):
    updates: list[Level]


class Trade(msgspec.Struct):
    product_id: str
    trade_id: str
    price: str
    size: str
    time: str
    side: str = ""


class Trades(msgspec.Struct):
    type: str
    trades: list[Trade]


_envelope = msgspec.json.Decoder(Envelope)
_named = msgspec.json.Decoder(Named)
_levels = msgspec.json.Decoder(Levels)
_trades = msgspec.json.Decoder(Trades)


def read_envelope(data: bytes) -> Envelope:
    """Raises Malformed."""
    try:
        envelope = _envelope.decode(data)
    except DECODE_ERRORS as error:
        raise Malformed(f"expected a JSON object, found {excerpt(data)}: {why(error)}") from None
    if envelope.channel and not 0 <= envelope.sequence_num <= _MAX_SEQUENCE:
        raise Malformed(f"expected a sequence_num from 0 to {_MAX_SEQUENCE}, found {envelope.sequence_num}")
    return envelope


def read_named(event: msgspec.Raw) -> Named:
    """The type and product of a level2 event. Raises Malformed."""
    try:
        return _named.decode(event)
    except DECODE_ERRORS as error:
        raise Malformed(f"{LEVEL2}: {why(error)}") from None


def read_levels(
    event: msgspec.Raw,
    named: Named,
    envelope: Envelope,
    builder: BatchBuilder,
    instrument: Instrument,
    symbol: int,
    ts_recv: int,
) -> tuple[Kind, int]:
    """Write the SNAPSHOT or DELTA of one level2 event behind the builder's last row, without counting it in.

    Returns the row's kind and the number of levels. Raises Malformed.
    """
    sides: dict[str, list[tuple[int, int]]] = {"bid": [], "offer": []}
    latest = 0
    try:
        if named.type not in _KINDS:
            raise NotOnGrid(f"expected a snapshot or an update, found {clean(named.type, 20)!r}")
        kind = _KINDS[named.type]
        for level in _levels.decode(event).updates:
            if level.side not in sides:
                raise NotOnGrid(f"expected a bid or an offer, found {clean(level.side, 20)!r}")
            ticks = price_ticks(level.price_level, instrument)
            if ticks == 0:
                raise NotOnGrid("a level at a price of zero")
            sides[level.side].append((ticks, size_lots(level.new_quantity, instrument)))
            latest = max(latest, time_ns(level.event_time))
        values = {
            "ts_event": latest or time_ns(envelope.timestamp),
            "last_id": envelope.sequence_num,
            "symbol": symbol,
        }
    except (*DECODE_ERRORS, NotOnGrid) as error:
        off_tick = error.text if isinstance(error, OffTick) else None
        raise Malformed(f"{LEVEL2} of {instrument.symbol}: {why(error)}", off_tick=off_tick) from None
    if kind == Kind.SNAPSHOT:
        values["flags"] = BIDS_WHOLE | ASKS_WHOLE
    else:
        values["first_id"] = envelope.sequence_num
    row_count, level_count = builder.row_count, builder.level_count
    builder.add_levels(kind, ts_recv, sides["bid"], sides["offer"], **values)
    count = builder.level_count - level_count
    builder.row_count, builder.level_count = row_count, level_count
    return kind, count


def read_trades(event: msgspec.Raw) -> Trades:
    """The trades of an event in the order of their ids; the venue sends the newest first. Raises Malformed."""
    try:
        trades = _trades.decode(event)
        trades.trades.sort(key=trade_id)
    except (*DECODE_ERRORS, NotOnGrid) as error:
        raise Malformed(f"{TRADES}: {why(error)}") from None
    return trades


def trade_id(trade: Trade) -> int:
    text = trade.trade_id
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or int(text) > INT64_MAX:
        raise NotOnGrid(f"expected a number as trade_id, found {clean(text, 40)!r}")
    return int(text)


def read_trade(
    trade: Trade, builder: BatchBuilder, instrument: Instrument, symbol: int, ts_recv: int
) -> None:
    """Write the row of a trade behind the builder's last, without counting it in. Raises Malformed."""
    try:
        ticks = price_ticks(trade.price, instrument)
        if ticks == 0:
            raise NotOnGrid("a trade at a price of zero")
        lots, ts_event = size_lots(trade.size, instrument), time_ns(trade.time)
    except NotOnGrid as error:
        off_tick = error.text if isinstance(error, OffTick) else None
        raise Malformed(f"{TRADES} of {instrument.symbol}: {why(error)}", off_tick=off_tick) from None
    builder.add(
        Kind.TRADE,
        ts_recv,
        symbol=symbol,
        ts_event=ts_event,
        last_id=trade_id(trade),
        price_ticks=ticks,
        size_lots=lots,
        side=_AGGRESSORS.get(trade.side, 0),  # 0: in an auction nobody is the aggressor
    )
    builder.row_count -= 1
