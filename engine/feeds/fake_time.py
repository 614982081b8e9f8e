"""Time that passes only while everybody waits: a day of a session in minutes, and every time the same.

An event loop whose clock leaps to the next timer instead of waiting for it. Computing takes no time at all.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START_NS = 1_700_000_000_000_000_000


class FakeClock:
    """`engine.ports.Clock` of such a loop. `suspend` lets session time pass without the loop's, as Linux does
    when the machine sleeps: nobody's timers run, and then it is later."""

    def __init__(self, start_ns: int = START_NS) -> None:
        self.start_ns = start_ns
        self.loop_ns = 0
        self.asleep_ns = 0

    def now(self) -> int:
        return self.start_ns + self.loop_ns + self.asleep_ns

    def steady_s(self) -> float:
        """What the exchange's machine, which never sleeps, calls monotonic."""
        return (self.loop_ns + self.asleep_ns) / 1e9

    def now_ms(self) -> int:
        return self.now() // 10**6

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def suspend(self, seconds: float) -> None:
        self.asleep_ns += round(seconds * 1e9)


class _Leaps(selectors.SelectSelector):
    """Waits for nothing: where nothing is ready, the time that would be waited for is over."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits for somebody else: no timer is left to leap to")
        self._clock.loop_ns += -(-round(timeout * 1e12) // 1000)
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(_Leaps(clock))
        self._fake_clock = clock

    def time(self) -> float:
        return self._fake_clock.loop_ns / 1e9


def run_in_fake_time(main: Callable[[FakeClock], Coroutine[Any, Any, T]], start_ns: int = START_NS) -> T:
    """Run `main(clock)` to its end. No sockets and no threads: nothing outside can wake such a loop."""
    clock = FakeClock(start_ns)
    with asyncio.Runner(loop_factory=lambda: _Loop(clock)) as runner:
        return runner.run(main(clock))
