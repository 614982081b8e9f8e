"""`microtui calibrate`: a scenario fitted to a recorded market, or to a simulated one whose constants are known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.lab.calibration import Calibration
    from engine.lab.calibration_data import Recorded
    from engine.scenario import Scenario


@click.command()
@click.option(
    "--from", "source", metavar="RECORDING|FILE", help="A recording, or a file of captured messages."
)
@click.option(
    "--known", metavar="SCENARIO|FILE", help="Recover the constants of this simulated market instead."
)
@click.option(
    "--scenario", default="default", show_default=True, metavar="NAME|FILE", help="What it begins from."
)
@click.option("--trials", type=click.IntRange(1, 1000), default=100, show_default=True, help="Of the search.")
@click.option(
    "--seconds",
    type=click.IntRange(600, 100_000),
    default=5000,
    show_default=True,
    help="Of each simulated run.",
)
@click.option("--seeds", type=click.IntRange(1, 64), default=1, show_default=True, help="Runs of each trial.")
@click.option(
    "--truths", type=click.IntRange(1, 100), default=1, show_default=True, help="With --known: how many."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.toml", help="Where the scenario goes.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="The report as a page, too.")
@click.option("--resume", is_flag=True, help="Go on with the trials of a search that was cut short.")
def calibrate(
    source: str | None,
    known: str | None,
    scenario: str,
    trials: int,
    seconds: int,
    seeds: int,
    truths: int,
    out: Path | None,
    html: Path | None,
    resume: bool,
) -> None:
    """Fit a simulated market to a recorded one, and write it as a scenario that `microtui sim` runs.

    What a recording shows is read off it: tick, lot, volatility, sizes, pace, how fast fills get rarer. Seven constants
    that it does not show are searched. Validated on a later stretch of the recording that was not used.
    """
    if (source is None) == (known is None):
        raise click.UsageError("expected --from RECORDING or --known SCENARIO, one of them")
    if known is not None:
        from cli.calibrate_known import recover

        recover(known, truths, seconds, html)
        return
    assert source is not None  # noqa: S101 - one of the two was given
    recorded = _recorded(source)
    out = out or Path(f"{recorded.instrument.symbol.lower()}-calibrated.toml")
    base = _scenario(scenario)
    found = _run(recorded, base, trials, seconds, seeds, out, resume)
    text = _text(recorded, base, found)
    from cli.calibrate_report import report
    from cli.train_sentiment import write_whole

    write_whole(out, text.encode())
    report(recorded, base, found, out, html)
    if html is not None:
        click.echo(f"report: {html}", err=True)
    click.echo(f"scenario: {out}; `microtui sim {out}` runs it", err=True)


def _recorded(source: str) -> Recorded:
    """The recording, after a look at whether anything can be calibrated from it."""
    from cli.errors import UserError
    from cli.sampled import is_capture, located, recorded
    from engine.lab.calibration_data import NotEnough, enough

    path = located(source)
    if not is_capture(path):
        _no_simulation(path)
    found = recorded(path)
    try:
        enough(found)
    except NotEnough as error:
        raise UserError(str(error)) from None
    return found


def _no_simulation(path: Path) -> None:
    from cli.errors import UserError
    from store.errors import StoreError
    from store.recording import Recording

    try:
        with Recording(path) as recording:
            made = recording.header.source
    except StoreError as error:
        raise UserError(str(error)) from None
    if made.startswith("reconstruction of "):
        raise UserError(
            f"expected a recording of a real market, found {path.name}, whose book is made up around recorded prices"
        )
    if made.startswith(("sim ", "child of sim")):
        raise UserError(
            f"expected a recording of a real market, found {made.split(' seed')[0]!r} in {path.name}; "
            "`microtui calibrate --known SCENARIO` recovers constants of a simulated one"
        )


def _scenario(name: str) -> Scenario:
    from functools import partial

    from cli.errors import UserError
    from cli.sim import find, read_scenario

    found = read_scenario(find(name), partial(click.echo, err=True))
    if found.own or found.shocks:
        raise UserError(
            f"expected a scenario without shocks and families of one's own, found {found.name}: what they do cannot be "
            "told from a recording"
        )
    return found


def _run(
    recorded: Recorded, base: Scenario, trials: int, seconds: int, seeds: int, out: Path, resume: bool
) -> Calibration:
    from cli.errors import UserError
    from cli.validate import Progress
    from engine.lab.calibration import calibrate as fit
    from engine.lab.calibration_search import BadJournal, installed

    if not installed():
        raise UserError("expected optuna, found none; `pip install 'microtui[lab]'` brings it")
    journal = out.with_suffix(".trials")
    if not resume:
        journal.unlink(missing_ok=True)
    progress = Progress()
    try:
        return fit(recorded, base, trials=trials, seconds=seconds, seeds=seeds, journal=journal, say=progress)
    except BadJournal as error:
        raise UserError(str(error)) from None
    except KeyboardInterrupt:
        progress.end()
        click.echo(f"interrupted; the trials so far are in {journal}: --resume goes on with them", err=True)
        sys.exit(130)
    finally:
        progress.end()


def _text(recorded: Recorded, base: Scenario, found: Calibration) -> str:
    import msgspec

    from cli.errors import UserError
    from engine.lab.calibration_file import written
    from engine.scenario import BadScenario

    instrument = recorded.instrument
    named = msgspec.structs.replace(
        found.scenario,
        name=f"{instrument.symbol.lower()}-calibrated",
        about=f"Calibrated to {instrument.venue}:{instrument.symbol}, {recorded.seconds} s",
    )
    try:
        return written(named, dict(_provenance(recorded, base, found)))
    except BadScenario as error:
        raise UserError(f"what was found is no scenario: {error}") from None


def _provenance(recorded: Recorded, base: Scenario, found: Calibration) -> Iterator[tuple[str, str]]:
    from store.header import new_header

    fit, later = recorded.blocks()
    yield "calibrated from", f"{recorded.name}, sha256 {recorded.digest}"
    yield "fitted to", f"its first {fit.seconds} s; validated on the {later.seconds} s after them"
    yield "began from", f"{base.name}, hash {base.hash[:16]}"
    yield (
        "search",
        f"{len(found.trials)} trials of {found.seeds} × {found.seconds} s, {len(found.knobs)} constants",
    )
    before, after = found.before, found.after
    yield "loss where fitted", f"{before[0].loss:.3f} before, {after[0].loss:.3f} after"
    yield "loss later", f"{before[1].loss:.3f} before, {after[1].loss:.3f} after"
    yield "microtui", new_header("", 0).versions["microtui"]
