"""The two laws on a simulated session in which much happens: every kind of shock, and a person who trades."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.agents.trading import ASK, BID
from engine.batch import Batch
from engine.feeds.clock import SystemClock
from engine.market.report import conserved
from engine.market.source import SimSource
from engine.ports import CancelOrders, Command, PlaceOrder
from engine.scenario import Planned, Scenario
from engine.session import Session
from engine.shocks import KINDS
from store.header import new_header
from store.recorder import Recorder
from tests.laws.test_laws import digest, replayed, sought

START_NS = 1_767_225_600_000_000_000
SECONDS = 120


class Busy(SimSource):
    """Somebody orders and cancels every few ticks."""

    async def batches(self) -> AsyncIterator[Batch]:
        rng = random.Random(self.seed)
        async for batch in super().batches():
            yield batch
            if rng.random() < 0.2:
                await self.command(self.deed(rng))

    def deed(self, rng: random.Random) -> Command:
        symbol, side = rng.randrange(2), rng.choice((-1, 1))
        if rng.random() < 0.1:
            return CancelOrders(symbol=symbol)
        best = float(self.market.sight[symbol, BID if side > 0 else ASK])
        waits = rng.random() < 0.8 and not math.isnan(best)
        price = int(best) + rng.randint(-6, 6) if waits else None
        return PlaceOrder(side, rng.randint(1, 3000), price, symbol, waits and rng.random() < 0.3)


def busy_source() -> Busy:
    every = SECONDS / (len(KINDS) + 1)
    shocks = tuple(Planned(every * number, f"{kind.name}/10s") for number, kind in enumerate(KINDS, 1))
    scenario = msgspec.structs.replace(Scenario(), shocks=shocks)
    return Busy(scenario, 4, SystemClock(), speed=0.0, seconds=SECONDS, started=START_NS)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, bytes], Session]:
    path = tmp_path_factory.mktemp("simulated") / "session.microtui"
    frames: dict[int, bytes] = {}
    session = Session(busy_source(), sink=Recorder(path, new_header("test", 1)))
    session.observers.append(lambda state, _: frames.setdefault(state.ts, digest(state)))
    asyncio.run(session.run())
    return path, frames, session


def test_much_happened(simulated: tuple[Path, dict[int, bytes], Session]) -> None:
    _, frames, session = simulated
    assert len(frames) == SECONDS * 10
    source, state = session.source, session.state
    assert isinstance(source, Busy)
    assert set(conserved(source.market).values()) == {0}
    assert {event.kind for event in state.events} >= {"SHOCK", "FILL"}
    assert state.agents is not None
    assert [f.name for f in state.agents.families[4:]] == ["you", "programme", "liquidations"]
    for symbol in state.symbols.values():
        assert symbol.feature("verified") == symbol.feature("decided")
        assert (symbol.feature("decided") or 0) > 500


def test_law_1_a_replay_draws_what_the_session_drew(
    simulated: tuple[Path, dict[int, bytes], Session],
) -> None:
    path, frames, _ = simulated
    again = replayed(path)
    assert list(again) == list(frames)
    assert [ts for ts in frames if again[ts] != frames[ts]] == []


def test_law_2_a_seek_is_the_fold_up_to_there(simulated: tuple[Path, dict[int, bytes], Session]) -> None:
    path, frames, _ = simulated
    ticks = sorted(frames)
    targets = [ticks[-1], ticks[0], *random.Random(11).sample(ticks, 10)]
    for target, state in sought(path, targets):
        assert state.ts == target
        assert digest(state) == frames[target], f"seek to {target}"


def test_orders_are_rows_of_a_recording(simulated: tuple[Path, dict[int, bytes], Session]) -> None:
    """What rests in the state at the end is what the market itself says rests."""
    _, _, session = simulated
    source = session.source
    assert isinstance(source, Busy)
    own = source.market.own
    assert sorted(session.state.resting) == sorted(own[own[:, 0] > 0, 0].tolist())
