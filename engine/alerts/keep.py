"""What alert rules remember as it may come back from a stranger's checkpoint: checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping

from engine.alerts.condition import MOST_CONDITIONS, Condition
from engine.alerts.gate import MOST_WHALES, AlertsState
from engine.alerts.usual import BINS, Usual
from engine.alerts.watch import Watch

_COUNT = 10**12
_HEAVY = 1e30


def check_alerts(state: AlertsState) -> None:
    """Raises ValueError for a state that no session could have come to."""
    if not -1.0 <= state.tokens <= 1000.0:
        raise ValueError(f"expected alerts that may still be told from 0 to 1000, found {state.tokens:g}")
    if len(state.held) > 100 or not all(0 < count <= _COUNT for count in state.held.values()):
        raise ValueError("expected counts of alerts that were held back")
    if len(state.whales) > MOST_WHALES:
        raise ValueError(f"expected at most {MOST_WHALES} transfers, found {len(state.whales)}")
    _check_conditions(state.conditions)


def check_watch(watch: Watch) -> None:
    """Raises ValueError for a state that no session could have come to."""
    _check_conditions(watch.conditions)
    for usual in (watch.spread, watch.thinness):
        _check_usual(usual)


def _check_usual(usual: Usual) -> None:
    numbers = (*usual.counts, usual.total, usual.middle)
    if len(usual.counts) != BINS or not all(0.0 <= number <= _HEAVY for number in numbers):
        raise ValueError(f"expected {BINS} weights of what is usual")
    if usual.middle and not usual.total > 0.0:
        raise ValueError("expected a past of which there is a median")
    if not 1.0 <= usual.weight <= _HEAVY or not 0 <= usual.seen <= _COUNT:
        raise ValueError("expected the weight of a second, and how many there were")


def _check_conditions(conditions: Mapping[str, Condition]) -> None:
    if len(conditions) > MOST_CONDITIONS:
        raise ValueError(f"expected at most {MOST_CONDITIONS} conditions, found {len(conditions)}")
    for name, condition in conditions.items():
        if condition.direction not in (-1, 0, 1) or not 0 <= condition.missed <= _COUNT:
            raise ValueError(f"expected a direction and a count of the rule {name[:40]!r}")
