"""What the panel shows of alert rules: the conditions that hold now, and how many alerts are held back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.alerts.watch import plan_of
from engine.frame.alerts import AlertsNow, StandingNow

if TYPE_CHECKING:
    from engine.core import State


def alerts_now(state: State, chosen: int) -> AlertsNow:
    """Conditions of the chosen symbol, and those of no symbol."""
    known = {rule.name for rule in state.setup.alerts.rules}
    standing: list[StandingNow] = []
    symbol = state.symbols.get(chosen)
    if symbol is not None:
        for rule, _, _ in plan_of(state.setup.alerts).of_symbols:
            condition = symbol.watch.conditions.get(rule.name)
            if condition is not None and condition.on:
                standing.append(StandingNow(rule.name, condition.since))
    for name, condition in state.alerts.conditions.items():
        rule_name, _, subject = name.partition("|")
        if condition.on and rule_name in known:
            standing.append(StandingNow(rule_name, condition.since, subject))
    return AlertsNow(tuple(standing), sum(state.alerts.held.values()))
