"""Which columns the dumps of each kind have, and where each of them is in a file, with a header or without."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.data.errors import DataError
from engine.text import clean


@dataclass(frozen=True, slots=True)
class Column:
    """One column that is read: ours, its names in headers, and what it holds (id, time, price, size, count, flag)."""

    name: str
    aliases: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True)
class Kind:
    """`layouts`: the columns of files without a header, by how many there are; `None` is not read."""

    columns: tuple[Column, ...]
    layouts: dict[int, tuple[str | None, ...]]


_ID = Column("id", ("agg_trade_id", "id", "trade_id"), "id")
_PRICE = Column("price", ("price",), "price")
_SIZE = Column("size", ("quantity", "qty"), "size")
_TIME = Column("ts", ("transact_time", "time", "timestamp"), "time")
_MAKER = Column("maker", ("is_buyer_maker",), "flag")
_AGG = ("id", "price", "size", "first_id", "last_id", "ts", "maker")
_TRADES = ("id", "price", "size", None, "ts", "maker")
_BARS = ("ts", "open", "high", "low", "close", "volume", None, None, "trades", "bought", None, None)
_TOPS = ("id", "bid", "bid_size", "ask", "ask_size", "ts", None)

KINDS = {
    "aggTrades": Kind(
        (
            _TIME,
            _ID,
            _PRICE,
            _SIZE,
            Column("first_id", ("first_trade_id",), "count"),
            Column("last_id", ("last_trade_id",), "count"),
            _MAKER,
        ),
        {7: _AGG, 8: (*_AGG, None)},
    ),
    "trades": Kind((_TIME, _ID, _PRICE, _SIZE, _MAKER), {6: _TRADES, 7: (*_TRADES, None)}),
    "klines": Kind(
        (
            Column("ts", ("open_time",), "time"),
            Column("open", ("open",), "price"),
            Column("high", ("high",), "price"),
            Column("low", ("low",), "price"),
            Column("close", ("close",), "price"),
            Column("volume", ("volume",), "volume"),
            Column("trades", ("count", "number_of_trades"), "count"),
            Column("bought", ("taker_buy_volume", "taker_buy_base_asset_volume"), "volume"),
        ),
        {12: _BARS},
    ),
    "bookTicker": Kind(
        (
            Column("ts", ("transaction_time", "time"), "time"),  # the clock of trades; not when it was sent
            Column("id", ("update_id",), "id"),
            Column("bid", ("best_bid_price",), "price"),
            Column("bid_size", ("best_bid_qty",), "volume"),
            Column("ask", ("best_ask_price",), "price"),
            Column("ask_size", ("best_ask_qty",), "volume"),
        ),
        {7: _TOPS},
    ),
}


def layout_of(first: bytes, kind: Kind, said: str, name: str) -> tuple[list[str | None], bool]:
    """Our names in the file's order, and whether its first line is a header."""
    fields = [field.strip() for field in first.decode("utf-8-sig", "replace").strip().split(",")]
    if not re.fullmatch(r"[A-Za-z_ ]+", fields[0]):
        layout = kind.layouts.get(len(fields))
        if layout is None:
            counts = " or ".join(str(count) for count in kind.layouts)
            raise DataError(f"{name}, line 1: expected the {counts} columns of {said}, found {len(fields)}")
        return list(layout), False
    ours = {alias: column.name for column in kind.columns for alias in column.aliases}
    found = [ours.get(re.sub(r"\W+", "_", field.lower())) for field in fields]
    missing = [column.aliases[0] for column in kind.columns if column.name not in found]
    if missing:
        raise DataError(
            f"{name}, line 1: expected the columns of {said}, found no {', '.join(missing)} among "
            f"{clean(', '.join(fields), 120)}"
        )
    twice = {name for name in found if name is not None and found.count(name) > 1}
    if twice:
        raise DataError(f"{name}, line 1: two columns could be the {', '.join(sorted(twice))}")
    return found, True
