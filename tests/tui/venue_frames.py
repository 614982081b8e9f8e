"""Frames of one asset on several venues, made of plain values."""

from __future__ import annotations

import frames
import msgspec

from engine.frame import Frame, View
from engine.frame.across import AcrossNow, LegNow


def _ladder(touch: float, side: int, rows: int, scale: float) -> tuple[tuple[float, float], ...]:
    return tuple((touch + side * row, scale * (1.0 + (row * 7 + int(touch)) % 11)) for row in range(rows))


def leg(venue: str, symbol: str, bid: float, number: int = 0, **changes: object) -> LegNow:
    whole = LegNow(
        number=number,
        venue=venue,
        symbol=symbol,
        state="SYNCED",
        trusted=True,
        bid=bid,
        bid_size=1.2,
        ask=bid + 0.01,
        ask_size=0.4,
        rate=1.0,
        age_s=0.1,
        fee_bps=10.0,
        bids=_ladder(round(bid), -1, 20, 0.3),
        asks=_ladder(round(bid) + 1, +1, 20, 0.2),
    )
    return msgspec.structs.replace(whole, **changes)


THREE = AcrossNow(
    base="BTC",
    quote="USDT",
    legs=(
        leg("binance", "BTCUSDT", 61_693.72),
        leg("coinbase", "BTC-USD", 61_701.10, 1, fee_bps=120.0, age_s=4.2),
        leg("kraken", "BTC/USD", 61_690.05, 2, fee_bps=40.0),
    ),
    cheap=2,
    dear=1,
    gap_bps=1.79,
    after_fees_bps=-158.2,
    kind="spread",
    why="at the USDT-USD watched here",
    step=1.0,
)


def side_by_side(view: View, across: AcrossNow = THREE) -> Frame:
    frame = frames.live(view)
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, across=across))
