"""Fetched files without a host: made rows, parsed and written as a fetch does."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

from engine.data.dumps import Dump
from engine.data.files import Origin, write
from engine.data.tables import read_csv
from tests.data.dumpsite import Made, made

MS = 1_000_000


def keep(
    folder: Path, kind: str, day: date, market: str = "spot", symbol: str = "BTCUSDT", count: int = 400
) -> tuple[Path, Made]:
    content = made(kind, market, day, header=False, unit_ns=MS, flag="True", count=count)
    interval = "1m" if kind == "klines" else ""
    dump = Dump(market, kind, symbol, day, interval)
    table, _ = read_csv(io.BytesIO(content.csv), kind, "x.csv", day)
    path = dump.file(folder)
    write(path, table, Origin(market, kind, symbol, day.isoformat(), interval))
    return path, content
