"""What was known of one market at each whole second: the grid on which regimes, advisers and alert rules stand.

A row is written at the first tick at or after its second, from what stood at that tick: book features as they are,
trades and order flow summed over the ticks since the row before, what comes at irregular times (sentiment) as it was
said last. So a row never knows what came after its tick. Seconds that no tick saw are rows of NaN, and NaN in a
column is missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.kernels import jit
from engine.kernels.market import (
    BAND_FIELDS,
    FEATURES,
    FLOW,
    LOT_SIZE,
    LOTS,
    OFI,
    RING_TICKS,
    SYNCED,
    TICKS,
    TRADES,
    MarketArrays,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SECOND_NS = 1_000_000_000
KEPT = 600  # seconds
MOST = 1e30  # of any number: far above what a market comes to, and its square is a number still
_LAST_SECOND = 2**34

# Columns of a row. Prices in quote units, sizes in base units.
MID, HIGH, LOW = 0, 1, 2  # the mid at the tick; its highest and lowest over the second's ticks
MICROPRICE = 3
SPREAD_BPS, ROUND_TRIP_BPS = 4, 5
QUEUE = 6  # best bid's size / (best bid's + best ask's)
BID_DEPTH, ASK_DEPTH = 7, 8  # within the 1 % band, or what is known of it
BID_NEAR, ASK_NEAR = 9, 10  # within the narrowest band
ORDER_FLOW = 11  # order-flow imbalance of the second
VOLUME, FLOW_SIGNED, TRADE_COUNT = 12, 13, 14  # traded; bought less sold by aggressors; trades
VOLATILITY_BPS = 15  # realised over the last 60 s
SENTIMENT, DOUBT = 16, 17  # the mood's mean and its standard error, as they were last
COLUMNS: tuple[str, ...] = (
    "mid", "high", "low", "microprice", "spread_bps", "round_trip_bps", "queue", "bid_depth", "ask_depth",
    "bid_near", "ask_near", "order_flow", "volume", "flow", "trades", "volatility_bps", "sentiment", "doubt",
)  # fmt: skip
WIDTH = len(COLUMNS)

# clock[...]
LATEST, COUNT = 0, 1  # the latest row's second since 1970, or -1; rows written since the session began
# now[...]: since the last row
NOW_OFI, NOW_LOTS, NOW_FLOW, NOW_TRADES, NOW_HIGH, NOW_LOW = 0, 1, 2, 3, 4, 5

_FEATURE = {name: index for index, name in enumerate(FEATURES)}
_MID, _MICROPRICE = _FEATURE["mid"], _FEATURE["microprice"]
_SPREAD_BPS, _ROUND_TRIP, _VOLATILITY = (
    _FEATURE["spread_bps"],
    _FEATURE["round_trip_bps"],
    _FEATURE["realised_vol_bps"],
)
_BID_LOTS, _ASK_LOTS = _FEATURE["best_bid_lots"], _FEATURE["best_ask_lots"]
_BID_DEPTH, _ASK_DEPTH = BAND_FIELDS.index("bid_depth"), BAND_FIELDS.index("ask_depth")
MARKET_COLUMNS = SENTIMENT  # those before it follow from the market alone


class SecondArrays(NamedTuple):
    """The grid of one symbol. Arrays only."""

    rows: Floats  # (KEPT, WIDTH), a ring: the row of second s is at s % KEPT
    clock: Ints  # (2,)
    now: Floats  # (6,)

    def copy(self) -> SecondArrays:
        return SecondArrays._make(array.copy() for array in self)


def new_seconds() -> SecondArrays:
    now = np.zeros(6)
    now[[NOW_HIGH, NOW_LOW]] = np.nan
    return SecondArrays(np.full((KEPT, WIDTH), np.nan), np.array([-1, 0], np.int64), now)


@jit
def _step(
    second: int,
    sentiment: float,
    doubt: float,
    m_now: Ints,
    rings: Ints,
    params: Floats,
    features: Floats,
    bands: Floats,
    rows: Floats,
    clock: Ints,
    now: Floats,
) -> bool:
    at = (m_now[TICKS] - 1) % RING_TICKS
    now[NOW_OFI] += rings[OFI, at]
    now[NOW_LOTS] += rings[LOTS, at]
    now[NOW_FLOW] += rings[FLOW, at]
    now[NOW_TRADES] += rings[TRADES, at]
    mid = features[_MID]
    if mid == mid:
        if not now[NOW_HIGH] >= mid:
            now[NOW_HIGH] = mid
        if not now[NOW_LOW] <= mid:
            now[NOW_LOW] = mid
    if second <= clock[LATEST]:
        return False
    if clock[LATEST] >= 0:
        missed = min(second - clock[LATEST] - 1, KEPT)
        for back in range(1, missed + 1):
            rows[(second - back) % KEPT, :] = math.nan
    row = rows[second % KEPT]
    row[:] = math.nan
    row[MID], row[HIGH], row[LOW] = mid, now[NOW_HIGH], now[NOW_LOW]
    row[MICROPRICE] = features[_MICROPRICE]
    row[SPREAD_BPS], row[ROUND_TRIP_BPS] = features[_SPREAD_BPS], features[_ROUND_TRIP]
    row[QUEUE] = features[_BID_LOTS] / (features[_BID_LOTS] + features[_ASK_LOTS])
    narrow = 0
    for i in range(1, bands.shape[0]):
        if bands[i, 0] < bands[narrow, 0]:
            narrow = i
    row[BID_DEPTH], row[ASK_DEPTH] = bands[0, _BID_DEPTH], bands[0, _ASK_DEPTH]
    row[BID_NEAR], row[ASK_NEAR] = bands[narrow, _BID_DEPTH], bands[narrow, _ASK_DEPTH]
    row[ORDER_FLOW] = now[NOW_OFI] * params[LOT_SIZE] if m_now[SYNCED] else math.nan
    row[VOLUME] = now[NOW_LOTS] * params[LOT_SIZE]
    row[FLOW_SIGNED] = now[NOW_FLOW] * params[LOT_SIZE]
    row[TRADE_COUNT] = now[NOW_TRADES]
    row[VOLATILITY_BPS] = features[_VOLATILITY]
    row[SENTIMENT], row[DOUBT] = sentiment, doubt
    now[:4] = 0.0
    now[NOW_HIGH] = now[NOW_LOW] = math.nan
    clock[LATEST] = second
    clock[COUNT] += 1
    return True


def due(ts: int, seconds: SecondArrays) -> bool:
    """Whether `step` will write a row, and wants to know of the mood, at a tick at `ts` ns."""
    return ts // SECOND_NS > int(seconds.clock.item(LATEST))


def step(market: MarketArrays, ts: int, sentiment: float, doubt: float, seconds: SecondArrays) -> bool:
    """After each tick of a market, at `ts` ns: whether a row was written. NaN where sentiment is missing or not due."""
    return bool(
        _step(
            ts // SECOND_NS,
            sentiment,
            doubt,
            market.now,
            market.rings,
            market.params,
            market.features,
            market.bands,
            *seconds,
        )
    )


def latest(seconds: SecondArrays) -> Floats:
    """The latest row, a view; all NaN before the first."""
    return seconds.rows[int(seconds.clock[LATEST]) % KEPT]


def window(seconds: SecondArrays, length: int) -> Floats:
    """The last `length` rows (at most KEPT), oldest first, a copy; NaN where the session had not begun."""
    places = (int(seconds.clock[LATEST]) - np.arange(length - 1, -1, -1)) % KEPT
    return seconds.rows[places]


def pack(seconds: SecondArrays) -> dict[str, npt.NDArray[Any]]:
    """The grid as `unpack` takes it. Column by column, which compresses best."""
    return {
        "rows": np.ascontiguousarray(seconds.rows.T),
        "clock": seconds.clock.copy(),
        "now": seconds.now.copy(),
    }


def unpack(packed: Mapping[str, npt.NDArray[Any]]) -> SecondArrays:
    """The grid that was packed; it may come from a stranger. ValueError says what is wrong with it."""
    shapes = {"rows": (WIDTH, KEPT), "clock": (2,), "now": (6,)}
    if {name: array.shape for name, array in packed.items()} != shapes:
        raise ValueError(f"a grid of seconds: expected arrays {shapes}")
    rows, clock, now = (np.array(packed[name]) for name in shapes)
    if rows.dtype != np.float64 or clock.dtype != np.int64 or now.dtype != np.float64:
        raise ValueError("a grid of seconds: expected floats, and whole seconds")
    if not -1 <= clock[LATEST] <= _LAST_SECOND or not 0 <= clock[COUNT] <= _LAST_SECOND:
        raise ValueError(f"a grid of seconds: its latest row lies outside of time: {clock.tolist()}")
    for array in (rows, now):
        if (np.abs(array) > MOST).any():
            raise ValueError(f"a grid of seconds: expected numbers within {MOST:g}")
    return SecondArrays(np.ascontiguousarray(rows.T), clock, now)


def warm() -> None:
    """Compile what Python calls, for the arguments it is called with."""
    from engine.kernels.market import new_market

    step(new_market(0.01, 0.01, [100.0], 1), 0, math.nan, math.nan, new_seconds())
