"""How fast a what-if grows: 128 pairs of 60 s in <= 2 s on two idle cores, the first fan after 200 ms to reach, and
keys meanwhile: p50 <= 6 ms.

Both beginnings: the simulated market forked exactly, and a market made from the book of the real capture (from the
default scenario's where there is none).
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.bench_keys import pressed
from engine.core import State, apply
from engine.feeds.clock import SystemClock
from engine.frame.fan import Fan
from engine.futures.warm import warm
from engine.futures.what_if import WhatIfs
from engine.market.source import SimSource
from engine.ports import WhatIf
from engine.scenario import Scenario
from engine.session import Session
from engine.shocks import parse

WISH = WhatIf(parse("sell:50/30s"), 128, 60)
ROUNDS = 3
CAPTURED_BATCHES = 1500
# The app with a simulated market, and one what-if after another behind it.
_DRIVER = """
import asyncio, os, sys
from functools import partial
import cli.screen, cli.sim, time
from engine.ports import WhatIf
from engine.shocks import parse
from textual import events
from tui.app import MicrotuiApp

out = os.open(sys.argv[2], os.O_WRONLY)

class Timed(MicrotuiApp):
    async def on_key(self, event: events.Key) -> None:
        if event.key == "y":
            os.write(out, b"%d\\n" % time.monotonic_ns())

cli.screen.MicrotuiApp = Timed

async def build(bridge):
    desk = await cli.sim._build_desk(cli.sim.find(sys.argv[1]), [], None, 1.0, False, [], bridge)
    wish = WhatIf(parse("sell:50/30s"), 128, 60)
    async def again():
        while True:
            fan = desk._futures.fan
            if desk.main.state.symbols and (fan is None or fan.state != "RUNNING"):
                await desk.command(wish)
            await asyncio.sleep(0.05)
    build.task = asyncio.get_running_loop().create_task(again())
    return desk

cli.screen.run_screen(build, title="keys")
"""


class _Shown:
    """A source of what is only watched."""

    accepts: frozenset[str] = frozenset()


async def _simulated() -> Session:
    session = Session(SimSource(Scenario(), 1, SystemClock(), speed=0.0, seconds=60))
    await session.run()
    return session


def _captured() -> Session:
    from benchmarks.bench_replay import BTC
    from benchmarks.where import capture
    from engine.feeds.capture import capture_batches

    state = State()
    for number, batch in enumerate(capture_batches(capture("binance_spot_btcusdt_20240808.gz"), BTC)):
        apply(state, batch)
        if number == CAPTURED_BATCHES:
            break
    source: Any = _Shown()
    return Session(source, state=state)


async def _grown(session: Session) -> tuple[float, float, float]:
    """Milliseconds that `begin` took of the loop, to the first fan, and to the last."""
    what_ifs, ended = WhatIfs(), asyncio.Event()
    at: list[float] = []

    def changed() -> None:
        at.append(time.perf_counter())
        fan: Fan | None = what_ifs.fan
        if fan is None or fan.state != "RUNNING":
            ended.set()

    began = time.perf_counter()
    what_ifs.begin(session, WISH, changed)
    returned = time.perf_counter()
    await ended.wait()
    fan = what_ifs.fan
    assert fan is not None
    assert (fan.state, fan.done) == ("DONE", WISH.futures), fan.reason
    await what_ifs.close()
    return (returned - began) * 1e3, (at[0] - began) * 1e3, (at[-1] - began) * 1e3


def _best(session: Session, name: str) -> dict[str, float]:
    asyncio.run(_grown(session))  # loads the kernels
    cpu = time.process_time()
    rounds = [asyncio.run(_grown(session)) for _ in range(ROUNDS)]
    cpu = (time.process_time() - cpu) / ROUNDS
    held, first, last = (min(times) for times in zip(*rounds, strict=True))
    return {
        f"{name}: the session's loop held, ms": held,
        f"{name}: first fan, ms": first,
        f"{name}: 128 pairs of 60 s, ms": last,
        f"{name}: CPU, s": cpu,
    }


def run() -> dict[str, float]:
    warm()
    figures = _best(asyncio.run(_simulated()), "simulated")
    with tempfile.TemporaryDirectory() as folder:
        keys = pressed(_DRIVER, "default", b"SIM", Path(folder))
    figures |= {f"beside what-ifs, {name}": value for name, value in keys.items()}
    return figures | _best(_captured(), "captured book")
