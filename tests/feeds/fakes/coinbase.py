"""Coinbase's messages made by hand, and a protocol that hears them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from engine.batch import BatchBuilder
from engine.feeds.coinbase import Coinbase
from engine.feeds.venues import VENUES
from engine.instrument import Instrument

OPTIONS = VENUES["coinbase"].options
AT = "2026-08-09T21:05:48.210883Z"
Levels = Iterable[tuple[str, str, str]]


def product(name: str, **fields: object) -> dict[str, object]:
    base, _, quote = name.partition("-")
    known = {"base_currency_id": base, "quote_currency_id": quote, "status": "online", "alias": ""}
    steps = {"base_increment": "0.00001", "quote_increment": "0.01", "price_increment": "0.01"}
    return {"product_id": name, **known, **steps, **fields}


def products(*rows: dict[str, object]) -> bytes:
    return json.dumps({"products": rows}).encode()


def feed(*names: str, first: int = 0) -> Coinbase:
    made = Coinbase(names or ("BTC-USD",), OPTIONS, BatchBuilder())
    made.first = first
    for index, name in enumerate(made.names):
        made.use(index, Instrument("coinbase", name, name[:3], "USD", "0.01", "0.00000001"), 0)
    made.connected(0)
    made.builder.take()
    return made


def message(number: int, channel: str, *events: object) -> bytes:
    head = {"channel": channel, "timestamp": AT, "sequence_num": number, "events": events}
    return json.dumps(head, separators=(",", ":")).encode()


def event(kind: str, levels: Levels, name: str = "BTC-USD") -> dict[str, object]:
    updates = [
        {"side": side, "event_time": AT, "price_level": price, "new_quantity": size}
        for side, price, size in levels
    ]
    return {"type": kind, "product_id": name, "updates": updates}


BOOK = (("bid", "10", "1"), ("bid", "9.5", "2"), ("offer", "11", "3"))


def snapshot(number: int, name: str = "BTC-USD", levels: Levels = BOOK) -> bytes:
    return message(number, "l2_data", event("snapshot", levels, name))


def update(number: int, name: str = "BTC-USD", levels: Levels = (("bid", "10", "7"),)) -> bytes:
    return message(number, "l2_data", event("update", levels, name))


def trades(number: int, kind: str, *rows: tuple[int, str, str], name: str = "BTC-USD") -> bytes:
    told = [
        {"product_id": name, "trade_id": str(i), "price": price, "size": "0.5", "time": AT, "side": side}
        for i, price, side in rows
    ]
    return message(number, "market_trades", {"type": kind, "trades": told})
