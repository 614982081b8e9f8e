"""A child of a simulated session: the same market run again to a moment is that market, arrays and all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from engine.checkpoint import pack, unpack
from engine.core import State, apply
from engine.desk import Desk
from engine.frame import Frame
from engine.frame.host import Transport
from engine.market.source import SimSource
from engine.market.state import Market, fork
from engine.ports import CancelOrders, Command, GoLive, Inject, Pause, PlaceOrder, Seek
from engine.scenario import Planned, Scenario
from engine.session import Session
from engine.shocks import parse
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
from store.replay import ReplaySource
from tests.laws.test_laws import digest as picture_digest
from tests.laws.test_laws import replayed
from tests.market.worlds import START, FakeClock, digest

TICK = 100_000_000
SCENARIO = msgspec.structs.replace(Scenario(), shocks=(Planned(4.0, "buy:10/5s"), Planned(21.0, "halt/2s")))
DEEDS: dict[int, Command] = {
    10: PlaceOrder(1, 500, 59_900),
    11: PlaceOrder(-1, 500),
    35: Inject(parse("sell:60/8s")),
    60: CancelOrders(),
    61: PlaceOrder(1, 200, 59_990),
    80: Inject(msgspec.structs.replace(parse("cascade:longs:50/10s"), ts=START + 150 * TICK)),
    120: PlaceOrder(1, 0),
}


async def course(ticks: int, keep: set[int]) -> tuple[SimSource, dict[int, Market], dict[int, bytes]]:
    """A session with a past; copies of its market, and of the state that was folded from it, at some ticks."""
    sim = SimSource(SCENARIO, 9, FakeClock(), speed=0.0)
    markets: dict[int, Market] = {}
    states: dict[int, bytes] = {}
    state = State()
    number = 0
    async for batch in sim.batches():
        number += 1
        assert apply(state, batch)[1] == []
        if number in keep:
            markets[number], states[number] = fork(sim.market), pack(state)
        if number in DEEDS:
            await sim.command(DEEDS[number])
        if number == ticks:
            break
    return sim, markets, states


def test_a_rerun_is_the_market_as_it_stood() -> None:
    moments = {1, 10, 36, 41, 62, 149, 151, 210, 240, 300}
    sim, markets, _ = asyncio.run(course(300, moments))
    for moment in sorted(moments):
        again = sim.rerun(START + moment * TICK)
        assert digest(again.market) == digest(markets[moment]), moment
        assert again.transport.end == START + moment * TICK
    assert sim.rerun(START + 10**15).transport.end == START + 300 * TICK


def test_a_child_goes_on_as_its_parent_did_until_it_is_told_otherwise() -> None:
    async def run() -> None:
        sim, _, states = await course(200, {100, 200})
        child = sim.rerun(START + 100 * TICK, "another one")
        assert child.transport == msgspec.structs.replace(
            Transport("CHILD", 0.0, False, START, START + 100 * TICK), note="another one"
        )
        state = unpack(states[100])
        number = 100
        async for batch in child.batches():
            number += 1
            assert apply(state, batch)[1] == []
            if number in DEEDS:
                await child.command(DEEDS[number])
            if number == 200:
                break
        assert digest(child.market) == digest(sim.market)
        assert pack(state) == states[200]

    asyncio.run(run())


def test_an_order_in_a_rewind_opens_a_child_whose_recording_replays(tmp_path: Path) -> None:
    """As the screen does it: run, rewind, order; the child is recorded from there on, and law 1 holds for it."""
    from cli.sim_child import child_opener

    frames: dict[int, bytes] = {}

    async def run() -> tuple[Path, Path]:
        shown: list[Frame] = []
        sim = SimSource(Scenario(), 9, FakeClock(), speed=0.0)
        parent, file = tmp_path / "parent.microtui", tmp_path / "child.microtui"

        def make_session(publish: object, host: object) -> Session:
            return Session(sim, publish=shown.append, sink=Recorder(parent, new_header("parent", START)))

        def make_sink(child: SimSource, origin: tuple[str, int]) -> Recorder:
            return Recorder(file, new_header("child", child.transport.end, parent=origin))

        def rewind() -> ReplaySource:
            return ReplaySource(Recording(parent), label="REWIND", follow=True)

        opener = child_opener(lambda: desk.main, make_sink)

        async def open_child(front: Session, publish: object, host: object) -> Session | None:
            child = await opener(front, shown.append, lambda h: h)
            assert child is not None
            child.observers.append(lambda state, _: frames.setdefault(state.ts, picture_digest(state)))
            return child

        desk = Desk(shown.append, make_session, lambda host: host, rewind, print, open_child)
        running = asyncio.create_task(desk.run())
        while sim.transport.end < START + 100 * TICK:
            await asyncio.sleep(0.01)
        await desk.command(Pause(True))
        await desk.command(Seek(START + 50 * TICK))
        while desk.front.state.ts != START + 50 * TICK:
            await asyncio.sleep(0.01)
        await desk.command(PlaceOrder(1, 300))
        while desk.front.state.ts < START + 150 * TICK:
            await asyncio.sleep(0.01)
        assert desk.front.source.transport.label == "CHILD"
        assert any(event.kind == "FILL" for event in desk.front.state.events)
        assert not any(event.kind == "FILL" for event in desk.main.state.events)
        await desk.command(GoLive())
        assert desk.front is desk.main
        await sim.close()
        await running
        return parent, file

    parent, file = asyncio.run(run())
    header = Recording(file).header
    assert header.parent == Recording(parent).header.id
    assert header.parent_seq is not None
    again = replayed(file)
    assert min(again) == START + 50 * TICK  # where it left its parent
    del again[min(again)]
    assert again == frames
