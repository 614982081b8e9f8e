"""What a calibration reads of a recorded market: its seconds, its market orders, its grid.

A market order is what one taker did at one moment: trades of one side with the same time on the venue's clock. The
seconds are those of `engine.lab.stylised.Sample`, which a simulated market is watched by as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.instrument import Instrument
from engine.lab.stylised import Sample
from engine.lab.validation import Live

Floats = npt.NDArray[np.float64]

FIT_SHARE = 0.6  # of the seconds; what comes later is kept to validate on
LEAST_SECONDS = 120
LEAST_ORDERS = 100


class NotEnough(ValueError):
    """A recording that nothing can be calibrated from: what was expected and what was found."""

    for_people = True


@dataclass(frozen=True, slots=True)
class Orders:
    """Market orders, soonest first. Arrays of one length."""

    at_s: Floats  # since the sample's first second began
    side: Floats  # +1 bought, -1 sold
    lots: Floats
    reach: Floats  # ticks from the mid before it to its furthest fill; NaN where no best prices were told

    def part(self, start_s: float, stop_s: float) -> Orders:
        """Those of some seconds, with times since the first of them."""
        inside = (self.at_s >= start_s) & (self.at_s < stop_s)
        return Orders(self.at_s[inside] - start_s, self.side[inside], self.lots[inside], self.reach[inside])


@dataclass(frozen=True, slots=True)
class Recorded:
    """A market that was recorded. `digest` is its file's SHA-256."""

    name: str
    digest: str
    instrument: Instrument
    round_trip_quote: float
    sample: Sample
    orders: Orders
    best_lots: Floats  # at the best bid and ask, a row a second; NaN where a side is empty

    @property
    def seconds(self) -> int:
        return len(self.sample.bid)

    @property
    def price_ticks(self) -> float:
        """The first mid."""
        return float(self.sample.mid[0])

    @property
    def live(self) -> Live:
        """As `microtui validate --against` takes it."""
        instrument = self.instrument
        name = f"{instrument.venue}:{instrument.symbol}"
        return Live(name, 1e4 / self.price_ticks, self.round_trip_quote, self.sample)

    def part(self, start: int, stop: int) -> Recorded:
        """Seconds `start` to `stop`."""
        sample, orders = self.sample.part(start, stop), self.orders.part(start, stop)
        return replace(self, sample=sample, orders=orders, best_lots=self.best_lots[start:stop])

    def blocks(self) -> tuple[Recorded, Recorded]:
        """What is fitted to, and what comes after and is kept for validation."""
        edge = round(FIT_SHARE * self.seconds)
        return self.part(0, edge), self.part(edge, self.seconds)


def market_orders(at_ns: npt.NDArray[np.int64], side: Floats, lots: Floats, reach: Floats) -> Orders:
    """Trades in the order they came, as the market orders that made them; `at_ns` since the first second.

    >>> ones = np.ones(3)
    >>> found = market_orders(np.array([5, 5, 9]) * 10**9, ones, ones, np.array([0.5, 1.5, 0.5]))
    >>> found.lots.tolist(), found.reach.tolist()
    ([2.0, 1.0], [1.5, 0.5])
    """
    if not len(at_ns):
        nothing = np.zeros(0)
        return Orders(nothing, nothing, nothing, nothing)
    first = np.flatnonzero(np.r_[True, (np.diff(at_ns) != 0) | (np.diff(side) != 0)])
    return Orders(
        at_ns[first].astype(np.float64) * 1e-9,
        side[first],
        np.add.reduceat(lots, first),
        np.maximum.reduceat(reach, first),
    )


def enough(recorded: Recorded) -> None:
    """Raises NotEnough where there is too little to fit to."""
    known = int((~np.isnan(recorded.sample.bid)).sum())
    if known < LEAST_SECONDS:
        raise NotEnough(
            f"expected a recording of at least {LEAST_SECONDS} s with a book, found {known} s in {recorded.name}; "
            "record for some minutes more"
        )
    if len(recorded.orders.at_s) < LEAST_ORDERS:
        raise NotEnough(
            f"expected at least {LEAST_ORDERS} market orders, found {len(recorded.orders.at_s)} in {recorded.name}; "
            "a book without trades says nothing of who trades"
        )
    fit, _ = recorded.blocks()
    if not np.diff(fit.sample.mid).any():
        raise NotEnough(f"expected a price that moves, found none in the first minutes of {recorded.name}")
