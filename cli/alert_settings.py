"""The settings `[[alerts]]`, `[alerting]` and `[risk]`: what a person is told of and how, and how risk is counted.

A rule of one's own stands beside those that are there from the start; one with the name of such a one changes it, in
the fields that it has.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from engine.feeds.network import LOOPBACK
from engine.rules import DEFAULT_RULES, RISK, AlertRule, AlertRules, RiskRule, check_rule, check_rules

_DEFAULTS = {rule.name: rule for rule in DEFAULT_RULES}
_RISK = RiskRule()
_RULES = AlertRules()


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AlertSettings(_Part):
    """One rule. What it does not say is as in the rule of that name that is there from the start, if there is one."""

    name: str
    on: bool = True
    kind: str | None = None
    threshold: float | None = None
    quantile: float | None = None
    symbol: str = ""
    family: str = ""
    to: list[str] = []
    window_s: float = 60.0
    cost_bps: float = 0.0
    for_s: float = 0.0
    clear: float = 0.8
    every_s: float = 300.0
    bell: bool = False
    notify: bool = False

    @model_validator(mode="after")
    def _usable(self) -> AlertSettings:
        check_rule(self.rule())
        return self

    def rule(self) -> AlertRule:
        """Raises ValueError where nobody could know what it is about."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"on", "kind"}}
        if "to" in given:
            given["to"] = tuple(label.upper() for label in self.to)
        known = _DEFAULTS.get(self.name)
        if known is None or (self.kind is not None and self.kind != known.kind):
            if self.kind is None:
                raise ValueError(
                    f"alert rule {self.name!r}: expected a kind, for it is none of {', '.join(_DEFAULTS)}"
                )
            return AlertRule(kind=self.kind, **given)
        for one, other in (("threshold", "quantile"), ("quantile", "threshold")):
            if one in given and other not in given:  # it takes the other's place
                given[other] = None
        return msgspec.structs.replace(known, **given)


def alert_rules(own: list[AlertSettings], alerting: AlertingSettings) -> AlertRules:
    """The rules of a session. Raises ValueError where two have one name."""
    named = {setting.name for setting in own}
    kept = [rule for rule in DEFAULT_RULES if rule.name not in named]
    rules = AlertRules(
        (*kept, *(setting.rule() for setting in own if setting.on)), alerting.burst, alerting.per_hour
    )
    check_rules(rules)
    return rules


class AlertingSettings(_Part):
    """How many alerts a person can take, and what of their own hears of those that ask for it (`notify`)."""

    burst: Annotated[int, Field(ge=1, le=1000)] = _RULES.burst
    per_hour: Annotated[float, Field(ge=1, le=3600)] = _RULES.per_hour
    command: Annotated[list[str], Field(max_length=100)] = []
    webhook: SecretStr | None = None
    webhook_header: SecretStr | None = None
    per_minute: Annotated[int, Field(ge=1, le=60)] = 6
    timeout_s: Annotated[float, Field(ge=0.1, le=60)] = 10.0

    @field_validator("command")
    @classmethod
    def _argv(cls, value: list[str]) -> list[str]:
        if value and (not value[0].strip() or any("\0" in part for part in value)):
            raise ValueError('expected a program and its arguments, such as ["notify-send", "microtui"]')
        return value

    @field_validator("webhook")
    @classmethod
    def _private(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        try:
            parts = urlsplit(value.get_secret_value())
            host, scheme = parts.hostname, parts.scheme
        except ValueError:
            host = scheme = ""
        if not host or not (scheme == "https" or (scheme == "http" and host in LOOPBACK)):
            raise ValueError("expected an address that begins with https://, or http:// to this machine")
        return value

    @field_validator("webhook_header")
    @classmethod
    def _one_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        name, colon, rest = value.get_secret_value().partition(":")
        if not (colon and name.strip() and rest.strip()) or not value.get_secret_value().isprintable():
            raise ValueError('expected one header, such as "Authorization: Bearer …"')
        return value


def _bounds(name: str) -> Any:
    low, high = RISK[name]
    return Field(ge=low, le=high)


class RiskSettings(_Part):
    """How risk is counted; see docs/risk.md."""

    horizon_s: Annotated[float, _bounds("horizon_s")] = _RISK.horizon_s
    level: Annotated[float, _bounds("level")] = _RISK.level
    decay: Annotated[float, _bounds("decay")] = _RISK.decay
    capital: Annotated[float, _bounds("capital")] = _RISK.capital
    target: Annotated[float, _bounds("target")] = _RISK.target
    kelly_share: Annotated[float, _bounds("kelly_share")] = _RISK.kelly_share
    kelly_cap: Annotated[float, _bounds("kelly_cap")] = _RISK.kelly_cap
