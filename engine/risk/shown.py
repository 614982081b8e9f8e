"""What the agents panel and `microtui risk` show of risk, in base and quote units."""

from __future__ import annotations

from engine.frame.agents import CoverageNow, RiskNow
from engine.risk.books import RiskState
from engine.risk.coverage import Coverage
from engine.rules import RiskRule


def risk_now(risk: RiskState, name: str, price: float | None, rule: RiskRule) -> RiskNow | None:
    """Of a family; None before its first note. `price`: the mid, None where it is not known."""
    family, unit = risk.families.get(name), risk.unit
    if family is None or unit is None:
        return None
    lot, money = float(unit.lot), unit.money
    sizes = risk.sizes(family, price, rule) if price else None
    return RiskNow(
        net=None if price is None else family.position * lot * price,
        gross=None if price is None or family.gross is None else family.gross * lot * price,
        drift=family.drift_lots_a_minute * lot,
        drawdown=family.drawdown * money,
        deepest=family.deepest * money,
        var=_times(family.var, money),
        es=_times(family.es, money),
        var_ewma=_times(family.var_ewma, money),
        es_ewma=_times(family.es_ewma, money),
        changes=family.counted,
        coverage=_coverage(family.held, rule.level),
        coverage_ewma=_coverage(family.held_ewma, rule.level),
        volatility_size=sizes.volatility if sizes is not None else None,
        kelly_size=sizes.kelly if sizes is not None else None,
    )


def _times(value: float | None, money: float) -> float | None:
    return None if value is None else value * money


def _coverage(found: Coverage, level: float) -> CoverageNow:
    expected = found.forecasts * (1.0 - level)
    return CoverageNow(found.forecasts, found.failures, expected, found.kupiec(level), found.independence())
