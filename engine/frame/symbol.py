"""One symbol: its line in the header, and what the panels show of it when it is the chosen one."""

from __future__ import annotations

import msgspec

from engine.frame.chart import Chart
from engine.instrument import Instrument


class Top(msgspec.Struct, frozen=True, array_like=True):
    bid_ticks: int | None = None
    bid_lots: int | None = None
    ask_ticks: int | None = None
    ask_lots: int | None = None


class Proof(msgspec.Struct, frozen=True, array_like=True):
    """Comparisons of the book's top with the venue's own, at equal update ids, that could be decided."""

    verified: int = 0
    decided: int = 0


class Line(msgspec.Struct, frozen=True):
    """One symbol's header line."""

    instrument: Instrument
    state: str = "EMPTY"  # the book's: EMPTY BUFFERING SNAPSHOT_WAIT SYNCED STALE GAP CROSSED MISMATCH
    reason: str = ""
    connection: str = "IDLE"
    trading: str = ""
    top: Top = Top()
    mid: float | None = None
    change_pct: float | None = None  # of the mid since the session began
    spread_bps: float | None = None
    proof: Proof = Proof()
    update_id: int | None = None
    updates_per_s: float | None = None  # depth messages, over the last 10 s
    latency_ms: float | None = None
    direction: str = "FLAT"


class Level(msgspec.Struct, frozen=True, array_like=True):
    """One ladder row. `ticks` is the row's price; with grouping, bids round down and asks round up."""

    ticks: int
    lots: int
    total_lots: int  # from the touch to here


class Band(msgspec.Struct, frozen=True, array_like=True):
    """Depth between the mid and `bps` away, both sides, in base units.

    `reach_bps` is how far the known book really goes inside it: below `bps` the numbers hold for that width.
    """

    bps: float
    reach_bps: float | None = None
    bid_depth: float | None = None
    ask_depth: float | None = None
    ratio: float | None = None  # bid / ask
    imbalance: float | None = None  # (bid - ask) / (bid + ask)


class Features(msgspec.Struct, frozen=True):
    """What the book and the trades say now. Prices in quote units; see `engine.kernels.features`."""

    mid: float | None = None
    weighted_mid: float | None = None
    microprice: float | None = None
    spread_ticks: int | None = None
    spread_bps: float | None = None
    bands: tuple[Band, ...] = ()  # the first is the 1 % band
    round_trip_bps: float | None = None  # buy then sell `round_trip_size` now
    round_trip_size: float = 0.0
    ofi: float | None = None  # order-flow imbalance over the last second, base units
    trade_flow: float | None = None  # bought minus sold over the last 10 s, base units
    vwap: float | None = None  # over the last 60 s
    realised_vol_bps: float | None = None  # root of summed squared 1 s log returns over the last 60 s
    trades_per_s: float | None = None  # over the last 10 s
    volume: float | None = None  # traded since the session began, base units
    latency_ms: float | None = None  # receive minus event time, above its rolling minimum


class Print(msgspec.Struct, frozen=True, array_like=True):
    """One trade of the tape, newest first in `Detail.tape`."""

    ts: int
    ticks: int
    lots: int
    side: int  # +1 the buyer was the aggressor, -1 the seller


class SignalNow(msgspec.Struct, frozen=True):
    """The imbalance signal as it stands."""

    direction: str = "FLAT"
    confidence: float | None = None
    ratio: float | None = None
    held_s: float = 0.0
    reason: str = ""


class OwnOrder(msgspec.Struct, frozen=True, array_like=True):
    """One of the person's resting orders. `ahead_lots`: estimated to stand before it at its price."""

    number: int
    side: int  # +1 buys, -1 sells
    ticks: int
    lots: int
    ahead_lots: int


class PaperLevel(msgspec.Struct, frozen=True, array_like=True):
    """What our agents have resting on paper at a price; in a simulated market it is in the book itself."""

    side: int
    ticks: int
    lots: int


class Detail(msgspec.Struct, frozen=True):
    """All that the panels show of the chosen symbol."""

    bids: tuple[Level, ...] = ()  # best first
    asks: tuple[Level, ...] = ()  # best first
    group_ticks: int = 1
    known_low_ticks: int | None = None  # the book is known between these two, whole beyond where None
    known_high_ticks: int | None = None
    last: Print | None = None
    features: Features = Features()
    tape: tuple[Print, ...] = ()
    chart: Chart = Chart(interval_ns=1_000_000_000)
    signal: SignalNow = SignalNow()
    own: tuple[OwnOrder, ...] = ()
    paper: tuple[PaperLevel, ...] = ()
