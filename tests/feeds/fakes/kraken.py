"""Kraken's own messages in bytes, a protocol that hears them, and the rows that it made of them."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from engine.batch import Batch, BatchBuilder
from engine.events import Kind
from engine.feeds.kraken import Kraken
from engine.feeds.venues import VENUES
from tests.kernels.twin import Pairs

OPTIONS = VENUES["kraken"].options

# The example of https://docs.kraken.com/api/docs/guides/spot-ws-book-v2
ASKS = (
    "45285.2 0.00100000, 45286.4 1.54571953, 45286.6 1.54571109, 45289.6 1.54560911, 45290.2 0.15890660, "
    "45291.8 1.54553491, 45294.7 0.04454749, 45296.1 0.35380000, 45297.5 0.09945542, 45299.5 0.18772827"
)
BIDS = (
    "45283.5 0.10000000, 45283.4 1.54582015, 45282.1 0.10000000, 45281.0 0.10000000, 45280.3 1.54592586, "
    "45279.0 0.07990000, 45277.6 0.03310103, 45277.5 0.30000000, 45277.3 1.54602737, 45276.6 0.15445238"
)
SUM = 3310070434

# Shapes of https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs; the last is on no WebSocket.
PAIRS = b"""{"error":[],"result":{
 "XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","aclass_base":"currency","base":"XXBT","quote":"ZUSD",
  "lot":"unit","cost_decimals":5,"pair_decimals":1,"lot_decimals":8,"ordermin":"0.0001","tick_size":"0.1",
  "status":"online"},
 "XDGUSD":{"altname":"XDGUSD","wsname":"XDG/USD","pair_decimals":7,"lot_decimals":8,"tick_size":"0.000005",
  "status":"cancel_only"},
 "ETH/XBT":{"altname":"ETHXBT","wsname":"ETH/XBT","pair_decimals":5,"lot_decimals":0},
 "XBTUSD.d":{"altname":"XBTUSD.d","pair_decimals":1,"lot_decimals":8,"status":"online"}}}"""
TIME = "2023-10-06T17:35:55.440295Z"
TIME_NS = 1_696_613_755_440_295_000


def protocol(*symbols: str | tuple[str, ...], depth: int = 1000) -> Kraken:
    found = Kraken(symbols or ("BTC/USD",), replace(OPTIONS, depth_limit=depth), BatchBuilder())
    found.list_symbols(PAIRS, 0)
    found.connected(0)
    return found


def message(channel: str, kind: str, *data: object) -> bytes:
    return json.dumps({"channel": channel, "type": kind, "data": data}, separators=(",", ":")).encode()


def levels(text: str) -> str:
    pairs = (level.split() for level in text.split(", ") if level)
    return ",".join(f'{{"price":{price},"qty":{size}}}' for price, size in pairs)


def book(kind: str, bids: str, asks: str, checksum: object = SUM, symbol: str = "BTC/USD") -> bytes:
    """As the venue writes it: numbers, not strings, with all their zeros."""
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[{levels(bids)}],'
        f'"asks":[{levels(asks)}],"checksum":{checksum},"timestamp":"{TIME}"}}]}}'
    ).encode()


def rows(batch: Batch) -> list[dict[str, Any]]:
    return [
        {name: int(row[name]) for name in row.dtype.names}
        | {
            "levels": batch.levels[int(row["level_start"]) :][
                : int(row["bid_count"] + row["ask_count"])
            ].tolist()
        }
        for row in batch.rows
        if row["kind"] not in (Kind.NOTE, Kind.TICK)
    ]


def state(asked: Kraken, index: int = 0) -> str:
    return asked.symbols[index].sync.state


def trade(
    number: int, symbol: str = "BTC/USD", price: object = 45283.4, side: str = "sell"
) -> dict[str, object]:
    return {
        "symbol": symbol, "side": side, "price": price, "qty": 0.0005, "ord_type": "market",
        "trade_id": number, "timestamp": TIME,
    }  # fmt: skip


def digits(text: str) -> Pairs:
    """Prices and sizes as the digits that they are written with."""
    pairs = (level.split() for level in text.split(", "))
    return [(int(price.replace(".", "")), int(size.replace(".", ""))) for price, size in pairs]
