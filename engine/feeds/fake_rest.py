"""The fake exchange's REST answers: exchangeInfo, depth, ping and time, with weights, limits and error codes.

Pure: a path and a query go in, an `Answer` comes out. What a fault makes of it is the server's business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from engine.feeds.fake_wire import Listing

WEIGHT_LIMIT = 6000  # a minute and address, as Binance's own exchangeInfo says
DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
WEB_PAGE = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please sign in.</body></html>"


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=UTF-8"

    @property
    def reason(self) -> str:
        # 418 is what Binance sends to a banned address; 403 comes from its firewall.
        return HTTPStatus(self.status).phrase

    def head(self) -> list[tuple[str, str]]:
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            ("Connection", "close"),
            *self.headers.items(),
        ]

    def serialize(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {self.reason}", *(f"{k}: {v}" for k, v in self.head()), "", ""]
        return "\r\n".join(lines).encode() + self.body


@dataclass
class Query:
    """A REST request, read. `path` is the last part of it: "depth", "exchangeInfo", "ping", "time"."""

    path: str
    symbols: list[str]
    limit: int = 100

    @classmethod
    def parse(cls, target: str) -> Query:
        """Raises ValueError where a parameter cannot be read."""
        parts = urlsplit(target)
        values = {name: value[-1] for name, value in parse_qs(parts.query).items()}
        symbols = json.loads(values["symbols"]) if "symbols" in values else [values.get("symbol", "")]
        path = parts.path.removeprefix("/api/v3/") if parts.path.startswith("/api/v3/") else ""
        return cls(path, [str(s) for s in symbols if s], min(5000, int(values.get("limit", "100"))))

    @property
    def weight(self) -> int:
        if self.path == "depth":
            return next(weight for limit, weight in DEPTH_WEIGHTS if self.limit <= limit)
        return 20 if self.path == "exchangeInfo" else 1


class Weights:
    """Weight used in the running minute."""

    def __init__(self) -> None:
        self._minute = -1
        self.used = 0

    def spend(self, weight: int, now_s: float) -> int | None:
        """Adds up; None while the budget holds, else the seconds until the next minute."""
        if int(now_s // 60) != self._minute:
            self._minute, self.used = int(now_s // 60), 0
        self.used += weight
        return int(60 - now_s % 60) + 1 if self.used > WEIGHT_LIMIT else None


def refusal(status: int, retry_after_s: int | None) -> Answer:
    """What Binance says with this status, as far as it is known."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    said = {
        429: (-1003, "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."),
        418: (-1003, "Way too much request weight used; IP banned until further notice."),
        451: (0, "Service unavailable from a restricted location according to 'b. Eligibility'."),
    }
    if status in said:
        return Answer(status, error(*said[status]), headers)
    if status == 403:
        return Answer(
            status, b"<html><body><h1>403 ERROR</h1>Request blocked.</body></html>", headers, "text/html"
        )
    return Answer(status, b"", headers)


def error(code: int, message: str) -> bytes:
    return json.dumps({"code": code, "msg": message}, separators=(",", ":")).encode()


def exchange_info(query: Query, listings: Mapping[str, Listing], now_ms: int) -> Answer:
    """All symbols, or those asked for; one unknown symbol refuses the whole request, as Binance does."""
    if any(symbol not in listings for symbol in query.symbols):
        return Answer(400, error(-1121, "Invalid symbol."))
    symbols = [_symbol_info(listings[name]) for name in query.symbols or listings]
    body = {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": WEIGHT_LIMIT,
            },
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
        ],
        "exchangeFilters": [],
        "symbols": symbols,
    }
    return Answer(200, json.dumps(body, separators=(",", ":")).encode())


def _symbol_info(listing: Listing) -> dict[str, object]:
    tick, lot = _padded(listing.tick_size), _padded(listing.lot_size)
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
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": "1000000.00000000",
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000.00000000", "stepSize": lot},
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.00000000",
                "maxQty": "60.00000000",
                "stepSize": "0.00000000",
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": "5.00000000",
                "applyMinToMarket": True,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


def _padded(text: str) -> str:
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.ljust(8, '0')}"
