"""Between an alert and the person: nobody is flooded, and what was held back is counted and told of.

A token bucket over all alerts of a session. What a person did themselves (marks, orders, shocks) always passes.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from engine.alerts.condition import Condition
from engine.events import Alert
from engine.frame.alerts import Event
from engine.rules import AlertRule, AlertRules

OWN_KINDS = frozenset({"MARK", "SHOCK", "FILL", "SAID"})
TELL_AFTER_NS = 60_000_000_000  # what was held back is told at least so long after the first of it
MOST_WHALES = 64


class Raised(NamedTuple):
    """An alert with the rule that it is due to."""

    alert: Alert
    rule: AlertRule


class AlertsState(msgspec.Struct):
    """What all symbols share: the bucket, conditions of families, and transfers that were told of."""

    tokens: float = -1.0  # -1: full, nothing was said yet
    at: int = 0
    held: dict[str, int] = msgspec.field(default_factory=dict)  # held back since, by kind
    held_since: int = 0
    conditions: dict[str, Condition] = msgspec.field(default_factory=dict)  # by rule and subject
    whales: list[str] = msgspec.field(default_factory=list)  # ids, the latest last

    def admit(self, alert: Alert, rule: AlertRule | None, rules: AlertRules, now: int) -> Event | None:
        """The event of an alert, None where there have been too many. `now`: session time, ns."""
        event = Event(alert.ts, alert.kind, alert.text, alert.symbol, alert.confidence)
        if alert.kind in OWN_KINDS:
            return event
        # That a venue is gone is told whatever else there was to tell; how often is the core's business.
        if not (alert.kind == "FEED" and alert.symbol is None) and not self._take(rules, now):
            self.held_since = self.held_since if self.held else now
            self.held[alert.kind] = self.held.get(alert.kind, 0) + 1
            return None
        if rule is None:
            return event
        return msgspec.structs.replace(event, rule=rule.name, bell=rule.bell, notify=rule.notify)

    def _take(self, rules: AlertRules, now: int) -> bool:
        self._refill(rules, now)
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True

    def _refill(self, rules: AlertRules, now: int) -> None:
        if self.tokens < 0.0:
            self.tokens = float(rules.burst)
        gained = max(0, now - self.at) / 3.6e12 * rules.per_hour if self.at else 0.0
        self.tokens = min(float(rules.burst), self.tokens + gained)
        self.at = max(self.at, now)

    def held_back(self, rules: AlertRules, now: int) -> Alert | None:
        """One line about all that was held back, once there is room for it; None where there is nothing to tell."""
        if not self.held or now - self.held_since < TELL_AFTER_NS:
            return None
        self._refill(rules, now)
        if self.tokens < 1.0:
            return None
        count, held = sum(self.held.values()), self.held
        most = sorted(held, key=lambda kind: (-held[kind], kind))
        parts = ", ".join(f"{held[kind]} {kind}" for kind in most[:6])
        self.held = {}
        were = "alert was" if count == 1 else "alerts were"
        text = f"{count} more {were} held back in {_span(now - self.held_since)}: {parts}"
        return Alert(now, None, "HELD", None, text)


def _span(ns: int) -> str:
    seconds = ns / 1e9
    return f"{seconds:.0f} s" if seconds < 120.0 else f"{seconds / 60.0:.0f} min"


def told_of(rules: AlertRules, whose: str) -> AlertRule | None:
    """The first rule of feeds that trouble falls under; `whose` is a venue or one of its symbols, `binance:BTCUSDT`."""
    names = (whose, whose.partition(":")[2])
    return next(
        (rule for rule in rules.rules if rule.kind == "feed" and (not rule.symbol or rule.symbol in names)),
        None,
    )
