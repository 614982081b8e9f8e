"""A simulated session: its rows rebuild the market's own books, it obeys its transport, and law 1 holds for it."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from engine.batch import Batch
from engine.checkpoint import pack, unpack
from engine.core import State, apply
from engine.events import Agents, Kind
from engine.frame import View
from engine.market.report import conserved
from engine.market.rows import resting
from engine.market.source import SimSource
from engine.market.state import FILLS
from engine.picture import picture
from engine.ports import AddMark, Command, Pause, Speed, StepBy
from engine.scenario import Scenario
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from tests.laws.test_laws import digest, replayed, sought
from tests.market.worlds import START, FakeClock


def source(seed: int = 1, seconds: int | None = None, speed: float = 0.0) -> SimSource:
    return SimSource(Scenario(), seed, FakeClock(), speed=speed, seconds=seconds)


async def taken(sim: SimSource, ticks: int) -> list[Batch]:
    found: list[Batch] = []
    async for batch in sim.batches():
        found.append(batch)
        if len(found) == ticks:
            break
    return found


async def test_deltas_rebuild_the_markets_books_and_every_top_is_verified() -> None:
    sim = source(5)
    state = State()
    books: dict[int, tuple[dict[int, int], dict[int, int]]] = {0: ({}, {}), 1: ({}, {})}
    for batch in await taken(sim, 400):
        assert apply(state, batch)[1] == []
        for row in batch.rows[(batch.rows["kind"] == Kind.SNAPSHOT) | (batch.rows["kind"] == Kind.DELTA)]:
            start, bids, asks = int(row["level_start"]), int(row["bid_count"]), int(row["ask_count"])
            levels = batch.levels[start : start + bids + asks].tolist()
            for side, part in enumerate((levels[:bids], levels[bids:])):
                book = books[int(row["symbol"])][side]
                for price, lots in part:
                    book[price] = lots
                    if not lots:
                        del book[price]
    for venue in (0, 1):
        bids_now, asks_now = resting(sim.market, venue)
        assert sorted(books[venue][0].items(), reverse=True) == bids_now
        assert sorted(books[venue][1].items()) == asks_now
        symbol = state.symbols[venue]
        assert symbol.shown_state == "SYNCED"
        assert symbol.feature("verified") == symbol.feature("decided")
        assert (symbol.feature("decided") or 0) > 200


async def test_trades_on_the_tape_are_the_agents_fills() -> None:
    sim = source(6)
    trades = before = 0
    stream = sim.batches()
    for number in range(300):
        batch = await anext(stream)
        if number == 0:
            before = int(sim.market.ledger[:, FILLS].sum())
        else:
            trades += int((batch.rows["kind"] == Kind.TRADE).sum())
    assert trades > 100
    assert 2 * trades == int(sim.market.ledger[:, FILLS].sum()) - before


async def test_agents_are_told_of_once_a_second_and_add_up() -> None:
    sim = source(2)
    notes = [n for batch in await taken(sim, 50) for n in batch.notes if isinstance(n, Agents)]
    assert len(notes) == 6  # one at the start
    for note in notes:
        assert [f.name for f in note.families] == ["maker", "informed", "noise", "arbitrage"]
        assert [f.count for f in note.families] == [10, 20, 50, 5]
        assert sum(f.position_lots for f in note.families) == 0
        for place, family in enumerate(note.families):
            mine = [a for a in note.agents if a.family == place]
            assert len(mine) == family.count
            assert sum(a.realised for a in mine) == family.realised
            assert sum(a.unrealised for a in mine) == family.unrealised
    assert notes[-1].families[0].orders > 50


@pytest.mark.parametrize("speed", [0.25, 1.0, 64.0])
async def test_ticks_come_at_the_speed_that_was_asked_for(speed: float) -> None:
    sim = source(1, speed=speed)
    clock = sim._clock
    await taken(sim, 41)
    assert (clock.now() - START) / 1e9 == pytest.approx(4.1 / speed, rel=0.02)


async def test_pause_step_and_speed() -> None:
    sim = source(1, speed=1.0)
    batches: list[Batch] = []

    async def run() -> None:
        async for batch in sim.batches():
            batches.append(batch)  # noqa: PERF401  a test looks at them while they come

    async def settle(command: Command) -> int:
        await sim.command(command)
        for _ in range(400):
            await asyncio.sleep(0)
        return len(batches)

    running = asyncio.create_task(run())
    for _ in range(50):
        await asyncio.sleep(0)
    stopped = await settle(Pause(True))
    assert sim.transport.paused
    assert await settle(Speed(4.0)) == stopped
    assert await settle(StepBy(3)) == stopped + 3
    assert sim.transport.paused
    assert await settle(StepBy(-1)) == stopped + 3
    assert await settle(Pause(False)) > stopped + 10
    assert sim.transport.speed == 4.0
    await sim.close()
    await running
    seen = [int(batch.rows[-1]["ts_recv"]) for batch in batches]
    assert [b - a for a, b in pairwise(seen)] == [100_000_000] * (len(seen) - 1)


def recorded(path: Path, seconds: int) -> tuple[dict[int, bytes], SimSource]:
    sim = source(7, seconds)
    frames: dict[int, bytes] = {}
    session = Session(sim, sink=Recorder(path, new_header("test", 1)))
    session.observers.append(lambda state, _: frames.setdefault(state.ts, digest(state)))

    async def run() -> None:
        await sim.command(AddMark("look"))
        await session.run()

    asyncio.run(run())
    return frames, sim


def test_law_1_and_2_hold_for_a_simulated_session(tmp_path: Path) -> None:
    path = tmp_path / "sim.microtui"
    frames, sim = recorded(path, 60)
    assert len(frames) == 600
    assert set(conserved(sim.market).values()) == {0}
    assert replayed(path) == frames
    targets = random.Random(3).sample(sorted(frames), 8)
    for target in targets:
        ((_, state),) = sought(path, [target])
        assert state.ts == target
        assert digest(state) == frames[target]
        agents = picture(state, View()).agents
        assert agents is not None
        assert len(agents.agents) == 85


def test_equal_seeds_give_equal_rows() -> None:
    async def rows(seed: int) -> bytes:
        return b"".join(batch.rows.tobytes() for batch in await taken(source(seed), 100))

    first = asyncio.run(rows(4))
    assert asyncio.run(rows(4)) == first
    assert asyncio.run(rows(5)) != first


def test_agents_survive_a_checkpoint_and_the_picture_has_their_units() -> None:
    state = State()

    async def fold() -> None:
        for batch in await taken(source(3), 120):
            apply(state, batch)

    asyncio.run(fold())
    again = unpack(pack(state))
    assert again.agents == state.agents
    assert again.profits == state.profits
    now = picture(again, View()).agents
    assert now is not None
    assert state.agents is not None
    told = state.agents.families[0]
    maker = now.families[0]
    assert maker.position == pytest.approx(told.position_lots * 0.001)
    assert maker.pnl == pytest.approx((told.realised + told.unrealised - told.fees) * 0.001)
    course = memoryview(maker.history).cast("d").tolist()
    assert len(course) == 13
    assert course[-1] == pytest.approx(maker.pnl)
    assert sum(f.pnl + f.fees for f in now.families) == pytest.approx(0.0, abs=400)
    assert msgspec.msgpack.encode(now)
