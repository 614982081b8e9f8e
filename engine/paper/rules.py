"""How the paper venue treats orders: fees and latency. Light, so that settings can be read without loading it."""

from __future__ import annotations

import msgspec


class Rules(msgspec.Struct, frozen=True):
    """Fees are Binance's for spot in November 2024: agents trade as its largest customers, the person as everybody."""

    maker_fee_bps: float = 1.1
    taker_fee_bps: float = 2.3
    own_maker_fee_bps: float = 10.0
    own_taker_fee_bps: float = 10.0
    latency_ms: float = 100.0  # from a decision to the venue, in whole ticks of 100 ms, rounded up
