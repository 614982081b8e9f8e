"""The dialects there are, by the venue's name. A new venue's is named here."""

from __future__ import annotations

from importlib import import_module

from engine.feeds.fake_dialect import Dialect

DIALECTS: dict[str, tuple[str, str]] = {
    "binance": ("engine.feeds.fake_binance", "BinanceDialect"),
    "binance-usdm": ("engine.feeds.fake_usdm", "UsdmDialect"),
    "coinbase": ("engine.feeds.fake_coinbase", "CoinbaseDialect"),
    "kraken": ("engine.feeds.fake_kraken", "KrakenDialect"),
}


def dialect_of(venue: str) -> Dialect:
    """A dialect for one exchange. Raises KeyError where the venue has none."""
    module, name = DIALECTS[venue]
    made: Dialect = getattr(import_module(module), name)()
    return made
