"""Feeds with something planted in them: a book whose bids outweigh its asks from one moment on, and states to watch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.batch import Batch, BatchBuilder
from engine.core import State, apply
from engine.events import Alert, FeedStatus, Kind, Listed, Setup
from engine.instrument import Instrument
from engine.kernels import seconds as grid
from engine.rules import AlertRule, AlertRules
from engine.symbol import SymbolState

START_NS = 1_723_161_254_000_000_000
TICK_NS = 100_000_000
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
XBT = Instrument("bitmex", "XBTUSD", "BTC", "USD", "0.5", "0.00001")
ETH = Instrument("binance", "ETHUSDT", "ETH", "USDT", "0.01", "0.0001")
CALM_S, RULE_S = 180, 60
MID = 6_000_000


def leaning(seconds: int, heavy_from_s: float, side: int = 1, times: int = 4) -> Iterator[Batch]:
    """A still book that breathes; from one second on one side is `times` as heavy as the other."""
    rng = np.random.default_rng(5)
    out = BatchBuilder(16, 64)
    ts, update = START_NS, 1
    out.add_note(Setup(), ts)
    out.add_note(Listed(0, BTC, 1000), ts, 0)
    out.add_note(FeedStatus("binance", "LIVE"), ts)
    for tick in range(seconds * 10):
        heavy = times if tick / 10 >= heavy_from_s else 1
        sizes = rng.integers(80_000, 120_000, (2, 20))
        bids = [(MID - 1 - i, int(sizes[0, i]) * (heavy if side > 0 else 1)) for i in range(20)]
        asks = [(MID + 1 + i, int(sizes[1, i]) * (heavy if side < 0 else 1)) for i in range(20)]
        kind = Kind.DELTA if tick else Kind.SNAPSHOT
        out.add_levels(kind, ts, bids, asks, symbol=0, first_id=update + 1, last_id=update + 1)
        update += 1
        if not tick:
            out.add_note(FeedStatus("binance", "SYNCED", 0), ts, 0)
        ts += TICK_NS
        out.add(Kind.TICK, ts)
        yield out.take()


def alerts_of(batches: Iterator[Batch], state: State | None = None) -> list[Alert]:
    state = state or State()
    return [item for batch in batches for item in apply(state, batch)[0] if isinstance(item, Alert)]


def delay_s(side: int = 1) -> float:
    """From the end of the imbalance's minute to its alert, seconds."""
    told = alerts_of(leaning(CALM_S + RULE_S + 10, CALM_S, side))
    kind = "LONG" if side > 0 else "SHORT"
    (first,) = [alert for alert in told if alert.kind == kind]
    return (first.ts - START_NS) / 1e9 - CALM_S - RULE_S


class Bench:
    """A state whose grids are filled by hand, a row a second for each symbol."""

    def __init__(self, *instruments: Instrument, rules: tuple[AlertRule, ...] = ()) -> None:
        self.state = State()
        out = BatchBuilder()
        out.add_note(Setup(alerts=AlertRules(rules)), START_NS)
        for index, instrument in enumerate(instruments or (BTC,)):
            out.add_note(Listed(index, instrument, 1000), START_NS, index)
            out.add_note(FeedStatus(instrument.venue, "SYNCED", index), START_NS, index)
        out.add(Kind.TICK, START_NS)
        apply(self.state, out.take())
        self.second = START_NS // grid.SECOND_NS

    @property
    def ts(self) -> int:
        return self.second * grid.SECOND_NS

    def symbol(self, index: int = 0) -> SymbolState:
        return self.state.symbols[index]

    def step(self, index: int = 0, *, same_second: bool = False, **columns: float) -> list[Alert]:
        """One more second of a symbol; what its rules say. Columns that are not given are missing."""
        from engine.alerts.watch import watch

        self.second += not same_second
        seconds = self.symbol(index).seconds
        row = seconds.rows[self.second % grid.KEPT]
        row[:] = np.nan
        for name, value in columns.items():
            row[grid.COLUMNS.index(name)] = value
        seconds.clock[grid.LATEST] = self.second
        seconds.clock[grid.COUNT] += 1
        return [raised.alert for raised in watch(self.state, index, self.symbol(index), self.ts)]
