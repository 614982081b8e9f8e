"""Times as people type them, read against a session: a time of day, a date and time, or a way to go."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engine.text import clean
from tui.format import SECOND_NS, clock, day

_WAY = re.compile(r"([+\-−])\s*(\d+(?:\.\d+)?)\s*(s|min|m|h)?")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, None: 1}
_FORMATS = ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M")
EXAMPLES = "14:30, 14:30:15, 2026-03-12 10:41, -90s, +5m"


class NotATime(ValueError):
    """The text is no time within the session; the message says what would be."""


def parse_time(
    text: str, now_ns: int, start_ns: int, end_ns: int, utc: bool, what: str = "the session goes"
) -> int:
    """What was typed as ns UTC, at or between the two ends. Raises NotATime, which says whose ends they are."""
    typed = text.strip()
    way = _WAY.fullmatch(typed)
    if way:
        sign = 1 if way[1] == "+" else -1
        found = now_ns + sign * int(float(way[2]) * _UNITS[way[3]] * SECOND_NS)
    else:
        found = _absolute(typed, now_ns, start_ns, end_ns, utc)
    if not start_ns <= found <= end_ns:
        first, last = day(start_ns, utc), day(end_ns, utc)
        until = clock(end_ns, utc) if last == first else f"{last} {clock(end_ns, utc)}"
        ends = f"{first} {clock(start_ns, utc)} to {until}"
        raise NotATime(f"{what} from {ends}; {clean(typed, 30)} is outside")
    return found


def _absolute(typed: str, now_ns: int, start_ns: int, end_ns: int, utc: bool) -> int:
    zone = UTC if utc else datetime.now().astimezone().tzinfo
    for form in _FORMATS:
        for with_day in (True, False):
            try:
                moment = datetime.strptime(typed, f"%Y-%m-%d {form}" if with_day else form).replace(
                    tzinfo=zone
                )
            except ValueError:
                continue
            if with_day:
                return _ns(moment)
            # A time of day alone is the one nearest to now that the session holds: it may pass midnight.
            today = datetime.fromtimestamp(now_ns // SECOND_NS, zone)
            days = [today + timedelta(days=by) for by in (0, -1, 1)]
            found = [_ns(moment.replace(year=d.year, month=d.month, day=d.day)) for d in days]
            return next((ns for ns in found if start_ns <= ns <= end_ns), found[0])
    raise NotATime(f"expected a time such as {EXAMPLES}; found {clean(typed, 30)!r}")


def _ns(moment: datetime) -> int:
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * SECOND_NS + moment.microsecond * 1000
