"""Beside a session: sends each symbol's window to be fitted every five minutes, and says what came of it.

What it says is recorded, so that a replay shows the same factors with nobody fitting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine.batch import Batch, BatchBuilder
from engine.events import FactorFit
from engine.kernels.factors import series
from engine.kernels.seconds import COUNT, LATEST, MID, SecondArrays, window
from engine.ports import Command
from engine.regimes.messages import Ask
from engine.regimes.worker import LACKING, Worker, installed

if TYPE_CHECKING:
    from engine.core import State
    from engine.symbol import SymbolState

WINDOW = 300  # rows of a window: five minutes
EVERY_S = 300
WAITING = 128  # windows in the queue; beyond them a symbol goes without until its next turn


class Fitter(Protocol):
    async def fit(self, ask: Ask) -> FactorFit: ...

    async def close(self) -> None: ...


class Refits:
    """`engine.ports.Producer` of FactorFit notes. `run` goes on beside the session, in its loop."""

    accepts: frozenset[str] = frozenset()

    def __init__(self, worker: Fitter | None = None) -> None:
        self._off = "" if worker is not None or installed() else LACKING
        self._worker: Fitter = worker or Worker()
        self._due: dict[int, int] = {}  # by symbol, the second of its next fit
        self._queue: deque[Ask] = deque()
        self._some = asyncio.Event()
        self._said: list[FactorFit] = []
        self._second = -1

    def command(self, command: Command) -> None:
        """It takes none."""

    def after(self, state: State, batch: Batch) -> Batch | None:
        """At a tick: what came of windows sent before. Once a second it looks who is due."""
        second = state.ts // 1_000_000_000
        if second != self._second:
            self._second = second
            for index, symbol in state.symbols.items():
                self._look(index, symbol)
        if not self._said:
            return None
        out = BatchBuilder(len(self._said), 0)
        for note in self._said:
            out.add_note(note, state.ts, note.symbol)
        self._said.clear()
        return out.take()

    async def run(self) -> None:
        """Fits window after window as long as the session runs."""
        try:
            while True:
                await self._some.wait()
                while self._queue:
                    self._said.append(await self._worker.fit(self._queue.popleft()))
                self._some.clear()
        finally:
            await self._worker.close()

    def _look(self, index: int, symbol: SymbolState) -> None:
        seconds = symbol.seconds
        latest = int(seconds.clock[LATEST])
        if self._off:
            if symbol.regime.said is None and not any(note.symbol == index for note in self._said):
                self._said.append(FactorFit(index, "OFF", self._off, max(latest, 0)))
            return
        if int(seconds.clock[COUNT]) < WINDOW or latest < self._due.get(index, 0):
            return
        self._due[index] = latest + EVERY_S
        if len(self._queue) >= WAITING:
            self._said.append(
                FactorFit(index, "FAILED", f"{WAITING} other markets wait to be fitted", latest)
            )
        else:
            fit = symbol.regime.fit
            self._queue.append(ask(index, seconds, fit))
            self._some.set()


def ask(index: int, seconds: SecondArrays, fit: FactorFit | None) -> Ask:
    """The latest window of a symbol, and the model it was seen by so far."""
    rows = window(seconds, WINDOW + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.diff(np.log(rows[:, MID])) * 1e4
    model = fit.model if fit is not None else None
    return Ask(index, int(seconds.clock[LATEST]), series(rows[1:]).tobytes(), moves.tobytes(), model)
