"""What a person is told of: alerts and marks, and which conditions hold now."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True):
    """A line of the alerts panel and a mark on the chart."""

    ts: int
    # LONG SHORT FEED BOOK STALE SPREAD DEPTH MOVE GAP SWING REGIME WHALE RISK HELD, and MARK SHOCK FILL SAID
    kind: str
    text: str
    symbol: int | None = None
    confidence: float | None = None
    rule: str = ""  # the alert rule that it is due to; empty: none
    bell: bool = False  # that rule asks for the terminal's bell,
    notify: bool = False  # and for the person's own command or webhook


class StandingNow(msgspec.Struct, frozen=True, array_like=True):
    """A condition of an alert rule that holds now."""

    rule: str
    since: int  # ns
    subject: str = ""  # a family of agents; empty: the chosen symbol


class AlertsNow(msgspec.Struct, frozen=True):
    standing: tuple[StandingNow, ...] = ()
    held: int = 0  # alerts held back, for there were too many; not told of yet
