"""The engine live without a screen: process CPU for one symbol and for ten, in percent of one core.

The exchange is the project's own fake, in a process of its own, so that only the feed, the folding and the
frames are counted. Made-up symbols say more than the capture, whose 120 messages a second are real: the rows
folded stand beside the figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator

from engine.core import State
from engine.feeds.binance import Binance
from engine.feeds.fake_market import SYMBOLS
from engine.feeds.live import LiveSource, Watched
from engine.feeds.options import FeedOptions
from engine.frame import Frame
from engine.session import Session

JOIN_S = 90.0  # at most; compiling is a part of it where the cache is cold
WARM_S = 2.0
MEASURED_S = 10.0


@contextlib.asynccontextmanager
async def exchange(symbols: list[str]) -> AsyncIterator[FeedOptions]:
    """A fake exchange in a child process, and where it is."""
    command = [sys.executable, "-m", "engine.feeds.fake_binance", "--port", "0", "--symbols", *symbols]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert child.stdout is not None
        *_, rest, _, ws = (await child.stdout.readline()).decode().split()
        yield FeedOptions(rest=(rest,), ws=(ws,))
    finally:
        child.terminate()
        await child.wait()


async def cpu_percent(symbols: list[str]) -> tuple[float, float]:
    """CPU of this process in percent of a core, and rows folded a second and symbol."""
    frames: list[Frame] = []
    async with exchange(symbols) as options:
        synced = asyncio.Event()
        session = Session(LiveSource([Watched(Binance, symbols, options)]), publish=frames.append)

        def look(state: State, _: object) -> None:
            if sum(book.shown_state == "SYNCED" for book in state.symbols.values()) == len(symbols):
                synced.set()
            del frames[:-1]

        session.observers.append(look)
        running = asyncio.create_task(session.run())
        try:
            await asyncio.wait_for(synced.wait(), JOIN_S)
            await asyncio.sleep(WARM_S)
            rows, cpu, wall = session.state.seq, time.process_time(), time.perf_counter()
            await asyncio.sleep(MEASURED_S)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            rows = session.state.seq - rows
            assert frames, "no frame was published"
        finally:
            running.cancel()
            await asyncio.wait({running})
    return 100 * cpu / wall, rows / wall / len(symbols)


def run() -> dict[str, float]:
    names = [row[0] for row in SYMBOLS]
    one, rows_of_one = asyncio.run(cpu_percent(names[:1]))
    ten, rows_of_ten = asyncio.run(cpu_percent(names[:10]))
    return {
        "one symbol, % of a core": one,
        "ten symbols, % of a core": ten,
        "one symbol, rows a second": rows_of_one,
        "ten symbols, rows a second and symbol": rows_of_ten,
    }
