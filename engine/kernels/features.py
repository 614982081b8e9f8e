"""What the book and the trades say at a tick: every feature, its definition and its source.

b, a: best bid and ask in ticks; Qb, Qa: their lots. Prices come out in quote units, sizes in base units, and
NaN is missing. Nothing is drawn from a book that is doubtful (no snapshot since) or crossed (b >= a).

mid            (a + b) / 2
weighted_mid   I a + (1 - I) b with the queue imbalance I = Qb / (Qb + Qa)
microprice     see `microprice`; missing until the mid has moved 50 times
spread         a - b in ticks; in bps of the mid
bands          depth from mid - w to mid + w, both ends included, w the band's half width or, where the known
               book ends before, the widest that is known on both sides: `reach_bps` says which. ratio = bid /
               ask (missing without asks); imbalance = (bid - ask) / (bid + ask) (missing without either)
round_trip_bps buy a size and sell it again now, walking the book: (paid - received) / (size x mid). Missing
               when the known book is too thin. As a measure of liquidity: P. Irvine, G. Benston, E. Kandel,
               "Liquidity beyond the inside spread" (2000), the cost of round trip
ofi            order-flow imbalance of each book change, summed over the last second (' is the state before):
               e = 1{b >= b'} Qb - 1{b <= b'} Qb' - 1{a <= a'} Qa + 1{a >= a'} Qa'
               R. Cont, A. Kukanov, S. Stoikov, "The price impact of order book events" (2014),
               arXiv 1011.6402
trade_flow     lots bought minus lots sold by aggressors over the last 10 s
vwap           value over volume of the last 60 s; missing without trades
realised_vol   root of the summed squared 1 s log returns of the mid over the last 60 s, in bps
trades_per_s, updates_per_s   over the last 10 s (trades; depth messages)
volume         traded since the session began
latency_ms     receive minus event time of the latest depth message, above its least value of the last 60 s:
               the two clocks need not agree
"""

from __future__ import annotations

import math

from engine.batch import MISSING
from engine.kernels import helper
from engine.kernels.level_book import (
    ASK,
    BEST,
    BID,
    EMPTY,
    KNOWN,
    NOTHING,
    TOTAL,
    Ints,
    best_lots,
    depth,
    lots_at,
    next_level,
)
from engine.kernels.market import (
    ASK_KEY,
    ASK_LOTS,
    BID_KEY,
    BID_LOTS,
    DECIDED,
    FEATURES,
    FLOW,
    LAST_LOTS,
    LAST_SIDE,
    LAST_TICKS,
    LOT_SIZE,
    LOTS,
    MESSAGES,
    MID_CHANGES,
    NOW_SUMS,
    OFI,
    ROLLING_SUMS,
    ROUND_TRIP_LOTS,
    STATE,
    SYNCED,
    TICK_SIZE,
    TOP_KNOWN,
    TRADES,
    UPDATE_ID,
    UPDATES,
    VERIFIED,
    VOLUME,
    Floats,
)
from engine.kernels.microprice import MIN_MID_CHANGES, count_move, state_of
from engine.kernels.windows import delay_above_least, per_second, value_traded, variance

_INDEX = {name: i for i, name in enumerate(FEATURES)}
_BID_TICKS, _BID_LOTS = _INDEX["best_bid_ticks"], _INDEX["best_bid_lots"]
_ASK_TICKS, _ASK_LOTS = _INDEX["best_ask_ticks"], _INDEX["best_ask_lots"]
_MID, _WEIGHTED_MID, _MICROPRICE = _INDEX["mid"], _INDEX["weighted_mid"], _INDEX["microprice"]
_SPREAD_TICKS, _SPREAD_BPS = _INDEX["spread_ticks"], _INDEX["spread_bps"]
_ROUND_TRIP_BPS, _ROUND_TRIP_SIZE = _INDEX["round_trip_bps"], _INDEX["round_trip_size"]
_OFI, _TRADE_FLOW, _VWAP, _VOLATILITY = (
    _INDEX["ofi"],
    _INDEX["trade_flow"],
    _INDEX["vwap"],
    _INDEX["realised_vol_bps"],
)
_TRADES_PER_S, _VOLUME, _LATENCY = _INDEX["trades_per_s"], _INDEX["volume"], _INDEX["latency_ms"]
_UPDATES_PER_S, _UPDATES, _UPDATE_ID = _INDEX["updates_per_s"], _INDEX["updates"], _INDEX["update_id"]
_DECIDED, _VERIFIED = _INDEX["decided"], _INDEX["verified"]
_KNOWN_LOW, _KNOWN_HIGH = _INDEX["known_low_ticks"], _INDEX["known_high_ticks"]
_LAST_TICKS, _LAST_LOTS, _LAST_SIDE = _INDEX["last_ticks"], _INDEX["last_lots"], _INDEX["last_side"]


@helper
def crossed(head: Ints) -> bool:
    """Best bid at or above best ask. An empty side crosses nothing."""
    return head[BID, BEST] != EMPTY and head[ASK, BEST] != EMPTY and -head[BID, BEST] >= head[ASK, BEST]


@helper
def two_sided(head: Ints) -> bool:
    return head[BID, BEST] != EMPTY and head[ASK, BEST] != EMPTY and -head[BID, BEST] < head[ASK, BEST]


@helper
def top_changed(head: Ints, cells: Ints, far: Ints, now: Ints, moves: Ints) -> None:
    """After a book change: order flow, the microprice's chain, and the new top in `now`."""
    bid_lots = best_lots(head, cells, far, BID)
    ask_lots = best_lots(head, cells, far, ASK)
    bid, ask = head[BID, BEST], head[ASK, BEST]  # keys: smaller is better on both sides
    if now[TOP_KNOWN]:
        flow = 0
        if bid <= now[BID_KEY]:
            flow += bid_lots
        if bid >= now[BID_KEY]:
            flow -= now[BID_LOTS]
        if ask <= now[ASK_KEY]:
            flow -= ask_lots
        if ask >= now[ASK_KEY]:
            flow += now[ASK_LOTS]
        now[NOW_SUMS + OFI] += flow
    if two_sided(head):
        jump = ask - bid - (now[ASK_KEY] - now[BID_KEY])
        count_move(now, moves, state_of(bid_lots, ask_lots, ask + bid), jump)
    else:
        now[STATE] = -1
    now[BID_KEY], now[BID_LOTS], now[ASK_KEY], now[ASK_LOTS] = bid, bid_lots, ask, ask_lots
    now[TOP_KNOWN] = not crossed(head)


@helper
def mid_ticks(head: Ints, now: Ints) -> float:
    """The mid in ticks; NaN when the book is doubtful, one-sided or crossed."""
    if now[SYNCED] == 0 or not two_sided(head):
        return math.nan
    return (head[ASK, BEST] - head[BID, BEST]) * 0.5


@helper
def reach(head: Ints, mid: float, bps: float) -> float:
    """Half width in ticks of the widest known band around the mid, at most `bps`. Negative: none is known."""
    width = bps / 1e4 * mid
    for side in range(2):
        bound = head[side, KNOWN]
        if bound == NOTHING:
            return -1.0
        if bound != EMPTY:
            width = min(width, bound - mid if side == ASK else mid + bound)
    return width


@helper
def _measure_bands(head: Ints, cells: Ints, far: Ints, params: Floats, bands: Floats, mid: float) -> None:
    for i in range(bands.shape[0]):
        bands[i, 1:] = math.nan
        if not mid > 0.0:
            continue
        wanted = bands[i, 0] / 1e4 * mid
        width = reach(head, mid, bands[i, 0])
        if width < 0.0:
            continue
        bands[i, 1] = bands[i, 0] if width == wanted else width / mid * 1e4
        for side in range(2):
            last = -math.ceil(mid - width) if side == BID else math.floor(mid + width)
            bands[i, 2 + side] = depth(head, cells, far, side, head[side, BEST], last) * params[LOT_SIZE]
        bid, ask = bands[i, 2], bands[i, 3]
        bands[i, 4] = bid / ask if ask > 0.0 else math.nan
        bands[i, 5] = (bid - ask) / (bid + ask) if bid + ask > 0.0 else math.nan


@helper
def _walk(head: Ints, cells: Ints, far: Ints, side: int, lots: int, mid: float) -> float:
    """Cost in ticks x lots, beside the mid, of taking `lots` from a side; NaN: the known book is too thin."""
    if head[side, TOTAL] < lots:
        return math.nan
    fair = mid if side == ASK else -mid
    key = head[side, BEST]
    cost = 0.0
    while lots > 0:
        if key > head[side, KNOWN]:
            return math.nan
        taken = min(lots, lots_at(head, cells, far, side, key))
        cost += taken * (key - fair)
        lots -= taken
        if lots > 0:
            key = next_level(head, cells, far, side, key + 1)
    return cost


@helper
def _measure_book(
    head: Ints, cells: Ints, far: Ints, now: Ints, edge: Floats, params: Floats, out: Floats, mid: float
) -> None:
    tick = params[TICK_SIZE]
    for i in range(_OFI + 1):
        out[i] = math.nan
    out[_ROUND_TRIP_SIZE] = params[ROUND_TRIP_LOTS] * params[LOT_SIZE]
    out[_KNOWN_LOW] = out[_KNOWN_HIGH] = math.nan
    if now[SYNCED] == 0:
        return
    if head[BID, BEST] != EMPTY:
        out[_BID_TICKS], out[_BID_LOTS] = -head[BID, BEST], now[BID_LOTS]
    if head[ASK, BEST] != EMPTY:
        out[_ASK_TICKS], out[_ASK_LOTS] = head[ASK, BEST], now[ASK_LOTS]
    if abs(head[BID, KNOWN]) != EMPTY:
        out[_KNOWN_LOW] = -head[BID, KNOWN]
    if abs(head[ASK, KNOWN]) != EMPTY:
        out[_KNOWN_HIGH] = head[ASK, KNOWN]
    out[_OFI] = now[ROLLING_SUMS + OFI] * params[LOT_SIZE]
    if math.isnan(mid):
        return
    bid, ask = -head[BID, BEST], head[ASK, BEST]
    imbalance = now[BID_LOTS] / (now[BID_LOTS] + now[ASK_LOTS])
    out[_MID] = mid * tick
    out[_WEIGHTED_MID] = (imbalance * ask + (1.0 - imbalance) * bid) * tick
    if now[MID_CHANGES] >= MIN_MID_CHANGES and now[STATE] >= 0:
        out[_MICROPRICE] = (mid + edge[now[STATE]] * 0.5) * tick
    out[_SPREAD_TICKS] = ask - bid
    if mid > 0.0:
        lots = int(params[ROUND_TRIP_LOTS])
        out[_SPREAD_BPS] = (ask - bid) / mid * 1e4
        cost = 0.0
        for side in range(2):
            cost += _walk(head, cells, far, side, lots, mid)
        out[_ROUND_TRIP_BPS] = cost / (lots * mid) * 1e4


@helper
def _measure_flow(now: Ints, reals: Floats, rings: Ints, params: Floats, out: Floats) -> None:
    tick, lot = params[TICK_SIZE], params[LOT_SIZE]
    out[_TRADE_FLOW] = now[ROLLING_SUMS + FLOW] * lot
    traded = now[ROLLING_SUMS + LOTS]
    out[_VWAP] = value_traded(now, reals) / traded * tick if traded > 0 else math.nan
    out[_VOLATILITY] = math.sqrt(variance(reals)) * 1e4
    out[_TRADES_PER_S] = per_second(now, TRADES)
    out[_VOLUME] = now[VOLUME] * lot
    out[_LATENCY] = delay_above_least(now, rings)
    out[_UPDATES_PER_S] = per_second(now, MESSAGES)
    out[_UPDATES] = now[UPDATES]
    out[_UPDATE_ID] = now[UPDATE_ID] if now[UPDATE_ID] != MISSING else math.nan
    out[_DECIDED], out[_VERIFIED] = now[DECIDED], now[VERIFIED]
    if now[LAST_SIDE] != 0:
        out[_LAST_TICKS], out[_LAST_LOTS], out[_LAST_SIDE] = now[LAST_TICKS], now[LAST_LOTS], now[LAST_SIDE]


@helper
def measure(
    head: Ints,
    cells: Ints,
    far: Ints,
    now: Ints,
    rings: Ints,
    reals: Floats,
    edge: Floats,
    params: Floats,
    features: Floats,
    bands: Floats,
) -> None:
    """Write every feature of this moment."""
    mid = mid_ticks(head, now)
    _measure_book(head, cells, far, now, edge, params, features, mid)
    _measure_bands(head, cells, far, params, bands, mid)
    _measure_flow(now, reals, rings, params, features)
