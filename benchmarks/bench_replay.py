"""How fast a recording is folded again: the real BTCUSDT capture, headless, features and signals on.

Source, session and core as `microtui replay --headless --speed max` runs them, with kernels loaded; reading
and decoding the file is part of it. To reach: 1.5 s for the 346 s.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.where import capture
from engine.batch import Batch
from engine.feeds.capture import capture_batches
from engine.frame.host import Transport
from engine.instrument import Instrument
from engine.ports import Command, Jump
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
from store.replay import ReplaySource

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")


class _Captured:
    """The capture as a source, as fast as it is taken."""

    accepts: frozenset[str] = frozenset()
    transport = Transport()

    async def batches(self) -> AsyncIterator[Batch | Jump]:
        for batch in capture_batches(capture("binance_spot_btcusdt_20240808.gz"), BTC):
            yield batch

    async def command(self, command: Command) -> None: ...

    async def close(self) -> None: ...


def record_capture(path: Path) -> None:
    """Fold and record the capture into `path`."""
    asyncio.run(Session(_Captured(), sink=Recorder(path, new_header("capture", 1))).run())


def run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.sqlite"
        record_capture(path)
        walls, cpus, verified = [], [], 0
        for _ in range(5):
            session = Session(ReplaySource(Recording(path), speed=0.0, hold_at_end=False))
            wall, cpu = time.perf_counter(), time.process_time()
            asyncio.run(session.run())
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
            verified = int(session.state.symbols[0].feature("verified") or 0)
    return {
        "replay of the capture, s": statistics.median(walls),
        "replay of the capture, CPU s": statistics.median(cpus),
        "comparisons verified (of 3,432)": float(verified),
        "peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    print(run())
