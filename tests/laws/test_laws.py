"""The two laws, on a generated session and on the captured one.

1. frames(replay(record(session))) == frames(session), bit for bit in Frame.market.
2. seek(t) gives the same state as folding from zero to t, forwards and backwards.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest

from engine.batch import Batch
from engine.checkpoint import pack, unpack
from engine.core import State, apply
from engine.feeds.capture import capture_batches
from engine.frame import View
from engine.frame.host import Transport
from engine.picture import picture
from engine.ports import Checkpoint, Command, Jump, Seek
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
from store.replay import ReplaySource
from tests.laws.generated import BTC, generated_batches

VIEWS = (
    View(),
    View(symbol=1, group_ticks=5, interval_ns=100_000_000, columns=33, heat_rows=24, ladder_rows=7),
    View(interval_ns=15_000_000_000, heat_rows=60, columns=200),
)
encode = msgspec.msgpack.Encoder().encode


class ListSource:
    """Batches from memory, as fast as they are taken."""

    accepts: frozenset[str] = frozenset()
    transport = Transport()

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches = batches

    async def batches(self) -> AsyncIterator[Batch | Jump]:
        for batch in self._batches:
            yield batch

    async def command(self, command: Command) -> None: ...

    async def close(self) -> None: ...


def digest(state: State) -> bytes:
    """Everything that any of the views shows, and everything that could ever matter later."""
    total = blake2b(digest_size=16)
    for view in VIEWS:
        total.update(encode(picture(state, view)))
    return total.digest()


def record(path: Path, batches: Iterable[Batch]) -> dict[int, bytes]:
    """Run a recorded session; the digest of its frame at every tick."""
    seen: dict[int, bytes] = {}
    session = Session(ListSource(batches), sink=Recorder(path, new_header("test", 1)))
    session.observers.append(lambda state, _: seen.setdefault(state.ts, digest(state)))
    asyncio.run(session.run())
    return seen


def replayed(path: Path) -> dict[int, bytes]:
    seen: dict[int, bytes] = {}
    session = Session(ReplaySource(Recording(path), speed=0.0, hold_at_end=False))
    session.observers.append(lambda state, _: seen.setdefault(state.ts, digest(state)))
    asyncio.run(session.run())
    return seen


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, bytes]]:
    path = tmp_path_factory.mktemp("generated") / "session.microtui"
    return path, record(path, generated_batches(seed=5, ticks=1500))


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory, captures: Path) -> tuple[Path, dict[int, bytes]]:
    path = tmp_path_factory.mktemp("captured") / "session.microtui"
    file = captures / "binance_spot_btcusdt_20240808.gz"
    return path, record(path, capture_batches(file, BTC))


@pytest.mark.parametrize("kind", ["generated", "captured"])
def test_law_1_a_replay_draws_what_the_session_drew(kind: str, request: pytest.FixtureRequest) -> None:
    path, frames = request.getfixturevalue(kind)
    again = replayed(path)
    assert len(frames) >= 1500
    assert list(again) == list(frames)
    different = [ts for ts in frames if again[ts] != frames[ts]]
    assert different == []


@pytest.mark.parametrize("kind", ["generated", "captured"])
def test_law_2_a_seek_is_the_fold_up_to_there(kind: str, request: pytest.FixtureRequest) -> None:
    path, frames = request.getfixturevalue(kind)
    ticks = sorted(frames)
    rng = random.Random(11)
    targets = [ticks[0], ticks[-1], *rng.sample(ticks, 12)]
    rng.shuffle(targets)
    for target, state in sought(path, targets):
        assert state.ts == target
        assert digest(state) == frames[target], f"seek to {target}"


def sought(path: Path, targets: list[int]) -> Iterator[tuple[int, State]]:
    """One replay, taken from target to target in the order given."""
    found: dict[int, State] = {}

    async def run() -> None:
        source = ReplaySource(Recording(path), speed=1.0)
        await source.command(Seek(targets[0]))
        session = Session(source)
        arrived = asyncio.Event()
        wanted = targets[0]

        def observe(state: State, _: object) -> None:
            if state.ts == wanted and wanted not in found:  # a tick of the old place may be under way
                found[wanted] = unpack(pack(state))
                arrived.set()

        session.observers.append(observe)
        running = asyncio.create_task(session.run())
        for target in targets:
            wanted = target
            arrived.clear()
            await session.command(Seek(target))
            await asyncio.wait_for(arrived.wait(), 20)
        running.cancel()

    asyncio.run(run())
    yield from ((t, found[t]) for t in targets)


@pytest.mark.parametrize("at", [0, 17, 700, 1499])
def test_a_checkpoint_goes_on_as_if_nothing_had_happened(at: int) -> None:
    straight, cut = State(), State()
    for number, batch in enumerate(generated_batches(seed=8, ticks=1500)):
        apply(straight, batch)
        if number == at:
            cut = unpack(pack(cut))
        apply(cut, batch)
    assert pack(cut) == pack(straight)


def test_a_fork_leaves_its_parent_alone() -> None:
    parent = State()
    batches = list(generated_batches(seed=9, ticks=300))
    for batch in batches[:200]:
        apply(parent, batch)
    before = pack(parent)
    child = unpack(before)
    for batch in batches[200:]:
        apply(child, batch)
    assert pack(parent) == before
    assert pack(child) != before


def test_a_checkpoint_from_a_stranger_is_refused_not_believed() -> None:
    state = State()
    for batch in generated_batches(seed=2, ticks=120):
        apply(state, batch)
    good = pack(state)
    rng = random.Random(4)
    refused = 0
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(rng.randint(1, 8)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        try:
            survivor = unpack(bytes(bad[: rng.choice((len(bad), rng.randrange(len(bad))))]))
        except ValueError:
            refused += 1
            continue
        # What passes as well-formed must be safe to fold and to draw.
        picture(survivor, View(heat_rows=10))
        for batch in generated_batches(seed=3, ticks=3):
            apply(survivor, batch)
    assert refused > 50


def test_a_seek_to_a_checkpoint_shows_that_very_tick(tmp_path: Path) -> None:
    path = tmp_path / "session.sqlite"
    frames = record(path, generated_batches(9, 3000))
    with Recording(path) as recording:
        at = [c.ts for c in checkpoints_of(recording) if c.ts in frames]
    assert at
    for target, state in sought(path, at):
        assert state.ts == target
        assert digest(state) == frames[target]


def checkpoints_of(recording: Recording) -> Iterator[Checkpoint]:
    seq = 0
    while (checkpoint := recording.checkpoint_after(seq)) is not None:
        yield checkpoint
        seq = checkpoint.seq + 1


def test_checkpoints_that_cannot_be_read_cost_time_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "session.sqlite"
    monkeypatch.setattr("engine.checkpoint.VERSION", 99)
    frames = record(path, generated_batches(9, 3000))
    monkeypatch.undo()
    targets = sorted(frames)[-3:]
    for target, state in sought(path, targets):
        assert state.ts == target
        assert digest(state) == frames[target]
