"""What Coinbase's products say of themselves: their grids, and what may be done with them now.

https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/products/get-public-products
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from urllib.parse import urlencode

import msgspec

from engine.feeds.errors import Malformed
from engine.feeds.reading import DECODE_ERRORS, excerpt, why
from engine.feeds.requests import Request
from engine.feeds.venue import ListedAs
from engine.instrument import Instrument, NotOnGrid, Step
from engine.text import clean

_PATH = "/api/v3/brokerage/market/products"
_FINER = 100
_FINEST = Decimal("0.00000001")  # the finest base_increment of 920 products listed in August 2026
_UNWANTED = Instrument("", "", "", "", "1", "1")


class Product(msgspec.Struct):
    """`alias`: the product whose book this one shares, BTC-USD for BTC-USDC."""

    product_id: str
    base_increment: str
    quote_increment: str
    price_increment: str = ""
    base_currency_id: str = ""
    quote_currency_id: str = ""
    status: str = ""
    alias: str = ""
    is_disabled: bool = False
    trading_disabled: bool = False
    auction_mode: bool = False
    cancel_only: bool = False
    post_only: bool = False
    limit_only: bool = False
    view_only: bool = False


class Products(msgspec.Struct):
    products: list[Product]


_products = msgspec.json.Decoder(Products)


def products_request(names: Sequence[str]) -> Request:
    """These products; everything that is traded where none is named. It needs no key and has no weight."""
    return Request(f"{_PATH}?{urlencode([('product_ids', name) for name in names])}" if names else _PATH)


def read_products(body: bytes, wanted: Collection[str], venue: str) -> dict[str, ListedAs]:
    """By product; of those that nobody wants only that they are there. Raises Malformed.

    An alias is left out: its market data are sent under the name of the product whose book it shares.
    """
    try:
        products = _products.decode(body).products
    except DECODE_ERRORS as error:
        raise Malformed(f"expected products, found {excerpt(body)}: {why(error)}") from None
    return {
        product.product_id: ListedAs(
            _instrument_of(product, venue) if product.product_id in wanted else _UNWANTED, trading(product)
        )
        for product in products
        if not product.alias
    }


def trading(product: Product) -> str:
    """TRADING, or the first of the venue's words that says less."""
    if product.status not in ("", "online"):
        return product.status.upper()
    if product.is_disabled or product.trading_disabled:
        return "TRADING_DISABLED"
    for name in ("auction_mode", "cancel_only", "view_only", "post_only", "limit_only"):
        if getattr(product, name):
            return name.upper()
    return "TRADING"


def _instrument_of(product: Product, venue: str) -> Instrument:
    """A lot is a hundredth of the venue's increment, so that orders older than it can be told as they are."""
    name = clean(product.product_id, 20)
    try:
        tick, step = Step(product.price_increment or product.quote_increment), Step(product.base_increment)
        lot = min(step.value, max(step.value / _FINER, _FINEST))
        tick_text, lot_text = f"{tick.value:f}", f"{lot.normalize():f}"
    except NotOnGrid as error:
        raise Malformed(f"the product {name}: {error}") from None
    base, _, quote = name.partition("-")
    return Instrument(
        venue,
        name,
        clean(product.base_currency_id, 20) or base,
        clean(product.quote_currency_id, 20) or quote,
        tick_text,
        lot_text,
    )
