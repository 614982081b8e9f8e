"""Kraken (WebSocket v2) as the fake exchange speaks it: books cut to the depth that was subscribed, each message
with the checksum of the venue's own book, and trades. By hand, with no network at all:

    python -m engine.feeds.fake_kraken --port 9001

and then a terminal with `rest=http://127.0.0.1:9001` and `ws=ws://127.0.0.1:9001` as Kraken's endpoints.
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from engine.feeds.fake_book import PlainBook, to_digits
from engine.feeds.fake_dialect import Act, Dialect, Heard, Talk
from engine.feeds.fake_rest import DEPTH as DEPTH_REQUEST
from engine.feeds.fake_rest import LISTING, NOTHING, TIME, Answer, Query, blocked, compact
from engine.feeds.fake_wire import DEPTH, TRADE, Level, Listing, Wire

CHANNELS = {"book": DEPTH, "trade": TRADE}
DEPTHS = (10, 25, 100, 500, 1000)
HEARTBEAT_S = 1.0  # of silence, once something is subscribed
REST_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
ROOT = "/0/public/"
STATUSES = {"TRADING": "online", "HALT": "maintenance"}
PATHS = {"AssetPairs": LISTING, "Depth": DEPTH_REQUEST, "Time": TIME}


class Digits(NamedTuple):
    """How many digits a symbol's prices and sizes have behind the point."""

    price: int
    size: int


class Side:
    """One side of a client's book, as far as it is told: the best `depth` levels."""

    def __init__(self, levels: Mapping[int, int], depth: int, best_is_most: bool) -> None:
        self._sizes = dict(levels)
        self._depth = depth
        self._sign = -1 if best_is_most else 1
        self._order = sorted(self._sign * price for price in levels)  # the best first

    @property
    def told(self) -> dict[int, int]:
        """All that is told, the best first."""
        return dict(self.best(self._depth))

    def best(self, count: int) -> list[Level]:
        """The best levels, of those that are told."""
        prices = (self._sign * at for at in self._order[: min(count, self._depth)])
        return [(price, self._sizes[price]) for price in prices]

    def change(self, levels: Sequence[Level]) -> list[Level]:
        """What has to be said: sizes in sight, and ends of levels that are no more. Those pushed out are not."""
        before, edge_before = {price: self._sizes.get(price, 0) for price, _ in levels}, self._edge()
        for price, size in levels:
            self._set(price, size)
        edge = self._edge()
        said: dict[int, int] = {}
        for price, size in levels:
            was_seen = self._sign * price <= edge_before
            if size and self._sign * price <= edge and not (was_seen and before[price] == size):
                said[price] = size
            elif not size and before[price] and was_seen:
                said[price] = 0
        for at in self._order[bisect_right(self._order, edge_before) : self._depth]:  # came into sight
            said[self._sign * at] = self._sizes[self._sign * at]
        return list(said.items())

    def _edge(self) -> float:
        """Where sight ends."""
        return self._order[self._depth - 1] if len(self._order) >= self._depth else inf

    def _set(self, price: int, size: int) -> None:
        if size and price not in self._sizes:
            insort(self._order, self._sign * price)
        if size:
            self._sizes[price] = size
        elif self._sizes.pop(price, 0):
            self._order.pop(bisect_left(self._order, self._sign * price))


class Sight:
    """What one client knows of one book."""

    def __init__(self, book: PlainBook, depth: int) -> None:
        self.bids = Side(book.bids, depth, best_is_most=True)
        self.asks = Side(book.asks, depth, best_is_most=False)


class KrakenTalk(Talk):
    def __init__(self, digits: Mapping[str, Digits]) -> None:
        self._digits = digits
        self._depths: dict[str, int] = {}  # of the books that are subscribed
        self._trades: set[str] = set()
        self._sights: dict[str, Sight] = {}  # of those whose snapshot was sent
        self._spoke_s = 0.0
        self._spoken = False

    @property
    def listens(self) -> bool:
        return bool(self._depths or self._trades)

    def greet(self, now_us: int) -> Sequence[Act]:
        return [system("online")]

    def hear(self, message: str | bytes, now_s: float) -> Heard:
        try:
            request = json.loads(message)
            method, params = request["method"], request.get("params", {})
            number = {"req_id": int(request["req_id"])} if "req_id" in request else {}
            if method == "ping":
                return Heard([compact({"method": "pong", **number})])
            channel, symbols = CHANNELS[params["channel"]], [str(s) for s in params["symbol"]]
            depth = int(params.get("depth", DEPTHS[0]))
            if method not in ("subscribe", "unsubscribe") or depth not in DEPTHS:
                raise ValueError(method)
        except (ValueError, KeyError, TypeError, AttributeError):
            return Heard([b'{"error":"Malformed request","success":false}'])
        joins = method == "subscribe"
        answers: list[Act] = []
        taken = []
        for symbol in symbols:
            said = {"method": method, **number}
            trouble = self._trouble(joins, channel, symbol)
            if trouble:
                answers.append(compact(said | {"error": trouble, "success": False, "symbol": symbol}))
                continue
            taken.append(symbol)
            self._change(joins, channel, symbol, depth)
            result = {"channel": params["channel"], "symbol": symbol}
            answers.append(compact(said | {"result": result, "success": True}))
        subscribed = [(symbol, channel) for symbol in taken] if joins else []
        snapshots = taken if joins and channel == DEPTH and params.get("snapshot", True) else []
        return Heard(answers, subscribed, snapshots)

    def _trouble(self, joins: bool, channel: str, symbol: str) -> str:
        if symbol not in self._digits:
            return f"Currency pair not supported {symbol}"
        is_there = symbol in (self._depths if channel == DEPTH else self._trades)
        if joins:
            return "Already subscribed" if is_there else ""
        return "" if is_there else "Subscription Not Found"

    def _change(self, joins: bool, channel: str, symbol: str, depth: int) -> None:
        if channel == TRADE:
            (self._trades.add if joins else self._trades.discard)(symbol)
        elif joins:
            self._depths[symbol] = depth
        else:
            del self._depths[symbol]
            self._sights.pop(symbol, None)

    def wants(self, wire: Wire) -> bool:
        return wire.symbol in (self._sights if wire.channel == DEPTH else self._trades) and wire.channel in (
            DEPTH,
            TRADE,
        )

    def snapshot(self, symbol: str, book: PlainBook, at_us: int) -> bytes:
        self._spoken = True
        sight = self._sights[symbol] = Sight(book, self._depths.get(symbol, DEPTHS[0]))
        bids, asks = list(sight.bids.told.items()), list(sight.asks.told.items())
        return self._book("snapshot", symbol, bids, asks, at_us)

    def frame(self, wire: Wire, words: bytes) -> bytes | None:
        self._spoken = True
        if wire.channel == TRADE:
            return words
        sight = self._sights[wire.symbol]
        bids, asks = sight.bids.change(wire.bids), sight.asks.change(wire.asks)
        if not bids and not asks and not wire.untrue:
            return None
        return self._book("update", wire.symbol, [*wire.untrue, *bids], asks, wire.at_us)

    def _book(
        self, kind: str, symbol: str, bids: Sequence[Level], asks: Sequence[Level], at_us: int
    ) -> bytes:
        """The checksum is of the book that this client should have."""
        digits, sight = self._digits[symbol], self._sights[symbol]
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}"'
            f',"bids":[{levels_text(bids, digits)}],"asks":[{levels_text(asks, digits)}]'
            f',"checksum":{checksum(sight, digits)},"timestamp":"{time_text(at_us)}"}}]}}'
        ).encode()

    def beat(self, now_s: float, now_us: int) -> Sequence[Act]:
        if self._spoken or not self.listens:
            self._spoken, self._spoke_s = False, now_s
        elif now_s - self._spoke_s >= HEARTBEAT_S:
            self._spoke_s = now_s
            return [b'{"channel":"heartbeat"}']
        return ()


class KrakenDialect(Dialect):
    name = "kraken"
    title = "Kraken"
    proves_levels = 10
    null_fields = rb"price|qty|trade_id"

    def spell(self, base: str) -> str:
        return f"{base}/USD"

    def opens(self, path: str) -> bool:
        return path == "/v2"

    def talk(self, target: str, listings: Mapping[str, Listing]) -> Talk:
        return KrakenTalk({name: digits_of(listing) for name, listing in listings.items()})

    def word(self, wire: Wire) -> bytes:
        """A trade. A book's message is each client's own, as deep as it asked for."""
        if wire.deal is None:
            return b""
        deal = wire.deal
        return (
            f'{{"channel":"trade","type":"update","data":[{{"symbol":"{wire.symbol}"'
            f',"side":"{"buy" if deal.bought else "sell"}","price":{to_digits(deal.price, 8)}'
            f',"qty":{to_digits(deal.size, 8)},"ord_type":"market","trade_id":{deal.trade_id}'
            f',"timestamp":"{time_text(wire.at_us)}"}}]}}'
        ).encode()

    def read(self, target: str) -> Query:
        parts = urlsplit(target)
        values = {name: value[-1] for name, value in parse_qs(parts.query).items()}
        about = PATHS.get(parts.path.removeprefix(ROOT), NOTHING) if parts.path.startswith(ROOT) else NOTHING
        return Query(about, [key for key in values.get("pair", "").split(",") if key])

    def answer(
        self, query: Query, listings: Mapping[str, Listing], book: PlainBook | None, now_us: int
    ) -> Answer:
        """Errors are said with a status of 200."""
        if query.about == TIME:
            return Answer(200, compact({"error": [], "result": {"unixtime": now_us // 10**6}}))
        if query.about != LISTING:
            return blocked(404, None)
        pairs = {rest_name(listing): pair_of(listing) for listing in listings.values()}
        if any(key not in pairs for key in query.symbols):
            return Answer(200, compact({"error": ["EQuery:Unknown asset pair"]}))
        return Answer(
            200, compact({"error": [], "result": {key: pairs[key] for key in query.symbols or pairs}})
        )


def rest_name(listing: Listing) -> str:
    return "".join(REST_NAMES.get(name, name) for name in (listing.base, listing.quote))


def pair_of(listing: Listing) -> dict[str, object]:
    digits = digits_of(listing)
    return {
        "altname": rest_name(listing),
        "wsname": "/".join(REST_NAMES.get(name, name) for name in (listing.base, listing.quote)),
        "aclass_base": "currency",
        "base": listing.base,
        "aclass_quote": "currency",
        "quote": listing.quote,
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": digits.price,
        "lot_decimals": digits.size,
        "lot_multiplier": 1,
        "ordermin": listing.lot_size,
        "tick_size": listing.tick_size,
        "status": STATUSES.get(listing.status, listing.status.lower()),
    }


def digits_of(listing: Listing) -> Digits:
    """Sizes have eight whatever the lot: Kraken's `lot_decimals` are 8 nearly everywhere."""
    return Digits(len(listing.tick_size.partition(".")[2].rstrip("0")), 8)


def levels_text(levels: Sequence[Level], digits: Digits) -> str:
    return ",".join(
        f'{{"price":{to_digits(price, digits.price)},"qty":{to_digits(size, digits.size)}}}'
        for price, size in levels
    )


def checksum(sight: Sight, digits: Digits) -> int:
    """By the text of the levels, as the venue's documents describe it."""
    asks, bids = sight.asks.best(10), sight.bids.best(10)
    parts = [
        to_digits(number, places).replace(".", "").lstrip("0")
        for level in asks + bids
        for number, places in zip(level, digits, strict=True)
    ]
    return zlib.crc32("".join(parts).encode())


def time_text(at_us: int) -> str:
    return (
        datetime.fromtimestamp(at_us // 10**6, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at_us % 10**6:06d}Z"
    )


def system(status: str) -> bytes:
    data = {"api_version": "v2", "connection_id": 13834774380200032777, "system": status, "version": "2.0.0"}
    return compact({"channel": "status", "type": "update", "data": [data]})


if __name__ == "__main__":
    from engine.feeds.fake_serve import main

    main(KrakenDialect())
