"""Binance's USDⓈ-M futures: the spot market's messages, on two sockets, with diffs that name the id before them.

With U = pu + 1 the spot market's rule of joining is the futures' own: a diff goes on from id L exactly where
pu <= L < u. Since 2026-04-23 depth and best prices come on one path and trades on another; on the old one, requests
are acknowledged and nothing arrives. Trades are aggregated: what one order took at one price.
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

from engine.feeds.binance import Binance
from engine.feeds.binance_info import listing_of, read_info
from engine.feeds.requests import Request
from engine.feeds.venue import STREAMS_A_SYMBOL, TRADE, ListedAs, Message

# https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Order-Book
_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)


class BinanceUsdm(Binance):
    """Perpetual and dated futures margined in USDT or USDC."""

    name: ClassVar[str] = "binance-usdm"
    paths: ClassVar[tuple[str, ...]] = ("/public/stream", "/market/stream")
    suffixes: ClassVar[tuple[str, ...]] = ("@depth@100ms", "@aggTrade", "@bookTicker")
    also: ClassVar[tuple[str, ...]] = ("@depth", "@depth@0ms", "@trade")

    def depth(self, wanted: int) -> int:
        """Any other limit is refused; the deepest is 1,000."""
        return next((depth for depth in _DEPTHS if depth >= (wanted or _DEPTHS[-1])), _DEPTHS[-1])

    def info_request(self) -> Request:
        return self.full_info_request()

    def full_info_request(self) -> Request:
        return Request("/fapi/v1/exchangeInfo", 1)

    def read_listing(self, body: bytes) -> Mapping[str, ListedAs]:
        info = read_info(body)
        self.weight_a_minute = info.weight_a_minute
        return listing_of(info, self.wanted, self.name, "linear")

    def snapshot_request(self, index: int, limit: int) -> Request:
        weight = next((w for up_to, w in ((50, 2), (100, 5), (500, 10)) if limit <= up_to), 20)
        return Request(f"/fapi/v1/depth?symbol={quote(self.names[index])}&limit={limit}", weight)

    def _requests(self, method: str, streams: Sequence[int], first_id: int) -> list[Message]:
        messages: list[Message] = []
        for path in range(len(self.paths)):
            there = [number for number in streams if (number % STREAMS_A_SYMBOL == TRADE) == path]
            said = super()._requests(method, there, first_id + len(messages))
            messages += [Message(path, text) for _, text in said]
        return messages
