"""A recording that is still built, and has a pace of its own: its whole length, seeks beyond what is there, its end."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ports import AUTO, Jump, Pause, Seek, Speed
from store.plan import Plan
from store.recording import Recording
from store.replay import FASTEST, SLOWEST, ReplaySource
from tests.store.made import START_NS, TICK_NS, made_batches, put_all, record
from tests.store.test_replay import FakeClock, Listener, tick

TICKS = 260
PLAN = Plan(
    end=tick(TICKS),
    paces=((tick(0), 4.0), (tick(100), 0.5), (tick(140), 16.0)),
    marks=((tick(130), "MARK"), (tick(250), "MARK")),
    note="made up",
    about=("Recorded:", "nothing"),
)


@given(st.integers(-5, 200), st.lists(st.integers(0, 100), unique=True, max_size=6))
def test_the_pace_is_the_last_that_has_begun(ts: int, begins: list[int]) -> None:
    paces = tuple((moment, 1.0 + moment) for moment in sorted(begins))
    begun = [speed for moment, speed in paces if moment <= ts] or [speed for _, speed in paces[:1]]
    assert Plan(200, paces).speed_at(ts) == (begun[-1] if begun else 1.0)
    assert bisect_right([moment for moment, _ in paces], ts) >= len(begun) - 1


async def test_ticks_come_at_the_pace_of_where_they_lie(tmp_path: Path) -> None:
    path, batches, clock = tmp_path / "a.sqlite", made_batches(TICKS), FakeClock()
    record(path, batches).close()
    source = ReplaySource(Recording(path), speed=AUTO, clock=clock, plan=PLAN)
    listener = Listener(source, batches, clock)
    await listener.take(TICKS)
    gaps = {at: listener.at[at] - listener.at[at - 1] for at in (50, 120, 200)}
    assert gaps == {
        50: pytest.approx(TICK_NS / 4, abs=2000),
        120: pytest.approx(TICK_NS / 0.5, abs=2000),
        200: pytest.approx(TICK_NS / 16, abs=2000),
    }
    assert (source.transport.auto, source.transport.speed) == (True, 16.0)
    await source.close()


async def test_a_persons_speed_holds_until_the_pace_is_asked_for_again(tmp_path: Path) -> None:
    path, batches, clock = tmp_path / "a.sqlite", made_batches(TICKS), FakeClock()
    record(path, batches).close()
    source = ReplaySource(Recording(path), speed=AUTO, clock=clock, plan=PLAN)
    listener = Listener(source, batches, clock)
    await listener.take(20)
    await source.command(Speed(2.0))
    await listener.take(100)
    assert (source.transport.auto, source.transport.speed) == (False, 2.0)
    assert listener.at[-1] - listener.at[-2] == pytest.approx(TICK_NS / 2, abs=2000)
    await source.command(Speed(AUTO))
    assert (source.transport.auto, source.transport.speed) == (True, 0.5)
    await listener.take(10)
    assert listener.at[-1] - listener.at[-2] == pytest.approx(TICK_NS / 0.5, abs=2000)
    await source.close()


async def test_without_a_plan_nothing_proposes_a_pace(tmp_path: Path) -> None:
    path, batches = tmp_path / "a.sqlite", made_batches(30)
    record(path, batches).close()
    source = ReplaySource(Recording(path), speed=2.0)
    assert (source.transport.auto, source.transport.built, source.transport.about) == (None, 0, ())
    assert SLOWEST <= source.transport.speed <= FASTEST
    await source.close()


async def test_the_whole_length_is_told_and_a_seek_beyond_what_is_there_waits(tmp_path: Path) -> None:
    path, batches = tmp_path / "a.sqlite", made_batches(TICKS)
    recorder = record(path, batches[:120])
    source = ReplaySource(Recording(path), speed=AUTO, clock=FakeClock(), follow=True, plan=PLAN)
    listener = Listener(source, batches)
    await listener.take(10)
    told = source.transport
    assert (told.start, told.end, told.built) == (START_NS, tick(TICKS), tick(120))
    assert (told.marks, told.note, told.about) == (PLAN.marks, "made up", PLAN.about)
    await source.command(Seek(tick(200)))
    await listener.nothing_comes()
    assert (source.transport.waits_for, source.transport.built) == (tick(200), tick(120))
    put_all(recorder, batches[120:], sum(map(len, batches[:120])))
    jump = await asyncio.wait_for(listener._pending, 5)
    assert isinstance(jump, Jump)
    assert jump.until_ts == tick(200)
    listener.seq = jump.checkpoint.seq if jump.checkpoint else 0
    assert source.transport.waits_for == 0
    assert await listener.take_until(tick(200)) == tick(200)
    recorder.close()
    await source.close()


async def test_another_wish_takes_the_place_of_one_that_waits(tmp_path: Path) -> None:
    path, batches = tmp_path / "a.sqlite", made_batches(TICKS)
    recorder = record(path, batches[:120])
    source = ReplaySource(Recording(path), speed=0, follow=True, plan=PLAN)
    listener = Listener(source, batches)
    await listener.take(50)
    await source.command(Seek(tick(200)))
    await listener.nothing_comes()
    await listener.goes_on_after(Seek(tick(20)))
    assert source.transport.waits_for == 0
    recorder.close()
    await source.close()


@pytest.mark.parametrize("holds", [True, False])
async def test_when_the_writer_is_done_it_is_a_recording_like_any_other(tmp_path: Path, holds: bool) -> None:
    path, batches = tmp_path / "a.sqlite", made_batches(TICKS)
    recorder = record(path, batches[:120])
    source = ReplaySource(Recording(path), speed=0, follow=True, hold_at_end=holds, plan=PLAN)
    listener = Listener(source, batches)
    await listener.take(120)
    put_all(recorder, batches[120:], sum(map(len, batches[:120])))
    recorder.close()
    await listener.take_until(tick(TICKS))
    if holds:
        await listener.nothing_comes()
        assert source.transport.paused
        await source.command(Seek(tick(TICKS + 50)))
        assert source.transport.waits_for == 0
    else:
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(listener._stream), 5)
    assert (source.transport.built, source.transport.end) == (0, tick(TICKS))
    await source.close()


async def test_a_writer_that_goes_too_early_is_told_of(tmp_path: Path) -> None:
    path, batches = tmp_path / "a.sqlite", made_batches(TICKS)
    recorder = record(path, batches[:120])
    source = ReplaySource(Recording(path), speed=0, follow=True, plan=PLAN)
    listener = Listener(source, batches)
    await listener.take(60)
    await source.command(Seek(tick(200)))
    await listener.nothing_comes()
    recorder.close()
    await asyncio.wait_for(listener._pending, 5)
    assert source.transport.waits_for == 0
    assert source.transport.note == "the build stopped early: start again to build the rest · made up"
    assert (source.transport.built, source.transport.end) == (0, tick(120))
    await source.command(Pause(False))
    await source.close()
