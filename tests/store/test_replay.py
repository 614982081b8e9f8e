"""A replay against the session it was recorded from: the same batches, when they are due, from wherever."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from pathlib import Path

import pytest

from engine.batch import Batch, concat
from engine.ports import Checkpoint, Command, Jump, Pause, Seek, Speed, StepBy
from store import recorder as recorder_module
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
from store.replay import ReplaySource
from tests.store.made import (
    START_NS,
    TICK_NS,
    assert_same_events,
    made_batches,
    put_all,
    record,
    state_after,
)

TICKS = 450


class FakeClock:
    """Time passes only while somebody sleeps on it."""

    def __init__(self) -> None:
        self.ns = 5_000_000_000

    def now(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)
        await asyncio.sleep(0)


class Listener:
    """Folds as a session does, with the number of the next event in place of a state."""

    def __init__(self, source: ReplaySource, batches: list[Batch], clock: FakeClock | None = None) -> None:
        self.source = source
        self.clock = clock
        self.starts: dict[int, Batch] = {}
        seq = 0
        for batch in batches:
            self.starts[seq] = batch
            seq += len(batch)
        self.seq = 0
        self.ticks: list[int] = []
        self.at: list[int] = []
        self.jumps: list[Jump] = []
        self._stream = source.batches()

    async def take(self, count: int = 1) -> int:
        """Take `count` batches, each checked against the original; the last one's tick."""
        while count:
            item = await asyncio.wait_for(anext(self._stream), 5)
            if isinstance(item, Jump):
                self.jumps.append(item)
                self.seq = item.checkpoint.seq if item.checkpoint else 0
                if item.checkpoint:
                    assert item.checkpoint.blob == state_after(self.seq)
                continue
            assert_same_events(item, self.starts[self.seq])
            self.seq += len(item)
            self.ticks.append(int(item.rows[-1]["ts_recv"]))
            if self.clock:
                self.at.append(self.clock.now())
            count -= 1
        return self.ticks[-1]

    async def take_until(self, ts: int) -> int:
        while True:
            tick = await self.take()
            if tick >= ts:
                return tick

    async def nothing_comes(self) -> None:
        task = asyncio.ensure_future(anext(self._stream))
        await asyncio.sleep(0.05)
        assert not task.done()
        self._pending = task

    async def goes_on_after(self, command: Command) -> Batch | Jump:
        await self.source.command(command)
        return await asyncio.wait_for(self._pending, 5)


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    return made_batches(TICKS)


@pytest.fixture(scope="module")
def path(batches: list[Batch], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("replay") / "a.sqlite"
    record(path, batches, flush_every=20).close()
    return path


def tick(number: int) -> int:
    """Session time of a tick, the first is 1."""
    return START_NS + number * TICK_NS


async def test_at_full_speed_everything_comes_and_then_it_ends(path: Path, batches: list[Batch]) -> None:
    source = ReplaySource(Recording(path), speed=0, hold_at_end=False)
    found = [item async for item in source.batches()]
    assert all(isinstance(item, Batch) for item in found)
    for item, batch in zip(found, batches, strict=True):
        assert isinstance(item, Batch)
        assert_same_events(item, batch)
    await source.close()


@pytest.mark.parametrize("speed", [0.25, 1.0, 3.0, 64.0])
async def test_ticks_come_when_session_time_over_speed_says(
    path: Path, batches: list[Batch], speed: float
) -> None:
    clock = FakeClock()
    listener = Listener(ReplaySource(Recording(path), speed=speed, clock=clock), batches, clock)
    await listener.take(120)
    for number, at in enumerate(listener.at):
        assert at - listener.at[0] == pytest.approx(number * TICK_NS / speed, abs=10)
    await listener.source.close()


async def test_a_change_of_speed_counts_from_now(path: Path, batches: list[Batch]) -> None:
    clock = FakeClock()
    listener = Listener(ReplaySource(Recording(path), clock=clock), batches, clock)
    await listener.take(10)
    await listener.source.command(Speed(10.0))
    await listener.take(10)
    assert listener.at[-1] - listener.at[9] == pytest.approx(10 * TICK_NS / 10, abs=10)
    assert listener.source.transport.speed == 10.0
    await listener.source.close()


async def test_pause_holds_and_play_goes_on_where_it_was(path: Path, batches: list[Batch]) -> None:
    listener = Listener(ReplaySource(Recording(path), clock=FakeClock()), batches)
    await listener.take(5)
    await listener.source.command(Pause())
    assert listener.source.transport.paused
    await listener.nothing_comes()
    batch = await listener.goes_on_after(Pause(False))
    assert isinstance(batch, Batch)
    assert_same_events(batch, batches[5])
    await listener.source.close()


async def test_a_wait_at_a_slow_speed_ends_with_a_command(path: Path) -> None:
    source = ReplaySource(Recording(path), speed=0.25)  # 400 ms a tick, on the real clock
    stream = source.batches()
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.02)
    await source.command(Speed(0))
    await asyncio.wait_for(waiting, 0.2)
    await source.close()


async def test_steps_forward_and_back_are_single_ticks(path: Path, batches: list[Batch]) -> None:
    listener = Listener(ReplaySource(Recording(path), clock=FakeClock()), batches)
    assert await listener.take(150) == tick(150)
    await listener.source.command(StepBy(1))
    assert await listener.take() == tick(151)
    await listener.source.command(StepBy(2))
    assert await listener.take(2) == tick(153)
    await listener.nothing_comes()
    first = await listener.goes_on_after(StepBy(-1))
    assert isinstance(first, Jump)
    assert first.until_ts == tick(152)
    listener.seq = first.checkpoint.seq if first.checkpoint else 0
    assert await listener.take_until(first.until_ts) == tick(152)
    await listener.nothing_comes()
    await listener.source.close()


async def test_many_steps_back_before_the_first_is_drawn_add_up(path: Path, batches: list[Batch]) -> None:
    listener = Listener(ReplaySource(Recording(path), clock=FakeClock()), batches)
    await listener.take(300)
    for _ in range(5):
        await listener.source.command(StepBy(-10))
    assert await listener.take_until(tick(250)) == tick(250)
    assert listener.jumps[-1].until_ts == tick(250)
    await listener.source.close()


async def test_seek_anywhere_gives_the_state_of_that_moment(path: Path, batches: list[Batch]) -> None:
    rng = random.Random(5)
    clock = FakeClock()
    source = ReplaySource(Recording(path), clock=clock)
    listener = Listener(source, batches, clock)
    await source.command(Seek(tick(200)))  # before anything was taken
    for target in [200, 1, TICKS, *(rng.randrange(1, TICKS) for _ in range(15))]:
        off_grid = tick(target) - rng.randrange(TICK_NS)
        await source.command(Seek(off_grid))
        began = clock.now()
        assert await listener.take_until(off_grid) == tick(target)
        assert clock.now() == began  # up to the target nothing is paced
        jump = listener.jumps[-1]
        assert jump.until_ts == off_grid
        if jump.checkpoint is not None:
            assert jump.checkpoint.ts <= off_grid
        assert listener.seq == sum(map(len, batches[:target]))
        if target < TICKS:
            assert await listener.take() == tick(target + 1)
    assert any(jump.checkpoint is not None for jump in listener.jumps)
    await source.close()


async def test_seek_outside_goes_to_the_ends_and_keeps_the_pause(path: Path, batches: list[Batch]) -> None:
    listener = Listener(ReplaySource(Recording(path), clock=FakeClock()), batches)
    source = listener.source
    await source.command(Pause(True))
    await source.command(Seek(0))
    assert await listener.take() == tick(1)
    await listener.nothing_comes()
    jump = await listener.goes_on_after(Seek(2**62))
    assert isinstance(jump, Jump)
    assert jump.until_ts == tick(TICKS)
    assert source.transport.paused
    await source.close()


async def test_the_end_pauses_and_a_seek_back_plays_again(path: Path, batches: list[Batch]) -> None:
    listener = Listener(ReplaySource(Recording(path), speed=0), batches)
    await listener.take(TICKS)
    await listener.nothing_comes()
    assert listener.source.transport.paused
    jump = await listener.goes_on_after(Seek(tick(100)))
    assert isinstance(jump, Jump)
    listener.seq = jump.checkpoint.seq if jump.checkpoint else 0
    assert await listener.take_until(tick(100)) == tick(100)
    await listener.source.command(Pause(False))
    assert await listener.take() == tick(101)
    await listener.source.close()


async def test_the_transport_knows_the_whole_recording(path: Path) -> None:
    source = ReplaySource(Recording(path), label="REWIND")
    transport = source.transport
    assert (transport.label, transport.start, transport.end) == ("REWIND", START_NS, tick(TICKS))
    assert (START_NS + 9 * TICK_NS, "MARK") in transport.marks
    assert source.accepts == {"pause", "speed", "step", "seek", "refold"}
    await source.close()


async def test_a_recording_that_began_late_starts_from_its_checkpoint(tmp_path: Path) -> None:
    late = made_batches(30)
    path = tmp_path / "late.sqlite"
    record(path, late, first_seq=7000).close()
    source = ReplaySource(Recording(path), speed=0, hold_at_end=False)
    items = [item async for item in source.batches()]
    assert isinstance(items[0], Jump)
    assert items[0].checkpoint == Checkpoint(7000, START_NS, state_after(7000))
    for item, batch in zip(items[1:], late, strict=True):
        assert isinstance(item, Batch)
        assert_same_events(item, batch)
    await source.close()


async def test_over_a_gap_it_jumps_to_the_checkpoint_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gap.sqlite"
    batches = made_batches(100)
    monkeypatch.setattr(recorder_module, "QUEUE_BYTES", 30_000)
    monkeypatch.setattr(recorder_module, "FLUSH_S", 3600.0)
    recorder = Recorder(path, new_header("made", START_NS))
    recorder.checkpoint(Checkpoint(0, 0, b""))
    seq = 0
    for batch in batches[:70]:
        recorder.put(seq, batch, ())
        seq += len(batch)
    recorder.flush()
    put_all(recorder, batches[70:], seq, flush_every=1)
    recorder.close()
    recording = Recording(path)
    (gap,) = recording.gaps
    source = ReplaySource(recording, speed=0, hold_at_end=False)
    assert source.transport.note == "1 gap in this recording"
    listener = Listener(source, batches)
    await listener.take(70 + 30 - sum(gap.seq <= s <= gap.last_seq for s in listener.starts))
    (jump,) = listener.jumps
    assert jump.checkpoint is not None
    assert jump.checkpoint.seq == gap.last_seq + 1 == seq
    assert listener.seq == sum(map(len, batches))
    missing = f"events {gap.seq} to {gap.last_seq} are not in this recording: the disk did not keep up"
    assert source.transport.note == missing
    await source.close()


async def test_over_a_damaged_piece_it_jumps_too_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "damaged.sqlite"
    batches = made_batches(600, rows_a_tick=20)
    record(path, batches, flush_every=20).close()
    db = sqlite3.connect(path)
    (seq, last_seq) = db.execute("select seq, last_seq from chunk order by seq limit 1 offset 1").fetchone()
    db.execute("update chunk set blob = substr(blob, 1, 1000) where seq = ?", (seq,))
    db.commit()
    db.close()
    source = ReplaySource(Recording(path), speed=0)
    listener = Listener(source, batches)
    await listener.take_until(tick(600))
    (jump,) = listener.jumps
    assert jump.checkpoint is not None
    assert jump.checkpoint.seq > last_seq
    assert f"events {seq} to {last_seq} are damaged" in source.transport.note
    source = ReplaySource(Recording(path), speed=0)
    listener = Listener(source, batches)
    await source.command(Seek(tick(600)))
    await listener.take_until(tick(600))
    assert source.transport.note == ""
    await source.command(StepBy(-590))
    assert f"events {seq} to {last_seq} are damaged" in source.transport.note
    await listener.nothing_comes()
    await source.close()


async def test_it_follows_a_session_that_is_still_recorded(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    batches = made_batches(260)
    recorder = record(path, batches[:120])
    source = ReplaySource(Recording(path), speed=0, follow=True, label="REWIND")
    listener = Listener(source, batches)
    await listener.take(120)
    assert not source.transport.paused
    put_all(recorder, batches[120:], sum(map(len, batches[:120])))  # seals what was hot
    await listener.take(140)
    assert source.transport.end == tick(260)
    await source.command(Seek(tick(30)))
    assert await listener.take_until(tick(30)) == tick(30)
    recorder.close()
    await listener.take_until(tick(260))
    await source.close()
    assert concat(batches).rows["ts_recv"][-1] == tick(260)
