"""The technical adviser: standard indicators on bars of five seconds, each a vote that is told.

Trend (12 and 26 bar EMAs, apart in units of ATR) and breakout (beyond Donchian's channel) against reversal (RSI beyond
30 and 70, a close beyond Bollinger's bands). Where the market trends reversal counts for half, where it is calm trend
does.
"""

from __future__ import annotations

from engine.advisers.sight import Opinion, Sight, clipped
from engine.kernels.indicators import (
    ATR,
    BAND_MIDDLE,
    BAND_WIDTH,
    CHANNEL_HIGH,
    CHANNEL_LOW,
    CLOSE,
    FAST,
    RSI,
    SLOW,
)

_FULL_CROSS = 1.5  # ATRs between the EMAs for a full vote


def advise(sight: Sight) -> Opinion:
    told = sight.told
    atr, rsi, close, middle, width = told[ATR], told[RSI], told[CLOSE], told[BAND_MIDDLE], told[BAND_WIDTH]
    apart, high, low = told[FAST] - told[SLOW], told[CHANNEL_HIGH], told[CHANNEL_LOW]
    known = atr + rsi + close + middle + width + apart + high + low
    if known != known:
        return Opinion(None, "fewer than 26 bars of 5 s so far")
    if atr <= 0.0:
        return Opinion(None, "the price has not moved: indicators have nothing to measure")
    cross = apart / atr
    trend = clipped(cross / _FULL_CROSS)
    breakout = clipped((close - high) / atr + 0.5) if close > high else 0.0
    if close < low:
        breakout = clipped((close - low) / atr - 0.5)
    beyond = (rsi - 70.0) / 30.0 if rsi > 70.0 else (rsi - 30.0) / 30.0 if rsi < 30.0 else 0.0
    band = (close - middle) / width if width > 0.0 else 0.0
    outside = band - 2.0 if band > 2.0 else band + 2.0 if band < -2.0 else 0.0
    reversal = -clipped(beyond + outside)
    with_trend = 0.5 if sight.regime == "CALM" else 1.0
    against = 0.5 if sight.regime == "TRENDING" else 1.0
    score = clipped(with_trend * (0.5 * trend + 0.5 * breakout) + against * 0.5 * reversal)
    if breakout:
        edge = "above the high" if breakout > 0.0 else "below the low"
        where = f"{edge} of 20 bars, "
    else:
        where = ""
    return Opinion(score, f"{where}EMA cross {cross:+z.1f} ATR, RSI {rsi:.0f}, {band:+z.1f} sd in the band")
