"""The venues there are: how each is reached, spelt, paid and proved. A new one is a line here and a file of its own.

This file is light: a protocol's module is loaded when its market is watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from engine.feeds.options import FeedOptions
from engine.feeds.symbols import spellings

if TYPE_CHECKING:
    from engine.feeds.venue import Venue


class VenueInfo(NamedTuple):
    """`dollars`: its own, the most traded first; `taker_bps`: what its first tier pays to take, bp."""

    name: str
    title: str
    protocol_at: str  # module:class
    separator: str  # between base and quote
    dollars: tuple[str, ...]
    taker_bps: float
    options: FeedOptions
    example: str
    offers: str
    proof: str

    @property
    def setting(self) -> str:
        """Its name in settings: `venues.NAME`."""
        return self.name.replace("-", "_")

    def protocol(self) -> type[Venue]:
        module, _, name = self.protocol_at.partition(":")
        found: type[Venue] = getattr(import_module(module), name)
        return found

    def spell(self, symbols: Sequence[str]) -> list[tuple[str, ...]]:
        return [spellings(symbol, self.separator, self.dollars) for symbol in symbols]


_BY_TOP = "the book's top against its best prices at the same update id"

# Fees are the public schedules of the first tier, read in November 2026; `venues.NAME.taker_bps` sets your own.
_ALL = (
    VenueInfo(
        name="binance",
        title="Binance spot",
        protocol_at="engine.feeds.binance:Binance",
        separator="",
        dollars=("USDT", "USDC", "USD"),
        taker_bps=10.0,  # https://www.binance.com/en/fee/trading
        options=FeedOptions(),
        example="BTCUSDT",
        offers="5,000 levels a side, changes every 100 ms, every trade, best prices",
        proof=_BY_TOP,
    ),
    VenueInfo(
        name="binance-usdm",
        title="Binance USDⓈ-M futures",
        protocol_at="engine.feeds.binance_usdm:BinanceUsdm",
        separator="",
        dollars=("USDT", "USDC"),
        taker_bps=5.0,  # https://www.binance.com/en/fee/futureFee
        # https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info
        options=FeedOptions(
            rest=("https://fapi.binance.com",),
            ws=("wss://fstream.binance.com",),
            depth_limit=1000,
            weight_limit=2400,
        ),
        example="BTCUSDT",
        offers="1,000 levels a side, changes every 100 ms, aggregated trades, best prices",
        proof=_BY_TOP,
    ),
    VenueInfo(
        name="coinbase",
        title="Coinbase Advanced Trade",
        protocol_at="engine.feeds.coinbase:Coinbase",
        separator="-",
        dollars=("USD", "USDT"),
        # https://help.coinbase.com/en/coinbase/trading-and-funding/advanced-trade/advanced-trade-fees
        taker_bps=120.0,
        # https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-rate-limits
        options=FeedOptions(
            rest=("https://api.coinbase.com",),
            ws=("wss://advanced-trade-ws.coinbase.com",),
            depth_limit=0,  # its snapshot is the whole book
            send_gap_s=0.2,  # eight messages a second are allowed without a key
            status_every_s=60.0,  # halts are told by REST alone, which allows ten requests a second
        ),
        example="BTC-USD",
        offers="every level, changes every 50 ms, every trade",
        proof="the numbering of all messages of a connection; no checksum, no best prices of the same moment",
    ),
    VenueInfo(
        name="kraken",
        title="Kraken",
        protocol_at="engine.feeds.kraken:Kraken",
        separator="/",
        dollars=("USD", "USDT", "USDC"),
        taker_bps=40.0,  # https://www.kraken.com/features/fee-schedule
        # https://docs.kraken.com/api/docs/guides/spot-ws-intro
        options=FeedOptions(
            rest=("https://api.kraken.com",),
            ws=("wss://ws.kraken.com",),
            depth_limit=1000,  # of 10, 25, 100, 500 and 1,000: the deepest, so that the depth bands reach out
            send_gap_s=0.3,  # no figure is published; too many requests are answered with "Exceeded msg rate"
            firewall_wait_s=600.0,  # some 150 connection attempts in ten minutes lead to a ban of ten minutes
            renew_after_s=7 * 24 * 3600.0,  # no limit is documented
        ),
        example="BTC/USD",
        offers="1,000 levels a side, every change, every trade",
        proof="the venue's checksum over the best ten levels of both sides, after every change",
    ),
)

VENUES = {info.name: info for info in _ALL}
DEFAULT = "binance"
