"""`microtui whatif`: where a recorded or simulated market could go from a moment, with a shock and without."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click
import msgspec

from cli.durations import Duration, moment_ns
from engine.frame import View
from engine.frame.fan import Fan
from engine.text import clean

if TYPE_CHECKING:
    from engine.core import State
    from engine.events import Derived
    from engine.ports import WhatIf
    from engine.session import Session
    from engine.symbol import SymbolState

LONGEST_S = 1_000_000.0  # two minutes to run
SIMULATED = "sim:"


@click.command()
@click.argument("name", metavar="RECORDING|sim:SCENARIO")
@click.option("--at", required=True, metavar="TIME", help="From there: 14:25, 2024-08-08T23:55:00 or +5m.")
@click.option("--shock", metavar="SHOCK", help="Such as sell:500/60s, withdrawal:0.9 or cascade:longs:300.")
@click.option("--symbol", metavar="SYMBOL", help="Which of the market's symbols. [default: the first]")
@click.option("--futures", default=128, show_default=True, help="Pairs of them, with and without the shock.")
@click.option("--seconds", default=60, show_default=True, help="How far they go.")
@click.option("--level", metavar="PRICE", help="Tell how likely this price is reached.")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Other futures."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def whatif(
    name: str,
    at: str,
    shock: str | None,
    symbol: str | None,
    futures: int,
    seconds: int,
    level: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Fork the market of a RECORDING, or of a simulated SCENARIO, at a TIME into many futures.

    Each future runs twice under the same luck, with the SHOCK and without it.
    """
    from cli.errors import UserError
    from engine.ports import WhatIf
    from engine.shocks import BadShock, parse

    try:
        wish = WhatIf(parse(shock) if shock is not None else None, futures, seconds)
    except BadShock as error:
        raise UserError(f"--shock: {error}") from None
    session, ts = _simulated(name, at) if name.startswith(SIMULATED) else _recorded(name, at)
    fan = asyncio.run(_grown(session, ts, wish, symbol, level, seed))
    if fan.state == "FAILED":
        raise UserError(fan.reason)
    if as_json:
        click.echo(json.dumps(as_values(fan)))
    else:
        from cli.fan_table import show

        show(fan, session.state.symbols[fan.symbol].instrument)


def _recorded(name: str, at: str) -> tuple[Session, int]:
    """A session that plays a recording from the checkpoint before a time, and that time."""
    from cli.errors import UserError
    from cli.headless import iso
    from cli.replay import find
    from engine.session import Session
    from store.errors import StoreError
    from store.recording import Recording
    from store.replay import ReplaySource

    try:
        recording = Recording(find(name))
    except StoreError as error:
        raise UserError(str(error)) from None
    try:
        ts = moment_ns(at, recording.start)
    except ValueError as error:
        raise UserError(f"--at: {error}") from None
    if not recording.start <= ts <= recording.end:
        raise UserError(
            f"--at: expected a time within the recording, from {iso(recording.start)} to {iso(recording.end)}, "
            f"found {iso(ts)}"
        )
    return Session(ReplaySource(recording, speed=0.0, hold_at_end=False), begin_at=ts), ts


def _simulated(name: str, at: str) -> tuple[Session, int]:
    """A session of a scenario from its beginning, and the time that is so long after it."""
    from cli.errors import UserError
    from cli.sim import HEADLESS_START_NS, find, read_scenario
    from engine.feeds.clock import SystemClock
    from engine.market.source import SimSource
    from engine.session import Session

    try:
        after_s = Duration().convert(at.removeprefix("+"), None, None)
    except click.UsageError as error:
        raise UserError(f"--at: {error.message}, so long after the market's beginning") from None
    if after_s > LONGEST_S:
        raise UserError(
            f"--at: expected at most {LONGEST_S:g} s after the market's beginning, found {after_s:g} s"
        )
    scenario = read_scenario(find(name.removeprefix(SIMULATED)), partial(click.echo, err=True))
    source = SimSource(scenario, scenario.seed, SystemClock(), speed=0.0, started=HEADLESS_START_NS)
    return Session(source), HEADLESS_START_NS + round(after_s * 1e9)


async def _grown(
    session: Session, ts: int, wish: WhatIf, symbol: str | None, level: str | None, seed: int
) -> Fan:
    """Folds up to the first tick at `ts` or behind it, forks there, and waits for the last future."""
    from cli.errors import UserError
    from engine.futures.what_if import WhatIfs

    what_ifs = WhatIfs(seed)
    there, grown = asyncio.Event(), asyncio.Event()

    def changed() -> None:
        if what_ifs.fan is None or what_ifs.fan.state != "RUNNING":
            grown.set()

    def look(state: State, derived: Sequence[Derived]) -> None:
        if state.ts >= ts and not there.is_set():
            there.set()
            session.view = View(symbol=_index(state, symbol))
            what_ifs.begin(session, _with_level(wish, state.symbols[session.view.symbol], level), changed)
            changed()

    session.observers.append(look)
    running = asyncio.create_task(session.run())
    arriving = asyncio.create_task(there.wait())
    await asyncio.wait({running, arriving}, return_when=asyncio.FIRST_COMPLETED)
    arriving.cancel()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    if not there.is_set():
        raise UserError("--at: expected a time with a market behind it, found the recording at its end")
    try:
        await grown.wait()
    finally:
        fan = what_ifs.fan
        await what_ifs.close()
    assert fan is not None  # noqa: S101  it has grown
    return fan


def _index(state: State, symbol: str | None) -> int:
    """Of a symbol by its name, or the first one."""
    from cli.errors import UserError

    known = {s.instrument.symbol: index for index, s in sorted(state.symbols.items())}
    if not known:
        raise UserError("--at: expected a time at which a market was listed, found none yet")
    if symbol is None:
        return next(iter(known.values()))
    if symbol.upper() not in known:
        raise UserError(f"--symbol: expected one of {', '.join(known)}, found {clean(symbol, 30)!r}")
    return known[symbol.upper()]


def _with_level(wish: WhatIf, symbol: SymbolState, level: str | None) -> WhatIf:
    from cli.errors import UserError
    from engine.instrument import NotOnGrid

    if level is None:
        return wish
    try:
        return msgspec.structs.replace(wish, level_ticks=symbol.instrument.tick.count(level))
    except NotOnGrid as error:
        raise UserError(f"--level: {error}") from None


def as_values(fan: Fan) -> dict[str, Any]:
    """A fan as plain values: quantiles are lists of prices, one a step from now on."""
    values = {name: getattr(fan, name) for name in ("ts", "step_ns", "shock", "basis", "futures", "done")}
    for name in ("plain", "shocked"):
        for quantile in ("low", "middle", "high"):
            field = f"{name}_{quantile}"
            values[field] = list(memoryview(getattr(fan, field)).cast("d"))
    values["table"] = [msgspec.structs.asdict(row) for row in fan.table]
    return values
