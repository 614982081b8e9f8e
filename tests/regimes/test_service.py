"""Windows are sent when they are due, fits come back as notes, and a process that dies is no more than a delay."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from engine.batch import Batch, BatchBuilder
from engine.core import State
from engine.events import FactorFit, Kind
from engine.kernels import fold
from engine.kernels.charts import new_charts
from engine.regimes import service, worker
from engine.regimes.messages import Ask, moves_of, window_of
from engine.regimes.service import EVERY_S, WINDOW, Refits, ask
from engine.regimes.worker import LACKING, Worker
from engine.symbol import SymbolState
from tests.laws.generated import BTC
from tests.regimes.windows import Grid, fitted, planted, quiet_rows

NOTHING = BatchBuilder(1, 0).take()


class Fake:
    """Answers at once, or when it is let."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []
        self.closed = False

    async def fit(self, ask: Ask) -> FactorFit:
        self.asked.append(ask)
        return fitted(ask.at, symbol=ask.symbol)

    async def close(self) -> None:
        self.closed = True


class Session:
    """A state whose grids are filled by hand, and what a producer says of it."""

    def __init__(self, refits: Refits, symbols: int = 1) -> None:
        self.state, self.refits, self.said = State(), refits, list[FactorFit]()
        self.grids = [Grid() for _ in range(symbols)]
        for index, made in enumerate(self.grids):
            market = fold.new_market(0.01, 0.00001, (100.0,), 1)
            self.state.symbols[index] = SymbolState(BTC, market, new_charts(0.01, 0.00001), made.seconds)

    async def second(self, row: np.ndarray) -> None:
        for made in self.grids:
            self.state.ts = made.add(row)
        for _ in range(2):  # ticks
            self.hear(self.refits.after(self.state, NOTHING))
            await asyncio.sleep(0)

    def hear(self, batch: Batch | None) -> None:
        if batch is not None:
            assert {int(kind) for kind in batch.rows["kind"]} == {int(Kind.NOTE)}
            for note in batch.notes:
                assert isinstance(note, FactorFit)
                self.said.append(note)
                symbol = self.state.symbols[note.symbol]
                symbol.regime.on_fit(note, symbol.seconds)


@asynccontextmanager
async def running(refits: Refits) -> AsyncIterator[None]:
    task = asyncio.create_task(refits.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_every_symbol_is_fitted_every_five_minutes() -> None:
    fake = Fake()
    session = Session(Refits(fake), symbols=2)
    async with running(session.refits):
        for row in quiet_rows(3 * EVERY_S + 5, 1):
            await session.second(row)
    assert fake.closed
    begun = session.grids[0].second - 3 * EVERY_S - 4
    wanted = [(k, begun + WINDOW - 1 + EVERY_S * n) for n in range(3) for k in range(2)]
    assert [(a.symbol, a.at) for a in fake.asked] == wanted
    assert [(note.symbol, note.at) for note in session.said] == wanted
    assert [a.last is None for a in fake.asked] == [True, True, False, False, False, False]


def test_a_window_is_the_latest_five_minutes() -> None:
    rows, made = quiet_rows(400, 2), Grid()
    for row in rows:
        made.add(row)
    question = ask(0, made.seconds, None)
    assert question.at == made.second
    window, moves = window_of(question), moves_of(question)
    assert window.shape == (WINDOW, 8)
    np.testing.assert_allclose(window[:, 0], np.log(rows[-WINDOW:, 5]))
    np.testing.assert_allclose(window[:, 6], np.log1p(rows[-WINDOW:, 12]))
    np.testing.assert_allclose(window[:, 7], rows[-WINDOW:, 13] / rows[-WINDOW:, 12])
    np.testing.assert_allclose(moves, np.diff(np.log(rows[-WINDOW - 1 :, 0])) * 1e4)


async def test_without_statsmodels_it_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "installed", lambda: False)
    session = Session(Refits())
    for row in quiet_rows(WINDOW + EVERY_S + 5, 3):
        await session.second(row)
    assert [(note.state, note.reason) for note in session.said] == [("OFF", LACKING)]
    assert session.state.symbols[0].regime.label == ""  # nobody stepped it here


async def test_a_market_beyond_the_queue_goes_without_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "WAITING", 2)
    session = Session(Refits(Fake()), symbols=4)  # nobody runs: the queue fills
    for row in quiet_rows(WINDOW + 2, 4):
        await session.second(row)
    assert [(note.symbol, note.state) for note in session.said] == [(2, "FAILED"), (3, "FAILED")]
    assert "2 other markets wait" in session.said[0].reason


def _ask(seed: int = 0) -> Ask:
    series, _ = planted(300, seed)
    return Ask(7, 1_700_000_000, series.tobytes(), np.zeros(300).tobytes())


async def test_the_process_fits_dies_and_is_replaced() -> None:
    it = Worker()
    try:
        note = await it.fit(_ask())
        assert (note.state, note.symbol, note.at) == ("FITTED", 7, 1_700_000_000)
        first = it.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        failed = await it.fit(_ask())
        assert (failed.state, failed.model) == ("FAILED", None)
        assert failed.reason == "the process that fits: it ended"
        assert it.pid is None
        again = await it.fit(_ask())  # the first restart is at once
        assert again.state == "FITTED"
        assert it.pid not in (None, first)
    finally:
        await it.close()
    assert it.pid is None


async def test_a_process_that_says_nonsense_or_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    nonsense = Worker((sys.executable, "-c", "print('x' * 999, flush=True); input()"))
    note = await nonsense.fit(_ask())
    assert note.state == "FAILED"
    assert "at most" in note.reason
    assert nonsense.pid is None
    monkeypatch.setattr(worker, "ANSWER_S", 0.5)
    silent = Worker((sys.executable, "-c", "import time; time.sleep(60)"))
    note = await silent.fit(_ask())
    assert note.reason == "the process that fits: it did not answer within 0 s"
    assert silent.pid is None


async def test_one_that_cannot_be_started_is_not_tried_over_and_over() -> None:
    it = Worker(("/nonexistent/program",))
    reasons = [(await it.fit(_ask())).reason for _ in range(4)]
    assert "No such file" in reasons[0]
    assert any("it is started again in" in reason for reason in reasons)
