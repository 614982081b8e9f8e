"""Session time: the wall clock once, at the start, and from there a clock that nobody can set back."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """`engine.ports.Clock` on this machine."""

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.monotonic_ns()

    def now(self) -> int:
        """Session time in ns UTC."""
        return time.monotonic_ns() + self._offset

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
