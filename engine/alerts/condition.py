"""One rule and one subject: whether what the rule is about holds, since when, and when a person last heard of it."""

from __future__ import annotations

import msgspec

from engine.risk.books import MOST_FAMILIES
from engine.rules import MOST_RULES, AlertRule

MOST_CONDITIONS = 2 * MOST_RULES * MOST_FAMILIES  # all that can live at once, and as many that are gone


class Condition(msgspec.Struct, array_like=True):
    """Beyond from `since` on (0: it is not); `on` once it has held long enough, until it has cleared."""

    since: int = 0  # ns
    on: bool = False
    direction: int = 0
    told_at: int = 0
    missed: int = 0  # times that it came back sooner than the rule lets a person hear of it

    def step(self, x: float | None, direction: int, rule: AlertRule, ts: int) -> bool:
        """Whether a person is to be told now. `x`: what was measured, over the threshold; None is missing.

        A measure that is missing neither clears nor confirms. Another direction is another condition.
        """
        if x is None:
            self.since = self.since if self.on else 0
            return False
        if direction and self.direction and direction != self.direction:
            self.on, self.since = False, 0
        if self.on:
            if x < rule.clear:
                self.on, self.since = False, 0
            return False
        if x < 1.0:
            self.since = 0
            return False
        self.direction = direction
        self.since = self.since or ts
        if ts - self.since < rule.for_s * 1e9:
            return False
        self.on = True
        if self.told_at and ts - self.told_at < rule.every_s * 1e9:
            self.missed += 1
            return False
        self.told_at = ts
        return True

    def again(self) -> str:
        """What a person has not heard in between, in words."""
        missed, self.missed = self.missed, 0
        return f"; {missed} more since the last alert" if missed else ""


def condition_of(conditions: dict[str, Condition], name: str) -> Condition:
    """The one of that name; where there are too many, the one that was not asked for the longest is dropped.

    They stand in the order in which they were last asked for, which a checkpoint keeps.
    """
    found = conditions.pop(name, None)
    if found is None:
        found = Condition()
        if len(conditions) >= MOST_CONDITIONS:
            del conditions[next(iter(conditions))]
    conditions[name] = found
    return found
