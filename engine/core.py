"""The one engine: a State, and `apply(state, batch)`, which folds events into it. READ FIRST.

State is a fold over recorded events and nothing else: no clock, no randomness, no I/O. The numbers that
change with every message live in arrays that jitted kernels fold; what changes rarely (who is listed, how a
feed is doing, what the signal says, which alerts stand) is plain Python around them. Both can be copied,
packed and compared, and that is all that checkpoints, seeking and forks need.

Rows are folded here, symbol by symbol; what each note does is in `engine.notes`. A batch ends at a TICK. There
the features are read, the signal steps, metrics and alerts are derived. What a kernel found doubtful (a crossed
book, a top that is not the venue's) becomes a `Resync` request that the session passes to the source; a source
that cannot resync, such as a recording, ignores it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine import by_asset
from engine.advisers.news import NewsState
from engine.alerts import families
from engine.alerts.gate import AlertsState, Raised
from engine.batch import Batch, kinds_of
from engine.events import Agents, Alert, Asked, Baseline, BookMetrics, Derived, Kind, Listed, Setup, Signal
from engine.every_second import every_second
from engine.frame.alerts import Event
from engine.frame.feeds import Feed
from engine.kernels import charts as chart_kernel
from engine.kernels import charts_view as chart_view
from engine.kernels import fold as fold_kernel
from engine.kernels import market as market_kernel
from engine.kernels import seconds as second_kernel
from engine.notes import apply_note
from engine.paper_orders import Resting, fill_text, fold_orders
from engine.ports import Resync
from engine.risk.books import RiskState
from engine.signals.chain import ChainState
from engine.signals.sentiment import SentimentState
from engine.symbol import SymbolState
from engine.telling import tell, tell_raised
from engine.troubles import doubt_book

# As plain numbers: numpy takes many times longer to compare a column with a member of an enum.
_NOTE, _SNAPSHOT, _TRADE, _TICK = int(Kind.NOTE), int(Kind.SNAPSHOT), int(Kind.TRADE), int(Kind.TICK)


@dataclass
class State:
    """Everything that follows from the events so far."""

    setup: Setup = field(default_factory=Setup)
    seq: int = 0  # of the next event
    ts: int = 0  # of the last tick
    started: int = 0
    symbols: dict[int, SymbolState] = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)  # newest last
    metrics_at: int = 0
    told: dict[str, int] = field(default_factory=dict)  # of whose trouble a person last heard when
    agents: Agents | None = None  # as they were told of last
    profits: list[tuple[int, ...]] = field(default_factory=list)  # by family, newest last
    resting: dict[int, Resting] = field(default_factory=dict)  # on paper, or of the person, by number
    sentiment: SentimentState = field(default_factory=SentimentState)
    news: NewsState = field(default_factory=NewsState)
    baseline: Baseline = field(default_factory=Baseline)  # of advisers, from earlier sessions
    alerts: AlertsState = field(default_factory=AlertsState)
    risk: RiskState = field(default_factory=RiskState)  # of those who trade here
    chain: ChainState = field(default_factory=ChainState)
    asked: list[Asked] = field(default_factory=list)  # symbols that are watched as others, or not at all


def apply(state: State, batch: Batch) -> tuple[list[Derived], list[Resync]]:
    """Fold one batch. Returns what it led to: derived rows in order, and requests to the source."""
    derived: list[Derived] = []
    requests: list[Resync] = []
    if not len(batch):
        return derived, requests
    if not state.started:
        state.started = int(batch.rows[0]["ts_recv"])
    kinds = kinds_of(batch.rows)
    for part, of_part in _parts(batch, kinds):
        _fold_rows(state, part, of_part, derived, requests)
        if of_part[-1] == _NOTE:
            row = part.rows[-1]
            apply_note(state, batch.notes[int(row["level_start"])], int(row["ts_recv"]), derived)
    for fill in fold_orders(state.resting, batch, kinds):
        known = state.symbols.get(fill.symbol)
        if known is not None:
            paper = state.agents is None or state.agents.paper
            text = fill_text(fill, known.instrument, paper)
            tell(state, Alert(fill.ts, fill.symbol, "FILL", None, text), derived)
    state.seq += len(batch)
    for index, symbol in state.symbols.items():
        chart_kernel.on_batch(
            batch.rows, index, symbol.charts, symbol.market.book, _charted(symbol, batch, index)
        )
    if kinds[-1] == _TICK:
        _tick(state, int(batch.rows[-1]["ts_recv"]), derived)
    return derived, requests


def fold_all(state: State, batches: Sequence[Batch]) -> State:
    """Fold batch after batch into `state`, for tests and tools that want no session."""
    for batch in batches:
        apply(state, batch)
    return state


def listed(state: State) -> tuple[Listed, ...]:
    """The instruments as they were listed last."""
    return tuple(Listed(index, s.instrument, s.depth_limit) for index, s in state.symbols.items())


def _parts(batch: Batch, kinds: bytes) -> Iterator[tuple[Batch, bytes]]:
    """The batch cut behind every note, so that notes and rows count in their order; with the kinds of each part."""
    start, at = 0, kinds.find(_NOTE)
    if at < 0:
        yield batch, kinds
        return
    while at >= 0:
        yield Batch(batch.rows[start : at + 1], batch.levels, batch.notes), kinds[start : at + 1]
        start, at = at + 1, kinds.find(_NOTE, at + 1)
    if start < len(batch):
        yield Batch(batch.rows[start:], batch.levels, batch.notes), kinds[start:]


def _fold_rows(
    state: State, part: Batch, kinds: bytes, derived: list[Derived], requests: list[Resync]
) -> None:
    if len(kinds) == 1 and kinds[0] == _NOTE:
        return  # notes come in rows, posts by the hundred: no market has to be asked about them
    for index, symbol in state.symbols.items():
        if _SNAPSHOT in kinds:
            snapshots = (part.rows["kind"] == _SNAPSHOT) & (part.rows["symbol"] == index)
            if snapshots.any():
                symbol.doubt = ""
                _size_round_trip(symbol, part, int(np.argmax(snapshots)), state.setup.round_trip_quote)
        symbol.market = fold_kernel.fit(part.rows, part.levels, index, symbol.market)
        flags = fold_kernel.fold(part.rows, part.levels, index, symbol.market)
        if flags and not symbol.doubt:
            ts = int(part.rows[-1]["ts_recv"])
            requests.append(doubt_book(state, index, symbol, flags, ts, derived))


def _size_round_trip(symbol: SymbolState, part: Batch, at: int, quote: float) -> None:
    """The round trip's size in lots, from its value in quote currency at the first book's price."""
    row = part.rows[at]
    params = symbol.market.params
    if not symbol.sized and int(row["bid_count"]) > 0:
        best_ticks = int(part.levels[int(row["level_start"]), 0])
        price, lot = symbol.instrument.tick.to_float(best_ticks), float(symbol.instrument.lot.value)
        if price > 0:
            params[market_kernel.ROUND_TRIP_LOTS] = max(1.0, round(quote / price / lot))
            symbol.sized = True


def _charted(symbol: SymbolState, batch: Batch, index: int) -> float:
    """What the bars show: the mid, or the last trade's price while a side of a trusted book is empty; else NaN."""
    mid = symbol.feature("mid") if symbol.trusted else None
    if mid is not None:
        return mid
    charts = symbol.charts
    traded = (batch.rows["kind"] == _TRADE) & (batch.rows["symbol"] == index)
    if symbol.trusted and traded.any():
        ticks = float(batch.rows["price_ticks"][traded][-1])
    elif symbol.trusted and charts.clock[chart_kernel.TRADES] > 0:
        ticks = float(chart_view.read_tape(charts, 1)[0, chart_kernel.TAPE_TICKS])
    else:
        return math.nan
    return symbol.instrument.tick.to_float(ticks)


def _tick(state: State, ts: int, derived: list[Derived]) -> None:
    dt_s = (ts - state.ts) / 1e9 if state.ts else 0.1
    state.ts = ts
    every_ns = int(state.setup.metrics_every_s * 1e9)
    metrics_due = ts - state.metrics_at >= every_ns
    if metrics_due:
        state.metrics_at = ts - ts % every_ns
    for index, symbol in state.symbols.items():
        ratio = symbol.band(0, "ratio") if symbol.trusted else None
        if symbol.first_mid is None and symbol.trusted:
            symbol.first_mid = symbol.feature("mid")
        if symbol.signal.step(ratio, ts, min(dt_s, 1.0), state.setup.signal):
            derived.append(_signal(symbol, index, ts))
        if metrics_due and symbol.trusted:
            derived.append(_metrics(symbol, ts))
    if (state.sentiment.assets or state.sentiment.waiting) and state.sentiment.due(ts):
        flows = by_asset.flows(state)
        books = by_asset.liquidity(state) if state.sentiment.ripe(ts) else {}
        derived.extend(state.sentiment.tick(ts, books, flows))
    state.chain.tick(ts)
    _seconds(state, ts, derived)


def _seconds(state: State, ts: int, derived: list[Derived]) -> None:
    """Where a second has begun: a new row of each symbol's grid, and what is made of it."""
    stepped = False
    moods: dict[str, tuple[float, float]] = {}
    for index, symbol in state.symbols.items():
        mood = (math.nan, math.nan)
        if second_kernel.due(ts, symbol.seconds):
            base = symbol.instrument.base
            mood = moods.get(base) or moods.setdefault(base, by_asset.mood(state, base))
        if second_kernel.step(symbol.market, ts, *mood, symbol.seconds):
            stepped = True
            for item in every_second(state, index, symbol, ts):
                if isinstance(item, Raised):
                    tell(state, item.alert, derived, item.rule)
                else:
                    derived.append(item)
    if stepped:
        tell_raised(state, families.second(state, ts), derived)
        held_back = state.alerts.held_back(state.setup.alerts, ts)
        if held_back is not None:
            tell(state, held_back, derived)


def _signal(symbol: SymbolState, index: int, ts: int) -> Signal:
    now = symbol.signal.now
    return Signal(ts, index, now.direction, now.confidence, now.ratio, now.held_s, now.reason)


def _metrics(symbol: SymbolState, ts: int) -> BookMetrics:
    return BookMetrics(
        ts=ts,
        asset=symbol.instrument.symbol,
        exchange=symbol.instrument.venue,
        bid_ask_ratio=symbol.band(0, "ratio"),
        depth_imbalance=symbol.band(0, "imbalance"),
        mid_price=symbol.feature("mid"),
        spread_bps=symbol.feature("spread_bps"),
        bid_depth_1pct=symbol.band(0, "bid_depth"),
        ask_depth_1pct=symbol.band(0, "ask_depth"),
        depth_band_bps=symbol.band(0, "reach_bps"),
    )
