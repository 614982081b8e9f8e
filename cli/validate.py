"""`microtui validate`: whether the simulated market looks like a market, fact by fact."""

from __future__ import annotations

import click


@click.command()
@click.argument("scenario", required=False, default="default", metavar="[SCENARIO|FILE]")
@click.option("--seeds", type=click.IntRange(1, 1000), default=16, show_default=True, help="Runs of it.")
@click.option(
    "--steps", type=click.IntRange(600, 100_000), default=5000, show_default=True, help="Seconds of each run."
)
def validate(scenario: str, seeds: int, steps: int) -> None:
    """Measure the stylised facts of a SCENARIO over many seeds: median, the middle 80 %, and pass or fail."""
    from cli.sim import find, read_scenario

    read = read_scenario(find(scenario))
    import numpy as np

    from engine.lab.sampling import simulated
    from engine.lab.stylised import FACTS, NOT_MEASURED, doubt_and_spread, measure
    from engine.scenario import with_feedback

    values = np.array([measure(simulated(read, 1000 + seed, steps)) for seed in range(seeds)])
    click.echo(f"{read.name}: {seeds} seeds × {steps} s, hash {read.hash[:16]}")
    click.echo(f"{'':33}{'median':>9}   {'middle 80 %':^19}  {'live':<13} accept")
    passed = 0
    for fact, column in zip(FACTS, values.T, strict=True):
        middle = float(np.median(column))
        low, high = np.quantile(column, (0.1, 0.9))
        good = fact.passes(middle)
        passed += good
        accept = f"{fact.least:g} … {fact.most:g}"
        word = "pass" if good else "FAIL"
        click.echo(
            f"{fact.name:<33}{middle:>9.3f}   {low:>8.3f} … {high:<8.3f}  {fact.live:<13} {accept}  {word}"
        )
    for name, why in NOT_MEASURED.items():
        click.echo(f"{name}: not measured, {why}")
    click.echo("doubt widens spreads: their correlation given volatility, by the makers' feedback")
    few = range(1000, 1000 + min(seeds, 5))
    for factor in (0.0, 1.0, 4.0):
        dosed = with_feedback(read, factor * read.agents.maker.feedback)
        found = float(np.median([doubt_and_spread(simulated(dosed, seed, steps)) for seed in few]))
        click.echo(f"  feedback {dosed.agents.maker.feedback:<5g} r = {found:+.3f}")
    click.echo(f"{passed} of {len(FACTS)} pass on the median")
