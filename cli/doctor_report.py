"""What the doctor says: one line a finding, how bad it is, what was found, what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import click

from engine.text import clean

OK: Final = "ok"
HINT: Final = "hint"  # it works, but not as well as it could
FAULT: Final = "fault"  # something will not work

_COLOURS = {OK: "green", HINT: "yellow", FAULT: "red"}
_TEXT = 400


class Finding(NamedTuple):
    """One line. `facts` are for `--json` only."""

    area: str
    what: str
    level: str
    found: str
    advice: str = ""
    facts: Mapping[str, Any] | None = None


def as_json(finding: Finding) -> dict[str, Any]:
    return {
        "area": finding.area,
        "what": clean(finding.what),
        "level": finding.level,
        "found": clean(finding.found, _TEXT),
        "advice": clean(finding.advice, _TEXT),
        **(finding.facts or {}),
    }


def tell(findings: Sequence[Finding]) -> None:
    """Print them by area, in the order they came, and a last line that counts."""
    width = min(28, max((len(clean(f.what)) for f in findings), default=0))
    area = ""
    for finding in findings:
        if finding.area != area:
            area = finding.area
            click.echo(click.style(area.upper(), bold=True))
        level = click.style(f"{finding.level:5}", fg=_COLOURS[finding.level])
        click.echo(f"  {level}  {clean(finding.what):{width}}  {clean(finding.found, _TEXT)}")
        if finding.advice:
            click.echo(f"         {'':{width}}  → {clean(finding.advice, _TEXT)}")
    counts = {level: sum(f.level == level for f in findings) for level in (FAULT, HINT)}
    faults, hints = (f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items())
    click.echo(f"{faults}, {hints}")


def size(count: float) -> str:
    """Bytes as a person reads them.

    >>> size(0), size(12_345_678), size(3.2e9)
    ('0 MB', '12 MB', '3.2 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def age(seconds: float) -> str:
    """A length of time in its largest unit.

    >>> age(30), age(7200), age(400_000)
    ('30 s', '2 h', '5 days')
    """
    for unit, length in (("days", 172_800), ("h", 7200), ("min", 120)):
        if seconds >= length:
            return f"{round(seconds / (86_400 if unit == 'days' else length / 2))} {unit}"
    return f"{max(0, round(seconds))} s"
