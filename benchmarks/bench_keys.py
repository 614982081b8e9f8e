"""Key to handler while the engine replays at full speed: p50 <= 6 ms, p99 <= 60 ms to reach.

The real app in a pty replays the capture, over and over, as fast as it goes. A key without a binding is
written to the pty; the app's handler notes when it came. Both clocks are the system's monotonic one.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench_replay import record_capture
from benchmarks.terminal import Terminal

KEYS = 300
_DRIVER = """
import os, sys, time
from functools import partial
import cli.replay, cli.screen
from textual import events
from tui.app import MicrotuiApp

out = os.open(sys.argv[2], os.O_WRONLY)

class Timed(MicrotuiApp):
    async def on_key(self, event: events.Key) -> None:
        if event.key == "y":
            os.write(out, b"%d\\n" % time.monotonic_ns())

cli.screen.MicrotuiApp = Timed
shown = cli.replay._Shown.of(sys.argv[1])

async def build(bridge):
    desk = await cli.replay._build_desk(shown, None, 0.0, bridge)
    from engine.ports import Seek
    start, end = desk.main.source.transport.start, desk.main.source.transport.end
    async def again():
        import asyncio
        while True:
            await asyncio.sleep(0.05)
            if desk.main.source.transport.paused:
                await desk.command(Seek(start))
                from engine.ports import Pause
                await desk.command(Pause(False))
    import asyncio
    build.task = asyncio.get_running_loop().create_task(again())
    return desk

cli.screen.run_screen(build, title="keys")
"""


def run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "capture.sqlite"
        record_capture(recording)
        return pressed(_DRIVER, str(recording), b"REPLAY", Path(folder))


def pressed(
    driver: str, argument: str, ready: bytes, folder: Path, settle_s: float = 3.0
) -> dict[str, float]:
    """Delays of keys in an app that `driver` runs, from `settle_s` after it has drawn `ready` on.

    The driver is Python; its arguments are `argument` and the pipe to which it writes when a key came, a line each.
    """
    rng = random.Random(1)
    fifo = folder / "keys"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    env = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_STATE_HOME": str(folder)}
    data, sent = b"", []
    with Terminal([sys.executable, "-c", driver, argument, str(fifo)], env=env) as terminal:
        terminal.wait_for(ready, 300.0)  # a first start compiles the kernels
        time.sleep(settle_s)
        cpu, began = terminal.cpu_s(), time.monotonic()
        for _ in range(KEYS):
            time.sleep(rng.uniform(0.03, 0.08))
            sent.append(time.monotonic_ns())
            terminal.press("y")
        time.sleep(1.0)
        busy = (terminal.cpu_s() - cpu) / (time.monotonic() - began)
        while True:
            try:
                part = os.read(reader, 65536)
            except BlockingIOError:
                break
            if not part:
                break
            data += part
    os.close(reader)
    handled = [int(n) for n in data.split()]
    if len(handled) != len(sent):
        raise RuntimeError(f"{len(sent)} keys were pressed and {len(handled)} handled")
    delays_ms = sorted((b - a) / 1e6 for a, b in zip(sent, handled, strict=True))
    return {
        "key to handler p50, ms": statistics.median(delays_ms),
        "key to handler p99, ms": delays_ms[int(len(delays_ms) * 0.99)],
        "the app's CPU meanwhile, cores": busy,
    }


if __name__ == "__main__":
    print(run())
