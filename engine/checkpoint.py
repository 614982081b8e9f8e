"""All of State as bytes and back, bit for bit. It may come from a stranger, so all is checked."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
import numpy as np

from engine.advisers.each_second import AdvisersState
from engine.advisers.keep import check as check_advisers
from engine.advisers.news import NewsState
from engine.advisers.news import check as check_news
from engine.alerts.gate import AlertsState
from engine.alerts.keep import check_alerts, check_watch
from engine.alerts.watch import Watch
from engine.core import State
from engine.events import Agents, Asked, Baseline, Setup
from engine.frame.alerts import Event
from engine.frame.feeds import Feed
from engine.instrument import Instrument
from engine.kernels import charts_pack
from engine.kernels import checkpoint as market_pack
from engine.kernels import indicators as indicator_pack
from engine.kernels import seconds as second_pack
from engine.limits import MAX_VENUES, check_agents, check_asked, check_baseline, check_setup
from engine.paper_orders import MOST_RESTING, Resting
from engine.regimes import pack as regime_pack
from engine.regimes.pack import PackedWords
from engine.risk.books import RiskState
from engine.risk.keep import check as check_risk
from engine.signals.chain import ChainState
from engine.signals.chain import check as check_chain
from engine.signals.imbalance import BINS, ImbalanceSignal
from engine.signals.sentiment import SentimentState
from engine.signals.sentiment import check as check_sentiment
from engine.symbol import SymbolState
from engine.text import clean

VERSION = 3
MAX_ARRAY_BYTES = 64 * 1024 * 1024
_DTYPES = {"<i8", "<f8", "<i4", "<i2", "|u1", "|i1", "<u8", "<u2", "<u4", "<f4"}


class PackedArray(msgspec.Struct, frozen=True, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class PackedSymbol(msgspec.Struct, frozen=True):
    index: int
    instrument: Instrument
    market: dict[str, PackedArray]
    charts: dict[str, PackedArray]
    seconds: dict[str, PackedArray]
    signal: ImbalanceSignal
    indicators: dict[str, PackedArray]
    advisers: AdvisersState
    book_state: str
    reason: str
    trading: str
    doubt: str
    first_mid: float | None
    depth_limit: int
    sized: bool
    regime: dict[str, PackedArray]
    regime_words: PackedWords
    watch: Watch = msgspec.field(default_factory=Watch)


class PackedState(msgspec.Struct, frozen=True):
    version: int
    setup: Setup
    seq: int
    ts: int
    started: int
    metrics_at: int
    told: dict[str, int]
    feeds: list[Feed]
    events: list[Event]
    symbols: list[PackedSymbol]
    agents: Agents | None = None
    profits: list[tuple[int, ...]] = []
    resting: dict[int, Resting] = {}
    sentiment: SentimentState = msgspec.field(default_factory=SentimentState)
    news: NewsState = msgspec.field(default_factory=NewsState)
    baseline: Baseline = Baseline()
    alerts: AlertsState = msgspec.field(default_factory=AlertsState)
    risk: RiskState = msgspec.field(default_factory=RiskState)
    chain: ChainState = msgspec.field(default_factory=ChainState)
    asked: list[Asked] = []


class BadCheckpoint(ValueError):
    """Bytes that are not a checkpoint of this version."""

    for_people = True


MOST_TEXT = 2000  # as of a note that is read
# JSON escapes the control characters of ASCII but for one; the others are as they are in it.
_ESCAPED = re.compile(r"\\(?:u00[01]|[bfnrt])")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PackedState).decode


def pack(state: State) -> bytes:
    """Plain bytes, uncompressed: whoever stores them compresses them in their own thread."""
    return _encode(
        PackedState(
            VERSION,
            state.setup,
            state.seq,
            state.ts,
            state.started,
            state.metrics_at,
            state.told,
            list(state.feeds.values()),
            state.events,
            [_pack_symbol(index, symbol) for index, symbol in state.symbols.items()],
            state.agents,
            state.profits,
            state.resting,
            state.sentiment,
            state.news,
            state.baseline,
            state.alerts,
            state.risk,
            state.chain,
            state.asked,
        )
    )


def unpack(blob: bytes) -> State:
    """Raises BadCheckpoint for anything that `pack` of this version could not have written."""
    try:
        packed = _decode(blob)
        if packed.version != VERSION:
            raise BadCheckpoint(f"checkpoint version {packed.version}, expected {VERSION}")
        packed = _cleaned(packed)
        check_setup(packed.setup)
        check_sentiment(packed.sentiment)
        check_news(packed.news)
        check_baseline(packed.baseline)
        check_alerts(packed.alerts)
        check_risk(packed.risk)
        check_chain(packed.chain)
        if packed.agents is not None:
            check_agents(packed.agents)
        if len(packed.resting) > MOST_RESTING:
            raise BadCheckpoint(
                f"expected at most {MOST_RESTING} orders on paper, found {len(packed.resting)}"
            )
        if len(packed.asked) > MAX_VENUES:
            raise BadCheckpoint(f"expected symbols of at most {MAX_VENUES} venues, found {len(packed.asked)}")
        for note in packed.asked:
            check_asked(note)
        return State(
            setup=packed.setup,
            seq=packed.seq,
            ts=packed.ts,
            started=packed.started,
            symbols={s.index: _unpack_symbol(s) for s in packed.symbols},
            feeds={feed.venue: feed for feed in packed.feeds},
            events=packed.events,
            metrics_at=packed.metrics_at,
            told=packed.told,
            agents=packed.agents,
            profits=packed.profits,
            resting=packed.resting,
            sentiment=packed.sentiment,
            news=packed.news,
            baseline=packed.baseline,
            alerts=packed.alerts,
            risk=packed.risk,
            chain=packed.chain,
            asked=packed.asked,
        )
    except BadCheckpoint:
        raise
    except (msgspec.MsgspecError, ValueError, KeyError, OverflowError) as error:
        raise BadCheckpoint(f"damaged checkpoint: {error}") from error


def _cleaned(packed: PackedState) -> PackedState:
    """With every text made fit for a screen: notes are cleaned where they are read, this is the other way in."""
    arrays: dict[str, PackedArray] = {}
    words = [
        msgspec.structs.replace(
            s, market=arrays, charts=arrays, seconds=arrays, indicators=arrays, regime=arrays
        )
        for s in packed.symbols
    ]
    text = msgspec.json.encode(msgspec.structs.replace(packed, symbols=words)).decode()
    if text.isprintable() and not _ESCAPED.search(text.replace("\\\\", "")):
        return packed  # as whatever `clean` lets through
    found = _clean_all(msgspec.to_builtins(packed, builtin_types=(bytes,)))
    return msgspec.convert(found, PackedState, strict=False)


def _clean_all(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, MOST_TEXT)
    if isinstance(value, dict):
        return {_clean_all(key): _clean_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_all(item) for item in value]
    return value


def _pack_symbol(index: int, symbol: SymbolState) -> PackedSymbol:
    regime_arrays, regime_words = regime_pack.pack(symbol.regime)
    return PackedSymbol(
        index,
        symbol.instrument,
        {name: _pack_array(a) for name, a in market_pack.pack(symbol.market).items()},
        {name: _pack_array(a) for name, a in charts_pack.pack(symbol.charts).items()},
        {name: _pack_array(a) for name, a in second_pack.pack(symbol.seconds).items()},
        symbol.signal,
        {name: _pack_array(a) for name, a in indicator_pack.pack(symbol.indicators).items()},
        symbol.advisers,
        symbol.book_state,
        symbol.reason,
        symbol.trading,
        symbol.doubt,
        symbol.first_mid,
        symbol.depth_limit,
        symbol.sized,
        {name: _pack_array(a) for name, a in regime_arrays.items()},
        regime_words,
        symbol.watch,
    )


def _unpack_symbol(packed: PackedSymbol) -> SymbolState:
    signal = packed.signal
    if len(signal.counts) != BINS or not all(0 <= b < BINS for b in signal.history):
        raise BadCheckpoint("damaged checkpoint: the signal's history is out of bounds")
    if signal.history and not 0 <= signal.history_at < len(signal.history):
        raise BadCheckpoint("damaged checkpoint: the signal's history is out of bounds")
    check_advisers(packed.advisers)
    check_watch(packed.watch)
    return SymbolState(
        instrument=packed.instrument,
        market=market_pack.unpack({name: _unpack_array(a) for name, a in packed.market.items()}),
        charts=charts_pack.unpack({name: _unpack_array(a) for name, a in packed.charts.items()}),
        seconds=second_pack.unpack({name: _unpack_array(a) for name, a in packed.seconds.items()}),
        signal=signal,
        indicators=indicator_pack.unpack({name: _unpack_array(a) for name, a in packed.indicators.items()}),
        advisers=packed.advisers,
        book_state=packed.book_state,
        reason=packed.reason,
        trading=packed.trading,
        doubt=packed.doubt,
        first_mid=packed.first_mid,
        depth_limit=packed.depth_limit,
        sized=packed.sized,
        regime=regime_pack.unpack(
            {name: _unpack_array(a) for name, a in packed.regime.items()}, packed.regime_words
        ),
        watch=packed.watch,
    )


def _pack_array(array: np.ndarray) -> PackedArray:
    return PackedArray(array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())


def _unpack_array(packed: PackedArray) -> np.ndarray:
    if packed.dtype not in _DTYPES:
        raise BadCheckpoint(f"damaged checkpoint: array type {packed.dtype[:20]!r}")
    dtype = np.dtype(packed.dtype)
    if any(n < 0 for n in packed.shape) or len(packed.shape) > 4:
        raise BadCheckpoint("damaged checkpoint: array shape")
    size = math.prod(packed.shape) * dtype.itemsize
    if size != len(packed.data) or size > MAX_ARRAY_BYTES:
        raise BadCheckpoint(f"damaged checkpoint: array of {len(packed.data)} bytes, expected {size}")
    return np.frombuffer(packed.data, dtype).reshape(packed.shape).copy()
