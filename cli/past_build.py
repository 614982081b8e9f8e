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
MINUTE_NS = 60_000_000_000
TOLD = ".told"  # behind a recording's name: what in it is not as it was recorded, a sentence a line
QUIET_TURN_NS, CHAPTER_TURN_NS = 10_000_000_000, 1_000_000_000  # how often our agents act


def build(story: Story, file: Path, real: Sequence[Path] = ()) -> None:
    """Record the whole of `story` into `file`, unless it is there or somebody else is at it. Raises UserError.

    `real`: fetched files of the trades around which it is rebuilt.
    """
    from engine.past.real import beside_hours
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
    trades = _trades(real)
    beside = beside_hours(story, trades) if trades is not None else ""
    source = PastSource(story, score=scorer(load()), real=trades)
    header = new_header(f"reconstruction of {story.name} {story.hash[:16]}", source.transport.start)
    recorder = Apart(file, header)
    session = Session(source, sink=recorder, producers=[_agents(story)])
    session.observers += [_Watch(recorder), _Closes(story, file, beside)]
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


class _Closes:
    """An observer that hears each minute's last prices, and as the story ends writes which recorded facts they miss."""

    def __init__(self, story: Story, file: Path, beside: str) -> None:
        self._story, self._file, self._beside = story, file, beside
        self._minutes = (story.ends_ns - story.begins_ns) // MINUTE_NS
        self._closes: list[list[float]] = [[] for _ in story.venues]

    def __call__(self, state: State, derived: Sequence[Derived]) -> None:
        minute, rest = divmod(state.ts - self._story.begins_ns, MINUTE_NS)
        if rest or minute != len(self._closes[0]) + 1:
            return
        for index, closes in enumerate(self._closes):
            symbol = state.symbols[index]
            closes.append(float(symbol.grid[0]) * (symbol.feature("last_ticks") or 0.0))
        if minute == self._minutes:
            self._tell()

    def _tell(self) -> None:
        import numpy as np

        from engine.past.met import misses

        told = (self._beside, *misses(self._story, [np.array(closes) for closes in self._closes]))
        with contextlib.suppress(OSError):  # a full disk is told by the recorder
            _beside(self._file).write_text("".join(f"{text}\n" for text in told if text), "utf-8")


def told_of(file: Path) -> tuple[str, ...]:
    """What in a whole recording is not as it was recorded, a sentence each."""
    try:
        lines = _beside(file).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(lines)


def _beside(file: Path) -> Path:
    return file.with_name(file.name + TOLD)


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
    for ending in ("", "-wal", "-shm", TOLD):
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
