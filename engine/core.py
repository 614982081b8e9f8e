"""The one engine: a State, and `apply(state, batch)`, which folds events into it. READ FIRST.

State is a fold over recorded events and nothing else: no clock, no randomness, no I/O. The numbers that
change with every message live in arrays that jitted kernels fold; what changes rarely (who is listed, how a
feed is doing, what the signal says, which alerts stand) is plain Python around them. Both can be copied,
packed and compared, and that is all that checkpoints, seeking and forks need.

A batch ends at a TICK. There the features are read, the signal steps, metrics and alerts are derived.
What a kernel found doubtful (a crossed book, a top that is not the venue's) becomes a `Resync` request that
the session passes to the source; a source that cannot resync, such as a recording, ignores it.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

import numpy as np

from engine.advisers.each_second import AdvisersState
from engine.advisers.news import NewsState
from engine.alerts import families, whales
from engine.alerts.gate import AlertsState, Raised, told_of
from engine.alerts.watch import Watch
from engine.batch import Batch, kinds_of
from engine.events import (
    Advised,
    Agents,
    Alert,
    Baseline,
    BookMetrics,
    ChainTransfer,
    Derived,
    FactorFit,
    FeedCount,
    FeedStatus,
    Kind,
    Listed,
    Mark,
    Note,
    Post,
    Said,
    Scored,
    Setup,
    Shock,
    Signal,
)
from engine.every_second import every_second
from engine.frame import BESIDE_FEEDS, Event, Feed
from engine.instrument import Instrument
from engine.kernels import charts as chart_kernel
from engine.kernels import charts_view as chart_view
from engine.kernels import fold as fold_kernel
from engine.kernels import indicators as indicator_kernel
from engine.kernels import market as market_kernel
from engine.kernels import seconds as second_kernel
from engine.paper_orders import Resting, fill_text, fold_orders
from engine.ports import Resync
from engine.regimes.live import Regime
from engine.risk.books import RiskState
from engine.rules import AlertRule
from engine.shocks import BadShock, checked, describe
from engine.signals.chain import ChainState
from engine.signals.imbalance import ImbalanceSignal
from engine.signals.sentiment import Liquidity, SentimentState

EVENTS_KEPT = 200
FEED_QUIET_NS = 30_000_000_000  # an outage that flaps is told of once
# A site beside the market that answers every other question fails every few minutes; nothing is traded on one answer.
TEXT_QUIET_NS = 3600_000_000_000
# What a kernel may find wrong, the gravest first: the state that is shown and why.
_DOUBTS = {
    fold_kernel.OVERFLOW: ("MISMATCH", "a level lies beyond what the book can hold"),
    fold_kernel.CROSSED: ("CROSSED", "the best bid reached the best ask"),
    fold_kernel.MISMATCH: ("MISMATCH", "its top differs from the venue's at the same update"),
    fold_kernel.WRONG_SUM: ("MISMATCH", "its best levels do not have the venue's checksum"),
}
PROFITS_KEPT = 300  # notes of agents, one a second
_FEATURE = {name: index for index, name in enumerate(fold_kernel.FEATURES)}
_BAND = {name: index for index, name in enumerate(fold_kernel.BAND_FIELDS)}
# As plain numbers: numpy takes many times longer to compare a column with a member of an enum.
_NOTE, _SNAPSHOT, _TRADE, _TICK = int(Kind.NOTE), int(Kind.SNAPSHOT), int(Kind.TRADE), int(Kind.TICK)
# States in which updates are missing. A STALE book is not among them: its feed goes on where it stopped.
_LOST = frozenset({"EMPTY", "BUFFERING", "SNAPSHOT_WAIT", "GAP"})


@dataclass
class SymbolState:
    """One symbol: what is known of its feed, its book and features (arrays), its charts and its signal."""

    instrument: Instrument
    market: fold_kernel.MarketArrays
    charts: chart_kernel.ChartArrays
    seconds: second_kernel.SecondArrays = field(default_factory=second_kernel.new_seconds)
    signal: ImbalanceSignal = field(default_factory=ImbalanceSignal)
    indicators: indicator_kernel.IndicatorArrays = field(default_factory=indicator_kernel.new_indicators)
    advisers: AdvisersState = field(default_factory=AdvisersState)
    regime: Regime = field(default_factory=Regime)
    watch: Watch = field(default_factory=Watch)  # alert rules
    book_state: str = "EMPTY"
    reason: str = ""
    trading: str = ""
    doubt: str = ""  # CROSSED or MISMATCH, until the next snapshot
    first_mid: float | None = None
    depth_limit: int = 0
    sized: bool = False  # whether the round trip's size in lots is known yet

    def feature(self, name: str) -> float | None:
        """The value at the last tick, None where it is missing."""
        value: float = self.market.features.item(_FEATURE[name])
        return None if math.isnan(value) else value

    def band(self, number: int, name: str) -> float | None:
        """A depth band's value at the last tick; the first band is the 1 % one."""
        value: float = self.market.bands.item(number, _BAND[name])
        return None if math.isnan(value) else value

    def depth(self, bps: float, setup: Setup) -> float | None:
        """Depth within `bps` of the mid, both sides, base units, where a band of that width is kept."""
        if bps not in setup.bands_bps:
            return None
        number = setup.bands_bps.index(bps)
        bids, asks = self.band(number, "bid_depth"), self.band(number, "ask_depth")
        return None if bids is None or asks is None else bids + asks

    @property
    def trade_count(self) -> int:
        """Trades since the session began."""
        return int(self.charts.clock[chart_kernel.TRADES])

    @property
    def shown_state(self) -> str:
        return self.doubt or self.book_state

    @property
    def trusted(self) -> bool:
        return not self.doubt and self.book_state == "SYNCED"


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
            _apply_note(state, batch.notes[int(row["level_start"])], int(row["ts_recv"]), derived)
    for fill in fold_orders(state.resting, batch, kinds):
        known = state.symbols.get(fill.symbol)
        if known is not None:
            paper = state.agents is None or state.agents.paper
            text = fill_text(fill, known.instrument, paper)
            _alert(state, Alert(fill.ts, fill.symbol, "FILL", None, text), derived)
    state.seq += len(batch)
    for index, symbol in state.symbols.items():
        chart_kernel.on_batch(
            batch.rows, index, symbol.charts, symbol.market.book, _charted(symbol, batch, index)
        )
    if kinds[-1] == _TICK:
        _tick(state, int(batch.rows[-1]["ts_recv"]), derived)
    return derived, requests


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
            _doubt(symbol, index, flags, int(part.rows[-1]["ts_recv"]), state, derived, requests)


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


def _doubt(
    symbol: SymbolState,
    index: int,
    flags: int,
    ts: int,
    state: State,
    derived: list[Derived],
    requests: list[Resync],
) -> None:
    """A book that fails its proof is not drawn as good again before a new snapshot."""
    symbol.doubt, why = next(said for flag, said in _DOUBTS.items() if flags & flag)
    fold_kernel.reset_book(symbol.market)
    text = f"{symbol.instrument.symbol} book resyncs: {why}"
    _trouble(state, symbol.instrument.key, Alert(ts, index, "BOOK", None, text), derived)
    requests.append(Resync(index, why))


def _apply_note(state: State, note: Note, ts: int, derived: list[Derived]) -> None:
    match note:
        case Setup():
            state.setup = note
        case Listed():
            _list(state, note)
        case FeedStatus(symbol=None):
            _connection(state, note, ts, derived)
        case FeedStatus():
            _book_status(state, note, ts, derived)
        case FeedCount():
            feed = state.feeds.get(note.venue, Feed(note.venue))
            state.feeds[note.venue] = Feed(
                note.venue,
                feed.state,
                feed.reason,
                feed.retry_at_ns,
                note.messages,
                note.bytes,
                note.malformed,
                note.ignored,
                note.resyncs,
                note.reconnects,
            )
        case Agents():
            _agents(state, note, ts)
        case Post():
            state.sentiment.on_post(note)
            state.news.on_post(note, ts)
        case Scored():
            record = state.sentiment.on_scored(note, ts, partial(_liquidity, state), state.setup.sentiment)
            if record is not None:
                derived.append(record)
        case ChainTransfer():
            state.chain.on_transfer(note, ts)
            _raise(state, whales.whales(state, note, ts), derived)
        case FactorFit():
            symbol = state.symbols.get(note.symbol)
            if symbol is not None:
                symbol.regime.on_fit(note, symbol.seconds)
        case Shock():
            _shock(state, note, ts, derived)
        case Baseline():
            _baseline(state, note)
        case Advised():
            if (symbol := state.symbols.get(note.symbol)) is not None:
                symbol.advisers.on_advised(note, ts)
        case Said():
            _alert(state, Alert(note.ts, note.symbol, "SAID", None, note.text), derived)
        case Mark():
            _alert(state, Alert(note.ts, None, "MARK", None, note.text), derived)


def _baseline(state: State, note: Baseline) -> None:
    """What advisers bring; those that have spoken already take it up as well."""
    state.baseline = note
    for symbol in state.symbols.values():
        for name in symbol.advisers.stances:
            symbol.advisers.carry(note, name)


def _list(state: State, note: Listed) -> None:
    before, now = state.symbols.get(note.symbol), _new_symbol(note, state.setup)
    state.symbols[note.symbol] = now
    if before is None or _grid(before.instrument) == _grid(now.instrument):
        return
    # Counted in ticks and lots that are gone; whoever trades here tells of it anew.
    state.resting = {n: order for n, order in state.resting.items() if order.symbol != note.symbol}
    if state.agents is not None and state.agents.symbol == note.symbol:
        state.agents = None
        state.profits.clear()


def _grid(instrument: Instrument) -> tuple[Decimal, Decimal]:
    return instrument.tick.value, instrument.lot.value


def _new_symbol(note: Listed, setup: Setup) -> SymbolState:
    instrument = note.instrument
    tick, lot = float(instrument.tick.value), float(instrument.lot.value)
    return SymbolState(
        instrument=instrument,
        market=fold_kernel.new_market(tick, lot, setup.bands_bps, 1),
        charts=chart_kernel.new_charts(tick, lot),
        depth_limit=note.depth_limit,
    )


def _agents(state: State, note: Agents, ts: int) -> None:
    before = () if state.agents is None else tuple(f.name for f in state.agents.families)
    names = tuple(f.name for f in note.families)
    if names[: len(before)] != before:
        state.profits.clear()
    elif len(names) > len(before):  # somebody joined, such as the person: nothing earned until now
        joined = (0,) * (len(names) - len(before))
        state.profits = [profits + joined for profits in state.profits]
    state.agents = note
    state.profits.append(tuple(f.realised + f.unrealised - f.fees for f in note.families))
    del state.profits[:-PROFITS_KEPT]
    symbol = state.symbols.get(note.symbol)
    if symbol is not None:
        state.risk.on_agents(note, symbol.instrument, ts, state.setup.risk)


def _shock(state: State, note: Shock, ts: int, derived: list[Derived]) -> None:
    symbol = state.symbols.get(note.symbol)
    try:
        text = describe(checked(note), symbol.instrument.base if symbol is not None else "")
    except BadShock:  # a stranger's recording
        text = "a shock of a kind that is not known"
    _alert(state, Alert(note.ts or ts, note.symbol, "SHOCK", None, text), derived)


def _connection(state: State, note: FeedStatus, ts: int, derived: list[Derived]) -> None:
    feed = state.feeds.get(note.venue, Feed(note.venue))
    was_live, is_live = feed.state == "LIVE", note.state == "LIVE"
    state.feeds[note.venue] = Feed(
        note.venue,
        note.state,
        note.reason,
        note.retry_at_ns,
        feed.messages,
        feed.bytes,
        feed.malformed,
        feed.ignored,
        feed.resyncs,
        feed.reconnects,
    )
    if was_live and not is_live:
        alert = Alert(ts, None, "FEED", None, f"{note.venue} {note.state.lower()}: {note.reason}")
        _trouble(state, note.venue, alert, derived, TEXT_QUIET_NS if note.venue in BESIDE_FEEDS else 0)


def _book_status(state: State, note: FeedStatus, ts: int, derived: list[Derived]) -> None:
    symbol = state.symbols.get(-1 if note.symbol is None else note.symbol)
    if symbol is None:
        return
    was = symbol.book_state
    symbol.book_state, symbol.reason = note.state, note.reason
    symbol.trading = note.trading or symbol.trading
    if was in ("SYNCED", "STALE") and note.state in _LOST:
        fold_kernel.reset_book(symbol.market)
    if was == "SYNCED" and note.state != "SYNCED":
        text = f"{symbol.instrument.symbol} book {note.state.lower()}: {note.reason}"
        _trouble(state, symbol.instrument.key, Alert(ts, note.symbol, "FEED", None, text), derived)


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
            _signal_changed(state, index, symbol, derived)
        if metrics_due and symbol.trusted:
            derived.append(_metrics(symbol, ts))
    if (state.sentiment.assets or state.sentiment.waiting) and state.sentiment.due(ts):
        flows = {
            asset: (symbol.depth(25.0, state.setup), symbol.feature("ofi"))
            for asset, symbol in _by_asset(state).items()
        }
        books = _liquidity(state) if state.sentiment.ripe(ts) else {}
        derived.extend(state.sentiment.tick(ts, books, flows))
    state.chain.tick(ts)
    stepped = False
    moods: dict[str, tuple[float, float]] = {}
    for index, symbol in state.symbols.items():
        mood = (math.nan, math.nan)
        if second_kernel.due(ts, symbol.seconds):
            base = symbol.instrument.base
            mood = moods.get(base) or moods.setdefault(base, _mood(state, base))
        if second_kernel.step(symbol.market, ts, *mood, symbol.seconds):
            stepped = True
            for item in every_second(state, index, symbol, ts):
                if isinstance(item, Raised):
                    _alert(state, item.alert, derived, item.rule)
                else:
                    derived.append(item)
    if stepped:
        _raise(state, families.second(state, ts), derived)
        held_back = state.alerts.held_back(state.setup.alerts, ts)
        if held_back is not None:
            _alert(state, held_back, derived)


def _mood(state: State, asset: str) -> tuple[float, float]:
    """What people think of an asset, and how doubtful that is; NaN where nothing is known."""
    known = state.sentiment.assets.get(asset)
    if known is None:
        return math.nan, math.nan
    mean, doubt = known.mood.swift.mean, known.mood.swift.doubt
    return math.nan if mean is None else mean, math.nan if doubt is None else doubt


def _by_asset(state: State) -> dict[str, SymbolState]:
    """The first symbol of each asset."""
    return {symbol.instrument.base: symbol for symbol in reversed(state.symbols.values())}


def _liquidity(state: State) -> dict[str, Liquidity]:
    """By asset, the first symbol's of each."""
    return {
        asset: Liquidity(symbol.feature("spread_bps"), symbol.depth(100.0, state.setup))
        for asset, symbol in _by_asset(state).items()
    }


def _signal_changed(state: State, index: int, symbol: SymbolState, derived: list[Derived]) -> None:
    now = symbol.signal.now
    derived.append(Signal(state.ts, index, now.direction, now.confidence, now.ratio, now.held_s, now.reason))


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


def _trouble(
    state: State, whose: str, alert: Alert, derived: list[Derived], quiet_ns: int = FEED_QUIET_NS
) -> None:
    """An alert about a feed or a book as far as a rule asks for it, unless it was in trouble `quiet_ns` before."""
    last = state.told.get(whose)
    state.told[whose] = alert.ts
    rule = told_of(state.setup.alerts, whose)
    if rule is not None and (last is None or alert.ts - last >= quiet_ns):
        _alert(state, alert, derived, rule)


def _raise(state: State, raised: Sequence[Raised], derived: list[Derived]) -> None:
    for alert, rule in raised:
        _alert(state, alert, derived, rule)


def _alert(state: State, alert: Alert, derived: list[Derived], rule: AlertRule | None = None) -> None:
    """Tell of it, unless a person has been told of too much lately."""
    event = state.alerts.admit(alert, rule, state.setup.alerts, max(state.ts, alert.ts))
    if event is None:
        return
    derived.append(alert)
    bisect.insort(state.events, event, key=lambda e: e.ts)  # a mark made in a rewind lies in the past
    del state.events[:-EVENTS_KEPT]


def fold_all(state: State, batches: Sequence[Batch]) -> State:
    """Fold batch after batch into `state`, for tests and tools that want no session."""
    for batch in batches:
        apply(state, batch)
    return state
