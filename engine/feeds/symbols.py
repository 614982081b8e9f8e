"""What a person means by a symbol, and how each venue spells it: BTCUSDT, BTC-USD, XBT/USD."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.events import AskedFor

# Quotes that a symbol without a separator may end with, the longer first where one ends another.
QUOTES = (
    "FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USD1", "USD", "EURI", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "TRY",
    "BRL", "MXN", "PLN", "DAI", "BTC", "ETH", "BNB",
)  # fmt: skip
DOLLARS = (
    "USD",
    "USDT",
    "USDC",
)  # which stand for one another where a venue lacks the one that was asked for
_SAME = {"XBT": "BTC", "XDG": "DOGE"}
_SYMBOL = re.compile(r"[A-Z0-9]{1,20}([-/_:]?[A-Z0-9]{1,20})?")


class Pair(NamedTuple):
    base: str
    quote: str


def pair_of(text: str) -> Pair | None:
    """The pair that a symbol names; None where its quote is not known or it is no symbol.

    >>> pair_of("btcusdt"), pair_of("XBT/USD"), pair_of("BTCUSDT_260626")
    (Pair(base='BTC', quote='USDT'), Pair(base='BTC', quote='USD'), None)
    """
    text = text.upper()
    for separator in "-/_":
        base, found, quote = text.partition(separator)
        if found:
            known = (base and quote in QUOTES) or quote in _SAME
            return Pair(_SAME.get(base, base), _SAME.get(quote, quote)) if known else None
    for other, same in _SAME.items():  # before quotes are tried: XBTUSD ends with TUSD as well
        if text.startswith(other) and text.removeprefix(other) in QUOTES:
            return Pair(same, text.removeprefix(other))
    for quote in QUOTES:
        base = text.removesuffix(quote)
        if base not in ("", text) and (base, quote) != ("USD", "TUSD"):  # USDTUSD is USDT in USD
            return Pair(_SAME.get(base, base), quote)
    return None


def likeliest(spelt: tuple[str, ...]) -> str:
    """The spelling to ask a venue for first: that of a pair, since hardly any trades an asset by its mere name."""
    return next((name for name in spelt if pair_of(name) is not None), spelt[0])


def asset_of(text: str) -> str:
    """What is traded: the base of a pair, else the name itself, which may be an asset's.

    >>> asset_of("XBT/USD"), asset_of("eth"), asset_of("BTCUSDT_260626")
    ('BTC', 'ETH', 'BTCUSDT_260626')
    """
    pair = pair_of(text)
    return pair.base if pair is not None else _SAME.get(text.upper(), text.upper())


def is_symbol(text: str) -> bool:
    """Whether a venue might have it at all, as a pair or an asset: letters, digits, one separator."""
    return _SYMBOL.fullmatch(text.upper()) is not None and 2 <= len(text) <= 30


def spellings(text: str, separator: str, dollars: tuple[str, ...]) -> tuple[str, ...]:
    """How a venue that puts `separator` between base and quote may spell it, the best first.

    Where the dollar that was asked for is not traded, the venue's own in the order of `dollars` do, and so they do for
    an asset without a quote. A dated future, and what is spelt as this venue does, is taken as it is.

    >>> spellings("BTCUSDT", "-", ("USD", "USDC", "USDT"))
    ('BTC-USDT', 'BTC-USD', 'BTC-USDC')
    >>> spellings("BTCUSD", "", ("USDT", "USDC"))
    ('BTCUSD',)
    >>> spellings("BTC", "/", ("USD", "USDT"))
    ('BTC', 'BTC/USD', 'BTC/USDT')
    """
    text = text.upper()
    pair = pair_of(text)
    if pair is None:
        bare = re.fullmatch("[A-Z0-9]+", text) is not None
        base = own = asset_of(text)
        asked, others = "", dollars if bare else ()
    else:
        base, asked, own = pair.base, pair.quote, f"{pair.base}{separator}{pair.quote}"
        others = dollars if own != text and asked in DOLLARS else ()
    return (own, *(f"{base}{separator}{quote}" for quote in others if quote not in (asked, base)))


def differing(wanted: Sequence[tuple[str, ...]], numbers: Mapping[str, int]) -> tuple[AskedFor, ...]:
    """What is watched in another spelling than the best, or not at all. `numbers`: of all that is watched.

    >>> differing([("BTC-USDT", "BTC-USD"), ("ETH-USD",)], {"BTC-USD": 4, "ETH-USD": 5})
    (AskedFor(asked='BTC-USDT', base='BTC', symbol=4, watched='BTC-USD'),)
    >>> differing([("XYZ/USD", "XYZ/USDT")], {})
    (AskedFor(asked='XYZ/USD', base='XYZ', symbol=None, watched=''),)
    """
    found: list[AskedFor] = []
    for asked, *others in wanted:
        if asked in numbers:
            continue
        name = next((other for other in others if other in numbers), None)
        watched = () if name is None else (numbers[name], name)
        found.append(AskedFor(asked, asset_of(asked), *watched))
    return tuple(found)
