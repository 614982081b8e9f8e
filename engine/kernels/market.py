"""All that is remembered of one instrument's market, as arrays: copy them and you have forked the market.

The layout lives here; what the numbers mean is said by the kernels that own them (`level_book`, `windows`,
`microprice`, `proof`, `features`), and `fold` drives them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.batch import MISSING
from engine.kernels import level_book
from engine.kernels.level_book import Book, Ints

Floats = npt.NDArray[np.float64]

# now[...]: integers of the moment
SYNCED = 0  # 1 from a snapshot until the book is declared doubtful
UPDATE_ID = 1
UPDATES = 2  # depth messages applied since the session began
TOP_KNOWN = 3  # whether the four below say what the top was after the last book change
BID_KEY, BID_LOTS, ASK_KEY, ASK_LOTS = 4, 5, 6, 7
STATE = 8  # state of the microprice's chain, or -1
MID_CHANGES = 9
TICK_TS, TICKS = 10, 11  # time and number of the last 100 ms tick
NOW_SUMS = 12  # 12..16: sums since the last tick, one a ring
ROLLING_SUMS = 17  # 17..21: the same over each ring's window
NOW_DELAY, LAST_DELAY = 22, 23  # ns, receive minus event: least since the last tick; latest
VOLUME = 24
LAST_TICKS, LAST_LOTS, LAST_SIDE = 25, 26, 27
DECIDED, VERIFIED = 28, 29
PENDING_FIRST, PENDING_COUNT = 30, 31
VENUE_ID, VENUE_BID, VENUE_BID_LOTS, VENUE_ASK, VENUE_ASK_LOTS = 32, 33, 34, 35, 36
HEARD_TS = 37  # when the venue last said something of the book, or MISSING
NOW = 38

# rings[...]: a value a tick, the last 600 ticks
OFI, FLOW, LOTS, TRADES, MESSAGES, DELAY = 0, 1, 2, 3, 4, 5
RINGS = 6
RING_TICKS = 600

# reals[...]
TRADED_NOW = 0  # ticks x lots traded since the last tick
SECOND_MID = 1  # the mid at the last whole second, in ticks
RETURNS = 2  # 60 squared log returns, one a second
TRADED = 62  # a ring of TRADED_NOW
REALS = TRADED + RING_TICKS
RETURN_COUNT = 60

# params[...]
TICK_SIZE, LOT_SIZE, ROUND_TRIP_LOTS = 0, 1, 2
PARAMS = 3

STATES = 20  # of the microprice's chain: 10 buckets of imbalance x spread of one tick, wider
JUMP = 2 * STATES

PENDING = 128  # depth updates that wait for the venue's word

NO_DELAY = 2**63 - 1


class MarketArrays(NamedTuple):
    """One market. Arrays only, all C-contiguous."""

    head: Ints  # the book: see level_book
    cells: Ints
    far: Ints
    now: Ints  # (NOW,)
    rings: Ints  # (RINGS, RING_TICKS)
    moves: Ints  # (STATES, 2 * STATES + 1): transitions with the mid still, with it moved, sum of its jumps
    pending: Ints  # (PENDING, 5): update id, bid key, lots, ask key, lots
    reals: Floats  # (REALS,)
    edge: Floats  # (STATES,): microprice minus mid in half ticks, by state
    params: Floats  # (PARAMS,)
    features: Floats  # (len(FEATURES),): NaN is missing
    bands: Floats  # (n, len(BAND_FIELDS)): NaN is missing

    @property
    def book(self) -> Book:
        return Book(self.head, self.cells, self.far)

    def copy(self) -> MarketArrays:
        return MarketArrays._make(array.copy() for array in self)


# Index names of `features`. Definitions and units stand in `engine.kernels.features`.
FEATURES: tuple[str, ...] = (
    "best_bid_ticks",
    "best_bid_lots",
    "best_ask_ticks",
    "best_ask_lots",
    "mid",
    "weighted_mid",
    "microprice",
    "spread_ticks",
    "spread_bps",
    "round_trip_bps",
    "round_trip_size",
    "ofi",
    "trade_flow",
    "vwap",
    "realised_vol_bps",
    "trades_per_s",
    "volume",
    "latency_ms",
    "updates_per_s",
    "updates",
    "update_id",
    "decided",
    "verified",
    "known_low_ticks",
    "known_high_ticks",
    "last_ticks",
    "last_lots",
    "last_side",
)
BAND_FIELDS = ("bps", "reach_bps", "bid_depth", "ask_depth", "ratio", "imbalance")


def new_market(tick: float, lot: float, bands_bps: Sequence[float], round_trip_lots: int) -> MarketArrays:
    """A market of which nothing is known yet.

    tick, lot: one tick in quote units, one lot in base units. bands_bps: half widths of the depth bands, the
    first the 1 % band (100). round_trip_lots: the size whose round-trip cost is shown.
    """
    if not (tick > 0 and lot > 0):
        raise ValueError(f"tick and lot are positive, found {tick} and {lot}")
    if not bands_bps or any(not 0 < bps < 10_000 for bps in bands_bps):
        raise ValueError(f"bands lie between 0 and 10,000 bps and there is at least one, found {bands_bps}")
    if not 0 < round_trip_lots < 2**53:
        raise ValueError(f"the round trip's size is a positive number of lots, found {round_trip_lots}")
    now = np.zeros(NOW, np.int64)
    now[[UPDATE_ID, TICK_TS, LAST_DELAY, VENUE_ID, HEARD_TS]] = MISSING
    now[STATE] = -1
    now[NOW_DELAY] = NO_DELAY
    rings = np.zeros((RINGS, RING_TICKS), np.int64)
    rings[DELAY] = NO_DELAY
    reals = np.zeros(REALS)
    reals[SECOND_MID : RETURNS + RETURN_COUNT] = np.nan
    bands = np.full((len(bands_bps), len(BAND_FIELDS)), np.nan)
    bands[:, 0] = bands_bps
    return MarketArrays(
        *level_book.new_book(),
        now=now,
        rings=rings,
        moves=np.zeros((STATES, JUMP + 1), np.int64),
        pending=np.zeros((PENDING, 5), np.int64),
        reals=reals,
        edge=np.zeros(STATES),
        params=np.array([tick, lot, float(round_trip_lots)]),
        features=np.full(len(FEATURES), np.nan),
        bands=bands,
    )


def feature(market: MarketArrays, name: str) -> float | None:
    """One feature by name; None where it is missing."""
    value = float(market.features[FEATURES.index(name)])
    return None if value != value else value
