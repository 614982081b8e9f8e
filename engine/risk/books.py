"""The risk of each family that trades here, second by second, from the notes that tell what everybody holds.

Money is in ticks x lots of the instrument that the notes speak of, whole numbers as they are. Equity is looked at once
a `horizon_s`; its changes are the sample. A change in which a family held and traded nothing is none: who stays away
has not become safer. Each forecast is held against the change that follows, so that its coverage is known.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from decimal import Decimal
from typing import NamedTuple

import msgspec

from engine.events import AgentFamily, Agents
from engine.instrument import Instrument
from engine.risk import sizing
from engine.risk.coverage import Coverage
from engine.risk.tail import historical, needed, normal
from engine.rules import RiskRule

KEPT = 500  # changes
MOST_FAMILIES = 64
EWMA_FROM = 20  # changes; before, their mean square is no variance to go by
_DRIFT_S = 60.0  # memory of inventory's mean
_EXPOSURE_S = 600.0  # of the mean exposure that Kelly's multiple is of
_VOLATILITY_S = 600.0


class FamilyRisk(msgspec.Struct, dict=True):
    """One family. A forecast is None until there are changes enough.

    `ordered`, `total` and `squares` follow from `changes` and are kept as these come and go: no field, so that a
    checkpoint has no two stories of one thing.
    """

    equity: int = 0
    peak: int = 0
    deepest: int = 0  # fall below a peak so far
    position: int = 0  # lots
    gross: int | None = None  # lots, summed over its agents; None where they are not all told one by one
    drift: float = 0.0  # mean of the position, lots, with a memory of `_DRIFT_S`
    exposure: float = 0.0  # mean size of the net position, lots
    at: int = 0  # of the last note, ns
    step: int = -1  # number of the horizon that `mark` was taken at
    mark: int = 0  # equity at its beginning
    mark_fills: int = 0
    staked: bool = False  # something was held or traded since
    changes: list[int] = msgspec.field(default_factory=list)  # a ring once it is full
    place: int = 0
    counted: int = 0
    variance: float = 0.0  # EWMA of squared changes
    var: float | None = None  # historical
    es: float | None = None
    var_ewma: float | None = None
    es_ewma: float | None = None
    held: Coverage = msgspec.field(default_factory=Coverage)  # of the historical forecast
    held_ewma: Coverage = msgspec.field(default_factory=Coverage)
    kelly: float | None = None  # times the mean exposure

    def __post_init__(self) -> None:
        self.ordered = sorted(self.changes)
        self.total = sum(self.changes)
        self.squares = sum(change * change for change in self.changes)

    @property
    def drawdown(self) -> int:
        return self.peak - self.equity

    @property
    def drift_lots_a_minute(self) -> float:
        """How fast inventory goes one way: its distance from its own slow mean, over that mean's memory."""
        return (self.position - self.drift) * 60.0 / _DRIFT_S

    def told(self, family: AgentFamily, gross: int | None, ts: int, money: float, rule: RiskRule) -> None:
        """A note came. `money`: quote units of one tick x lot."""
        equity = family.realised + family.unrealised - family.fees
        if not self.at:
            self.peak, self.drift, self.exposure = equity, family.position_lots, abs(family.position_lots)
        passed_s = max(0.0, (ts - self.at) / 1e9) if self.at else 0.0
        self.equity, self.position, self.gross, self.at = equity, family.position_lots, gross, ts
        self.peak = max(self.peak, equity)
        self.deepest = max(self.deepest, self.drawdown)
        self.drift += (self.position - self.drift) * -math.expm1(-passed_s / _DRIFT_S)
        self.exposure += (abs(self.position) - self.exposure) * -math.expm1(-passed_s / _EXPOSURE_S)
        step = int(ts / (rule.horizon_s * 1e9))
        self.staked |= self.position != 0 or family.fills != self.mark_fills
        if step == self.step:
            return
        if self.step >= 0 and step == self.step + 1 and self.staked:
            self._count(equity - self.mark, money, rule)
        else:  # the first, one in which nothing was at stake, or a hole in time
            self.held.pause()
            self.held_ewma.pause()
        self.step, self.mark, self.mark_fills = step, equity, family.fills
        self.staked = self.position != 0

    def _count(self, change: int, money: float, rule: RiskRule) -> None:
        if self.var is not None:
            self.held.add(-change > self.var)
        if self.var_ewma is not None:
            self.held_ewma.add(-change > self.var_ewma)
        self._keep(change)
        self.counted += 1
        square = float(change) * float(change)
        share = max(1.0 - rule.decay, 1.0 / self.counted)  # a plain mean first: a decay has no beginning
        self.variance += share * (square - self.variance)
        if self.counted >= EWMA_FROM:
            self.var_ewma, self.es_ewma = normal(math.sqrt(self.variance), rule.level)
        if len(self.changes) >= min(KEPT, needed(rule.level)):
            self.var, self.es = historical(self.ordered, rule.level)
            self.kelly = sizing.kelly_times(len(self.changes), self.total, self.squares, money, rule)

    def _keep(self, change: int) -> None:
        if len(self.changes) < KEPT:
            self.changes.append(change)
        else:
            gone, self.changes[self.place] = self.changes[self.place], change
            self.place = (self.place + 1) % KEPT
            del self.ordered[bisect_left(self.ordered, gone)]
            self.total -= gone
            self.squares -= gone * gone
        insort(self.ordered, change)
        self.total += change
        self.squares += change * change


class Unit(msgspec.Struct, frozen=True, array_like=True):
    """The instrument that amounts are counted in."""

    symbol: int
    tick: str
    lot: str

    @property
    def money(self) -> float:
        """Quote units of one tick x lot."""
        return float(Decimal(self.tick) * Decimal(self.lot))


class RiskState(msgspec.Struct):
    """All families by name, as of the last note."""

    unit: Unit | None = None
    families: dict[str, FamilyRisk] = msgspec.field(default_factory=dict)
    minute_variance: float | None = None  # of the price over a minute, bp^2, its mean over ten
    at: int = 0

    def on_agents(self, note: Agents, instrument: Instrument, ts: int, rule: RiskRule) -> None:
        """Take a note. Another instrument or grid, or families that are gone, begin everything anew."""
        unit = Unit(note.symbol, instrument.tick_size, instrument.lot_size)
        names = {family.name for family in note.families}
        if unit != self.unit or not self.families.keys() <= names:
            self.unit, self.families, self.minute_variance = unit, {}, None
        gross = _gross(note)
        money = unit.money
        for place, family in enumerate(note.families[:MOST_FAMILIES]):
            known = self.families.get(family.name)
            if known is None:
                known = self.families[family.name] = FamilyRisk()
            known.told(family, gross[place], ts, money, rule)

    def on_second(self, volatility_bps: float, ts: int) -> None:
        """A second of the market that they trade on; NaN where its volatility is not known."""
        if volatility_bps != volatility_bps:
            return
        square = volatility_bps * volatility_bps
        if self.minute_variance is None:
            self.minute_variance = square
        else:
            passed_s = min(max(0.0, (ts - self.at) / 1e9), _VOLATILITY_S)
            self.minute_variance += (square - self.minute_variance) * -math.expm1(-passed_s / _VOLATILITY_S)
        self.at = ts

    def volatility_size(self, price: float, rule: RiskRule) -> float | None:
        """Base units that the volatility target allows, the same for everybody."""
        if self.minute_variance is None:
            return None
        return sizing.for_volatility(math.sqrt(self.minute_variance), price, rule)

    def sizes(self, family: FamilyRisk, price: float, rule: RiskRule) -> Sizes:
        """What either way of sizing allows a family, base units."""
        if self.unit is None:
            return Sizes(None, None)
        exposure = family.exposure * float(Decimal(self.unit.lot)) * price
        kelly = None if family.kelly is None else sizing.kelly_size(family.kelly, exposure, price, rule)
        return Sizes(self.volatility_size(price, rule), kelly)


class Sizes(NamedTuple):
    """Base units; None where it is not known yet."""

    volatility: float | None
    kelly: float | None

    @property
    def least(self) -> float | None:
        known = [size for size in self if size is not None]
        return min(known) if known else None


def _gross(note: Agents) -> list[int | None]:
    """Lots held either way, summed over agents; None for a family of which some are not told of."""
    lots, lines = [0] * len(note.families), [0] * len(note.families)
    for line in note.agents:
        position = line.position_lots
        lots[line.family] += position if position >= 0 else -position
        lines[line.family] += 1
    return [
        lots[place]
        if lines[place] == family.count
        else abs(family.position_lots)
        if family.count == 1
        else None
        for place, family in enumerate(note.families)
    ]
