"""Coinbase Advanced Trade as the fake exchange speaks it: one numbering over all channels of a connection, whole
books in the stream, heartbeats, and the end of whoever subscribes to nothing for five seconds. By hand:

    python -m engine.feeds.fake_coinbase --port 9001
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from engine.feeds.fake_book import PlainBook, to_short
from engine.feeds.fake_dialect import CLOSE, Act, Dialect, Heard, Pace, Talk, all_bids
from engine.feeds.fake_rest import LISTING, NOTHING, TIME, Answer, Query, blocked, compact
from engine.feeds.fake_serve import main
from engine.feeds.fake_wire import DEPTH, TRADE, Level, Listing, Wire

PATIENCE_S = 5.0  # with a client that subscribes to nothing
HEARTBEAT_S = 1.0
ROOT = "/api/v3/brokerage/"
PAST_TRADES = 100  # told to whoever subscribes
SENT_AFTER_US = 17_000  # from an event to the message of it, as in a capture
CHANNELS = {"level2": DEPTH, "market_trades": TRADE}
# What a listing's status is to Coinbase; others are said by `status` itself.
FLAGS = {
    "HALT": "trading_disabled", "BREAK": "trading_disabled", "AUCTION_MODE": "auction_mode",
    "CANCEL_ONLY": "cancel_only", "POST_ONLY": "post_only", "LIMIT_ONLY": "limit_only",
}  # fmt: skip

PastTrades = Callable[[str], Sequence[bytes]]


class CoinbaseTalk(Talk):
    """`past_trades` are those of a product, the newest first."""

    def __init__(self, products: Mapping[str, Listing], past_trades: PastTrades) -> None:
        self._products = products
        self._past_trades = past_trades
        self._subscribed: dict[str, list[str]] = {}  # products by channel, as it is answered
        self._open: set[str] = set()  # products whose level2 snapshot has gone out
        self._sequence = 0
        self._pace = Pace(8)
        self._since_s: float | None = None  # when it came
        self._next_beat_s = 0.0
        self._last_us = 0  # the venue's clock at the last beat
        self._beats = 40_000

    @property
    def listens(self) -> bool:
        return bool(self._subscribed)

    def hear(self, message: str | bytes, now_s: float) -> Heard:
        if self._pace.too_fast(now_s):
            return Heard((CLOSE,))
        try:
            request = json.loads(message)
            verb, channel = request["type"], request["channel"]
            products = [str(name) for name in request.get("product_ids", [])]
        except (ValueError, KeyError, TypeError, AttributeError):
            return Heard((b'{"type":"error","message":"failed to parse message"}',))
        if verb not in ("subscribe", "unsubscribe"):
            return Heard((b'{"type":"error","message":"unknown message type"}',))
        if verb == "unsubscribe":
            self._leave(channel, products)
            return Heard((self._answer(),))
        self._subscribed.setdefault(channel, []).extend(
            name for name in products or ["heartbeats"] if name not in self._subscribed[channel]
        )
        known = [name for name in products if name in self._products and channel in CHANNELS]
        past = [self._past(name) for name in known] if channel == "market_trades" else []
        subscribed = [(name, CHANNELS[channel]) for name in known]
        return Heard((*past, self._answer()), subscribed, known if channel == "level2" else ())

    def _leave(self, channel: str, products: Sequence[str]) -> None:
        """Without products the whole channel is left."""
        left = self._subscribed.get(channel, [])
        gone = products or list(left)
        self._subscribed[channel] = [name for name in left if name not in gone]
        if not self._subscribed[channel]:
            del self._subscribed[channel]
        if channel == "level2":
            self._open.difference_update(gone)

    def _answer(self) -> bytes:
        told = {channel: self._subscribed[channel] for channel in sorted(self._subscribed)}
        return self._numbered("subscriptions", self._last_us, b'[{"subscriptions":%s}]' % compact(told))

    def _past(self, product: str) -> bytes:
        trades = b",".join(self._past_trades(product))
        return self._numbered("market_trades", self._last_us, b'[{"type":"snapshot","trades":[%s]}]' % trades)

    def _numbered(self, channel: str, at_us: int, events: bytes) -> bytes:
        sequence, self._sequence = self._sequence, self._sequence + 1
        head = b'{"channel":"%s","timestamp":"%s","sequence_num":%d,"events":%s}'
        return head % (channel.encode(), iso(at_us + SENT_AFTER_US, 9).encode(), sequence, events)

    def wants(self, wire: Wire) -> bool:
        if wire.channel == DEPTH:
            return wire.symbol in self._open
        return wire.channel == TRADE and wire.symbol in self._subscribed.get("market_trades", ())

    def frame(self, wire: Wire, words: bytes) -> bytes:
        if wire.channel == TRADE:
            return self._numbered("market_trades", wire.at_us, b'[{"type":"update","trades":[%s]}]' % words)
        return self._levels("update", wire.symbol, wire.at_us, words)

    def _levels(self, kind: str, product: str, at_us: int, updates: bytes) -> bytes:
        event = b'[{"type":"%s","product_id":"%s","updates":[%s]}]' % (
            kind.encode(),
            product.encode(),
            updates,
        )
        return self._numbered("l2_data", at_us, event)

    def snapshot(self, symbol: str, book: PlainBook, at_us: int) -> bytes:
        if symbol in self._subscribed.get("level2", ()):
            self._open.add(symbol)
        updates = levels_text(book.sorted_bids(), book.sorted_asks(), at_us)
        return self._levels("snapshot", symbol, at_us, updates)

    def greet(self, now_us: int) -> Sequence[Act]:
        self._last_us = now_us
        return ()

    def beat(self, now_s: float, now_us: int) -> Sequence[Act]:
        self._last_us = now_us
        self._since_s = now_s if self._since_s is None else self._since_s
        if not self._subscribed and now_s - self._since_s > PATIENCE_S:
            return (CLOSE,)
        if "heartbeats" not in self._subscribed or now_s < self._next_beat_s:
            return ()
        self._next_beat_s = now_s + HEARTBEAT_S
        self._beats += 1
        text = f"{iso(now_us, 9).replace('T', ' ').removesuffix('Z')} +0000 UTC m=+{self._beats}.260485341"
        event = {"current_time": text, "heartbeat_counter": self._beats}
        return (self._numbered("heartbeats", now_us, compact([event])),)

    def unknown(self) -> bytes:
        """Without a number, since it comes before a message that has its number already."""
        return b'{"type":"weather","sky":[null,{"deep":[[]]}]}'


class CoinbaseDialect(Dialect):
    name = "coinbase"
    title = "Coinbase Advanced Trade"
    text_field = b'"product_id":"'

    def __init__(self) -> None:
        self._trades: dict[str, deque[bytes]] = {}

    def spell(self, base: str) -> str:
        return f"{base}-USD"

    def opens(self, path: str) -> bool:
        return path in ("", "/")

    def talk(self, target: str, listings: Mapping[str, Listing]) -> Talk:
        return CoinbaseTalk(listings, lambda product: self._trades.get(product, ()))

    def word(self, wire: Wire) -> bytes:
        if wire.recorded is not None:
            return wire.recorded
        if wire.channel != TRADE:
            return levels_text(all_bids(wire), wire.asks, wire.at_us)
        words = _trade_text(wire)
        self._trades.setdefault(wire.symbol, deque(maxlen=PAST_TRADES)).appendleft(words)
        return words

    def read(self, target: str) -> Query:
        parts = urlsplit(target)
        if parts.path == f"{ROOT}market/products":
            return Query(LISTING, parse_qs(parts.query).get("product_ids", []))
        return Query(TIME if parts.path == f"{ROOT}time" else NOTHING)

    def answer(
        self, query: Query, listings: Mapping[str, Listing], book: PlainBook | None, now_us: int
    ) -> Answer:
        if query.about == TIME:
            told = {
                "iso": iso(now_us, 3),
                "epochSeconds": str(now_us // 10**6),
                "epochMillis": str(now_us // 1000),
            }
            return Answer(200, compact(told))
        if query.about != LISTING:
            return blocked(404, None)
        names = query.symbols or list(listings)
        products = [_product(listings[name]) for name in names if name in listings]
        return Answer(200, compact({"products": products, "num_products": len(products)}))


def iso(at_us: int, digits: int) -> str:
    """µs since 1970 as UTC text with so many digits of a second."""
    text = datetime.fromtimestamp(at_us // 10**6, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{at_us % 10**6 * 1000:09d}"[: digits - 9 or None] + "Z"


def levels_text(bids: Sequence[Level], asks: Sequence[Level], at_us: int) -> bytes:
    at = iso(at_us, 6)
    return ",".join(
        f'{{"side":"{side}","event_time":"{at}","price_level":"{to_short(price)}","new_quantity":"{to_short(size)}"}}'
        for side, levels in (("bid", bids), ("offer", asks))
        for price, size in levels
    ).encode()


def _trade_text(wire: Wire) -> bytes:
    """The side is the maker's."""
    assert wire.deal is not None  # noqa: S101 - it is what a TRADE wire carries
    deal = wire.deal
    return compact(
        {
            "product_id": wire.symbol,
            "trade_id": str(deal.trade_id),
            "price": to_short(deal.price),
            "size": to_short(deal.size),
            "time": iso(wire.at_us, 6),
            "side": "SELL" if deal.bought else "BUY",
        }
    )


def _product(listing: Listing) -> dict[str, object]:
    flag = FLAGS.get(listing.status)
    online = flag is not None or listing.status == "TRADING"
    product: dict[str, object] = {
        "product_id": listing.symbol,
        "base_increment": listing.lot_size,
        "quote_increment": listing.tick_size,
        "price_increment": listing.tick_size,
        "base_name": listing.base,
        "is_disabled": False,
        "status": "online" if online else listing.status.lower(),
        "product_type": "SPOT",
        "quote_currency_id": listing.quote,
        "base_currency_id": listing.base,
        "alias": "",
        "product_venue": "CBE",
    }
    return product | {name: name == flag for name in sorted(set(FLAGS.values()))}


if __name__ == "__main__":
    main(CoinbaseDialect())
