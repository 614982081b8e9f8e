"""The captured Binance session as rows, read with plain json and the join rule written out."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from engine.batch import Batch, BatchBuilder
from engine.events import Kind
from tests.kernels.twin import Pairs

TICK_NS = 100_000_000
TICK, LOT = 0.01, 0.00001
_TICK, _LOT = Decimal("0.01"), Decimal("0.00001")


@cache
def messages(folder: Path) -> list[tuple[int, Any]]:
    with gzip.open(folder / "binance_spot_btcusdt_20240808.gz", "rt") as lines:
        return [(int(ns), json.loads(text)) for ns, text in (line.split(" ", 1) for line in lines)]


def ticks(text: str) -> int:
    return int(Decimal(text) / _TICK)


def lots(text: str) -> int:
    return int(Decimal(text) / _LOT)


def pairs(levels: list[list[str]]) -> Pairs:
    return [(ticks(price), lots(size)) for price, size in levels]


def session(folder: Path, *, drop_straddling: bool = False) -> Batch:
    """The session as a feed emits it: diffs wait for the snapshot; those that end before it are left out.

    `drop_straddling` makes the classic mistake: the diff that begins before the snapshot's id and ends behind
    it is left out as well.
    """
    out = BatchBuilder(65_536, 262_144)
    snapshot_id: int | None = None
    waiting: list[dict[str, Any]] = []
    next_tick = 0

    def depth(ns: int, diff: dict[str, Any]) -> None:
        event, ids = diff["E"] * 10**6, {"first_id": diff["U"], "last_id": diff["u"]}
        out.add_levels(Kind.DELTA, ns, pairs(diff["b"]), pairs(diff["a"]), ts_event=event, **ids)

    for ns, message in messages(folder):
        next_tick = next_tick or (ns // TICK_NS + 1) * TICK_NS
        while ns >= next_tick:
            out.add(Kind.TICK, next_tick, symbol=-1)
            next_tick += TICK_NS
        if "lastUpdateId" in message:
            snapshot_id = int(message["lastUpdateId"])
            bids, asks = pairs(message["bids"]), pairs(message["asks"])
            out.add_levels(Kind.SNAPSHOT, ns, bids, asks, last_id=snapshot_id)
            for diff in waiting:
                if diff["u"] > snapshot_id and not drop_straddling:
                    depth(ns, diff)
            continue
        data = message["data"]
        if message["stream"].endswith("bookTicker"):
            out.add(
                Kind.TOP,
                ns,
                last_id=data["u"],
                price_ticks=ticks(data["b"]),
                size_lots=lots(data["B"]),
                ask_ticks=ticks(data["a"]),
                ask_lots=lots(data["A"]),
            )
        elif data["e"] == "trade":
            price, size = ticks(data["p"]), lots(data["q"])
            side = -1 if data["m"] else 1
            out.add(Kind.TRADE, ns, last_id=data["t"], price_ticks=price, size_lots=size, side=side)
        elif snapshot_id is None:
            waiting.append(data)
        else:
            depth(ns, data)
    out.add(Kind.TICK, next_tick, symbol=-1)
    return out.take()
