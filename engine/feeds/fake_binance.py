"""Binance spot as the fake exchange speaks it: real key order, eight decimals, request weight, five messages a
second. By hand, with no network at all:

    python -m engine.feeds.fake_binance --port 9001

and then a terminal with `rest=http://127.0.0.1:9001` and `ws=ws://127.0.0.1:9001` as Binance's endpoints.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from engine.feeds import fake_faults as ff
from engine.feeds.fake_book import PlainBook, to_text
from engine.feeds.fake_dialect import CLOSE, Act, Dialect, Heard, Pace, Talk, all_bids
from engine.feeds.fake_rest import DEPTH as DEPTH_REQUEST
from engine.feeds.fake_rest import LISTING, NOTHING, PING, TIME, Answer, Query, blocked, compact
from engine.feeds.fake_server import FakeServer
from engine.feeds.fake_wire import DEPTH, TOP, TRADE, Level, Listing, Market, Wire

WEIGHT_LIMIT = 6000  # a minute and address, as Binance's own exchangeInfo says
DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
SUFFIXES = {DEPTH: "depth@100ms", TOP: "bookTicker", TRADE: "trade"}


class BinanceTalk(Talk):
    """A connection to /ws, /ws/STREAM or /stream?streams=…; the last wraps what it says."""

    def __init__(self, target: str, suffixes: Mapping[str, str], messages_a_second: int) -> None:
        parts = urlsplit(target)
        rest = parts.path.partition("/ws/")[2]
        self._combined = parts.path.endswith("/stream")
        named = parse_qs(parts.query).get("streams", [""])[0] if self._combined else rest
        self._suffixes = suffixes
        self._channels = {suffix: channel for channel, suffix in suffixes.items()}
        self._pace = Pace(messages_a_second)
        self._streams: set[tuple[str, str]] = set(self._known(named.split("/")))

    @property
    def listens(self) -> bool:
        return bool(self._streams)

    def hear(self, message: str | bytes, now_s: float) -> Heard:
        if self._pace.too_fast(now_s):
            return Heard((CLOSE,))
        try:
            request = json.loads(message)
            method, number = request["method"], request.get("id")
            streams = self._known(request.get("params", []))
        except (ValueError, KeyError, TypeError, AttributeError):
            return Heard((b'{"error":{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}}',))
        if method == "SUBSCRIBE":
            self._streams.update(streams)
        elif method == "UNSUBSCRIBE":
            self._streams.difference_update(streams)
        else:
            unknown = b'{"error":{"code":2,"msg":"Invalid request: unknown variant"},"id":%d}'
            return Heard((unknown % (number or 0),))
        taken: Act = b'{"result":null,"id":%s}' % json.dumps(number).encode()
        return Heard((taken,), streams if method == "SUBSCRIBE" else ())

    def _known(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """Streams by symbol and channel. Others are taken and say nothing."""
        parts = (name.partition("@") for name in names)
        return [(symbol.upper(), self._channels[kind]) for symbol, _, kind in parts if kind in self._channels]

    def wants(self, wire: Wire) -> bool:
        return wire.stream in self._streams

    def frame(self, wire: Wire, words: bytes) -> bytes:
        if not self._combined:
            return words
        return b'{"stream":"%s@%s","data":%s}' % (
            wire.symbol.lower().encode(),
            self._suffixes[wire.channel].encode(),
            words,
        )

    def unknown(self) -> bytes:
        return self._wrapped(b"btcusdt@weather", b'{"e":"weather","E":1,"sky":[null,{"deep":[[]]}]}')

    def shutdown(self, now_us: int) -> bytes:
        return self._wrapped(b"!serverShutdown", b'{"e":"serverShutdown","E":%d}' % (now_us // 1000))

    def _wrapped(self, stream: bytes, event: bytes) -> bytes:
        return b'{"stream":"%s","data":%s}' % (stream, event) if self._combined else event


class BinanceDialect(Dialect):
    name = "binance"
    title = "Binance"
    quote = "USDT"
    snapshots_in_stream = False
    tells_ids = True
    null_fields = rb"[uUbapqtT]"
    text_field = b'"s":"'
    rest_root = "/api/v3/"
    weight_limit = WEIGHT_LIMIT
    most_levels = 5000

    def __init__(self) -> None:
        self._minute = -1
        self._used = 0

    def spell(self, base: str) -> str:
        return f"{base}USDT"

    def opens(self, path: str) -> bool:
        return path in ("/ws", "/stream") or path.startswith("/ws/")

    def talk(self, target: str, listings: Mapping[str, Listing]) -> Talk:
        return BinanceTalk(target, SUFFIXES, 5)

    def word(self, wire: Wire) -> bytes:
        if wire.recorded is not None:
            return wire.recorded
        text = self._deal(wire) if wire.channel == TRADE else self._book(wire)
        return text.encode()

    def _book(self, wire: Wire) -> str:
        if wire.channel == TOP:
            ((bid, bid_size),), ((ask, ask_size),) = wire.bids, wire.asks
            return (
                f'{{"u":{wire.last_id},"s":"{wire.symbol}","b":"{to_text(bid)}","B":"{to_text(bid_size)}"'
                f',"a":"{to_text(ask)}","A":"{to_text(ask_size)}"}}'
            )
        return (
            f'{{"e":"depthUpdate","E":{wire.at_us // 1000},"s":"{wire.symbol}","U":{wire.first_id}'
            f',"u":{wire.last_id},"b":[{levels_text(all_bids(wire))}],"a":[{levels_text(wire.asks)}]}}'
        )

    def _deal(self, wire: Wire) -> str:
        assert wire.deal is not None  # noqa: S101 - it is what a TRADE wire carries
        deal, ms = wire.deal, wire.at_us // 1000
        return (
            f'{{"e":"trade","E":{ms},"s":"{wire.symbol}","t":{deal.trade_id},"p":"{to_text(deal.price)}"'
            f',"q":"{to_text(deal.size)}","T":{ms},"m":{"false" if deal.bought else "true"},"M":true}}'
        )

    # REST

    def read(self, target: str) -> Query:
        parts = urlsplit(target)
        values = {name: value[-1] for name, value in parse_qs(parts.query).items()}
        symbols = json.loads(values["symbols"]) if "symbols" in values else [values.get("symbol", "")]
        known = {"depth": DEPTH_REQUEST, "exchangeInfo": LISTING, "time": TIME, "ping": PING}
        root, _, last = parts.path.rpartition("/")
        about = known.get(last, NOTHING) if f"{root}/" == self.rest_root else NOTHING
        limit = min(self.most_levels, int(values.get("limit", "100")))
        return Query(about, [str(s) for s in symbols if s], limit, self._weight(about, limit))

    def _weight(self, about: str, limit: int) -> int:
        if about == DEPTH_REQUEST:
            return next(weight for up_to, weight in DEPTH_WEIGHTS if limit <= up_to)
        return 20 if about == LISTING else 1

    def spend(self, query: Query, now_s: float) -> int | None:
        if int(now_s // 60) != self._minute:
            self._minute, self._used = int(now_s // 60), 0
        self._used += query.weight
        return int(60 - now_s % 60) + 1 if self._used > self.weight_limit else None

    def headers(self) -> Mapping[str, str]:
        return {"X-MBX-USED-WEIGHT-1M": str(self._used)}

    def answer(
        self, query: Query, listings: Mapping[str, Listing], book: PlainBook | None, now_us: int
    ) -> Answer:
        if query.about == PING:
            return Answer(200, b"{}")
        if query.about == TIME:
            return Answer(200, b'{"serverTime":%d}' % (now_us // 1000))
        if query.about == LISTING:
            return self._info(query, listings, now_us // 1000)
        if query.about == NOTHING:
            return blocked(404, None)
        if book is None:
            return Answer(400, error(-1121, "Invalid symbol."))
        return Answer(200, self.depth(book, query.limit, now_us // 1000))

    def depth(self, book: PlainBook, limit: int, now_ms: int) -> bytes:
        bids, asks = levels_text(book.sorted_bids(limit)), levels_text(book.sorted_asks(limit))
        return f'{{"lastUpdateId":{book.update_id},"bids":[{bids}],"asks":[{asks}]}}'.encode()

    def unreadable(self) -> Answer:
        return Answer(400, error(-1100, "Illegal characters found in a parameter."))

    def refusal(self, status: int, retry_after_s: int | None) -> Answer:
        answer = blocked(status, retry_after_s)
        limit = f"current limit is {self.weight_limit} request weight per 1 MINUTE."
        said = {
            429: (-1003, f"Too much request weight used; {limit}"),
            418: (-1003, "Way too much request weight used; IP banned until further notice."),
            451: (0, "Service unavailable from a restricted location according to 'b. Eligibility'."),
        }
        if status in said:
            answer.body = error(*said[status])
        return answer

    def _info(self, query: Query, listings: Mapping[str, Listing], now_ms: int) -> Answer:
        """All symbols, or those asked for; one unknown symbol refuses the whole request, as Binance does."""
        if any(symbol not in listings for symbol in query.symbols):
            return Answer(400, error(-1121, "Invalid symbol."))
        weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
        raw = {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000}
        body = {
            "timezone": "UTC",
            "serverTime": now_ms,
            "rateLimits": [weight | {"limit": self.weight_limit}, raw],
            "exchangeFilters": [],
            "symbols": [self.symbol_info(listings[name]) for name in query.symbols or listings],
        }
        return Answer(200, compact(body))

    def symbol_info(self, listing: Listing) -> dict[str, object]:
        tick, lot = padded(listing.tick_size), padded(listing.lot_size)
        price = {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000"}
        market = {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "60.00000000"}
        least = {"filterType": "NOTIONAL", "minNotional": "5.00000000"}
        return {
            "symbol": listing.symbol,
            "status": listing.status,
            "baseAsset": listing.base,
            "baseAssetPrecision": 8,
            "quoteAsset": listing.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                price | {"tickSize": tick},
                {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000.00000000", "stepSize": lot},
                {"filterType": "ICEBERG_PARTS", "limit": 10},
                market | {"stepSize": "0.00000000"},
                least | {"applyMinToMarket": True, "avgPriceMins": 5},
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
        }


def levels_text(levels: Sequence[Level]) -> str:
    return ",".join(f'["{to_text(price)}","{to_text(size)}"]' for price, size in levels)


def padded(text: str) -> str:
    """With eight digits behind the point."""
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.ljust(8, '0')}"


def error(code: int, message: str) -> bytes:
    return compact({"code": code, "msg": message})


class FakeBinance(FakeServer):
    """A fake Binance spot exchange on loopback."""

    def __init__(
        self,
        symbols: Sequence[str] = ("BTCUSDT",),
        seed: int = 1,
        market: Market | None = None,
        faults: ff.Faults | None = None,
        rate: float = 1.0,
        port: int = 0,
        ping_interval_s: float = 20.0,
        venue_ms: Callable[[], int] = lambda: time.time_ns() // 10**6,
    ) -> None:
        dialect = BinanceDialect()
        super().__init__(dialect, symbols, seed, market, faults, rate, port, ping_interval_s, venue_ms)


if __name__ == "__main__":
    from engine.feeds.fake_serve import main

    main(BinanceDialect())
