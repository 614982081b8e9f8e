"""What stands beside a source: producers that trade on paper, what-ifs, and children of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from engine.batch import OWN, Batch, BatchBuilder
from engine.checkpoint import pack, unpack
from engine.child import Continued, parted
from engine.core import State, apply
from engine.desk import Desk
from engine.events import AgentFamily, Agents, Kind, Post, Scored, Shock
from engine.frame import Frame, Market, View
from engine.frame.fan import Fan
from engine.frame.host import Host
from engine.picture import picture
from engine.ports import ClearWhatIf, Command, GoLive, Inject, Pause, PlaceOrder, WhatIf
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
from store.replay import ReplaySource
from tests.laws.generated import START_NS, TICK_NS, generated_batches
from tests.laws.test_laws import ListSource, digest, record, replayed

SELL = Shock("programme", 5.0, -1, 10.0)


class Scribe:
    """A producer that writes an order, a fill and a shock now and then, and remembers what it was told."""

    accepts = frozenset({"shock", "order"})

    def __init__(self) -> None:
        self.number = 0
        self.commands: list[Command] = []

    def after(self, state: State, batch: Batch) -> Batch | None:
        self.number += 1
        out, ts = BatchBuilder(), state.ts
        what = self.number % 7
        own = {
            "symbol": 0,
            "side": 1,
            "price_ticks": 100 + self.number,
            "first_id": self.number,
            "last_id": OWN,
        }
        if what == 1:
            out.add(Kind.ORDER, ts, size_lots=5, ask_lots=3, **own)
        elif what == 2:
            out.add(Kind.FILL, ts, size_lots=2, flags=1, **(own | {"first_id": self.number - 1}))
        elif what == 3:
            out.add(Kind.ORDER, ts, size_lots=9, **(own | {"last_id": 4}))
            out.add_note(SELL, ts, 0)
        elif what == 4:
            family = AgentFamily("maker", 1, 3, self.number, 2, 1, 1, 1)
            out.add_note(Agents(0, (family,), (), paper=True), ts, 0)
        elif what == 5:
            out.add_note(Post(f"p{self.number}", "news:wire", ts, "a few words", assets=("BTC",)), ts)
            out.add_note(Scored(f"p{self.number}", ts, ("BTC",), 0.3, 0.7, 0.2, None, 0.8, "embedded"), ts)
        else:
            return None
        return out.take()

    def command(self, command: Command) -> None:
        self.commands.append(command)


def run_with_scribe(path: Path, batches: list[Batch]) -> dict[int, bytes]:
    seen: dict[int, bytes] = {}
    session = Session(ListSource(batches), sink=Recorder(path, new_header("test", 1)), producers=[Scribe()])
    session.observers.append(lambda state, _: seen.setdefault(state.ts, digest(state)))
    asyncio.run(session.run())
    assert {event.kind for event in session.state.events} >= {"SHOCK", "FILL"}
    assert any(order.owner == OWN for order in session.state.resting.values())
    return seen


def test_what_producers_say_replays_with_none_running(tmp_path: Path) -> None:
    path = tmp_path / "session.sqlite"
    seen = run_with_scribe(path, list(generated_batches(3, 200)))
    assert replayed(path) == seen
    without = record(tmp_path / "other.sqlite", generated_batches(3, 200))
    assert without != seen


def test_orders_on_paper_survive_a_checkpoint(tmp_path: Path) -> None:
    state = State()
    scribe = Scribe()
    for batch in generated_batches(3, 60):
        apply(state, batch)
        said = scribe.after(state, batch)
        if said is not None:
            apply(state, said)
    assert state.resting
    assert unpack(pack(state)).resting == state.resting


class FakeFutures:
    def __init__(self) -> None:
        self.fan: Fan | None = None
        self.closed = False

    def begin(self, session: Session, command: WhatIf, changed: Callable[[], None]) -> None:
        self.fan = Fan(session.view.symbol, session.state.ts, 10**9, futures=command.futures)

    def clear(self) -> None:
        self.fan = None

    async def close(self) -> None:
        self.closed = True


async def test_a_shock_in_a_replay_opens_a_child_and_end_comes_back(tmp_path: Path) -> None:
    parent, own = tmp_path / "parent.sqlite", tmp_path / "child.sqlite"
    await asyncio.to_thread(run_with_scribe, parent, list(generated_batches(3, 200)))
    frames: list[Frame] = []
    scribe, futures = Scribe(), FakeFutures()

    def make_session(publish: Callable[[Frame], None], host: Callable[[Host], Host]) -> Session:
        return Session(ReplaySource(Recording(parent), speed=1.0), publish=publish, host=host)

    async def open_child(
        front: Session, publish: Callable[[Frame], None], host: Callable[[Host], Host]
    ) -> Session:
        state = parted(unpack(pack(front.state)))
        return Session(
            Continued(ReplaySource(Recording(parent), speed=0.0), state.ts, "child"),
            publish=publish,
            host=host,
            producers=[scribe],
            state=state,
            sink=Recorder(own, new_header("child", state.ts)),
        )

    desk = Desk(frames.append, make_session, lambda host: host, open_child=open_child, futures=futures)
    running = asyncio.create_task(desk.run())
    await _until(lambda: desk.main.state.ts >= START_NS + 5 * TICK_NS)
    await desk.command(Pause(True))
    at = desk.main.state.ts
    assert {"shock", "order", "cancel", "whatif", "clear"} <= frames[-1].host.accepts

    await desk.command(WhatIf(SELL, futures=8))
    assert frames[-1].host.fan == Fan(0, at, 10**9, futures=8)
    await desk.command(ClearWhatIf())
    assert frames[-1].host.fan is None

    await desk.command(Inject(SELL))
    await _until(lambda: frames[-1].host.transport.label == "CHILD" and frames[-1].market.ts > at)
    assert scribe.commands == [Inject(SELL)]
    await desk.command(PlaceOrder(1, 3, 100))
    assert scribe.commands[-1] == PlaceOrder(1, 3, 100)
    await desk.command(GoLive())
    assert frames[-1].host.transport.label == "REPLAY"
    assert frames[-1].market.ts == at
    running.cancel()
    await asyncio.wait({running})
    assert futures.closed
    await asyncio.to_thread(_check_child, own, at)


def _check_child(path: Path, at: int) -> None:
    """The child's recording begins where the parent stood, and its own replay agrees with the market's events."""
    seen = replayed(path)
    assert seen
    assert min(seen) == at  # its first row is the state that it left its parent in
    state = State()
    for batch in generated_batches(3, 200):
        apply(state, batch)
        if state.ts in seen:
            break
    first = next(iter(replayed_states(path)))
    assert first.detail.bids == picture(state, View()).detail.bids
    assert first.lines[0].top == picture(state, View()).lines[0].top


def replayed_states(path: Path) -> list[Market]:
    shown: list[Market] = []
    session = Session(ReplaySource(Recording(path), speed=0.0, hold_at_end=False))
    session.observers.append(lambda state, _: shown.append(picture(state, View())))
    asyncio.run(session.run())
    return shown


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")
