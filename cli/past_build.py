"""Builds a reconstruction in a process of its own: `python -m cli.past_build STORY FILE [TRADES...]`.

A session that nobody watches, as fast as it goes: the story's market, our agents on paper in it and its posts scored,
recorded into FILE. It is nice to everything else, ends by itself, and says on stdout why it could not, if so.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cli.errors import UserError, explained

if TYPE_CHECKING:
    from engine.core import State
    from engine.data.trades import Trades
    from engine.events import Derived
    from engine.past.story import Story
    from engine.ports import Producer
    from store.apart import Apart

NICE = 10
QUIET_TURN_NS, CHAPTER_TURN_NS = 10_000_000_000, 1_000_000_000  # how often our agents act


def build(story: Story, file: Path, real: Sequence[Path] = ()) -> None:
    """Record the whole of `story` into `file`, unless it is there or somebody else is at it. Raises UserError.

    `real`: fetched files of the trades around which it is rebuilt.
    """
    from engine.past.source import PastSource
    from engine.sentiment.along import scorer
    from engine.sentiment.embedded import load
    from engine.session import Session
    from store.apart import Apart
    from store.errors import BeingWritten, StoreError
    from store.header import new_header
    from store.lock import WriteLock, is_being_written

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with WriteLock(file):  # nobody else begins while what is left of an earlier build goes
            if is_whole(file):
                return
            discard(file)
    except BeingWritten:
        return
    except (StoreError, OSError) as error:
        raise UserError(f"{file} cannot be written: {error}") from None
    source = PastSource(story, score=scorer(load()), real=_trades(real))
    header = new_header(f"reconstruction of {story.name} {story.hash[:16]}", source.transport.start)
    recorder = Apart(file, header)
    session = Session(source, sink=recorder, producers=[_agents(story)])
    session.observers.append(_Watch(recorder))
    gc.freeze()  # what is loaded by now stays: it need not be looked through again and again
    with contextlib.suppress(_Stopped):
        asyncio.run(session.run())
    if recorder.failed and not is_being_written(file):  # by somebody who began in the same moment
        raise UserError(recorder.status.reason)


def _trades(real: Sequence[Path]) -> Trades | None:
    from engine.data.trades import read_trades

    return read_trades(real) if real else None


class _Stopped(Exception):
    """The recording has failed."""


class _Watch:
    """An observer that ends the session where its recording has failed."""

    def __init__(self, recorder: Apart) -> None:
        self._recorder = recorder

    def __call__(self, state: State, derived: Sequence[Derived]) -> None:
        if self._recorder.failed:
            raise _Stopped


def _agents(story: Story) -> Producer:
    """Our agents as the story wants them, not as a person's settings do: one story is one recording everywhere."""
    from engine.paper.producer import COUNTS, Paper
    from engine.paper.seldom import Seldom
    from engine.paper.warm import warm
    from engine.scenario import Counts, Scenario

    warm()
    wanted = story.agents
    counts = Counts(wanted.maker, wanted.informed, wanted.noise, wanted.arbitrage)
    paper = Paper(
        Scenario(counts=counts if any(msgspec.structs.astuple(counts)) else COUNTS), seed=story.seed
    )
    chapters = [(chapter.begins_ns, chapter.ends_ns) for chapter in story.chapters]

    def every_ns(ts: int) -> int:
        return CHAPTER_TURN_NS if any(begins <= ts < ends for begins, ends in chapters) else QUIET_TURN_NS

    return Seldom(paper, every_ns)


def is_whole(file: Path) -> bool:
    """Whether a recording is there, closed as its writer meant to, with nobody writing it."""
    from store.errors import StoreError
    from store.recording import Recording

    if not file.exists():
        return False
    try:
        with Recording(file) as recording:
            return recording.header.closed_ns is not None and not recording.lost
    except StoreError:
        return False


def discard(file: Path) -> None:
    """Delete a recording that nobody writes, with what belongs to it; whoever has it open may read on."""
    for ending in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            file.with_name(file.name + ending).unlink()


def main(story_file: str, file: str, *real: str) -> int:
    from cli.memory import hold_mmap_threshold
    from cli.screen import log_to_file
    from engine.past.story import read

    os.nice(NICE)
    log_to_file()
    hold_mmap_threshold()
    try:
        build(read(Path(story_file)), Path(file), [Path(name) for name in real])
    except Exception as error:
        with contextlib.suppress(OSError):  # whoever asked may have gone
            print(explained(error) or f"{type(error).__name__}: {error}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
