"""What flows through microtui, from a source into the core and the recorder.

Two shapes, one sequence. Market data that comes by the thousand (snapshots, depth deltas, trades, tops,
ticks of the clock) are rows of one fixed record (`engine.batch`); everything rarer is a *note*, a frozen
struct of the tagged union below that travels as the payload of a row of kind NOTE. Both are recorded as
they come and both replay.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from engine.instrument import Instrument
from engine.rules import AlertRules, RiskRule


class Kind(IntEnum):
    """The kind of a row. Values are part of the recording format: never renumber."""

    TICK = 0  # the session's clock, every 100 ms: a frame ends here, and so does a batch
    SNAPSHOT = 1  # a whole book replaces the one before
    DELTA = 2  # absolute sizes of some levels; zero removes
    TRADE = 3
    TOP = 4  # best bid and ask as the venue states them, beside the book
    NOTE = 5  # a struct of `Note`, see below
    ORDER = 6  # on paper: an order that rests, changes or ends (see `engine.batch`)
    FILL = 7  # on paper: a trade of one of our agents, or of the person


class SignalRule(msgspec.Struct, frozen=True):
    """When the imbalance signal speaks; see `engine.signals.imbalance`."""

    long_ratio: float = 2.0  # bid depth / ask depth above which buyers are said to press
    short_ratio: float = 0.5
    hold_s: float = 60.0
    gate_quantile: float = 0.8  # the ratio must also be this unusual against its own recent past
    gate_window_s: int = 900


class SentimentRule(msgspec.Struct, frozen=True):
    """How fast sentiment forgets; see `engine.signals.mood`."""

    tau_s: float = 300.0
    alpha: float | None = None  # instead: what a post of full weight counts, however much time passes


class AdviserRule(msgspec.Struct, frozen=True):
    """Whether advisers speak, how far ahead each, and when the coordinator decides; see `engine.advisers`."""

    microstructure_s: float = 30.0
    technical_s: float = 120.0
    sentiment_s: float = 600.0
    chain_s: float = 1800.0
    news_s: float = 900.0
    decision_s: float = 60.0
    least_probability: float = 0.53  # of being right, below which the coordinator abstains
    prior_pieces: float = 50.0  # pieces of advice that the table of first confidences is worth
    on: bool = True


class Usual(msgspec.Struct, frozen=True, array_like=True):
    """What is usual in a market, by the measures of `engine.kernels.regime`."""

    volatility_bps: float  # of a minute
    round_trip_bps: float  # of `Setup.round_trip_quote`
    depth: float  # both sides within 1 %, base units


class RegimeRule(msgspec.Struct, frozen=True):
    """From where on a market is called what; see `engine.kernels.regime`."""

    stressed: float = 2.25  # volatility, round trip or thinness over what is usual
    dislocated: float = 5.0
    trend_sigmas: float = 4.0  # net move of two minutes
    baseline_s: float = 1800.0  # how slowly the usual follows
    usual: Usual | None = None  # where it is known from elsewhere: then it does not follow


class Setup(msgspec.Struct, frozen=True, tag="setup"):
    """What the core was told to compute. The first event of a session, so that a replay computes the same."""

    bands_bps: tuple[float, ...] = (100.0, 10.0, 25.0)  # the first is the 1 % band of every table
    round_trip_quote: float = 100_000.0  # the size of the round trip, in quote currency
    metrics_every_s: float = 5.0
    signal: SignalRule = SignalRule()
    sentiment: SentimentRule = SentimentRule()
    regime: RegimeRule = RegimeRule()
    advisers: AdviserRule = AdviserRule()
    alerts: AlertRules = AlertRules()
    risk: RiskRule = RiskRule()
    taker_bps: dict[str, float] = msgspec.field(default_factory=dict)  # the fee of taking, by venue


class Listed(msgspec.Struct, frozen=True, tag="listed"):
    """The instrument that rows with this symbol index speak of. Comes before any of them."""

    symbol: int
    instrument: Instrument
    depth_limit: int = 0  # levels a side that a snapshot asks for; 0: unlimited


class AskedFor(msgspec.Struct, frozen=True, array_like=True):
    """A symbol that a venue does not trade as it was asked for."""

    asked: str  # as the venue would spell it; an asset without a quote by its name
    base: str
    symbol: int | None = None  # the number of what is watched instead; None: nothing is
    watched: str = ""  # its symbol


class Asked(msgspec.Struct, frozen=True, tag="asked"):
    """What a venue makes of the symbols that were asked for, where that differs. Said once, when its own are known."""

    venue: str
    symbols: tuple[AskedFor, ...]


class FeedStatus(msgspec.Struct, frozen=True, tag="feed"):
    """How a connection (symbol is None) or one symbol's book is doing, said whenever it changes.

    state of a connection: IDLE CONNECTING SUBSCRIBING LIVE DRAINING BACKOFF BLOCKED
    state of a book:       EMPTY BUFFERING SNAPSHOT_WAIT SYNCED STALE GAP
    """

    venue: str
    state: str
    symbol: int | None = None
    reason: str = ""  # why, in words; text from outside is cleaned before it gets here
    retry_at_ns: int | None = None  # session time of the next attempt
    trading: str = ""  # the venue's own status: TRADING HALT BREAK ...


class FeedCount(msgspec.Struct, frozen=True, tag="count"):
    """Running totals of one connection, once a second while they change."""

    venue: str
    messages: int = 0
    bytes: int = 0
    malformed: int = 0
    ignored: int = 0
    resyncs: int = 0
    reconnects: int = 0


class Mark(msgspec.Struct, frozen=True, tag="mark"):
    """A person's note at this moment of the session."""

    text: str
    ts: int


class Shock(msgspec.Struct, frozen=True, tag="shock"):
    """Something done to the market, or to the paper world beside a real one. Kinds in `engine.shocks`.

    It begins at `ts`, or when it is taken where that is 0.
    """

    kind: str
    size: float = 0.0  # in the kind's unit; base units are the symbol's
    side: int = 0  # -1 down, +1 up, 0 where the kind has none
    duration_s: float = 0.0  # 0: at once
    symbol: int = 0
    ts: int = 0  # session time, ns


class Said(msgspec.Struct, frozen=True, tag="said"):
    """A sentence to the person about their orders or a shock: a refusal and its reason, what part filled."""

    text: str
    ts: int
    symbol: int = 0


class Post(msgspec.Struct, frozen=True, tag="post"):
    """Something people wrote. Text is cleaned before it gets here; the author is a keyed hash, never a name."""

    id: str
    source: str  # reddit:Bitcoin, news:coindesk, fear-greed, synthetic
    ts_event: int  # when it was written, ns UTC
    text: str
    author: str = ""
    assets: tuple[str, ...] = ()  # BTC, ETH; none if none fits
    score: int | None = None  # votes, where the source tells
    synthetic: bool = False  # made by a simulated market


class Scored(msgspec.Struct, frozen=True, tag="scored"):
    """What a tier thinks of a post; see `engine.sentiment.scores`. Later scores of a post replace earlier ones."""

    post: str  # its id
    ts_event: int
    assets: tuple[str, ...]
    polarity: float  # -1..1
    confidence: float  # 0..1
    aleatoric: float | None  # standard deviation on [-1, 1]
    epistemic: float | None  # the same; None where the tier cannot tell
    entropy: float | None  # nats, of the probabilities of its three classes
    tier: str  # embedded local gateway
    bot: float | None = None  # probability that no person wrote it
    cost_micro: int = 0  # millionths of a dollar
    model: str = ""
    synthetic: bool = False
    took_ms: int | None = None  # from its arrival to this score; None for a made-up post


class ChainTransfer(msgspec.Struct, frozen=True, tag="transfer"):
    """A large transfer that a public chain shows. Names are of a known list of addresses; empty: unknown.

    Said again with the same id it is the same transfer, by then confirmed.
    """

    id: str  # the transaction's, as its chain writes it; a further transfer in it has `:n` behind that
    ts_event: int
    asset: str
    amount: float  # in the asset's unit
    value_quote: float | None = None  # in dollars, where a price was known
    sender: str = ""  # such as Binance; text from outside is cleaned before it gets here
    receiver: str = ""
    source: str = ""
    confirmed: bool = False
    replaces: tuple[
        str, ...
    ] = ()  # transactions that will never be confirmed, since this one spends their coins


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """What became of an adviser's pieces of advice at one horizon, added up; see `engine.advisers.record`."""

    adviser: str
    horizon_s: float
    pieces: tuple[int, int, int]  # marked, by how strongly it spoke
    hits: tuple[int, int, int]
    ups: int = 0  # marks at which the mid had risen,
    downs: int = 0  # and had fallen
    brier: float = 0.0  # sum of (confidence - hit)^2
    net: float = 0.0  # sum of moves in the advised direction after costs, bp,
    net_square: float = 0.0  # and of their squares


class Baseline(msgspec.Struct, frozen=True, tag="baseline"):
    """What advisers bring from earlier sessions of real markets. At most one, near the start of a session."""

    tallies: tuple[Tally, ...] = ()
    sessions: int = 0


class Advised(msgspec.Struct, frozen=True, tag="advised"):
    """What a person's own adviser says, as it said it. Valid for its horizon, or until it says something else."""

    adviser: str
    symbol: int
    score: float | None  # -1 surely down, +1 surely up; None: nothing to say
    horizon_s: float
    reason: str = ""


FACTOR_SERIES = (
    "round trip", "imbalance", "depth", "order flow", "volatility", "sentiment", "volume", "trade sign",
)  # fmt: skip


FACTORS = 2
FACTOR_CLIP = 10.0  # deviations: the most that a second may be off in the factor model


class Markov(msgspec.Struct, frozen=True, array_like=True):
    """Two states of volatility, the calmer one first: deviation of 1 s returns in bps; how likely each is to last."""

    sds: tuple[float, float]
    stays: tuple[float, float]
    probabilities: tuple[float, float]  # of each at the window's end, filtered


class FactorModel(msgspec.Struct, frozen=True):
    """A dynamic factor model of standardised series; see `engine.kernels.kalman`. States: factors, then noises."""

    series: tuple[str, ...]  # of FACTOR_SERIES, in their order
    means: tuple[float, ...]  # series are standardised with these as long as the fit is used
    sds: tuple[float, ...]
    loadings: tuple[tuple[float, float], ...]
    transition: tuple[tuple[float, float], tuple[float, float]]  # of the factors
    shocks: tuple[tuple[float, float], tuple[float, float]]  # covariance of their innovations
    noise_ar: tuple[float, ...]
    noise_var: tuple[float, ...]
    state: tuple[float, ...]  # filtered at the window's end
    state_cov: tuple[float, ...]  # row by row


class FactorFit(msgspec.Struct, frozen=True, tag="factor_fit"):
    """What a refit of a symbol's factor model came to. Made outside the fold, so it is recorded."""

    symbol: int
    state: str  # FITTED NOT_CONVERGED SHORT FLAT FAILED OFF
    reason: str = ""  # in words
    at: int = 0  # the window's last second since 1970
    model: FactorModel | None = None
    dropped: tuple[tuple[str, str], ...] = ()  # series that carry nothing, each with the reason
    loglikelihood: float | None = None
    iterations: int = 0
    warm: bool = False  # the better of two began at the last fit
    markov: Markov | None = None
    took_ms: int = 0


class AgentFamily(msgspec.Struct, frozen=True, array_like=True):
    """All agents of one family together; money in ticks x lots of the instrument that `Agents` names."""

    name: str
    count: int
    position_lots: int
    realised: int
    unrealised: int
    fees: int  # paid, less rebates
    fills: int
    orders: int  # resting now


class AgentLine(msgspec.Struct, frozen=True, array_like=True):
    """One agent's inventory book; money in ticks x lots."""

    family: int  # its place in `Agents.families`
    position_lots: int
    cost: int  # of the open position, signed like it
    realised: int
    unrealised: int
    fees: int  # paid, less rebates
    drawdown: int  # deepest fall of its equity below its peak
    fills: int
    orders: int  # resting now


class Agents(msgspec.Struct, frozen=True, tag="agents"):
    """What the agents of this session hold, once a second. Agents are told by family, in their order."""

    symbol: int  # whose tick and lot the amounts are in
    families: tuple[AgentFamily, ...]
    agents: tuple[AgentLine, ...]  # the first few hundred
    paper: bool = False  # they trade beside a real market, not in it


Note = (
    Setup | Listed | FeedStatus | FeedCount | Mark | Agents | Shock | Said | Post | Scored | ChainTransfer | FactorFit
    | Baseline | Advised | Asked
)  # fmt: skip


# Derived: recomputed by every replay, written as plain rows for people who query with SQL.


class BookMetrics(msgspec.Struct, frozen=True, tag="book_metrics"):
    """One row of `book_metrics`, every 5 s a symbol. Prices and sizes are decimals; depth in base units."""

    ts: int
    asset: str
    exchange: str
    bid_ask_ratio: float | None
    depth_imbalance: float | None
    mid_price: float | None
    spread_bps: float | None
    bid_depth_1pct: float | None
    ask_depth_1pct: float | None
    depth_band_bps: float | None  # how far from the mid the depth really reaches, 100 when all is known


class Signal(msgspec.Struct, frozen=True, tag="signal"):
    """What the imbalance signal says, when it changes."""

    ts: int
    symbol: int
    direction: str  # LONG SHORT FLAT
    confidence: float | None
    ratio: float | None
    held_s: float
    reason: str


class Alert(msgspec.Struct, frozen=True, tag="alert"):
    """Something a person should see: a signal, a feed in trouble, a book that failed its proof."""

    ts: int
    symbol: int | None
    kind: str  # as of `engine.frame.alerts.Event`
    confidence: float | None
    text: str


class SentimentRecord(msgspec.Struct, frozen=True, tag="sentiment_record"):
    """A scored post with the market around it: spread and depth within 1 % when it was scored and a minute later.

    Said when it is scored, when it is scored again, and when the minute is over: the last one holds.
    """

    ts: int  # when it was written
    post: str
    source: str
    author: str
    assets: str
    text: str
    polarity: float
    confidence: float
    aleatoric: float | None
    epistemic: float | None
    tier: str
    model: str
    bot: float | None
    cost_micro: int
    spread_bps_before: float | None
    depth_before: float | None
    spread_bps_after: float | None
    depth_after: float | None
    synthetic: int  # 1: made by a simulated market


class FactorTick(msgspec.Struct, frozen=True, tag="factor_tick"):
    """The regime of a symbol's market, every few seconds. Probabilities sum to one."""

    ts: int
    symbol: int
    regime: str  # CALM TRENDING STRESSED DISLOCATED, or empty while nothing is known
    calm: float | None
    trending: float | None
    stressed: float | None
    dislocated: float | None
    factor_1: float | None  # of the dynamic factor model, in its own unit
    factor_2: float | None


class Advice(msgspec.Struct, frozen=True, tag="advice"):
    """What an adviser says of a symbol, whenever it changes. Confidence: the probability that it is right."""

    ts: int
    symbol: int
    adviser: str
    direction: int  # +1 up, -1 down, 0: nothing to say
    confidence: float | None
    horizon_s: float
    reason: str


class Outcome(msgspec.Struct, frozen=True, tag="outcome"):
    """What became of a piece of advice, at its horizon."""

    ts: int
    symbol: int
    adviser: str
    given: int  # when the advice was, ns
    horizon_s: float
    direction: int
    confidence: float
    regime: str  # when it was given
    move_bps: float  # of the mid, in the advised direction
    cost_bps: float  # of trading on it: the spread when it was given
    hit: int  # 1: the mid moved in the advised direction


class Decision(msgspec.Struct, frozen=True, tag="decision"):
    """What the coordinator makes of all advice, whenever it changes."""

    ts: int
    symbol: int
    direction: int  # 0: it abstains, and the reason says why
    probability: float | None  # that the direction is right
    horizon_s: float
    reason: str
    parts: str  # each adviser's contribution, in words


Derived = BookMetrics | Signal | Alert | SentimentRecord | FactorTick | Advice | Outcome | Decision
