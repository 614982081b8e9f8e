"""`microtui calibrate --known`: constants of a simulated market recovered, with intervals, and which cannot be."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from cli.calibrate_report import console, save, spark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.lab.calibration_known import Recovered, Surface


def recover(name: str, count: int, seconds: int, html: Path | None) -> None:
    """Print the intervals of the scenario itself, and how often those of `count` known markets hold the truth."""
    from cli.sim import find, read_scenario
    from cli.validate import Progress
    from engine.lab import calibration_known as known

    scenario = read_scenario(find(name), partial(click.echo, err=True))
    progress = Progress()
    try:
        surface, found = known.recover(scenario, count, seconds, progress)
    finally:
        progress.end()
    page = console(html)
    page.print(
        f"{scenario.name}: one market of {seconds} s with known constants, recovered by surfaces learned from "
        f"{known.DESIGN} others\n"
    )
    page.print(_intervals(found[0]))
    page.print(_said(found[0]))
    page.print(_surfaces(surface, known.NAMES))
    if count > 1:
        page.print(_coverage(found))
    save(page, html, f"Constants of {scenario.name}, recovered")


def _intervals(found: Sequence[Recovered]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("", "truth", "estimate", "95 % interval", "", "profile of the likelihood", ""):
        table.add_column(
            column, justify="right" if column in ("truth", "estimate", "95 % interval") else "left"
        )
    for row in found:
        table.add_row(
            row.constant.name,
            f"{row.truth:.3g}",
            f"{row.value:.3g}",
            f"{row.low:.3g} … {row.high:.3g}",
            "holds it" if row.covered else "misses it",
            spark((0.0, 1.0, *row.profile))[2:],
            "" if row.identified else "flat: not identified",
        )
    return table


def _said(found: Sequence[Recovered]) -> str:
    flat = ", ".join(row.constant.name for row in found if not row.identified)
    if not flat:
        return "\nevery one of these can be told from such a recording"
    return f"\ncannot be told from such a recording: {flat}. Their profiles are flat: any value does as well"


def _surfaces(surface: Surface, names: Sequence[str]) -> str:
    told = ", ".join(f"{name} {share:.2f}" for name, share in zip(names, surface.explained, strict=True))
    return f"\nshare of each statistic's variance that the constants explain: {told}"


def _coverage(found: Sequence[Sequence[Recovered]]) -> Table:
    from engine.lab.calibration_known import FLAT, coverage

    table = Table(title=f"\n{len(found)} known markets", box=None, pad_edge=False, title_justify="left")
    for column in ("", "intervals that hold the truth", "of", "median width over no knowledge's", ""):
        table.add_column(column, justify="right" if column and column != "of" else "left")
    for constant, held, of, width in coverage(found):
        table.add_row(
            constant.name, str(held), str(of), f"{width:.2f}", "" if width < FLAT else "not identified"
        )
    return table
