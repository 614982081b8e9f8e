"""Tier 1 beside a session: a process of its own that loads the model when it is first needed and answers in time.

Importing torch in a thread held the screen for two thirds of a second, so the session's process never does. The
queue is bounded in posts and in seconds: the oldest give up their place, and what the embedded tier said of them
stands. A worker that dies is started again, later each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import sys
import time
from asyncio import subprocess
from collections import deque
from collections.abc import Sequence
from dataclasses import fields
from typing import NamedTuple

import msgspec
import numpy as np

from engine.feeds.backoff import Backoff
from engine.sentiment.local_options import LACKING, LocalOptions, installed
from engine.sentiment.scores import Scores, concat
from engine.sentiment.worker_messages import (
    HEAD,
    Ask,
    Ready,
    Said,
    Told,
    Unfit,
    framed,
    size_of,
    told_of,
    unpacked,
)

COMMAND = (sys.executable, "-P", "-m", "engine.sentiment.worker_child")
WAITING = 256  # texts in the queue: what one core scores in half a minute
PATIENCE_S = 30.0  # that a text waits for its answer, loading included
AT_ONCE = 16  # texts a message: how many a newcomer waits for at most, once a message is under way
LOADING_S = 1800.0  # the first time a model may have to be fetched
ANSWER_S = 120.0  # for AT_ONCE texts; who takes longer hangs
AGAIN_S = (2.0, 300.0)  # the bound of the random wait before a restart: at first, and at most
# Libraries that would start a thread for each core, or speak to somebody.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1"}


class Answered(NamedTuple):
    """Row i of `scores` is of text `rows[i]`. A text in no row gave up its place: what another tier said stands."""

    rows: Sequence[int]
    scores: Scores


class _Text(NamedTuple):
    text: str
    answer: asyncio.Future[tuple[Scores, int] | None]  # the scores of a message, and the row in them


class _Died(Exception):
    """The process is no more, or no use."""


class _Off(Exception):
    """The model cannot be used here, however often it is tried."""


class Worker:
    """One model process, started by the first `score` or `start`. For one asyncio loop."""

    def __init__(self, options: LocalOptions | None = None) -> None:
        self._options = options or LocalOptions()
        self._queue: deque[_Text] = deque()
        self._some = asyncio.Event()
        self._backoff = Backoff(random.Random(), *AGAIN_S)
        self._process: subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._off = "" if installed() else LACKING
        self._words, self._why = "waiting for a first post", ""
        self._again = 0.0  # when it is started again, on the monotonic clock; 0: it is not waiting for that
        self.model = ""  # name and version of what is loaded
        self.ready = False
        self.given_up = 0  # texts that nobody here scored

    @property
    def available(self) -> bool:
        """Whether asking makes sense: it is ready, or may become so."""
        return not self._off

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def state(self) -> str:
        """In words, for people."""
        if self._off:
            return f"off: {self._off}"
        if self._again:
            seconds = max(0, math.ceil(self._again - time.monotonic()))
            return f"restarting in {seconds} s: {self._why}"
        return self._words

    def start(self) -> None:
        """Load the model ahead of a first text. Returns at once; again, it does nothing."""
        if self._task is None and not self._off:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def score(self, texts: Sequence[str]) -> Answered:
        """Scores of those texts that had their turn within PATIENCE_S. Raises nothing of the worker's."""
        self.start()
        if self._off or not texts:
            return Answered([], concat([]))
        loop = asyncio.get_running_loop()
        mine = [_Text(text, loop.create_future()) for text in texts]
        self._queue.extend(mine)
        while len(self._queue) > WAITING:
            _answer(self._queue.popleft(), None)
        self._some.set()
        try:
            await asyncio.wait([entry.answer for entry in mine], timeout=PATIENCE_S)
        finally:
            for entry in mine:
                _answer(entry, None)
        found = [(row, said) for row, entry in enumerate(mine) if (said := entry.answer.result()) is not None]
        self.given_up += len(mine) - len(found)
        return Answered([row for row, _ in found], _picked([said for _, said in found]))

    async def close(self) -> None:
        """End the process; texts that wait have no answer."""
        task, self._task = self._task, None
        self._turn_off("the session has ended")
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while True:
                if (wait_s := self._backoff.next_s()) > 0:
                    self._again = time.monotonic() + wait_s
                    await asyncio.sleep(wait_s)
                    self._again = 0.0
                try:
                    await self._live()
                except (_Died, OSError, ValueError, msgspec.DecodeError) as error:
                    self._why = str(error)
        except _Off as error:
            self._turn_off(str(error))

    async def _live(self) -> None:
        """From birth to death of one process. Raises _Died, _Off, and what a message that is none raises."""
        self._words = f"loading {self._options.model}"
        process = self._process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | _ENVIRONMENT,
        )
        try:
            told = await self._told(process, framed(self._options), LOADING_S)
            if isinstance(told, Unfit):
                raise (_Died if told.later else _Off)(told.reason)
            if not isinstance(told, Ready):
                raise _Died("it answered before it was asked")
            self.model, self.ready = told.model, True
            self._words = f"ready: {told.model} on {told.device}"
            await self._answer_all(process)
        finally:
            self.ready, self._process = False, None
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _answer_all(self, process: subprocess.Process) -> None:
        while True:
            if not (batch := self._next_batch()):
                self._some.clear()
                dead = asyncio.ensure_future(process.wait())
                some = asyncio.ensure_future(self._some.wait())
                try:
                    await asyncio.wait([dead, some], return_when=asyncio.FIRST_COMPLETED)
                    if dead.done():
                        raise _Died(_ending(dead.result()))
                finally:
                    dead.cancel()
                    some.cancel()
                continue
            try:
                told = await self._told(process, framed(Ask([entry.text for entry in batch])), ANSWER_S)
                if not isinstance(told, Said):
                    raise _Died("it answered something else than it was asked")
                scores = unpacked(told, len(batch))
            except BaseException:
                for entry in batch:  # it may have been one of these: they are not tried again
                    _answer(entry, None)
                raise
            for row, entry in enumerate(batch):
                _answer(entry, (scores, row))
            self._backoff.reset()
            self._backoff.next_s()  # a start at once is the first process's alone

    def _next_batch(self) -> list[_Text]:
        batch: list[_Text] = []
        while self._queue and len(batch) < AT_ONCE:
            entry = self._queue.popleft()
            if not entry.answer.done():
                batch.append(entry)
        return batch

    async def _told(self, process: subprocess.Process, message: bytes, within_s: float) -> Told:
        assert process.stdin is not None  # noqa: S101  PIPE was asked for
        assert process.stdout is not None  # noqa: S101
        try:
            async with asyncio.timeout(within_s):
                process.stdin.write(message)
                await process.stdin.drain()
                size = size_of(await process.stdout.readexactly(HEAD))
                return told_of(await process.stdout.readexactly(size))
        except TimeoutError:
            raise _Died(f"it did not answer within {within_s:.0f} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise _Died(_ending(await process.wait())) from None

    def _turn_off(self, reason: str) -> None:
        self._off = self._off or reason
        while self._queue:
            _answer(self._queue.popleft(), None)


def _answer(entry: _Text, said: tuple[Scores, int] | None) -> None:
    if not entry.answer.done():
        entry.answer.set_result(said)


def _picked(said: Sequence[tuple[Scores, int]]) -> Scores:
    """One row of each."""
    if not said:
        return concat([])
    return Scores(
        **{f.name: np.array([getattr(scores, f.name)[row] for scores, row in said]) for f in fields(Scores)}
    )


def _ending(code: int) -> str:
    return f"its process was ended by signal {-code}" if code < 0 else f"its process ended with status {code}"
