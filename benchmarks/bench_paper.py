"""The paper world beside the captured BTCUSDT session: its cost a tick, and what it adds to a recording.

Thirty agents trade (ten makers, twenty informed) over the real messages, as fast as they come. CPU time of this
thread, so that a busy machine counts for little. A live session has ten ticks a second.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.where import capture
from engine.batch import Batch
from engine.core import State, apply
from engine.events import Kind
from engine.feeds.capture import capture_batches
from engine.frame.host import Transport
from engine.instrument import Instrument
from engine.paper.producer import COUNTS, Paper
from engine.ports import Command, Jump, Producer
from engine.scenario import Scenario
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
TICKS_A_SECOND = 10


class _Batches:
    accepts: frozenset[str] = frozenset()
    transport = Transport()

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches

    async def batches(self) -> AsyncIterator[Batch | Jump]:
        for batch in self._batches:
            yield batch

    async def command(self, command: Command) -> None: ...

    async def close(self) -> None: ...


def _paper() -> Paper:
    return Paper(msgspec.structs.replace(Scenario(), counts=COUNTS))


def _recorded_bytes(batches: Sequence[Batch], producers: Sequence[Producer]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.sqlite"
        session = Session(_Batches(batches), sink=Recorder(path, new_header("bench", 1)), producers=producers)
        asyncio.run(session.run())
        return path.stat().st_size


def run() -> dict[str, float]:
    batches = list(capture_batches(capture("binance_spot_btcusdt_20240808.gz"), BTC))
    state, paper = State(), _paper()
    spent, orders, fills = [], 0, 0
    for batch in batches:
        apply(state, batch)
        before = time.thread_time()
        said = paper.after(state, batch)
        spent.append(time.thread_time() - before)
        if said is not None:
            orders += int((said.rows["kind"] == Kind.ORDER).sum())
            fills += int((said.rows["kind"] == Kind.FILL).sum())
    seconds = len(batches) / TICKS_A_SECOND
    us = np.array(spent[100:]) * 1e6  # the first ticks load the kernels
    alone = _recorded_bytes(batches, ())
    return {
        "us a tick, mean": float(us.mean()),
        "us a tick, median": float(np.median(us)),
        "us a tick, 99 %": float(np.percentile(us, 99)),
        "% of a core at ten ticks a second": float(us.mean()) * TICKS_A_SECOND / 1e4,
        "order rows a second": orders / seconds,
        "fills a second": fills / seconds,
        "recording, bytes a second without": alone / seconds,
        "recording, bytes a second more": (_recorded_bytes(batches, (_paper(),)) - alone) / seconds,
    }
