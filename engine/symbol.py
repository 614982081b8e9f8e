"""One symbol as far as events have told: its feed, its book and features (arrays), its charts, its signal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal

from engine.advisers.each_second import AdvisersState
from engine.alerts.watch import Watch
from engine.events import Listed, Setup
from engine.instrument import Instrument
from engine.kernels import charts as chart_kernel
from engine.kernels import fold as fold_kernel
from engine.kernels import indicators as indicator_kernel
from engine.kernels import seconds as second_kernel
from engine.regimes.live import Regime
from engine.signals.imbalance import ImbalanceSignal

_FEATURE = {name: index for index, name in enumerate(fold_kernel.FEATURES)}
_BAND = {name: index for index, name in enumerate(fold_kernel.BAND_FIELDS)}


@dataclass
class SymbolState:
    """All of a symbol that is part of State."""

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

    @property
    def grid(self) -> tuple[Decimal, Decimal]:
        """The price of a tick and the size of a lot: what all its integers count."""
        return self.instrument.tick.value, self.instrument.lot.value


def new_symbol(note: Listed, setup: Setup) -> SymbolState:
    """A symbol that was just listed: nothing is known of its book."""
    instrument = note.instrument
    tick, lot = float(instrument.tick.value), float(instrument.lot.value)
    return SymbolState(
        instrument=instrument,
        market=fold_kernel.new_market(tick, lot, setup.bands_bps, 1),
        charts=chart_kernel.new_charts(tick, lot),
        depth_limit=note.depth_limit,
    )
