"""Key to handler while regimes are refitted one after the other: p50 <= 6 ms to reach.

A simulated market at 64 times its pace, whose symbols are due for a fit every minute of its time: the worker fits
without a rest, where a live session fits a symbol every five minutes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from benchmarks.bench_keys import pressed

_DRIVER = """
import os, sys, time
from functools import partial
import cli.screen, cli.sim
import engine.regimes.service as service
from textual import events
from tui.app import MicrotuiApp

out = os.open(sys.argv[2], os.O_WRONLY)
service.EVERY_S = 60

class Timed(MicrotuiApp):
    async def on_key(self, event: events.Key) -> None:
        if event.key == "y":
            os.write(out, b"%d\\n" % time.monotonic_ns())

cli.screen.MicrotuiApp = Timed
from pathlib import Path
build = partial(cli.sim._build_desk, Path(sys.argv[1]), (), 7, 64.0, True, [])
cli.screen.run_screen(build, title="keys")
"""


def run() -> dict[str, float]:
    from engine.events import FactorFit
    from store.recording import Recording

    scenario = Path(__file__).parent.parent / "replays" / "default.toml"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = pressed(_DRIVER, str(scenario), b"SIM", folder, settle_s=15.0)
        with Recording(next(folder.rglob("sessions/*.sqlite"))) as recording:
            notes = (note for _, batch in recording.batches_from(0) for note in batch.notes)
            fits = len({msgspec.json.encode(note) for note in notes if isinstance(note, FactorFit)})
    return figures | {"fits meanwhile": float(fits)}


if __name__ == "__main__":
    print(run())
