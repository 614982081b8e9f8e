"""Frames as the engine would publish them, frozen: BTCUSDT near 61,693.73 and its troubles.

Every function returns the same frame each time, so that pictures of the screen can be compared.
"""

from __future__ import annotations

import random
import struct
from typing import Any

import msgspec

from engine.frame import Frame, Market, View
from engine.frame.alerts import Event
from engine.frame.chart import HEAT_LEVELS, Chart
from engine.frame.feeds import Feed
from engine.frame.host import Host, Recording, Transport
from engine.frame.symbol import Band, Detail, Features, Level, Line, Print, Proof, SignalNow, Top
from engine.instrument import Instrument

SECOND = 1_000_000_000
NOW = 1_763_683_184_000_000_000  # 2025-11-20 23:59:44 UTC
STARTED = NOW - 751 * SECOND

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
ETH = Instrument("binance", "ETHUSDT", "ETH", "USDT", "0.01", "0.0001")
SOL = Instrument("binance", "SOLUSDT", "SOL", "USDT", "0.01", "0.001")

ANY = View()
LIVE = frozenset({"view", "seek", "mark", "record"})
REPLAY = frozenset({"view", "pause", "speed", "step", "seek"})

# (whole price, size) of the picture's rows, best first
_ASKS = [
    (61694, 3.235), (61695, 1.097), (61696, 0.090), (61697, 0.195), (61698, 0.519), (61699, 0.127),
    (61700, 0.610), (61701, 0.324), (61702, 1.058), (61703, 0.0002), (61704, 0.131), (61705, 2.056),
    (61706, 0.337), (61707, 0.689), (61708, 0.502), (61709, 0.798), (61710, 2.044), (61711, 1.358),
    (61712, 0.697), (61713, 0.214), (61714, 0.913), (61715, 1.402), (61716, 0.118), (61717, 0.076),
]  # fmt: skip
_BIDS = [
    (61693, 1.304), (61692, 0.106), (61691, 0.324), (61690, 0.144), (61688, 0.200), (61687, 0.250),
    (61686, 0.745), (61685, 0.195), (61684, 0.768), (61683, 0.476), (61682, 0.144), (61680, 0.065),
    (61678, 0.001), (61677, 1.413), (61676, 0.095), (61675, 0.0004), (61674, 0.010), (61673, 0.065),
    (61672, 0.682), (61671, 0.330), (61670, 1.911), (61669, 0.062), (61668, 0.240), (61667, 0.805),
]  # fmt: skip


def _levels(rows: list[tuple[int, float]], count: int, step: int) -> tuple[Level, ...]:
    levels, total = [], 0
    price, rng = rows[-1][0], random.Random(len(rows))
    for i in range(count):
        if i < len(rows):
            price, size = rows[i]
        else:
            price, size = price + step, round(rng.expovariate(2.0), 3)
        lots = round(size * 100_000)
        total += lots
        levels.append(Level(price * 100, lots, total))
    return tuple(levels)


def _doubles(values: list[float]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def _heat(close: list[float], top: float, bottom: float, rows: int) -> bytes:
    """Orders that rest for a while at a price, few of them large, and thin around the price itself."""
    rng, heat = random.Random(11), bytearray()
    for r in range(rows):
        at = top - (r + 0.5) * (top - bottom) / rows
        wall = abs(at - 61_706.0) < 1.2
        left, level = 0, 0.0
        for price in close:
            if left == 0:
                left = rng.randrange(6, 60)
                level = min(HEAT_LEVELS, rng.expovariate(0.42)) if rng.random() < 0.8 else 0.0
            left -= 1
            here = 9.0 if wall and price < 61_710 else level
            heat.append(round(here / 3 if abs(at - price) < 2.0 else here))
    return bytes(heat)


def chart(view: View) -> Chart:
    """A morning's path with a sharp fall and its recovery, `view.columns` bars wide."""
    count, rng = view.columns, random.Random(7)
    close, price = [], 61_735.0
    for i in range(count):
        share = i / max(1, count - 1)
        pull = 61_735 if share < 0.45 else 61_686 if share < 0.55 else 61_693.73
        price += (pull - price) * 0.25 + rng.gauss(0, 1.6)
        close.append(round(price, 2))
    close[-1] = 61_693.73
    opened = [close[0], *close[:-1]]
    high = [max(a, b) + abs(rng.gauss(0, 1.2)) for a, b in zip(opened, close, strict=True)]
    low = [min(a, b) - abs(rng.gauss(0, 1.2)) for a, b in zip(opened, close, strict=True)]
    bought = [rng.expovariate(4.0) for _ in close]
    sold = [rng.expovariate(4.0) for _ in close]
    top, bottom, rows = 61_750.0, 61_670.0, view.heat_rows
    heat = _heat(close, top, bottom, rows)
    return Chart(
        interval_ns=view.interval_ns,
        ts_open=NOW - (count - 1) * view.interval_ns,
        count=count,
        open=_doubles(opened),
        high=_doubles(high),
        low=_doubles(low),
        close=_doubles(close),
        bought=_doubles(bought),
        sold=_doubles(sold),
        heat=heat,
        heat_rows=rows,
        heat_top=top,
        heat_bottom=bottom,
        heat_max=4.2,
    )


def tape(count: int) -> tuple[Print, ...]:
    rng = random.Random(3)
    sizes = [0.02, 0.0003, 0.0003, 0.0087, 0.02, 0.0029, 0.0003, 0.0018, 0.0002, 1.25, 0.00001]
    prints = []
    for i in range(count):
        side = 1 if rng.random() < 0.5 else -1
        ticks = 6_169_373 if side > 0 else 6_169_372
        prints.append(Print(NOW - i * 410_000_000, ticks, round(sizes[i % len(sizes)] * 100_000), side))
    return tuple(prints)


FEATURES = Features(
    mid=61_693.725,
    weighted_mid=61_693.7281,
    microprice=61_693.7281,
    spread_ticks=1,
    spread_bps=0.00162,
    bands=(
        Band(100.0, 24.3, 23.41, 46.12, 0.5076, -0.3266),
        Band(10.0, 10.0, 8.2, 12.9, 0.6357, -0.2227),
        Band(1.0, 1.0, 1.3, 3.2, 0.4063, -0.4222),
    ),
    round_trip_bps=0.014,
    round_trip_size=1.0,
    ofi=-0.82,
    trade_flow=1.204,
    vwap=61_695.12,
    realised_vol_bps=4.7,
    trades_per_s=7.4,
    volume=128.44,
    latency_ms=4.2,
)


def line(instrument: Instrument = BTC, **changes: Any) -> Line:
    """A header line in good health, with whatever differs."""
    whole = Line(
        instrument=instrument,
        state="SYNCED",
        connection="LIVE",
        trading="TRADING",
        top=Top(6_169_372, 130_400, 6_169_373, 323_500),
        mid=61_693.725,
        change_pct=0.31,
        spread_bps=0.00162,
        proof=Proof(6489, 6489),
        update_id=58_211_334_871,
        updates_per_s=10.0,
        latency_ms=4.2,
        direction="SHORT",
    )
    return msgspec.structs.replace(whole, **changes)


EVENTS = (
    Event(NOW - 3 * SECOND, "SHORT", "ratio 0.44 for 74 s, 10 bp band, OFI agrees", 0, 0.71),
    Event(NOW - 32 * SECOND, "MARK", "large seller at 61 706", 0, None),
    Event(NOW - 74 * SECOND, "FEED", "binance: connection closed (1006), resynced in 0.4 s", None, None),
    Event(NOW - 109 * SECOND, "LONG", "ratio 2.31 for 66 s, 10 bp band", 0, 0.58),
    Event(NOW - 162 * SECOND, "BOOK", "crossed for 0.2 s, resynced", 0, None),
)
FEEDS = (
    Feed("binance", "LIVE", "", None, 18_204, 41_233_118, 0, 3, 1, 1),
    Feed("binance rest", "IDLE", "", None, 14, 1_802_113, 0, 0, 0, 0),
)


def live(view: View = ANY, **lines: Any) -> Frame:
    """A live session in good health, as the view asks to see it. `lines` change the symbol's header line."""
    view = msgspec.structs.replace(view, symbol=0)
    detail = Detail(
        bids=_levels(_BIDS, view.ladder_rows, -1),
        asks=_levels(_ASKS, view.ladder_rows, 1),
        group_ticks=view.group_ticks or 100,
        known_low_ticks=6_154_380,
        known_high_ticks=6_184_365,
        last=Print(NOW - 120_000_000, 6_169_373, 2_000, 1),
        features=FEATURES,
        tape=tape(view.tape_rows),
        chart=chart(view),
        signal=SignalNow("SHORT", 0.71, 0.4412, 74.2, "ratio 0.44 for 74 s, 10 bp band, OFI agrees"),
    )
    market = Market(
        seq=1_204_118,
        ts=NOW,
        started=STARTED,
        lines=(line(**lines),),
        symbol=0,
        detail=detail,
        events=EVENTS,
        feeds=FEEDS,
    )
    return Frame(market, HOST, view)


HOST = Host(
    accepts=LIVE,
    transport=Transport("LIVE", 1.0, False, STARTED, NOW),
    recording=Recording("ON", "BTCUSDT.microtui", 1_402_113, 751.0, 3.0, 0, ""),
    cpu_pct=8.4,
    memory_mb=141.0,
)


def _with_detail(frame: Frame, **changes: Any) -> Frame:
    detail = msgspec.structs.replace(frame.market.detail, **changes)
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, detail=detail))


def several(view: View = ANY) -> Frame:
    """Three symbols, the first chosen."""
    frame = live(view)
    eth = line(ETH, mid=2_513.445, change_pct=-0.12, proof=Proof(6120, 6120), direction="FLAT")
    sol = line(SOL, mid=141.275, change_pct=1.04, state="STALE", reason="no update for 6 s", latency_ms=None)
    return msgspec.structs.replace(
        frame, market=msgspec.structs.replace(frame.market, lines=(frame.market.lines[0], eth, sol))
    )


def stale(view: View = ANY) -> Frame:
    """The book has not moved for too long."""
    return live(view, state="STALE", reason="no update for 6.2 s", updates_per_s=0.0, latency_ms=None)


def resyncing(view: View = ANY) -> Frame:
    """A gap in the update ids, a new snapshot on its way."""
    return live(view, state="GAP", reason="expected update 58211334872, found 58211334901")


def unproven(view: View = ANY) -> Frame:
    """Two of the comparisons with the venue's own top failed."""
    return live(view, proof=Proof(6489, 6491))


def crossed(view: View = ANY) -> Frame:
    """A bid above an ask: never drawn as a good book."""
    frame = live(view, state="CROSSED", reason="bid 61 695.00 above ask 61 694.00")
    bids = (Level(6_169_500, 20_000, 20_000), *frame.market.detail.bids[1:])
    return _with_detail(frame, bids=bids)


def one_sided(view: View = ANY) -> Frame:
    """Bids only, and so no mid, no spread and no ratio."""
    frame = live(view, top=Top(6_169_372, 130_400), mid=None, spread_bps=None, change_pct=None)
    band = Band(100.0, 24.3, 23.41, None, None, None)
    return _with_detail(frame, asks=(), features=Features(bands=(band,), trades_per_s=0.2, volume=128.44))


def empty(view: View = ANY) -> Frame:
    """Connected, and nothing known of the market yet."""
    whole = Line(instrument=BTC, state="SNAPSHOT_WAIT", connection="LIVE")
    market = Market(seq=3, ts=NOW, started=NOW, lines=(whole,), feeds=(Feed("binance", "LIVE"),))
    transport = Transport("LIVE", 1.0, False, NOW, NOW)
    return Frame(market, Host(accepts=LIVE, transport=transport), view)


def offline(view: View = ANY) -> Frame:
    """No network: why, and when it is tried again."""
    reason = "cannot resolve stream.binance.com"
    whole = Line(instrument=BTC, state="EMPTY", connection="BACKOFF", reason=reason)
    feed = Feed("binance", "BACKOFF", reason, NOW + 8 * SECOND, reconnects=4)
    market = Market(seq=9, ts=NOW, started=STARTED, lines=(whole,), feeds=(feed,))
    return Frame(market, Host(accepts=LIVE, transport=Transport("LIVE", 1.0, False, STARTED, NOW)), view)


MARKS = ((STARTED + 90 * SECOND, "MARK"), (STARTED + 300 * SECOND, "SHORT"), (NOW - 10 * SECOND, "FEED"))


def replay(view: View = ANY, *, speed: float = 4.0, paused: bool = False) -> Frame:
    """A recording played back, two thirds through."""
    frame = live(view)
    transport = Transport("REPLAY", speed, paused, STARTED, NOW + 380 * SECOND, MARKS)
    return msgspec.structs.replace(frame, host=Host(accepts=REPLAY, transport=transport))


def simulated(view: View = ANY) -> Frame:
    """A made-up market in good health."""
    frame = live(view)
    transport = Transport("SIM", 1.0, False, STARTED, NOW)
    accepts = frozenset({"view", "pause", "speed", "step", "mark", "record"})
    return msgspec.structs.replace(
        frame, host=msgspec.structs.replace(frame.host, accepts=accepts, transport=transport)
    )


def rewind(view: View = ANY) -> Frame:
    """A live session looked at a minute ago, while recording goes on."""
    frame = live(view)
    transport = Transport("REWIND", 1.0, False, STARTED - 60 * SECOND, NOW + 60 * SECOND, MARKS)
    host = msgspec.structs.replace(frame.host, accepts=REPLAY | LIVE | {"now"}, transport=transport)
    return msgspec.structs.replace(frame, host=host)
