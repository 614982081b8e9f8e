"""Durations and moments as people type them: `30s`, `5m`, `1h30m`; `14:25`, `2024-08-08T23:55:00`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


class Duration(click.ParamType[float]):
    """Seconds, as a float."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        text = str(value).strip().lower()
        if re.fullmatch(r"\d+(\.\d+)?", text):
            text += "s"
        parts = _PART.findall(text)
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
        if "".join(n + u for n, u in parts) != text or seconds <= 0:
            self.fail(f"expected a duration such as 30s, 5m or 1h30m, found {value!r}", param, ctx)
        return seconds


class Speed(click.ParamType[float]):
    """A replay speed: 0.25 to 64, or `max` (0.0)."""

    name = "speed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip().lower()
        if text in ("max", "0", "0.0"):
            return 0.0
        try:
            factor = float(text.rstrip("x×"))
        except ValueError:
            factor = -1.0
        if not 0.25 <= factor <= 64:
            self.fail(f"expected a speed from 0.25 to 64, or max, found {value!r}", param, ctx)
        return factor


def moment_ns(text: str, start_ns: int) -> int:
    """A time of day (on the start's UTC day, or the next if that is before it) or an ISO time -> ns UTC.

    Also `+5m`: that long after the start. Raises ValueError that says what would be right.
    """
    text = text.strip()
    if text.startswith("+"):
        try:
            return start_ns + int(Duration().convert(text[1:], None, None) * 1e9)
        except click.UsageError as error:
            raise ValueError(error.message) from None
    start = datetime.fromtimestamp(start_ns / 1e9, UTC)
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", text):
            hour, _, rest = text.partition(":")
            clock = datetime.fromisoformat(f"{start:%Y-%m-%d}T{int(hour):02}:{rest}+00:00")
            if clock < start - timedelta(hours=12):
                clock += timedelta(days=1)
        else:
            clock = datetime.fromisoformat(text)
            if clock.tzinfo is None:
                clock = clock.replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(
            f"expected a time such as 14:25, 14:25:10, 2024-08-08T23:55 or +5m, found {text[:40]!r}"
        ) from None
    return int(clock.timestamp()) * 1_000_000_000 + clock.microsecond * 1000
