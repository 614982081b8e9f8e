"""What Binance is asked, and what asking takes of the weight that a minute allows.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from engine.feeds.requests import Request

_INFO_WEIGHT = 20


def info_request(symbols: Sequence[str]) -> Request:
    """exchangeInfo of these symbols; of everything that is traded where none is given."""
    query = f"?symbols={quote(msgspec.json.encode(symbols).decode())}" if symbols else ""
    return Request(f"/api/v3/exchangeInfo{query}", _INFO_WEIGHT)


def depth_request(symbol: str, limit: int) -> Request:
    return Request(f"/api/v3/depth?symbol={quote(symbol)}&limit={limit}", depth_weight(limit))


def depth_weight(limit: int) -> int:
    for up_to, weight in ((100, 5), (500, 25), (1000, 50)):
        if limit <= up_to:
            return weight
    return 250
