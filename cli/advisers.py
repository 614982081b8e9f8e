"""`microtui advisers`: how often advice came true, from the tables of recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from engine.advisers.table import Line, Marked
    from store.recording import Recording

_REAL = ("live ", "import ")  # how the source of a real market's recording begins
_TURNS = ("live ", "made-up ")  # go on in another at midnight; all else with a parent has that one's market
MOST = 5_000_000  # outcomes of one recording


@click.command()
@click.option("--session", "names", multiple=True, metavar="NAME|FILE", help="A recording; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="All recordings that are kept.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def advisers(names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Who was right how often: hit rates, Brier scores, moves after costs, each with its interval.

    Of the latest recording, of those named, or of all. Real and simulated markets have tables of their own.
    """
    from cli.errors import UserError, explained
    from engine.advisers.table import lines
    from store.errors import StoreError

    if names and everything:
        raise click.UsageError("--session names recordings, --all takes them all: give one of the two")
    found: dict[bool, list[Marked]] = {True: [], False: []}
    counts = {True: 0, False: 0}
    try:
        paths = _paths(names, everything)
        for number, path in enumerate(paths):
            _read(path, number, everything, found, counts)
    except StoreError as error:
        raise UserError(explained(error) or str(error)) from None
    for real in (True, False):
        if found[real]:
            title = "real markets" if real else "simulated or reconstructed markets"
            _print(title, counts[real], lines(found[real]), as_json)
    if not any(found.values()) and not as_json:
        click.echo(f"No advice was marked in {_recordings(len(paths))}: nothing to tell.")


def _paths(names: Sequence[str], everything: bool) -> list[Path]:
    from cli.recording import catalogue_of
    from cli.replay import find
    from cli.settings import load_settings

    catalogue = catalogue_of(load_settings())
    if everything:
        return [session.path for session in catalogue.sessions()]
    return list(dict.fromkeys(find(name) for name in names)) or [catalogue.find()]


def _read(
    path: Path, number: int, everything: bool, found: dict[bool, list[Marked]], counts: dict[bool, int]
) -> None:
    """Enter a recording's outcomes. Of all, a child of another is left out: it has that one's market."""
    from store.errors import StoreError
    from store.recording import Recording

    try:
        with Recording(path) as recording:
            header = recording.header
            if everything and header.parent and not header.source.startswith(_TURNS):
                return
            real = header.source.startswith(_REAL)
            rows = list(_marked(recording, number))
    except StoreError as error:
        if not everything:
            raise
        click.echo(f"microtui: {error}", err=True)
        return
    found[real] += rows
    counts[real] += 1


def _marked(recording: Recording, number: int) -> Iterator[Marked]:
    """Outcomes of a file that may be anybody's: rows that no session could have written are passed over."""
    from engine.advisers.table import Marked
    from engine.text import clean

    rows = recording.query(
        "select adviser, given, horizon_s, direction, confidence, move_bps, cost_bps, hit from outcomes "
        "order by rowid limit ?",
        (MOST,),
    )
    for adviser, given, horizon_s, direction, confidence, move_bps, cost_bps, hit in rows:
        numbers = (horizon_s, confidence, move_bps, cost_bps)
        if (
            isinstance(adviser, str)
            and isinstance(given, int)
            and all(isinstance(n, int | float) and abs(n) <= 1e9 for n in numbers)
            and direction in (-1, 1)
            and hit in (0, 1)
            and 1.0 <= horizon_s <= 86_400.0
            and 0.0 <= confidence <= 1.0
        ):
            yield Marked(number, clean(adviser, 20), given, direction=direction, hit=hit,
                         horizon_s=float(horizon_s), confidence=float(confidence),
                         move_bps=float(move_bps), cost_bps=float(cost_bps))  # fmt: skip


def _print(title: str, recordings: int, table: Sequence[Line], as_json: bool) -> None:
    if as_json:
        import json

        for line in table:
            row = {**line._asdict(), "calibration": [s._asdict() for s in line.calibration]}
            click.echo(json.dumps({"markets": title, "recordings": recordings, **row}))
        return
    click.echo(f"{title}, {_recordings(recordings)}")
    click.echo(
        f"{'ADVISER':20} {'OVER':>7} {'N':>6} {'BLOCKS':>6}  {'HIT RATE, 95 %':19} {'BASE':>6} {'BRIER':>6}  "
        f"{'BP AFTER COSTS, 95 %':24}  VERDICT"
    )
    for line in table:
        click.echo(_row(line))
    for line in table:
        for said in line.calibration if line.pieces >= _enough() else ():
            click.echo(
                f"  {line.adviser}, when it said {said.said * 100:.0f} %: right {said.hit * 100:.0f} % "
                f"of {said.pieces}"
            )
    click.echo(
        "Hits are mids that moved the advised way; base: what always saying the more frequent way would have hit; a "
        "coin's\nBrier score is 0.250. Intervals count blocks of time, for markets move together.\n"
    )


def _row(line: Line) -> str:
    over = f"{line.horizon_s:g} s"
    head = f"{line.adviser:20} {over:>7} {line.pieces:6} {line.blocks:6}"
    if line.pieces < _enough():
        return f"{head}  {line.verdict}: {_enough()} pieces are needed"
    hit = f"{line.hit * 100:.1f} % ({line.hit_low * 100:.1f}–{line.hit_high * 100:.1f})"
    net = f"{line.net_bps:+.2f}"
    if line.net_low is not None and line.net_high is not None:
        net += f" ({line.net_low:+.2f} to {line.net_high:+.2f})"
    else:
        net += " (too few blocks)"
    return f"{head}  {hit:19} {line.base * 100:4.0f} % {line.brier:6.3f}  {net:24}  {line.verdict}"


def _enough() -> int:
    from engine.frame.advisers import ENOUGH_PIECES

    return ENOUGH_PIECES


def _recordings(count: int) -> str:
    return "1 recording" if count == 1 else f"{count} recordings"
