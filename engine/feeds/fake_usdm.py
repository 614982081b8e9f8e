"""Binance's USDⓈ-M futures as the fake exchange speaks them: split paths, ids that jump, `pu`, aggregated trades.

Update ids are the market's times a step: as in real captures a diff begins some way after the last one's `u`,
and only its `pu` says that nothing lies between.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from engine.feeds.fake_binance import BinanceDialect, BinanceTalk, levels_text, padded
from engine.feeds.fake_book import PlainBook, to_text
from engine.feeds.fake_dialect import Talk, all_bids
from engine.feeds.fake_rest import DEPTH as DEPTH_REQUEST
from engine.feeds.fake_rest import Query
from engine.feeds.fake_wire import DEPTH, TOP, TRADE, Listing, Wire

ID_STEP = 7
DEPTH_WEIGHTS = ((50, 2), (100, 5), (500, 10), (1000, 20))
PATHS: dict[str, dict[str, str]] = {
    "/public/stream": {DEPTH: "depth@100ms", TOP: "bookTicker"},
    "/market/stream": {TRADE: "aggTrade"},
    "/stream": {},  # the old path: requests are acknowledged, and nothing arrives
}


class UsdmDialect(BinanceDialect):
    name = "binance-usdm"
    title = "Binance USDⓈ-M futures"
    rest_root = "/fapi/v1/"
    weight_limit = 2400
    most_levels = 1000

    def opens(self, path: str) -> bool:
        return path in PATHS

    def talk(self, target: str, listings: Mapping[str, Listing]) -> Talk:
        return BinanceTalk(target, PATHS[urlsplit(target).path], 10)

    def id_of(self, last_id: int) -> int:
        return last_id // ID_STEP

    def _book(self, wire: Wire) -> str:
        ms, last_id = wire.at_us // 1000, wire.last_id * ID_STEP
        if wire.channel == TOP:
            ((bid, bid_size),), ((ask, ask_size),) = wire.bids, wire.asks
            return (
                f'{{"e":"bookTicker","u":{last_id},"s":"{wire.symbol}"'
                f',"b":"{to_text(bid)}","B":"{to_text(bid_size)}"'
                f',"a":"{to_text(ask)}","A":"{to_text(ask_size)}","T":{ms},"E":{ms}}}'
            )
        return (
            f'{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"{wire.symbol}","U":{wire.first_id * ID_STEP}'
            f',"u":{last_id},"pu":{(wire.first_id - 1) * ID_STEP}'
            f',"b":[{levels_text(all_bids(wire))}],"a":[{levels_text(wire.asks)}]}}'
        )

    def _deal(self, wire: Wire) -> str:
        assert wire.deal is not None  # noqa: S101 - it is what a TRADE wire carries
        deal, ms = wire.deal, wire.at_us // 1000
        return (
            f'{{"e":"aggTrade","E":{ms},"a":{deal.trade_id},"s":"{wire.symbol}","p":"{to_text(deal.price)}"'
            f',"q":"{to_text(deal.size)}","f":{deal.trade_id},"l":{deal.trade_id},"T":{ms}'
            f',"m":{"false" if deal.bought else "true"}}}'
        )

    def _weight(self, about: str, limit: int) -> int:
        if about == DEPTH_REQUEST:
            return next(weight for up_to, weight in DEPTH_WEIGHTS if limit <= up_to)
        return 1

    def read(self, target: str) -> Query:
        """exchangeInfo takes no symbols here, and says everything."""
        query = super().read(target)
        return query if query.about == DEPTH_REQUEST else Query(query.about, [], query.limit, query.weight)

    def depth(self, book: PlainBook, limit: int, now_ms: int) -> bytes:
        bids, asks = levels_text(book.sorted_bids(limit)), levels_text(book.sorted_asks(limit))
        head = f'{{"lastUpdateId":{book.update_id * ID_STEP},"E":{now_ms},"T":{now_ms}'
        return f'{head},"bids":[{bids}],"asks":[{asks}]}}'.encode()

    def symbol_info(self, listing: Listing) -> dict[str, object]:
        tick, lot = padded(listing.tick_size), padded(listing.lot_size)
        return {
            "symbol": listing.symbol,
            "pair": listing.symbol,
            "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000,
            "status": listing.status,
            "baseAsset": listing.base,
            "quoteAsset": listing.quote,
            "marginAsset": listing.quote,
            "pricePrecision": 8,
            "quantityPrecision": 8,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "4529764", "tickSize": tick},
                {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "1000", "stepSize": lot},
                {"filterType": "MIN_NOTIONAL", "notional": "100"},
            ],
            "orderTypes": ["LIMIT", "MARKET", "STOP", "TRAILING_STOP_MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }
