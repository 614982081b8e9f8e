"""How State tells a person of something: a line among its events, unless there has been too much lately."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.alerts.gate import Raised
from engine.events import Alert, Derived
from engine.rules import AlertRule

if TYPE_CHECKING:
    from engine.core import State

EVENTS_KEPT = 200


def tell(state: State, alert: Alert, derived: list[Derived], rule: AlertRule | None = None) -> None:
    """Enter an alert among the events and in `derived`. `rule`: the alert rule that it is due to."""
    event = state.alerts.admit(alert, rule, state.setup.alerts, max(state.ts, alert.ts))
    if event is None:
        return
    derived.append(alert)
    bisect.insort(state.events, event, key=lambda e: e.ts)  # a mark made in a rewind lies in the past
    del state.events[:-EVENTS_KEPT]


def tell_raised(state: State, raised: Sequence[Raised], derived: list[Derived]) -> None:
    """Tell of alerts that rules raised, in their order."""
    for alert, rule in raised:
        tell(state, alert, derived, rule)
