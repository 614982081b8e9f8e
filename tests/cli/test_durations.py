"""Durations, speeds and moments as people type them."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from cli.durations import Duration, Speed, moment_ns

START = int(datetime(2024, 8, 8, 23, 54, 14, tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("7", 7), ("1.5h", 5400)],
)
def test_durations(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5s", "0s", "5 minutes", "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a duration such as 30s, 5m or 1h30m"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize(("text", "factor"), [("1", 1), ("64x", 64), ("0.25", 0.25), ("max", 0), ("4×", 4)])
def test_speeds(text: str, factor: float) -> None:
    assert Speed().convert(text, None, None) == factor


@pytest.mark.parametrize("text", ["fast", "100", "0.1", "-1"])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"expected a speed from 0\.25 to 64, or max"):
        Speed().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("23:55", "2024-08-08T23:55:00"),
        ("00:10", "2024-08-09T00:10:00"),
        ("9:05:01", "2024-08-09T09:05:01"),
        ("2024-08-08T23:55:00.5", "2024-08-08T23:55:00.500"),
        ("2024-08-09T01:55+02:00", "2024-08-08T23:55:00"),
        ("+5m", "2024-08-08T23:59:14"),
    ],
)
def test_moments(text: str, expected: str) -> None:
    wanted = datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert moment_ns(text, START) == round(wanted.timestamp() * 1000) * 10**6


@pytest.mark.parametrize("text", ["yesterday", "25:00", "+soon", ""])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        moment_ns(text, START)
