"""The picture that panels draw: plain, frozen values, no arrays and no numpy.

`Frame.market` follows from recorded events and the view alone, so a replay draws the same one bit for bit.
`Frame.host` (the machine, the recorder, the transport) is outside that law. `None` is missing and is drawn
as missing; zero is a number; whatever may be doubtful carries a state that says so.
"""

from __future__ import annotations

import msgspec

from engine.instrument import Instrument

INTERVALS_NS = tuple(int(s * 1e9) for s in (0.1, 1, 5, 15, 60, 300, 900, 3600))  # what `i` steps through
HEAT_LEVELS = 12


class View(msgspec.Struct, frozen=True):
    """What the screen asks to see. Not recorded: it changes what is drawn, never what happened."""

    symbol: int = 0
    ladder_rows: int = 20  # rows a side
    group_ticks: int = 0  # ladder price a row in ticks; 0: a step that suits the price
    interval_ns: int = 1_000_000_000
    columns: int = 120  # bars the price panel can show
    heat_rows: int = 0  # vertical cells of the heatmap; 0: not shown, so not computed
    tape_rows: int = 40
    across_rows: int = 0  # rows a side of every venue's ladder, side by side; 0: not shown, so not computed


class Level(msgspec.Struct, frozen=True, array_like=True):
    """One ladder row. `ticks` is the row's price; with grouping, bids round down and asks round up."""

    ticks: int
    lots: int
    total_lots: int  # from the touch to here


class Top(msgspec.Struct, frozen=True, array_like=True):
    bid_ticks: int | None = None
    bid_lots: int | None = None
    ask_ticks: int | None = None
    ask_lots: int | None = None


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


class Print(msgspec.Struct, frozen=True, array_like=True):
    """One trade of the tape, newest first in `Detail.tape`."""

    ts: int
    ticks: int
    lots: int
    side: int  # +1 the buyer was the aggressor, -1 the seller


class Chart(msgspec.Struct, frozen=True):
    """Bars, oldest first, the last one still forming.

    Each `bytes` field is a run of little-endian float64 (`memoryview(x).cast("d")`), one a bar, NaN where
    nothing was known. `ts_open` is the first bar's start; bars are `interval_ns` apart without holes.
    """

    interval_ns: int
    ts_open: int = 0
    count: int = 0
    open: bytes = b""
    high: bytes = b""
    low: bytes = b""
    close: bytes = b""
    bought: bytes = b""  # volume, base units
    sold: bytes = b""
    # The heatmap: `heat_rows` x `count` bytes, row 0 the highest price, each 0 (nothing known or empty) to
    # HEAT_LEVELS on a log scale of resting size.
    heat: bytes = b""
    heat_rows: int = 0
    heat_top: float = 0.0  # price at the upper edge of row 0
    heat_bottom: float = 0.0  # price at the lower edge of the last row
    heat_min: float = 0.0  # size (base units a row) that level 1 stands for; levels are even on a log scale
    heat_max: float = 0.0  # size that the highest level stands for


class Event(msgspec.Struct, frozen=True):
    """A line of the alerts panel and a mark on the chart."""

    ts: int
    # LONG SHORT FEED BOOK STALE SPREAD DEPTH MOVE GAP SWING REGIME WHALE RISK HELD, and MARK SHOCK FILL SAID
    kind: str
    text: str
    symbol: int | None = None
    confidence: float | None = None
    rule: str = ""  # the alert rule that it is due to; empty: none
    bell: bool = False  # that rule asks for the terminal's bell,
    notify: bool = False  # and for the person's own command or webhook


class StandingNow(msgspec.Struct, frozen=True, array_like=True):
    """A condition of an alert rule that holds now."""

    rule: str
    since: int  # ns
    subject: str = ""  # a family of agents; empty: the chosen symbol


class AlertsNow(msgspec.Struct, frozen=True):
    standing: tuple[StandingNow, ...] = ()
    held: int = 0  # alerts held back, for there were too many; not told of yet


class SignalNow(msgspec.Struct, frozen=True):
    """The imbalance signal as it stands."""

    direction: str = "FLAT"
    confidence: float | None = None
    ratio: float | None = None
    held_s: float = 0.0
    reason: str = ""


# Connections that text comes by, and who scores it: all others are of markets.
TEXT_FEEDS = ("reddit", "news", "fear-greed", "sentiment")
# Connections that tell of public chains. Neither kind says anything of a book.
CHAIN_FEEDS = ("blockchain.info", "mempool.space", "etherscan")
BESIDE_FEEDS = TEXT_FEEDS + CHAIN_FEEDS


class Feed(msgspec.Struct, frozen=True):
    """One connection, for the health panel."""

    venue: str
    state: str = "IDLE"
    reason: str = ""
    retry_at_ns: int | None = None
    messages: int = 0
    bytes: int = 0
    malformed: int = 0
    ignored: int = 0
    resyncs: int = 0
    reconnects: int = 0


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


class CoverageNow(msgspec.Struct, frozen=True, array_like=True):
    """How often losses were larger than the value at risk that was told before."""

    forecasts: int = 0
    failures: int = 0
    expected: float = 0.0
    kupiec: float | None = None  # p-value that failures are as many as they should be,
    independence: float | None = None  # and that they do not come together


class RiskNow(msgspec.Struct, frozen=True):
    """A family's risk, quote units but where it says otherwise; None where it is not known yet."""

    net: float | None = None
    gross: float | None = None
    drift: float | None = None  # base units a minute
    drawdown: float = 0.0
    deepest: float = 0.0
    var: float | None = None  # historical
    es: float | None = None
    var_ewma: float | None = None
    es_ewma: float | None = None
    changes: int = 0  # of equity, that these are of
    coverage: CoverageNow = CoverageNow()
    coverage_ewma: CoverageNow = CoverageNow()
    volatility_size: float | None = None  # base units; what a volatility target allows,
    kelly_size: float | None = None  # and Kelly's criterion with its cap


class FamilyNow(msgspec.Struct, frozen=True):
    """A family of agents: amounts in base units, profits in quote units after fees."""

    name: str
    count: int
    position: float
    pnl: float
    fees: float
    fills: int
    orders: int
    history: bytes = b""  # profit, a little-endian float64 a second, oldest first
    risk: RiskNow | None = None


class AgentNow(msgspec.Struct, frozen=True, array_like=True):
    """One agent. `family` is its place in `AgentsNow.families`."""

    family: int
    position: float
    average: float | None  # price of the open position
    realised: float
    unrealised: float
    fees: float
    drawdown: float
    fills: int
    orders: int


class AgentsNow(msgspec.Struct, frozen=True):
    families: tuple[FamilyNow, ...] = ()
    agents: tuple[AgentNow, ...] = ()  # in the order of the families
    paper: bool = False  # they trade beside a real market, not in it
    horizon_s: float = 0.0  # of value at risk; 0: risk is not counted
    level: float = 0.0


class PostNow(msgspec.Struct, frozen=True, array_like=True):
    """One post; the last five are None or empty until a tier has scored it."""

    ts: int
    source: str
    text: str
    assets: tuple[str, ...] = ()
    synthetic: bool = False
    polarity: float | None = None
    confidence: float | None = None
    tier: str = ""
    bot: float | None = None
    took_ms: int | None = None  # from its arrival to its score; None for a made-up one


class SourceNow(msgspec.Struct, frozen=True, array_like=True):
    name: str
    posts: int
    polarity: float | None  # mean of its scored posts
    latest: int  # when its newest post was written, ns


class LagNow(msgspec.Struct, frozen=True, array_like=True):
    """Mean and deviation with a longer or shorter memory than the panel's line."""

    tau_s: float
    mean: float | None
    deviation: float | None


class SwingNow(msgspec.Struct, frozen=True, array_like=True):
    """Swing Sustainability Score, -100..100, and its parts in [0, 1]; see `engine.signals.swing`."""

    score: float | None = None
    persistence: float | None = None
    agreement: float | None = None
    clarity: float | None = None
    liquidity: float | None = None
    flow: float | None = None
    effective_posts: float = 0.0
    missing: tuple[str, ...] = ()  # parts that lack history


class SentimentNow(msgspec.Struct, frozen=True):
    """What people say of the chosen symbol's asset. Polarity and doubts on [-1, 1].

    `history` columns are little-endian float64, one each `history_ns`, oldest first, NaN where nothing was known.
    """

    asset: str
    value: float | None = None  # the exponentially weighted mean
    doubt: float | None = None  # its standard error
    aleatoric: float | None = None
    epistemic: float | None = None
    disagreement: float | None = None
    effective_posts: float = 0.0
    posts_seen: int = 0
    lags: tuple[LagNow, ...] = ()
    day: float | None = None  # with a half-life of a day
    leader: float | None = None  # bitcoin's, for any other asset
    swing: SwingNow = SwingNow()
    history_ns: int = 0
    history_end: int = 0  # of the last point
    history: bytes = b""
    history_doubt: bytes = b""
    history_aleatoric: bytes = b""
    posts: tuple[PostNow, ...] = ()  # of all assets, newest first
    sources: tuple[SourceNow, ...] = ()
    tiers: tuple[tuple[str, int], ...] = ()  # posts scored by each
    cost_micro: int = 0  # of this session, millionths of a dollar
    tau_s: float | None = None  # what `value` forgets over; None before this asset's first post
    alpha: float | None = None  # instead of it: what a post of full weight counts


class AdviserNow(msgspec.Struct, frozen=True, array_like=True):
    """One adviser of the chosen symbol: what it says, and its record there. Rates are shares, moves bp after costs.

    What is said of the record is of this session; `carried` pieces of earlier ones stand behind the confidence.
    """

    name: str
    direction: int  # +1 up, -1 down, 0: nothing
    confidence: float | None  # the probability that it is right
    horizon_s: float
    reason: str
    weight: float | None = None  # its share of the coordinator's weight; None: it is silent
    pieces: int = 0  # marked; fewer than `ENOUGH_PIECES` are too few to tell
    hit: float | None = None
    hit_low: float | None = None  # 95 %
    hit_high: float | None = None
    base: float | None = None  # what always saying the more frequent direction would have hit
    brier: float | None = None
    net_bps: float | None = None
    net_low: float | None = None  # 95 %
    net_high: float | None = None
    carried: int = 0
    carried_hit: float | None = None


class CalibrationBin(msgspec.Struct, frozen=True, array_like=True):
    """Forecasts of about the same probability: what was said on average, and how often it came true."""

    rounds: int
    said: float
    right: float
    low: float  # 95 %
    high: float


class AdvisersNow(msgspec.Struct, frozen=True):
    """What advisers say of the chosen symbol, what the coordinator makes of it, and how often they were right."""

    advisers: tuple[AdviserNow, ...]
    coordinator: AdviserNow
    calibration: tuple[CalibrationBin, ...] = ()
    rounds: int = 0
    brier: float | None = None  # of the coordinator's forecasts; a coin's is 0.25
    sessions: int = 0  # earlier ones that records are carried from


ENOUGH_PIECES = 30


REGIMES = ("CALM", "TRENDING", "STRESSED", "DISLOCATED")


class LoadingNow(msgspec.Struct, frozen=True, array_like=True):
    """How much of each factor is in a series, both in standard deviations."""

    series: str
    first: float
    second: float


class RegimeNow(msgspec.Struct, frozen=True):
    """What kind of market the chosen symbol's is now; see `engine.kernels.regime`.

    Histories are little-endian float64, one each `history_ns`, oldest first, NaN where nothing was known.
    """

    label: str = ""  # of REGIMES; empty while it is not known, and `state` says why
    state: str = ""  # in words
    why: str = ""  # what is unusual now
    since: int = 0  # of the label, ns
    probabilities: tuple[float, ...] = ()  # of REGIMES in their order; empty with the label
    volatility: float | None = None  # over what is usual; the next two as well
    round_trip: float | None = None
    thinness: float | None = None  # one over the depth
    by_states: bool = False  # probabilities are of fitted states of volatility too, not of thresholds alone
    history_ns: int = 0
    history_end: int = 0
    history_label: bytes = b""  # place in REGIMES
    history_probability: bytes = b""  # of that label
    factor_1: bytes = b""
    factor_2: bytes = b""
    fit: str = ""  # FITTED NOT_CONVERGED SHORT FLAT FAILED OFF LOST, or empty before the first
    fit_words: str = ""
    fit_at: int = 0  # end of the window that the factors in use were fitted to, ns; 0: none
    loadings: tuple[LoadingNow, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()  # series that carry nothing, and why
    loglikelihood: float | None = None
    took_ms: int | None = None

    @property
    def probability(self) -> float | None:
        """Of the label."""
        return self.probabilities[REGIMES.index(self.label)] if self.label and self.probabilities else None

    @property
    def lingers(self) -> bool:
        """The label stands by its hysteresis while another is likelier."""
        return self.probability is not None and self.probability < max(self.probabilities)


class TransferNow(msgspec.Struct, frozen=True, array_like=True):
    """A large transfer on a public chain. Names are of known exchanges; empty: unknown."""

    ts: int
    asset: str
    amount: float  # in the asset's unit
    value_quote: float | None  # dollars, where a price was known
    sender: str
    receiver: str
    confirmed: bool
    source: str


class FlowNow(msgspec.Struct, frozen=True, array_like=True):
    """What large transfers of an asset moved over a window, in its unit."""

    asset: str
    window_s: int
    into: float  # to known exchanges from elsewhere
    out: float  # from them to elsewhere
    moved: float  # all of it
    seen: int


class ChainNow(msgspec.Struct, frozen=True):
    """Public chains; see `engine.signals.chain`."""

    transfers: tuple[TransferNow, ...] = ()  # newest first
    flows: tuple[FlowNow, ...] = ()  # by asset, windows from short to long
    replaced: int = 0  # transfers that another transaction took the place of
    feeds: tuple[Feed, ...] = ()  # of CHAIN_FEEDS


class LegNow(msgspec.Struct, frozen=True):
    """One venue's market in an asset. Prices are the venue's own; times `rate` they are in the first leg's quote."""

    number: int  # of the symbol
    venue: str
    symbol: str
    state: str
    trusted: bool
    bid: float | None
    bid_size: float | None
    ask: float | None
    ask_size: float | None
    rate: float | None  # None: not known, and not to be taken for one
    age_s: float | None  # since the venue last said something of this book
    fee_bps: float  # of taking there
    bids: tuple[tuple[float, float], ...] = ()  # (price in the first leg's quote, size) a row, best first
    asks: tuple[tuple[float, float], ...] = ()


class AcrossNow(msgspec.Struct, frozen=True):
    """The same asset on several venues, and the best trade between two: buy at `cheap`'s ask, sell at `dear`'s bid."""

    base: str
    quote: str  # that prices are compared in
    legs: tuple[LegNow, ...]
    cheap: int | None = None  # positions in `legs`
    dear: int | None = None
    gap_bps: float | None = None  # before fees; negative where even the best one loses
    after_fees_bps: float | None = None
    kind: str = ""  # spread: to be earned; basis: the two are not the same thing, or not in known money
    why: str = ""
    step: float = 0.0  # price a row of the legs' ladders


class Market(msgspec.Struct, frozen=True):
    """What happened in the market, as far as this frame's tick."""

    seq: int = 0
    ts: int = 0
    started: int = 0  # session time of the first event
    lines: tuple[Line, ...] = ()
    symbol: int = 0
    detail: Detail = Detail()
    events: tuple[Event, ...] = ()  # alerts and marks, newest first
    feeds: tuple[Feed, ...] = ()
    agents: AgentsNow | None = None  # where agents trade
    sentiment: SentimentNow | None = None  # where text comes in
    regime: RegimeNow | None = None  # once the chosen symbol has been seen for a second
    advisers: AdvisersNow | None = None  # once they have looked at the chosen symbol
    alerts: AlertsNow = AlertsNow()
    chain: ChainNow | None = None  # where public chains are watched
    across: AcrossNow | None = None  # where the chosen symbol's asset is watched on several venues


class Transport(msgspec.Struct, frozen=True):
    """Where a session stands in time. `start == end` in a live session that has not been rewound."""

    label: str = "LIVE"  # LIVE REPLAY REWIND SIM
    speed: float = 1.0  # 0: as fast as it goes
    paused: bool = False
    start: int = 0
    end: int = 0
    marks: tuple[tuple[int, str], ...] = ()  # (ts, kind) of alerts and marks known for the whole recording
    note: str = ""  # said on the screen all the time, such as "reconstructed book"
    about: tuple[str, ...] = ()  # what is known of what is shown and from where, for the help card
    built: int = 0  # as far as what ends at `end` has been made yet; 0: all of it
    waits_for: int = 0  # a moment that was sought and is not made yet; 0: none
    auto: bool | None = None  # whether the recording's own pace is followed; None: it proposes none


class Recording(msgspec.Struct, frozen=True):
    state: str = "OFF"  # OFF ON FAILED
    path: str = ""
    bytes: int = 0
    seconds: float = 0.0
    lag_ms: float = 0.0
    lost_events: int = 0
    reason: str = ""


class FanRow(msgspec.Struct, frozen=True, array_like=True):
    """A line of the what-if's table. `plain` and `shocked` are in `unit`: bp, s, %, or empty for a price."""

    name: str
    unit: str
    plain: float | None
    shocked: float | None


class Fan(msgspec.Struct, frozen=True):
    """Where the market could go from `ts`: quantiles of the mid over futures, with and without a shock.

    Each `bytes` field is a run of little-endian float64, one a step, the first being now; prices in quote units.
    """

    symbol: int
    ts: int
    step_ns: int
    state: str = "RUNNING"  # RUNNING DONE FAILED
    reason: str = ""
    shock: str = ""  # in words; empty: none
    basis: str = ""  # how the futures were made, in words
    futures: int = 0  # wanted
    done: int = 0  # so far
    plain_low: bytes = b""  # 5 %
    plain_middle: bytes = b""
    plain_high: bytes = b""  # 95 %
    shocked_low: bytes = b""
    shocked_middle: bytes = b""
    shocked_high: bytes = b""
    table: tuple[FanRow, ...] = ()


class Tiers(msgspec.Struct, frozen=True):
    """How the tiers above the embedded one are, in words (empty: not there), and what they have cost this month."""

    local: str = ""
    gateway: str = ""
    spent_micro: int | None = None  # millionths of a dollar, of everything on this machine
    ceiling_micro: int | None = None


class Host(msgspec.Struct, frozen=True):
    """This machine's side. Not part of the laws."""

    accepts: frozenset[str] = frozenset()  # commands the source takes; keys and footer follow it
    transport: Transport = Transport()
    recording: Recording = Recording()
    cpu_pct: float | None = None
    memory_mb: float | None = None
    tiers: Tiers | None = None  # where text is scored
    fan: Fan | None = None  # the what-if that was asked for last
    messages: tuple[str, ...] = ()  # health events: broken plug-ins, failed sinks, newest first


class Frame(msgspec.Struct, frozen=True):
    market: Market = Market()
    host: Host = Host()
    view: View = View()
