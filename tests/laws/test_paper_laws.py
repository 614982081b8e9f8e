"""Both laws for a session beside which agents, a person and shocks trade on paper; and for a child of its recording."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from cli.child import child_opener
from cli.settings import RecordSettings, Settings
from engine.batch import OWN, Batch
from engine.core import State
from engine.events import Kind
from engine.feeds.capture import capture_batches
from engine.frame import Frame
from engine.frame.host import Transport
from engine.paper.producer import Paper
from engine.ports import CancelOrders, Command, Inject, Pause, PlaceOrder, Producer, Seek
from engine.session import Session
from engine.shocks import parse
from store.header import new_header
from store.plan import Plan
from store.recorder import Recorder
from store.recording import Recording
from store.replay import ReplaySource
from tests.laws.generated import BTC, generated_batches
from tests.laws.test_laws import ListSource, digest, replayed, sought
from tests.paper.world import CROWD, Told

PLAN: dict[int, list[Command]] = {
    100: [PlaceOrder(1, 2000), PlaceOrder(-1, 3000)],
    160: [Inject(parse("sell:0.5/20s"))],
    200: [PlaceOrder(1, 5000, 6_169_000), PlaceOrder(1, 50, symbol=1)],
    400: [Inject(parse("withdrawal:0.8/20s")), Inject(parse("sentiment:bearish:0.5/10s"))],
    600: [CancelOrders(), Inject(parse("halt/5s")), PlaceOrder(1, -4)],
    650: [Inject(parse("cascade:longs:0.3/10s"))],
}


def record_with_paper(path: Path, batches: Iterable[Batch]) -> dict[int, bytes]:
    """A recorded session with a paper world; the digest of its frame at every tick."""
    seen: dict[int, bytes] = {}
    sink = Recorder(path, new_header("test", 1))
    session = Session(ListSource(batches), sink=sink, producers=[Told(Paper(CROWD), PLAN)])
    session.observers.append(lambda state, _: seen.setdefault(state.ts, digest(state)))
    asyncio.run(session.run())
    return seen


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, bytes]]:
    path = tmp_path_factory.mktemp("paper") / "generated.sqlite"
    return path, record_with_paper(path, generated_batches(seed=5, ticks=700))


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory, captures: Path) -> tuple[Path, dict[int, bytes]]:
    path = tmp_path_factory.mktemp("paper") / "captured.sqlite"
    batches = list(capture_batches(captures / "binance_spot_btcusdt_20240808.gz", BTC))[:700]
    return path, record_with_paper(path, batches)


def ours(path: Path) -> dict[int, int]:
    """Rows of orders and of fills that a recording has, by kind."""
    counts = {int(Kind.ORDER): 0, int(Kind.FILL): 0}
    with Recording(path) as recording:
        for _, batch in recording.batches_from():
            for kind in counts:
                counts[kind] += int((batch.rows["kind"] == kind).sum())
    return counts


@pytest.mark.parametrize("kind", ["generated", "captured"])
def test_law_1_with_nobody_trading_a_replay_shows_the_same(kind: str, request: pytest.FixtureRequest) -> None:
    path, frames = request.getfixturevalue(kind)
    assert min(ours(path).values()) > 100
    again = replayed(path)
    assert list(again) == list(frames)
    assert [ts for ts in frames if again[ts] != frames[ts]] == []


def test_law_2_a_seek_finds_orders_and_books_as_they_were(
    generated: tuple[Path, dict[int, bytes]],
) -> None:
    path, frames = generated
    ticks = sorted(frames)
    for target, state in sought(path, random.Random(3).sample(ticks, 6)):
        assert digest(state) == frames[target], f"seek to {target}"


class Worlds:
    """Paper worlds that are ready, or never will be."""

    def __init__(self, ready: bool = True) -> None:
        self.ready = ready

    async def make(self) -> Producer:
        return Paper(CROWD)


class Child:
    """A replay that is watched to some moment, and the child session that a command there opens."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.settings = Settings(record=RecordSettings(folder=folder))
        self.frames: dict[int, bytes] = {}
        self.said: list[str] = []

    async def run(self, at: int, command: Command) -> Session:
        front = Session(ReplaySource(Recording(self.path), speed=0.0))
        await front.command(Seek(at))
        await front.command(Pause(True))
        watching = asyncio.create_task(front.run())
        await self._until(front, at)
        watching.cancel()
        await asyncio.wait({watching})
        open_child = child_opener(self.settings, lambda: self.path, Worlds(), self.said.append)
        child = await open_child(front, self._publish, lambda host: host)
        assert child is not None
        child.observers.append(self._look)
        await child.command(command)
        running = asyncio.create_task(child.run())
        with Recording(self.path) as parent:
            await self._until(child, parent.end)
        running.cancel()
        await asyncio.wait({running})
        return child

    def _publish(self, frame: Frame) -> None: ...

    def _look(self, state: State, _: object) -> None:
        self.frames.setdefault(state.ts, digest(state))

    async def _until(self, session: Session, ts: int) -> None:
        async with asyncio.timeout(60):
            while session.state.ts < ts:
                await asyncio.sleep(0.01)


def test_a_child_goes_on_from_its_parent_with_a_world_of_its_own(
    generated: tuple[Path, dict[int, bytes]], tmp_path: Path
) -> None:
    path, frames = generated
    ticks = sorted(frames)
    at = ticks[500]
    made = Child(path, tmp_path)
    child = asyncio.run(made.run(at, PlaceOrder(1, 2000)))
    assert made.said == []
    # The market is the parent's, event by event; what was on paper there is not.
    with Recording(path) as parent:
        parent_id, end = parent.header.id, parent.end
        assert child.state.ts == end
    assert [ts for ts in ticks if ts > at] == sorted(made.frames)
    # It names its parent, and is a recording like any other.
    (file,) = tmp_path.glob("*-child.sqlite")
    with Recording(file) as recording:
        assert recording.header.parent == parent_id
        seqs = dict(_seq_at(path))
        assert recording.header.parent_seq == seqs[at]
        assert recording.lost == ""
        own = [int(b.rows[b.rows["last_id"] == OWN]["size_lots"].sum()) for _, b in recording.batches_from()]
        assert max(own) > 0
    again = replayed(file)
    assert again.keys() - made.frames.keys() <= {at}  # where it begins
    assert {ts: frame for ts, frame in again.items() if ts > at} == made.frames


def _seq_at(path: Path) -> Iterable[tuple[int, int]]:
    """(tick, number of the event behind it) of a recording."""
    with Recording(path) as recording:
        for seq, batch in recording.batches_from():
            yield int(batch.rows[-1]["ts_recv"]), seq + len(batch)


def test_a_child_of_a_story_is_still_told_as_one(
    generated: tuple[Path, dict[int, bytes]], tmp_path: Path
) -> None:
    path, frames = generated
    at, said = sorted(frames)[100], list[str]()
    plan = Plan(at, marks=((at, "MARK"),), note="reconstructed book", about=("Recorded:", "prices"))

    async def run() -> Transport:
        front = Session(ReplaySource(Recording(path), plan=plan), begin_at=at)
        opened = child_opener(
            Settings(record=RecordSettings(folder=tmp_path)), lambda: path, Worlds(), said.append, plan=plan
        )
        child = await opened(front, lambda frame: None, lambda host: host)
        assert child is not None
        told = child.source.transport
        for session in (child, front):
            await session.source.close()
        return told

    told = asyncio.run(run())
    assert (told.label, told.about, told.marks) == ("CHILD", plan.about, plan.marks)
    assert told.note == "reconstructed book · ours on paper"


@pytest.mark.parametrize(
    ("ready", "sentence"),
    [
        (True, "nothing is recorded here that a child session could go on from"),
        (False, "the paper venue is still being compiled; try again in a moment"),
    ],
)
def test_a_child_that_cannot_be_is_refused_in_words(ready: bool, sentence: str) -> None:
    said: list[str] = []

    async def run() -> Session | None:
        open_child = child_opener(Settings(), lambda: None, Worlds(ready), said.append)
        return await open_child(Session(ListSource([])), lambda frame: None, lambda host: host)

    assert asyncio.run(run()) is None
    assert said == [sentence]
