"""What a session has shown of a market so far: all that futures which start from its book are calibrated on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.frame import INTERVALS_NS
from engine.instrument import Instrument
from engine.kernels.charts_view import read_bars, read_tape
from engine.kernels.level_book import ASK, BID, levels_of
from engine.kernels.market import LOTS, RING_TICKS, TICKS, TRADES
from engine.symbol import SymbolState

Levels = npt.NDArray[np.int64]  # (n, 2): ticks, lots

LOOKS_BACK_S = 300
STRIDE_S = 5  # over which volatility is measured: within seconds the mid bounces between bid and ask
LEAST_RETURNS = 5
_CLOSE = 3
_SECOND = INTERVALS_NS.index(1_000_000_000)


@dataclass(frozen=True)
class Seen:
    """Prices in ticks, sizes in lots, of the venue. None: not seen yet."""

    instrument: Instrument
    bids: Levels  # best first
    asks: Levels
    seconds: int  # that the volatility is measured on
    sigma: float | None  # of the log mid, per square root of a second
    trades_per_s: float  # over the last minute, or what there is of it
    trade_lots: float | None  # mean size
    sizes: npt.NDArray[np.int64]  # of the last trades, lots, newest first

    @property
    def mid_ticks(self) -> float:
        """Of a book with two sides."""
        return 0.5 * float(self.bids[0, 0] + self.asks[0, 0])

    @property
    def tick(self) -> float:
        """In quote units."""
        return float(self.instrument.tick.value)

    @property
    def price(self) -> float:
        """The mid in quote units."""
        return self.mid_ticks * self.tick

    @property
    def spread(self) -> float:
        """In quote units."""
        return float(self.asks[0, 0] - self.bids[0, 0]) * self.tick


def seen_of(symbol: SymbolState) -> Seen:
    """Copies what is needed: nothing of it changes when the session goes on."""
    market = symbol.market
    closes = read_bars(symbol.charts, _SECOND, LOOKS_BACK_S)[_CLOSE]
    returns = strided_returns(closes)
    ticks = min(int(market.now[TICKS]), RING_TICKS)
    trades, lots = int(market.rings[TRADES].sum()), int(market.rings[LOTS].sum())
    return Seen(
        instrument=symbol.instrument,
        bids=levels_of(market.book, BID),
        asks=levels_of(market.book, ASK),
        seconds=int((~np.isnan(closes)).sum()),
        sigma=float(np.sqrt((returns**2).mean() / STRIDE_S)) if len(returns) >= LEAST_RETURNS else None,
        trades_per_s=trades / (0.1 * ticks) if ticks else 0.0,
        trade_lots=lots / trades if trades else None,
        sizes=read_tape(symbol.charts, RING_TICKS)[:, 2].copy(),
    )


def strided_returns(closes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Overlapping log returns over STRIDE_S seconds of closes a second apart, without the missing ones."""
    if len(closes) <= STRIDE_S:
        return np.empty(0)
    returns: npt.NDArray[np.float64] = np.log(closes[STRIDE_S:]) - np.log(closes[:-STRIDE_S])
    return returns[~np.isnan(returns)]
