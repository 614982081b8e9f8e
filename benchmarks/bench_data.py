"""What real data cost: rows a second of a dump read and checked, of a session made of it, of a LOBSTER day matched.

All of it is made here, in the forms of the real files: a day of aggregate trades as spot and as USDⓈ-M write it, and a
LOBSTER day of ten levels from a market of plain lists.
"""

from __future__ import annotations

import io
import random
import tempfile
import time
import zipfile
from datetime import date
from pathlib import Path

import numpy as np

from engine.core import State, apply
from engine.data.archive import csv_in
from engine.data.dumps import Dump
from engine.data.files import Origin, write
from engine.data.lobster import pair_of, read
from engine.data.lobster_rows import LobsterDay
from engine.data.tables import read_csv
from engine.data.trade_rows import Tape
from engine.data.trades import read_trades
from engine.events import Setup

DAY = date(2020, 3, 12)
START_MS = 1_583_971_200_000
TRADES = 500_000
MESSAGES = 60_000
LEVELS = 10


def run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        return _dumps(Path(name)) | _lobster(Path(name))


def _dumps(folder: Path) -> dict[str, float]:
    packed = folder / "day.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr("day.csv", _day_of_trades())
    began = time.perf_counter()
    with csv_in(packed, "day.csv") as file:
        table, _ = read_csv(file, "aggTrades", "day.csv", DAY)
    parsed_s = time.perf_counter() - began
    path = Dump("spot", "aggTrades", "BTCUSDT", DAY).file(folder)
    began = time.perf_counter()
    write(path, table, Origin("spot", "aggTrades", "BTCUSDT", DAY.isoformat()))
    written_s = time.perf_counter() - began
    began = time.perf_counter()
    trades = read_trades([path])
    read_s = time.perf_counter() - began
    began = time.perf_counter()
    state, made_s, ticks = State(), 0.0, 0
    batches = Tape([path], [], Setup()).batches()
    while True:
        before = time.perf_counter()
        batch = next(batches, None)
        made_s += time.perf_counter() - before
        if batch is None:
            break
        apply(state, batch)
        ticks += 1
    folded_s = time.perf_counter() - began
    return {
        "dump, million rows a second, unpacked, parsed and checked": len(trades) / parsed_s / 1e6,
        "Parquet, million rows a second written": len(trades) / written_s / 1e6,
        "Parquet, million rows a second read to ticks and lots": len(trades) / read_s / 1e6,
        "Parquet, bytes a row": path.stat().st_size / len(trades),
        "zip, bytes a row": packed.stat().st_size / len(trades),
        "a session of trades, us a tick to make": made_s / ticks * 1e6,
        "a session of trades, us a tick made and folded": folded_s / ticks * 1e6,
    }


def _day_of_trades() -> str:
    """Prices that walk by cents and sizes with a tail, spread over one day."""
    rng = np.random.default_rng(1)
    ms = START_MS + np.sort(rng.integers(0, 86_400_000, TRADES))
    cents = 793_500 + np.cumsum(rng.integers(-60, 61, TRADES))
    size = np.minimum(rng.pareto(1.5, TRADES) * 0.01 + 0.001, 50.0)
    maker = rng.random(TRADES) < 0.5
    out = io.StringIO()
    for n, (t, c, q, m) in enumerate(
        zip(ms.tolist(), cents.tolist(), size.tolist(), maker.tolist(), strict=True)
    ):
        out.write(f"{n},{c // 100}.{c % 100:02}000000,{q:.8f},{n},{n},{t},{m},True\n")
    return out.getvalue()


def _lobster(folder: Path) -> dict[str, float]:
    try:
        from tests.data.lobster_files import Market
    except ImportError:  # an installed package has no tests
        return {}
    market = Market(random.Random(1), LEVELS)
    while len(market.written.messages) < MESSAGES:
        market.step()
    messages, _ = market.written.write(folder, LEVELS)
    pair = pair_of(messages)
    if pair is None:
        raise RuntimeError("the benchmark's own files are no LOBSTER pair")
    began = time.perf_counter()
    day = read(pair)
    read_s = time.perf_counter() - began
    list(LobsterDay(pair, day, Setup()).batches())  # compiled now
    rebuilt = LobsterDay(pair, day, Setup())
    began = time.perf_counter()
    ticks = sum(1 for _ in rebuilt.batches())
    matched_s = time.perf_counter() - began
    count = len(day.ts)
    return {
        "LOBSTER, thousand messages a second read": count / read_s / 1e3,
        "LOBSTER, thousand messages a second matched, checked and made a session": count / matched_s / 1e3,
        "LOBSTER, messages a tick": count / ticks,
        "LOBSTER, executions in the order of the matching engine's queues": rebuilt.matched
        / (rebuilt.matched + rebuilt.out_of_turn),
    }


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name:<74} {value:>12.4g}")
