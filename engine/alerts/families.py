"""Limits on the risk of those who trade here: families of agents, and the person; once a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.alerts.condition import condition_of
from engine.alerts.gate import Raised
from engine.alerts.measures import amount
from engine.alerts.watch import plan_of
from engine.events import Alert
from engine.kernels import seconds as grid
from engine.risk.books import FamilyRisk, RiskState
from engine.rules import AlertRule, RiskRule

if TYPE_CHECKING:
    from engine.core import State
    from engine.symbol import SymbolState


def second(state: State, ts: int) -> list[Raised]:
    """What the latest notes of agents lead to. Called once a second, after all symbols."""
    risk = state.risk
    if risk.unit is None or state.agents is None:
        return []
    symbol = state.symbols.get(risk.unit.symbol)
    if symbol is None:
        return []
    row = grid.latest(symbol.seconds)
    risk.on_second(float(row[grid.VOLATILITY_BPS]), ts)
    rules = plan_of(state.setup.alerts).of_families
    if not rules:
        return []
    said: list[Raised] = []
    mid = float(row[grid.MID])
    for rule in rules:
        for name, family in risk.families.items():
            if rule.family and rule.family != name.partition(" ")[0] and rule.family != name:
                continue
            found = measured(rule, risk, family, mid, state.setup.risk)
            x = None if found is None else found / (rule.threshold or 1.0)
            condition = condition_of(state.alerts.conditions, f"{rule.name}|{name}")
            if condition.step(x, 0, rule, ts) and found is not None:
                text = f"{name}: {_words(rule, found, symbol, state.setup.risk)}{condition.again()}"
                said.append(Raised(Alert(ts, risk.unit.symbol, "RISK", None, text), rule))
    return said


def measured(rule: AlertRule, risk: RiskState, family: FamilyRisk, mid: float, of: RiskRule) -> float | None:
    """What a rule's threshold is compared with, in its unit; None where it is not known."""
    assert risk.unit is not None  # noqa: S101  there are families
    lot, money = float(risk.unit.lot), risk.unit.money
    match rule.kind:
        case "drawdown":
            return family.drawdown * money
        case "var":
            return _larger(family.var, family.var_ewma, money)
        case "es":
            return _larger(family.es, family.es_ewma, money)
        case "exposure":
            lots = abs(family.position) if family.gross is None else family.gross
            return lots * lot * mid if mid > 0.0 else None
        case "inventory":
            return abs(family.drift_lots_a_minute) * lot
        case _:
            size = risk.sizes(family, mid, of).least if mid > 0.0 else None
            if size is None:
                return None
            held = abs(family.position) * lot
            return held / size if size > 0.0 else 1e9 if held else 0.0


def _larger(one: float | None, other: float | None, money: float) -> float | None:
    """The graver of two estimates, quote units."""
    known = [value for value in (one, other) if value is not None]
    return max(known) * money if known else None


def _words(rule: AlertRule, found: float, symbol: SymbolState, of: RiskRule) -> str:
    base, quote = symbol.instrument.base, symbol.instrument.quote
    limit = amount(rule.threshold or 0.0)
    horizon = f"{of.level * 100.0:g} % over {of.horizon_s:g} s"
    match rule.kind:
        case "drawdown":
            return f"drawdown {amount(found)} {quote}, over {limit}"
        case "var":
            return f"value at risk {amount(found)} {quote}, {horizon}, over {limit}"
        case "es":
            return f"expected shortfall {amount(found)} {quote}, {horizon}, over {limit}"
        case "exposure":
            return f"exposure {amount(found)} {quote}, over {limit}"
        case "inventory":
            return f"inventory goes one way by {amount(found)} {base} a minute, over {limit}"
        case _:
            return f"holds {amount(found)} times the size proposed, over {limit}"
