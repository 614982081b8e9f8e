"""Bars, and the heatmap of resting sizes behind them."""

from __future__ import annotations

import msgspec

HEAT_LEVELS = 12


class Chart(msgspec.Struct, frozen=True):
    """Bars, oldest first, the last one still forming.

    Each `bytes` field is a run of little-endian float64 (`memoryview(x).cast("d")`), one a bar, NaN where
    nothing was known. `ts_open` is the first bar's start; bars are `interval_ns` apart without holes.
    """

    interval_ns: int
    ts_open: int = 0
    count: int = 0
    open: bytes = b""
    high: bytes = b""
    low: bytes = b""
    close: bytes = b""
    bought: bytes = b""  # volume, base units
    sold: bytes = b""
    # The heatmap: `heat_rows` x `count` bytes, row 0 the highest price, each 0 (nothing known or empty) to
    # HEAT_LEVELS on a log scale of resting size.
    heat: bytes = b""
    heat_rows: int = 0
    heat_top: float = 0.0  # price at the upper edge of row 0
    heat_bottom: float = 0.0  # price at the lower edge of the last row
    heat_min: float = 0.0  # size (base units a row) that level 1 stands for; levels are even on a log scale
    heat_max: float = 0.0  # size that the highest level stands for
