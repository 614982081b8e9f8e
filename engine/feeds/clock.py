"""Session time: the wall clock once, at the start, and from there a clock that nobody can set back."""

from __future__ import annotations

import asyncio
import time

TICK_NS = 100_000_000  # of session time: a batch ends at every multiple of it

# Linux stops CLOCK_MONOTONIC while the machine sleeps; session time would fall behind the wall for good.
_ID = getattr(time, "CLOCK_BOOTTIME", None)


def _steady_ns() -> int:
    return time.monotonic_ns() if _ID is None else time.clock_gettime_ns(_ID)


class SystemClock:
    """`engine.ports.Clock` on this machine."""

    def __init__(self) -> None:
        self._offset = time.time_ns() - _steady_ns()

    def now(self) -> int:
        """Session time in ns UTC."""
        return _steady_ns() + self._offset

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
