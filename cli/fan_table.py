"""A fan as text: where prices go every ten seconds, and what the shock does, side by side."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from engine.frame.fan import Fan, FanRow
from engine.instrument import Instrument

EVERY_S = 10
_DECIMALS = {"bp": 2, "s": 0, "%": 1}
_QUANTILES = (("low", "5 %"), ("middle", "median"), ("high", "95 %"))


def show(fan: Fan, instrument: Instrument) -> None:
    """Print it on stdout, in as many columns as there are fans."""
    console = Console(highlight=False, markup=False, emoji=False)
    when = datetime.fromtimestamp(fan.ts / 1e9, UTC)
    console.print(f"{instrument.key} at {when:%Y-%m-%d %H:%M:%S} UTC: {fan.shock or 'no shock'}")
    console.print(f"{fan.done} {'pairs of futures' if fan.shock else 'futures'}, from {fan.basis}\n")
    console.print(_quantiles(fan, instrument))
    console.print(_rows(fan))


def _quantiles(fan: Fan, instrument: Instrument) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("s", justify="right")
    names = ["plain", *(["shocked"] if fan.shock else [])]
    for name in names:
        for _, title in _QUANTILES:
            table.add_column(f"{title}{' shocked' if name == 'shocked' else ''}", justify="right")
    lines = [memoryview(getattr(fan, f"{name}_{q}")).cast("d") for name in names for q, _ in _QUANTILES]
    step_s = fan.step_ns / 1e9
    every = max(1, round(EVERY_S / step_s))
    decimals = instrument.tick.decimals
    for at in range(0, len(lines[0]), every):
        table.add_row(f"{at * step_s:g}", *(f"{line[at]:,.{decimals}f}" for line in lines))
    return table


def _rows(fan: Fan) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("plain", justify="right")
    if fan.shock:
        table.add_column("shocked", justify="right")
    for row in fan.table:
        table.add_row(
            row.name, *(_cell(row, value) for value in (row.plain, row.shocked)[: 1 + bool(fan.shock)])
        )
    return table


def _cell(row: FanRow, value: float | None) -> str:
    return "–" if value is None else f"{value:.{_DECIMALS.get(row.unit, 2)}f} {row.unit}"
