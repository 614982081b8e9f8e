"""What-if: where the market could go from here, with a shock and without."""

from __future__ import annotations

import msgspec


class FanRow(msgspec.Struct, frozen=True, array_like=True):
    """A line of the what-if's table. `plain` and `shocked` are in `unit`: bp, s, %, or empty for a price."""

    name: str
    unit: str
    plain: float | None
    shocked: float | None


class Fan(msgspec.Struct, frozen=True):
    """Where the market could go from `ts`: quantiles of the mid over futures, with and without a shock.

    Each `bytes` field is a run of little-endian float64, one a step, the first being now; prices in quote units.
    """

    symbol: int
    ts: int
    step_ns: int
    state: str = "RUNNING"  # RUNNING DONE FAILED
    reason: str = ""
    shock: str = ""  # in words; empty: none
    basis: str = ""  # how the futures were made, in words
    futures: int = 0  # wanted
    done: int = 0  # so far
    plain_low: bytes = b""  # 5 %
    plain_middle: bytes = b""
    plain_high: bytes = b""  # 95 %
    shocked_low: bytes = b""
    shocked_middle: bytes = b""
    shocked_high: bytes = b""
    table: tuple[FanRow, ...] = ()
