"""The desk over a recording that still grows: the screen hears how far it is although no tick is played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.batch import Batch
from engine.desk import Desk
from engine.frame import Frame
from engine.ports import Command, Pause, Seek
from engine.session import Session
from store.header import new_header
from store.plan import Plan
from store.recorder import Recorder
from store.recording import Recording
from store.replay import ReplaySource
from tests.laws.generated import START_NS, TICK_NS, generated_batches

ENDS_NS = START_NS + 400 * TICK_NS
WANTED_NS = START_NS + 300 * TICK_NS


@pytest.mark.parametrize("stopped_by", [Seek(WANTED_NS), Pause(True)], ids=["waiting", "paused"])
async def test_how_far_it_is_built_is_told_while_nothing_is_played(
    tmp_path: Path, stopped_by: Command
) -> None:
    path, batches = tmp_path / "growing.sqlite", list(generated_batches(4, 400))
    recorder = Recorder(path, new_header("test", START_NS))
    seq = _put(recorder, 0, batches[:50])
    source = ReplaySource(Recording(path), follow=True, plan=Plan(ENDS_NS, about=("a story",)))
    frames: list[Frame] = []
    desk = Desk(frames.append, lambda publish, host: Session(source, publish=publish, host=host), lambda h: h)
    running = asyncio.create_task(desk.run())
    await _until(lambda: bool(frames))
    await desk.command(stopped_by)
    await _until(lambda: bool(frames[-1].host.transport.waits_for) or frames[-1].host.transport.paused)
    stands_at = frames[-1].market
    seq = _put(recorder, seq, batches[50:200])
    await _until(lambda: frames[-1].host.transport.built == START_NS + 200 * TICK_NS)
    assert frames[-1].market == stands_at  # what is told is only how far it is
    told = len(frames)
    await asyncio.sleep(0.6)
    assert len(frames) == told  # and nothing is drawn again where nothing has changed
    _put(recorder, seq, batches[200:])
    await _until(lambda: frames[-1].host.transport.built == ENDS_NS)
    if isinstance(stopped_by, Seek):
        await _until(lambda: frames[-1].market.ts >= WANTED_NS)
        assert not frames[-1].host.transport.waits_for
    recorder.close()
    running.cancel()
    await asyncio.wait({running})


def _put(recorder: Recorder, seq: int, batches: list[Batch]) -> int:
    """Returns the number behind the last event."""
    for batch in batches:
        recorder.put(seq, batch, [])
        seq += len(batch)
    recorder.flush()
    return seq


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")
