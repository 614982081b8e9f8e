"""The factor models' process beside a session: started by the first window, asked one at a time, replaced if it dies.

Importing statsmodels takes two seconds of one thread, and a fit half of one: the session's process does neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import random
import sys
import time
from asyncio import subprocess

import msgspec

from engine.events import FactorFit
from engine.feeds.backoff import Backoff
from engine.regimes.messages import HEAD, Ask, fit_of, framed, size_of

COMMAND = (sys.executable, "-P", "-m", "engine.regimes.worker_child")
LACKING = "factors need statsmodels: pip install 'microtui[regimes]'"
ANSWER_S = 240.0  # for one window, starting included, on a machine that is busy; who takes longer hangs
AGAIN_S = (2.0, 300.0)  # the bound of the random wait before a restart: at first, and at most
# Libraries that would start a thread for each core.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def installed() -> bool:
    """Whether there is anything to fit with; imports nothing of it."""
    return importlib.util.find_spec("statsmodels") is not None


class Died(Exception):
    """The process is no more, or no use."""


class Worker:
    """One process. For one asyncio loop, and one question at a time."""

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        self._command = command
        self._process: subprocess.Process | None = None
        self._backoff = Backoff(random.Random(), *AGAIN_S)
        self._again = 0.0  # not before, on the monotonic clock

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def fit(self, ask: Ask) -> FactorFit:
        """The answer; a note that says FAILED and why, where the process is of no use just now."""
        try:
            note = await self._asked(ask)
        except (Died, OSError, ValueError, msgspec.DecodeError) as error:
            await self._end()
            self._again = time.monotonic() + self._backoff.next_s()
            return FactorFit(ask.symbol, "FAILED", f"the process that fits: {error}", ask.at)
        self._backoff.reset()
        return note

    async def close(self) -> None:
        """End the process."""
        await self._end()

    async def _asked(self, ask: Ask) -> FactorFit:
        if self._process is None:
            if (wait_s := self._again - time.monotonic()) > 0:
                raise Died(f"it is started again in {wait_s:.0f} s")
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | _ENVIRONMENT,
            )
        process = self._process
        assert process.stdin is not None  # noqa: S101  PIPE was asked for
        assert process.stdout is not None  # noqa: S101
        try:
            async with asyncio.timeout(ANSWER_S):
                process.stdin.write(framed(ask))
                await process.stdin.drain()
                size = size_of(await process.stdout.readexactly(HEAD))
                note = fit_of(await process.stdout.readexactly(size))
        except TimeoutError:
            raise Died(f"it did not answer within {ANSWER_S:.0f} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Died("it ended") from None
        if (note.symbol, note.at) != (ask.symbol, ask.at):
            raise Died("it answered something else than it was asked")
        return note

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
