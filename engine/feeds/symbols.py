"""What a person means by a symbol, and how each venue spells it: BTCUSDT, BTC-USD, XBT/USD."""

from __future__ import annotations

import re
from typing import NamedTuple

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
        if text.endswith(quote) and len(text) > len(quote):
            base = text.removesuffix(quote)
            return Pair(_SAME.get(base, base), quote)
    return None


def is_symbol(text: str) -> bool:
    """Whether a venue might have it at all: letters, digits, one separator."""
    return _SYMBOL.fullmatch(text.upper()) is not None and 3 <= len(text) <= 30


def spellings(text: str, separator: str, dollars: tuple[str, ...]) -> tuple[str, ...]:
    """How a venue that puts `separator` between base and quote may spell it, the best first.

    Where the dollar that was asked for is not traded, the venue's own in the order of `dollars` do. What names no
    pair, such as a dated future, and what is spelt as this venue does, is taken as it is.

    >>> spellings("BTCUSDT", "-", ("USD", "USDC", "USDT"))
    ('BTC-USDT', 'BTC-USD', 'BTC-USDC')
    >>> spellings("BTCUSD", "", ("USDT", "USDC"))
    ('BTCUSD',)
    """
    text = text.upper()
    pair = pair_of(text)
    own = f"{pair.base}{separator}{pair.quote}" if pair is not None else text
    if pair is None or own == text or pair.quote not in DOLLARS:
        return (own,)
    others = (f"{pair.base}{separator}{quote}" for quote in dollars if quote != pair.quote)
    return (own, *others)
