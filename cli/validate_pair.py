"""`microtui validate --scenario FILE`: one checklist for two scenarios, before and after, beside a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cli.validate import Progress

if TYPE_CHECKING:
    from engine.lab.validation import Line, Live, Spreads
    from engine.scenario import Scenario

_COLUMNS = "{:>2}  {:<34}{:>9} {:<24}{:>9} {:<24}{:>10}  {:<14} {:<5} {}"


@dataclass(frozen=True, slots=True)
class _Side:
    lines: Sequence[Line]
    spreads: Spreads | None
    passed: Sequence[int]


def side_by_side(before: Scenario, after: Scenario, seeds: int, seconds: int, live: Live | None) -> int:
    """Print both; 0 when as many rows pass after as before, else 1."""
    from engine.lab import validation
    from engine.lab.checklist import ROWS

    chosen = range(validation.FIRST_SEED, validation.FIRST_SEED + seeds)
    progress = Progress()
    try:
        first, second = (_measured(s, chosen, seconds, live, progress) for s in (before, after))
    finally:
        progress.end()
    told = "none" if live is None else f"{live.name}, {len(live.sample.bid)} s"
    click.echo(
        f"before: {before.name}, a tick of {before.tick_size} {before.quote}; after: {after.name}, {after.tick_size}; "
        f"recording: {told}\nseeds {chosen[0]} to {chosen[-1]}, {seconds} s each; median, and middle 80 % of seeds\n"
    )
    click.echo(_COLUMNS.format("", "", "before", "", "after", "", "recording", "accepted", "", ""))
    for one, other in sorted(zip(first.lines, second.lines, strict=True), key=lambda pair: pair[0].row):
        _print(one, other)
    _print_spreads(first.spreads, second.spreads)
    for name, side in (("before", first), ("after", second)):
        missed = ", ".join(str(row) for row in ROWS if row not in side.passed) or "none"
        click.echo(f"{name}: {len(side.passed)} of {len(ROWS)} rows pass on the median; not: {missed}")
    return int(len(second.passed) < len(first.passed))


def _measured(
    scenario: Scenario, seeds: Sequence[int], seconds: int, live: Live | None, progress: Progress
) -> _Side:
    from engine.lab import validation

    samples = validation.runs(scenario, seeds, seconds, live, progress, scenario.name)
    impact = validation.impact_line(validation.impact(scenario, seeds, progress))
    lines = [*validation.fact_lines(samples, live), impact]
    spreads = None if live is None else validation.spreads(samples, live)
    return _Side(lines, spreads, validation.passed_rows(lines, spreads))


def _print(one: Line, other: Line) -> None:
    recorded = "" if other.recorded is None else f"{other.recorded:.3f}"
    click.echo(
        _COLUMNS.format(
            one.row, one.name, f"{one.value:.3f}", _range(one), f"{other.value:.3f}", _range(other), recorded,
            other.accept, _word(one.passes), _word(other.passes),
        ).rstrip()
    )  # fmt: skip


def _range(line: Line) -> str:
    return f"({line.low:.3f} … {line.high:.3f})"


def _word(passes: bool) -> str:
    return "pass" if passes else "FAIL"


def _print_spreads(one: Spreads | None, other: Spreads | None) -> None:
    if one is None or other is None:
        click.echo(" 9  spreads: not measured; --against RECORDING holds them against one")
        return
    for a, b in zip(one.found, other.found, strict=True):
        click.echo(
            _COLUMNS.format(
                9, f"W1 to live, {a.name}", f"{a.ours:.3f}", f"({a.low:.3f} … {a.high:.3f})", f"{b.ours:.3f}",
                f"({b.low:.3f} … {b.high:.3f})", "", f"≤ {a.limit:.3f}", _word(a.passes), _word(b.passes),
            ).rstrip()
        )  # fmt: skip
    click.echo(
        _COLUMNS.format(
            9, "share of one-tick spreads", f"{one.share:.3f}", "", f"{other.share:.3f}", "", f"{one.live_share:.3f}",
            "± .05", _word(one.passes), _word(other.passes),
        ).rstrip()
    )  # fmt: skip
