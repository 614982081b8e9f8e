"""What Binance's exchangeInfo says of its symbols: their grids, their trading status, our weight budget."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import msgspec

from engine.feeds.errors import Malformed
from engine.feeds.reading import DECODE_ERRORS, excerpt, why
from engine.feeds.venue import ListedAs
from engine.instrument import Instrument, NotOnGrid, Step
from engine.text import clean

_FINER = 100
_UNWANTED = Instrument("", "", "", "", "1", "1")


class Filter(msgspec.Struct):
    filterType: str
    tickSize: str | None = None
    stepSize: str | None = None


class RateLimit(msgspec.Struct):
    rateLimitType: str
    interval: str
    intervalNum: int
    limit: int


class ListedSymbol(msgspec.Struct):
    symbol: str
    status: str
    baseAsset: str
    quoteAsset: str
    filters: list[Filter]
    baseAssetPrecision: int = 8


class ExchangeInfo(msgspec.Struct):
    symbols: list[ListedSymbol]
    rateLimits: list[RateLimit] = []

    @property
    def weight_a_minute(self) -> int | None:
        for rate in self.rateLimits:
            if (rate.rateLimitType, rate.interval, rate.intervalNum) == ("REQUEST_WEIGHT", "MINUTE", 1):
                return rate.limit
        return None


_info = msgspec.json.Decoder(ExchangeInfo)


def read_info(body: bytes) -> ExchangeInfo:
    """Raises Malformed."""
    try:
        return _info.decode(body)
    except DECODE_ERRORS as error:
        raise Malformed(f"expected exchangeInfo, found {excerpt(body)}: {why(error)}") from None


def listing_of(
    info: ExchangeInfo, wanted: Collection[str], venue: str, kind: str = "spot"
) -> dict[str, ListedAs]:
    """By symbol; of those that nobody wants only that they are there. Raises Malformed."""
    return {
        listed.symbol: ListedAs(
            instrument_of(listed, venue, kind) if listed.symbol in wanted else _UNWANTED, listed.status
        )
        for listed in info.symbols
    }


def instrument_of(listed: ListedSymbol, venue: str, kind: str) -> Instrument:
    """Raises Malformed where PRICE_FILTER or LOT_SIZE is missing or states no usable step.

    A lot is a hundredth of the venue's step: orders older than the present step rest at finer sizes, such as
    25.42618900 BTC at a step of 0.00001 in a real capture. It is never finer than the asset itself.
    """
    tick = next((f.tickSize for f in listed.filters if f.filterType == "PRICE_FILTER"), None)
    lot = next((f.stepSize for f in listed.filters if f.filterType == "LOT_SIZE"), None)
    name = clean(listed.symbol, 20)
    if tick is None or lot is None:
        raise Malformed(f"exchangeInfo of {name} has no PRICE_FILTER.tickSize or no LOT_SIZE.stepSize")
    try:
        finest = Decimal(1).scaleb(-min(max(listed.baseAssetPrecision, 0), 18))
        lot_size = max(Step(lot).value / _FINER, finest)
        tick_text, lot_text = plain(Step(tick).value), plain(lot_size)
    except NotOnGrid as error:
        raise Malformed(f"exchangeInfo of {name}: {error}") from None
    base, quote = clean(listed.baseAsset, 20), clean(listed.quoteAsset, 20)
    return Instrument(venue, name, base, quote, tick_text, lot_text, kind)


def plain(step: Decimal) -> str:
    """0.01000000 -> 0.01, so that it reads as it is quoted."""
    return f"{step.normalize():f}"
