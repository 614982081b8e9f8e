"""One symbol's alert rules, once a second: what is measured, which conditions hold, and what a person is told.

The past that quantiles are of is learnt after it was asked, so that a second is never compared with itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from engine.alerts.condition import Condition, condition_of
from engine.alerts.gate import Raised
from engine.alerts.measures import BY_KIND, Measure, Sight, Words, thin_side
from engine.alerts.usual import Usual
from engine.events import Alert, Derived
from engine.instrument import Instrument
from engine.kernels import seconds as grid
from engine.rules import AlertRule, AlertRules

if TYPE_CHECKING:
    from engine.core import State
    from engine.symbol import SymbolState


class Watch(msgspec.Struct):
    """State of one symbol."""

    spread: Usual = msgspec.field(default_factory=Usual)  # bp
    thinness: Usual = msgspec.field(default_factory=Usual)  # one over the thinner side's depth in quote units
    conditions: dict[str, Condition] = msgspec.field(default_factory=dict)  # by rule
    alive_at: int = 0  # when the book was last in sync, ns; 0: never yet

    def condition(self, name: str) -> Condition:
        return condition_of(self.conditions, name)


class Plan(NamedTuple):
    """The rules of a session by what they look at."""

    rules: AlertRules
    of_symbols: tuple[tuple[AlertRule, Measure, Words], ...]
    learns_spread: bool  # a rule asks what is usual
    learns_depth: bool
    of_regimes: tuple[AlertRule, ...]
    of_families: tuple[AlertRule, ...]
    of_whales: tuple[AlertRule, ...]


FAMILY_KINDS = ("drawdown", "var", "es", "exposure", "inventory", "sizing")


def _made(rules: AlertRules) -> Plan:
    def kind(*kinds: str) -> tuple[AlertRule, ...]:
        return tuple(rule for rule in rules.rules if rule.kind in kinds)

    each = tuple((rule, *BY_KIND[rule.kind]) for rule in rules.rules if rule.kind in BY_KIND)
    spreads, depths = (any(rule.threshold is None for rule in kind(name)) for name in ("spread", "depth"))
    return Plan(rules, each, spreads, depths, kind("regime"), kind(*FAMILY_KINDS), kind("whale"))


_latest = _made(AlertRules())


def plan_of(rules: AlertRules) -> Plan:
    """The same object's is remembered: this is asked every second, and comparing rules takes longer than all else."""
    global _latest
    plan = _latest
    if plan.rules is not rules:
        plan = _latest = _made(rules)
    return plan


def concerns(rule: AlertRule, instrument: Instrument) -> bool:
    return not rule.symbol or rule.symbol in (instrument.symbol, instrument.key)


def watch(state: State, index: int, symbol: SymbolState, ts: int) -> list[Raised]:
    """What the latest row of a symbol's grid leads to."""
    said: list[Raised] = []
    held = symbol.watch
    trusted = symbol.trusted
    if trusted:
        held.alive_at = ts
    sight = Sight(state, index, symbol, grid.latest(symbol.seconds).tolist(), ts)
    instrument = symbol.instrument
    plan = plan_of(state.setup.alerts)
    for rule, measure, words in plan.of_symbols:
        if rule.symbol and not concerns(rule, instrument):
            continue
        x, direction = measure(rule, sight)
        condition = held.condition(rule.name)
        if condition.step(x, direction, rule, ts):
            kind, confidence, text = words(rule, sight)
            said.append(Raised(Alert(ts, index, kind, confidence, text + condition.again()), rule))
    if trusted and plan.learns_spread and (spread := sight.row[grid.SPREAD_BPS]) > 0.0:
        held.spread.learn(spread)
    if trusted and plan.learns_depth and (thin := thin_side(sight.row)) > 0.0:
        held.thinness.learn(1.0 / thin)
    return said


def regimes(state: State, symbol: SymbolState, said: Iterable[Derived]) -> list[Derived | Raised]:
    """What a regime says, its alerts as far as a rule asks for them."""
    kept: list[Derived | Raised] = []
    for item in said:
        if not isinstance(item, Alert):
            kept.append(item)
            continue
        label = symbol.regime.label
        for rule in plan_of(state.setup.alerts).of_regimes:
            if concerns(rule, symbol.instrument) and (not rule.to or label in rule.to):
                condition = symbol.watch.condition(rule.name)
                if condition.told_at and item.ts - condition.told_at < rule.every_s * 1e9:
                    condition.missed += 1
                    break
                condition.told_at = item.ts
                text = item.text + condition.again()
                kept.append(Raised(msgspec.structs.replace(item, text=text), rule))
                break
    return kept
