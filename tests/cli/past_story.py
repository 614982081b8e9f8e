"""A story of one hour, small enough to be built in a test, and where its recording and everything else go."""

from __future__ import annotations

import os
from pathlib import Path

from engine.kernels import CACHE_DIR

STORY = """
kind = "replay"
name = "hour"
about = "an hour that never was"
begins = 2020-03-12T10:00:00Z
ends = 2020-03-12T11:00:00Z
speed = 600.0
recorded = ["the bar"]
reconstructed = ["all inside it"]
hours = "2020-03-12 10 | 7354 7364 7000 7110 524"
facts = "2020-03-12 10:39 | binance | 10 | 4.9 | 1"

[[sources]]
title = "a table"
gives = "the bar"

[[venues]]
name = "binance"
symbol = "BTCUSDT"
base = "BTC"
quote = "USDT"
tick_size = "0.01"
lot_size = "0.000001"

[[chapters]]
name = "the fall"
begins = 2020-03-12T10:30:00Z
ends = 2020-03-12T10:31:00Z
speed = 8.0

[[events]]
at = 2020-03-12T10:20:00Z
text = "It begins"
source = 1

[[events]]
at = 2020-03-12T10:50:00Z
text = "It ends"

[[days]]
date = 2020-03-12T00:00:00Z
fear_greed = 14
comments = 2000

[agents]
maker = 1
informed = 2
"""
BEGINS_NS = 1_584_007_200_000_000_000
HOUR_NS = 3_600_000_000_000


def written(folder: Path, text: str = STORY) -> Path:
    path = folder / "hour.toml"
    path.write_text(text, "utf-8")
    return path


def home(folder: Path) -> dict[str, str]:
    """An environment in which nothing but the kernels' cache is a person's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MICROTUI_")}
    folders = {f"XDG_{name}_HOME": str(folder / name) for name in ("DATA", "CONFIG", "STATE", "CACHE")}
    return {**kept, **folders, "NUMBA_CACHE_DIR": str(CACHE_DIR)}
