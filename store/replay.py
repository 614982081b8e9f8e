"""A recording as a source: paced by session time at any speed, stopped, stepped and sought both ways.

Whoever folds these batches cannot tell them from a live session's. A seek answers in the stream itself, with
a `Jump` to the checkpoint before the target; a gap or a damaged stretch is a `Jump` to the checkpoint behind.

A recording may still be in the making, by a session that is watched live or by one that nobody watches; of the second
kind a `Plan` says where it will end, and a seek beyond what is there waits until it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from engine.batch import Batch
from engine.frame.host import Transport
from engine.ports import AUTO, Checkpoint, Clock, Command, Jump, Pause, Refold, Seek, Speed, StepBy
from store.errors import BadRecording
from store.lock import is_being_written
from store.plan import Plan
from store.recording import Block, Recording

__all__ = ["Recording", "ReplaySource"]

SLOWEST, FASTEST = 1 / 64, 1024.0
LOOK_AGAIN_S = 0.1  # at the end of a growing file, for what was written since
REFRESH_S = 1.0  # how long its length and marks may be behind
DUE_WITHIN_NS = 1_000


class _MonotonicClock:
    def now(self) -> int:
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ReplaySource:
    """A `Source` over `recording`, which it closes in the end.

    `speed` 0 is as fast as it goes, AUTO as `plan` proposes. `follow` keeps reading a file that another session
    still writes. At the end it stops and waits to be sought; without `hold_at_end` its batches end there. `plan` is
    of a recording that follows from a story; where it is still built, `follow` ends when its writer does.
    """

    accepts = frozenset({"pause", "speed", "step", "seek", "refold"})

    def __init__(
        self,
        recording: Recording,
        *,
        speed: float = 1.0,
        label: str = "REPLAY",
        follow: bool = False,
        hold_at_end: bool = True,
        clock: Clock | None = None,
        plan: Plan | None = None,
    ) -> None:
        self._recording = recording
        self._plan = plan
        self._label, self._follow, self._hold_at_end = label, follow, hold_at_end
        self._clock = clock or _MonotonicClock()
        self._auto = speed == AUTO and plan is not None
        self._speed, self._paused, self._steps = _bounded(speed), False, 0
        self._next_seq = 0
        self._ready: deque[tuple[int, Batch]] = deque()  # read, not yet emitted
        self._jump: Jump | None = None  # to be said before the next batch
        self._until_ts: int | None = None  # not paced up to the first tick there
        self._at = 0  # the last tick emitted
        self._anchor: tuple[int, int] | None = None  # (clock, session time) from which ticks fall due
        self._waits_for: int | None = None  # sought, and not there yet
        self._blind = False  # its checkpoints are of no use to whoever folds
        self._wake = asyncio.Event()
        self._closed = False
        self._refreshed = time.monotonic()
        gaps = len(recording.gaps)
        missing = f"{gaps} gap{'s' * (gaps > 1)} in this recording" if gaps else ""
        self._note = recording.lost or missing

    @property
    def transport(self) -> Transport:
        recording, plan = self._recording, self._plan
        there = Transport(
            label=self._label,
            speed=self._pace(self._at or recording.start),
            paused=self._paused,
            start=recording.start,
            end=max(recording.end, self._at),
            marks=recording.marks,
            note=self._note,
        )
        if plan is None:
            return there
        return msgspec.structs.replace(
            there,
            end=plan.end if self._follow else there.end,
            marks=plan.marks,
            note=" · ".join(note for note in (self._note, plan.note) if note),
            about=plan.about,
            built=there.end if self._follow else 0,
            waits_for=self._waits_for or 0,
            auto=self._auto if plan.paces else None,
        )

    async def batches(self) -> AsyncIterator[Batch | Jump]:
        """Batches, each to its tick, when they are due; a Jump first wherever the next does not follow."""
        while not self._closed:
            if self._jump is not None:
                jump, self._jump = self._jump, None
                yield jump
                continue
            if self._waits_for is not None:
                await self._until_built(self._waits_for)
                continue
            if not self._ready and not await self._read_on():
                if not self._follow and not self._hold_at_end:
                    return
                await self._wait_at_end()
                continue
            if self._jump is None and await self._due():
                seq, batch = self._ready.popleft()
                self._next_seq = seq + len(batch)
                self._pass(batch)
                yield batch

    async def command(self, command: Command) -> None:
        """Pause, speed, step and seek; others are for other sources."""
        match command:
            case Pause():
                self._paused = not self._paused if command.paused is None else command.paused
                self._steps = 0
            case Speed():
                self._auto = command.factor == AUTO and self._plan is not None
                self._speed = _bounded(command.factor)
            case StepBy() if command.ticks > 0:
                self._paused = True
                self._steps += command.ticks
            case StepBy() if command.ticks < 0:
                self._paused = True
                await self._step_back(-command.ticks)
            case Refold():
                self._blind = True
                await self._seek(command.ts)
            case Seek():
                await self._seek(command.ts)
            case _:
                return
        self._anchor = None
        self._wake.set()

    async def close(self) -> None:
        self._closed = True
        self._wake.set()
        self._recording.close()

    # Where to

    async def _step_back(self, ticks: int) -> None:
        here = self._at if self._until_ts is None else self._until_ts
        try:
            target = await asyncio.to_thread(self._recording.tick_before, here, ticks)
        except BadRecording as error:
            self._note = str(error)  # and it stays where it is
            return
        await self._seek(target)

    async def _seek(self, ts: int) -> None:
        recording = self._recording
        if self._follow:
            await asyncio.to_thread(recording.refresh)
        self._waits_for = None
        if self._plan is not None and self._follow and ts > recording.end:
            self._waits_for = min(ts, self._plan.end)
            return
        target = min(max(ts, recording.start), recording.end)
        checkpoint = None
        if not self._blind:
            checkpoint = await asyncio.to_thread(recording.checkpoint_before, target)
        self._steps = 0
        self._go(checkpoint, target)

    def _go(self, checkpoint: Checkpoint | None, until_ts: int) -> None:
        self._ready.clear()
        self._next_seq = checkpoint.seq if checkpoint is not None else 0
        self._jump = Jump(checkpoint, until_ts)
        self._until_ts = until_ts
        if checkpoint is not None and checkpoint.ts >= until_ts:  # the jump alone arrives
            self._until_ts, self._at = None, checkpoint.ts
        self._anchor = None

    async def _until_built(self, ts: int) -> None:
        """Look whether a moment that was sought is there by now, and go there; where it never will be, to the end."""
        await asyncio.to_thread(self._recording.refresh)
        if self._recording.end >= ts or not await self._still_built():
            await self._seek(ts)
        else:
            await self._sleep(LOOK_AGAIN_S)

    async def _still_built(self) -> bool:
        """Whether somebody still writes the file; if not, this is a recording like any other from now on."""
        if self._plan is None or not self._follow:
            return self._follow
        if not await asyncio.to_thread(is_being_written, self._recording.path):
            await asyncio.to_thread(self._recording.refresh)
            self._follow = False
            if self._recording.end < self._plan.end:
                self._note = "the build stopped early: start again to build the rest"
        return self._follow

    async def _read_on(self) -> bool:
        """Fetch the next piece of the file. False at its end; True also when a jump is needed first."""
        seq = self._next_seq
        try:
            block: Block | None = await asyncio.to_thread(self._recording.block_from, seq)
            damage = ""
        except BadRecording as error:
            block, damage = None, str(error)
        if self._jump is not None or seq != self._next_seq or self._closed:
            return True  # sought meanwhile
        if block is None and not damage:
            return False
        if block is None or block.seq > seq:
            return await self._pass_over_gap(seq, damage)
        self._ready.extend(_numbered(block))
        return True

    async def _pass_over_gap(self, seq: int, damage: str) -> bool:
        """Go on at the first checkpoint behind events that are not there."""
        checkpoint = await asyncio.to_thread(self._behind, seq)
        self._note = damage or self._what_is_missing(seq, checkpoint)
        if checkpoint is None:
            return False
        if self._jump is None and self._next_seq == seq:
            until = checkpoint.ts if self._until_ts is None else max(checkpoint.ts, self._until_ts)
            self._go(checkpoint, until)
        return True

    def _what_is_missing(self, seq: int, checkpoint: Checkpoint | None) -> str:
        if not seq:  # nothing is missing where recording began late
            return self._note
        noted = next((gap.reason for gap in self._recording.gaps if gap.seq <= seq <= gap.last_seq), "")
        until = (
            f"events {seq} to {checkpoint.seq - 1}" if checkpoint is not None else f"the events from {seq} on"
        )
        return f"{until} are not in this recording{': ' if noted else ''}{noted}"

    def _behind(self, seq: int) -> Checkpoint | None:
        """The first checkpoint behind event `seq` from which events can be read."""
        checkpoint = self._recording.checkpoint_after(seq + 1)
        while checkpoint is not None:
            with contextlib.suppress(BadRecording):
                block = self._recording.block_from(checkpoint.seq)
                if block is None or block.seq == checkpoint.seq:
                    break
            checkpoint = self._recording.checkpoint_after(checkpoint.seq + 1)
        return checkpoint

    # When

    def _pass(self, batch: Batch) -> None:
        if batch.ends_at_tick:
            self._at = int(batch.rows[-1]["ts_recv"])
            if self._until_ts is not None and self._at >= self._until_ts:
                self._until_ts = None
            elif self._until_ts is None and self._steps:
                self._steps -= 1

    async def _due(self) -> bool:
        """Wait until the next batch is to be emitted; False when something else came first."""
        batch = self._ready[0][1]
        if self._until_ts is not None:
            return True
        if self._paused:
            if self._steps:
                return True
            await self._sleep(None)
            return False
        ts = int(batch.rows[-1]["ts_recv"])
        speed = self._pace(ts)
        if speed != self._speed:
            self._speed, self._anchor = speed, None
        if not speed:
            return True
        if self._anchor is None:
            self._anchor = (self._clock.now(), self._at or ts)
        since, origin = self._anchor
        wait_ns = since + (ts - origin) / speed - self._clock.now()
        if wait_ns < DUE_WITHIN_NS:
            return True
        await self._sleep(wait_ns / 1e9)
        return False

    def _pace(self, ts: int) -> float:
        """The speed at session time `ts`: a person's, or what the plan proposes."""
        return _bounded(self._plan.speed_at(ts)) if self._auto and self._plan is not None else self._speed

    async def _wait_at_end(self) -> None:
        if self._follow and self._plan is not None:
            self._anchor = None  # what is late because it was not made yet is not played the faster for it
            if not await self._still_built():
                return  # what was written last is read first
        if self._follow:
            await self._sleep(LOOK_AGAIN_S)
            return
        self._paused = True
        self._steps = 0
        self._until_ts = None
        await self._sleep(None)

    async def _refresh(self) -> None:
        if time.monotonic() - self._refreshed >= REFRESH_S:
            self._refreshed = time.monotonic()
            await asyncio.to_thread(self._recording.refresh)

    async def _sleep(self, seconds: float | None) -> None:
        """Until a command comes, or that long on the source's clock; a growing file is looked at too."""
        if self._follow:
            await self._refresh()
            seconds = REFRESH_S if seconds is None else min(seconds, REFRESH_S)
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._wake.wait())]
        if seconds is not None:
            waits.append(asyncio.ensure_future(self._clock.sleep(seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._wake.clear()


def _bounded(speed: float) -> float:
    return min(FASTEST, max(SLOWEST, speed)) if speed > 0 else 0.0


def _numbered(block: Block) -> list[tuple[int, Batch]]:
    numbered, seq = [], block.seq
    for batch in block.batch.split_at_ticks():
        numbered.append((seq, batch))
        seq += len(batch)
    return numbered
