"""`microtui risk`: what those who traded in a recording could have lost, and whether the forecasts of it held."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from engine.core import State
    from engine.frame.agents import CoverageNow, RiskNow
    from store.recording import Recording

_MISSING = "-"


@click.command()
@click.argument("name", required=False, metavar="[RECORDING]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def risk(name: str | None, as_json: bool) -> None:
    """The risk of each family of agents, and of the person, at the end of RECORDING (the latest one).

    Money is in quote currency. Whether value at risk held is told by Kupiec's test of how often it failed, and by
    Christoffersen's of whether failures came together; a p-value below 0.05 speaks against the forecasts.
    """
    from cli.errors import UserError, explained
    from cli.replay import find
    from engine.risk.shown import risk_now
    from store.errors import StoreError
    from store.recording import Recording

    path = find(name)
    try:
        state = asyncio.run(_at_end(Recording(path)))
    except StoreError as error:
        raise UserError(explained(error) or str(error)) from None
    unit, rule = state.risk.unit, state.setup.risk
    symbol = state.symbols.get(unit.symbol) if unit is not None else None
    families: dict[str, RiskNow] = {}
    if symbol is not None:
        for family in state.risk.families:
            now = risk_now(state.risk, family, symbol.feature("mid"), rule)
            if now is not None:
                families[family] = now
    if as_json:
        _print_json(families, rule.horizon_s, rule.level)
    elif symbol is None or not families:
        click.echo(f"Nobody traded in {path.stem}: there is no risk to tell of.")
    else:
        what = f"{path.stem}: {rule.level * 100:g} % over {rule.horizon_s:g} s, in {symbol.instrument.quote}"
        click.echo("\n".join(table(what, families, symbol.instrument.base)))


async def _at_end(recording: Recording) -> State:
    """The state as of a recording's last tick."""
    from engine.session import Session
    from store.replay import ReplaySource

    end = recording.end
    source = ReplaySource(recording, speed=0.0, hold_at_end=False)
    session = Session(source, begin_at=end)
    await session.run()
    return session.state


def table(what: str, families: dict[str, RiskNow], base: str) -> list[str]:
    """Lines for people."""
    lines = [
        what,
        f"{'FAMILY':16} {'NET':>9} {'DRAWDOWN':>9} {'DEEPEST':>9} {'CHANGES':>7}   "
        f"{'':10} {'VAR':>9} {'ES':>9} {'FAILED':>11} {'EXPECTED':>8} {'KUPIEC':>6} {'INDEP.':>6}",
    ]
    for name, now in families.items():
        head = f"{name[:16]:16} {_money(now.net)} {_money(now.drawdown)} {_money(now.deepest)} {now.changes:7}   "
        blank = " " * len(head)
        lines.append(f"{head}{'historical':10} {_money(now.var)} {_money(now.es)} {_held(now.coverage)}")
        lines.append(
            f"{blank}{'EWMA':10} {_money(now.var_ewma)} {_money(now.es_ewma)} {_held(now.coverage_ewma)}"
        )
    sizes = [f"{name} {now.kelly_size:.3g}" for name, now in families.items() if now.kelly_size is not None]
    target = next((now.volatility_size for now in families.values() if now.volatility_size is not None), None)
    if target is not None:
        lines.append(f"Size for the volatility target: {target:.3g} {base}.")
    if sizes:
        lines.append(f"Size by Kelly's criterion, with its cap: {', '.join(sizes)} {base}.")
    lines.append(
        "KUPIEC and INDEP. are p-values: that failures are as many as they should be, and that they do not come "
        "together."
    )
    return lines


def _money(value: float | None) -> str:
    """Nine cells: cents mean nothing beside millions."""
    return f"{_MISSING:>9}" if value is None else f"{value:9.2f}" if abs(value) < 1e5 else f"{value:9.0f}"


def _held(coverage: CoverageNow) -> str:
    if not coverage.forecasts:
        return f"{_MISSING:>11} {_MISSING:>8} {_MISSING:>6} {_MISSING:>6}"
    failed = f"{coverage.failures} of {coverage.forecasts}"
    return f"{failed:>11} {coverage.expected:8.1f} {_p(coverage.kupiec)} {_p(coverage.independence)}"


def _p(value: float | None) -> str:
    return f"{_MISSING:>6}" if value is None else f"{value:6.3f}"


def _print_json(families: dict[str, RiskNow], horizon_s: float, level: float) -> None:
    import json

    import msgspec

    for name, now in families.items():
        row = {"family": name, "horizon_s": horizon_s, "level": level, **msgspec.structs.asdict(now)}
        for field in ("coverage", "coverage_ewma"):
            row[field] = msgspec.structs.asdict(row[field])
        click.echo(json.dumps(row))
