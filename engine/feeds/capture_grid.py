"""What a capture of raw Binance messages trades: its symbol, and the tick and lot behind all its numbers.

A capture holds no exchangeInfo, but a snapshot of a thousand levels and minutes of trades: the greatest step that
divides every price in it is the tick.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from pathlib import Path

from engine.feeds.capture import capture_lines, is_usdm
from engine.feeds.errors import FeedError
from engine.feeds.symbols import pair_of
from engine.instrument import Instrument

_DIGITS = 10  # behind the point; Binance's finest step has eight
_MESSAGES = 4000  # that are read for it, behind the snapshot
_STREAM = re.compile(rb'\{"stream":"([a-z0-9]+)@')
_TRADE = re.compile(rb'"p":"([0-9.]+)","q":"([0-9.]+)"')
_LEVEL = re.compile(rb'\["([0-9.]+)","([0-9.]+)"\]')


def captured_instrument(path: Path) -> Instrument:
    """The one instrument of a capture. Raises FeedError where it is no capture."""
    symbol = b""
    steps = [0, 0]  # greatest common divisors of prices and of sizes
    behind = 0
    for _, message in capture_lines(path):
        found = _STREAM.match(message)
        symbol = symbol or (found[1] if found else b"")
        for pair in (*_LEVEL.findall(message), *_TRADE.findall(message)):
            for i, text in enumerate(pair):
                steps[i] = math.gcd(steps[i], int(Decimal(text.decode()).scaleb(_DIGITS)))
        behind += bool(behind) or message.startswith(b'{"lastUpdateId"')
        if behind > _MESSAGES:
            break
    if not symbol or not all(steps):
        raise FeedError(f"{path.name}: expected streams and a depth snapshot of Binance, found none")
    futures = is_usdm(message for _, message in capture_lines(path))
    name = symbol.decode().upper()
    base, quote = pair_of(name) or (name, "")
    tick, lot = (f"{Decimal(step).scaleb(-_DIGITS).normalize():f}" for step in steps)
    venue, kind = ("binance-usdm", "linear") if futures else ("binance", "spot")
    return Instrument(venue, name, base, quote, tick, lot, kind)
