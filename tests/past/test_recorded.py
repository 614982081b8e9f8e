"""A story's recording draws what its session drew, through its chapter and with both venues: law 1, for this source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from engine.batch import Batch
from engine.past.source import PastSource
from engine.past.story import parse
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from tests.laws.test_laws import digest, replayed
from tests.past.stories import TEXT

TICKS = 400


class First(PastSource):
    """Its first ticks, among them a chapter's."""

    async def batches(self) -> AsyncIterator[Batch]:
        count = 0
        async for batch in super().batches():
            yield batch
            count += 1
            if count == TICKS:
                return


def test_a_recording_draws_what_was_drawn(tmp_path: Path) -> None:
    early = TEXT.replace("T13:10:00Z", "T12:01:00Z").replace("T13:13:00Z", "T12:01:20Z")
    frames: dict[int, bytes] = {}
    path = tmp_path / "two.sqlite"
    session = Session(
        First(parse(early, "two.toml")), sink=Recorder(path, new_header("two hours", 1), patient=True)
    )
    session.observers.append(lambda state, _: frames.setdefault(state.ts, digest(state)))
    asyncio.run(session.run())
    assert len(frames) == TICKS
    assert replayed(path) == frames
