"""`microtui validate`: whether the simulated market looks like a market, row by row, beside a recorded one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from engine.lab.doubt import Dose, Mean
    from engine.lab.impact import Impact
    from engine.lab.stylised import Sample
    from engine.lab.validation import Line, Live, Spreads

_COLUMNS = "{:>2}  {:<34}{:>9}   {:>9} … {:<9}{:>10}  {:<13} {:<14} {}"


@click.command()
@click.argument("scenario", required=False, default="default", metavar="[SCENARIO|FILE]")
@click.option("--seeds", type=click.IntRange(2, 1000), default=16, show_default=True, help="Runs of it.")
@click.option(
    "--steps", type=click.IntRange(600, 100_000), default=5000, show_default=True, help="Seconds of each run."
)
@click.option("--against", metavar="NAME|FILE", help="A recording to hold it against.")
@click.option(
    "--scenario",
    "after",
    metavar="NAME|FILE",
    help="Another, such as a calibrated one, side by side with it.",
)
@click.pass_context
def validate(
    ctx: click.Context, scenario: str, seeds: int, steps: int, against: str | None, after: str | None
) -> None:
    """Measure the stylised facts of a SCENARIO over many fresh seeds, with intervals, beside live markets.

    Ends with exit code 0 when thirteen of sixteen rows pass on the median and doubt widens spreads, else 1. With
    --scenario the checklist has a column each, before and after, and the code is 0 when no row fewer passes after.
    """
    from cli.sim import find, read_scenario

    read = read_scenario(find(scenario), partial(click.echo, err=True))
    other = None if after is None else read_scenario(find(after), partial(click.echo, err=True))
    live = _live(against)
    if other is not None:
        from cli.validate_pair import side_by_side

        ctx.exit(side_by_side(read, other, seeds, steps, live))
    from engine.lab import doubt, validation
    from engine.lab.checklist import NEEDED, ROWS

    chosen = range(validation.FIRST_SEED, validation.FIRST_SEED + seeds)
    progress = Progress()
    try:
        samples = validation.runs(read, chosen, steps, live, progress, "market")
        impact = validation.impact(read, chosen, progress)
        doses = validation.doses(read, chosen, steps, samples, progress)
    finally:
        progress.end()
    lines = [*validation.fact_lines(samples, live), validation.impact_line(impact)]
    spreads = None if live is None else validation.spreads(samples, live)
    tuned = validation.TUNED_ON
    click.echo(
        f"{read.name}: {seeds} seeds × {steps} s, hash {read.hash[:16]}\n"
        f"seeds {chosen[0]} to {chosen[-1]}; defaults were chosen on {tuned[0]} to {tuned[-1]} and never on these"
    )
    _checklist(lines, spreads, live)
    _impact(impact, samples, read.lots_a_unit)
    _targets(lines, samples, live)
    faults = _doubt(doses, doubt.faults(doses))
    passed = validation.passed_rows(lines, spreads)
    missed = ", ".join(str(row) for row in ROWS if row not in passed)
    click.echo(f"\n{len(passed)} of {len(ROWS)} rows pass on the median; not: {missed or 'none'}")
    if len(passed) < NEEDED or faults:
        ctx.exit(1)


class Progress:
    """What is being computed, on a terminal only, on one line that is wiped in the end."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        if self._shown:
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)

    def end(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)


def _live(against: str | None) -> Live | None:
    if against is None:
        return None
    from cli.errors import UserError
    from cli.sampled import located, sampled
    from engine.lab.against import LEAST_SECONDS

    found = sampled(located(against))
    seconds = len(found.sample.bid)
    if seconds < LEAST_SECONDS:
        raise UserError(f"expected a recording of at least {LEAST_SECONDS} s, found {seconds} s in {against}")
    return found


def _row(line: Line) -> str:
    recorded = "" if line.recorded is None else f"{line.recorded:.3f}"
    word = "pass" if line.passes else "FAIL"
    low, high = f"{line.low:.3f}", f"{line.high:.3f}"
    return _COLUMNS.format(
        line.row, line.name, f"{line.value:.3f}", low, high, recorded, line.live, line.accept, word
    )


def _checklist(lines: Sequence[Line], spreads: Spreads | None, live: Live | None) -> None:
    from engine.lab.checklist import SPREAD_ROW

    if live is not None:
        click.echo(
            f"recording: {live.name}, {len(live.sample.bid)} s; a tick is {live.tick_bps:.2g} bp. From so few seconds "
            "its tails and long lags are rough"
        )
    click.echo()
    recorded = "" if live is None else "recording"
    click.echo(_COLUMNS.format("", "", "median", "middle", "80 %", recorded, "live 2024", "accepted", ""))
    told = False
    for line in sorted(lines, key=lambda line: line.row):
        if line.row > SPREAD_ROW and not told:
            _spreads(spreads)
            told = True
        click.echo(_row(line))
        if line.why:
            click.echo(f"      why: {line.why}")


def _spreads(spreads: Spreads | None) -> None:
    if spreads is None:
        click.echo(" 9  spreads against live: FAIL, not measured; --against RECORDING holds them against one")
        return
    for number, distance in enumerate(spreads.found):
        counts = number == 0
        verdict = (
            ("pass" if distance.passes else "FAIL")
            if counts
            else ("nearer" if distance.passes else "further")
        )
        click.echo(
            _COLUMNS.format(
                9 if counts else "", f"W1 to live, {distance.name}", f"{distance.ours:.3f}", f"{distance.low:.3f}",
                f"{distance.high:.3f}", "", f"{distance.pairs} pairs", f"≤ {distance.limit:.3f}", verdict,
            )
        )  # fmt: skip
    good = "pass" if spreads.passes else "FAIL"
    click.echo(
        f" 9  one-tick spreads: ours {spreads.share:.3f}, live {spreads.live_share:.3f}, accepted ± .05; row {good}. "
        "W1 in ticks counts; in bp it is told because our tick is coarser"
    )
    if spreads.why:
        click.echo(f"      why: {spreads.why}")


def _impact(impact: Impact, samples: Sequence[Sample], lots_a_unit: float) -> None:
    import numpy as np

    from engine.lab.impact import SLICES

    minute = SLICES * float(np.mean([s.volume.mean() for s in samples])) / lots_a_unit
    told = ", ".join(
        f"{size:g} ({size / minute:.0%}): {ticks:.1f}"
        for size, ticks in zip(impact.sizes, impact.ticks, strict=True)
    )
    click.echo(
        f"\nmetaorders over {SLICES} s, mean impact in ticks by size (share of a usual minute's volume): {told}\n"
        f"  impact ∝ Q^{impact.exponent:.2f}, 95 % over seeds {impact.low:.2f} … {impact.high:.2f}, "
        f"{impact.programmes} programmes of each size, each beside the same market without it"
    )


def _targets(lines: Sequence[Line], samples: Sequence[Sample], live: Live | None) -> None:
    """The three that the sources name."""
    from engine.lab.against import THIN_S, halves, kolmogorov
    from engine.lab.stylised import adf_p

    by_name = {line.name: line for line in lines}
    memory = by_name["ACF(|r|, 10)"]
    statistic = next(line for line in lines if line.name.startswith("spread ADF"))
    count = len(samples[0].spread)
    click.echo("\nthe sources' three targets")
    click.echo(f"  ACF(|r|, 10) > .1: {memory.value:.3f}, N = {len(samples[0].returns_bps)} a seed")
    click.echo(f"  spread ADF p < .05: p = {adf_p(statistic.value):.2g}, N = {count} a seed")
    if live is None:
        click.echo("  K-S of spreads, p > .05: not measured; --against RECORDING holds them against one")
        return
    for name, values in (
        ("spread, bp", lambda s: s.spread_bps),
        ("round trip, bp", lambda s: s.round_trip_bps),
    ):
        ours = [kolmogorov(sample, live.sample, values) for sample in samples]
        middle = sorted(ours, key=lambda found: found.p)[len(ours) // 2]
        itself = halves(live.sample, values)
        click.echo(
            f"  K-S of {name}, p > .05: p = {middle.p:.2g} (D = {middle.distance:.2f}), N = {middle.ours} and "
            f"{middle.live}, one value in {THIN_S} s or more; live's own halves: p = {itself.p:.2g}, N = {itself.ours} "
            f"and {itself.live}"
        )
    click.echo("  where nearly all live spreads are one tick, K-S compares two ticks rather than two markets")


def _doubt(doses: Sequence[Dose], faults: Sequence[str]) -> bool:
    click.echo(
        "\ndoubt widens spreads: r(spread, uncertainty), mean and 95 % over seeds, by the makers' feedback"
    )
    for dose in doses:
        click.echo(
            f"  feedback {dose.feedback:<5g} r = {_mean(dose.plain)}   given volatility of the last 30 s: "
            f"{_mean(dose.given)}"
        )
    for fault in faults:
        click.echo(f"  FAIL, {fault}")
    if not faults:
        click.echo("  pass: nothing without feedback, more than .1 at the scenario's own, and rising with it")
    return bool(faults)


def _mean(mean: Mean) -> str:
    return f"{mean.value:+.3f} ({mean.low:+.3f} … {mean.high:+.3f})"
