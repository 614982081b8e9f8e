"""What Kraken's AssetPairs says of its pairs: their grids, their digits, their status.

REST keeps names of its own (XXBTZUSD, and XBT/USD as `wsname`); what a person sees and WebSocket v2 speaks of is
BTC/USD. https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from engine.feeds.errors import Malformed
from engine.feeds.kraken_text import DECODE_ERRORS, excerpt, why
from engine.feeds.requests import Request
from engine.feeds.venue import ListedAs
from engine.instrument import Instrument, NotOnGrid
from engine.text import clean

_PATH = "/0/public/AssetPairs"
_OLD_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
_MOST_DECIMALS = 18


class AssetPair(msgspec.Struct):
    pair_decimals: int
    lot_decimals: int
    wsname: str | None = None  # without one it is not on the WebSocket
    tick_size: str | None = None
    status: str = "online"


class AssetPairs(msgspec.Struct):
    error: list[str] = []
    result: dict[str, AssetPair] = {}


class Pair(NamedTuple):
    """`key` is REST's name, `price_decimals` what the venue writes prices with."""

    key: str
    price_decimals: int
    listed: ListedAs


_decode = msgspec.json.Decoder(AssetPairs).decode


def request(keys: Iterable[str]) -> Request:
    """Of the pairs that REST knows by these names; none given: of all."""
    asked = ",".join(quote(key, safe="") for key in keys)
    return Request(f"{_PATH}?pair={asked}" if asked else _PATH)


def read_pairs(body: bytes, venue: str) -> dict[str, Pair]:
    """By the name that WebSocket v2 has for them. Raises Malformed."""
    try:
        found = _decode(body)
    except DECODE_ERRORS as error:
        raise Malformed(f"expected AssetPairs, found {excerpt(body)}: {why(error)}") from None
    if found.error:
        raise Malformed(f"AssetPairs was refused: {clean(', '.join(found.error), 120)}")
    pairs = {}
    for key, told in found.result.items():
        base, slash, counter = (told.wsname or "").partition("/")
        if slash:
            base, counter = (clean(_OLD_NAMES.get(name, name), 20) for name in (base, counter))
            name = f"{base}/{counter}"
            pairs[name] = Pair(key, told.pair_decimals, _listed(told, venue, name, base, counter))
    return pairs


def _listed(told: AssetPair, venue: str, name: str, base: str, counter: str) -> ListedAs:
    """A lot is one in the last digit of a size, so that a book's lots are the digits that its checksum is over."""
    for decimals in (told.pair_decimals, told.lot_decimals):
        if not 0 <= decimals <= _MOST_DECIMALS:
            raise Malformed(
                f"AssetPairs of {name}: expected 0 to {_MOST_DECIMALS} decimals, found {decimals}"
            )
    tick_size = told.tick_size or _unit(told.pair_decimals)
    instrument = Instrument(venue, name, base, counter, tick_size, _unit(told.lot_decimals))
    try:
        _ = instrument.tick.value
    except NotOnGrid as error:
        raise Malformed(f"AssetPairs of {name}: {error}") from None
    status = clean(told.status, 20).upper()
    return ListedAs(instrument, "TRADING" if status == "ONLINE" else status)


def _unit(decimals: int) -> str:
    return "0." + "0" * (decimals - 1) + "1" if decimals else "1"
