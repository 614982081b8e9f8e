"""Two threads that grow pairs of futures beside a running session, and tell of the fan while it grows.

Threads and not processes: kernels run without the interpreter's lock, so a thread costs no start, no copy of the market
and nothing to warm. They give way to everything else on the machine.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.futures.fan import Paths, carried
from engine.futures.warm import warm_in_child

if TYPE_CHECKING:
    from engine.futures.pairs import Path, Start

THREADS = 2
NICE = 10
FIRST_PAIRS = 8  # that the first fan shows
FIRST_AFTER_S = 0.15  # or so many as there are by then, where their scale does not depend on how many
TELL_EVERY_S = 0.1


class Harvest:
    """Pairs as they come in, each in its own row, so that the order in which threads finish leaves no trace."""

    def __init__(self, start: Start, futures: int) -> None:
        shape = (2 if start.shock is not None else 1, 3, futures, start.seconds + 1)
        self._seen = np.empty(shape)
        self.shocked = start.shock is not None
        self._filled = np.full(futures, np.nan)
        self.done = np.zeros(futures, np.bool_)

    def put(self, pair: int, shocked: bool, path: Path) -> None:
        self._seen[int(shocked), :, pair] = path.mid_ticks, path.spread_ticks, path.depth_lots
        if shocked:
            self._filled[pair] = path.filled

    def gathered(self) -> tuple[Paths, Paths | None]:
        """Of the pairs that are done by now: without the shock, and with it."""
        done = self.done.copy()
        plain, shocked = (self._paths(side, done) for side in (0, -1))
        return plain, shocked if self.shocked else None

    def _paths(self, side: int, done: npt.NDArray[np.bool_]) -> Paths:
        mid, spread, depth = self._seen[side][:, done]
        return Paths(carried(mid), spread, depth, self._filled[done] if side else np.full(len(mid), np.nan))


class Crew:
    """Grows the futures of one what-if. `tell` is called in a worker thread, never twice at once.

    Crews that share a `turn` prepare one after the other, and one that was stopped meanwhile not at all: a key that is
    held down asks for dozens.
    """

    def __init__(
        self,
        prepare: Callable[[], Start],
        futures: int,
        tell: Callable[[Start, Harvest], None],
        fail: Callable[[BaseException], None],
        threads: int = THREADS,
        turn: threading.Lock | None = None,
    ) -> None:
        self._prepare, self._futures = prepare, futures
        self._turn = turn or threading.Lock()
        self._tell, self._fail = tell, fail
        self._stop = threading.Event()
        self._lock = threading.Lock()  # of what follows
        self._next = 0
        self._told_at: float | None = None
        self._telling = threading.Lock()
        self._others = [
            threading.Thread(target=self._work, name="future", daemon=True) for _ in range(threads - 1)
        ]
        self._first = threading.Thread(target=self._lead, name="future", daemon=True)
        self._start: Start | None = None
        self._harvest: Harvest | None = None

    def begin(self) -> None:
        self._began = time.monotonic()
        self._first.start()

    def stop(self) -> None:
        """No more is told from now on but what is being told; threads end within milliseconds."""
        self._stop.set()

    @property
    def alive(self) -> bool:
        return any(thread.is_alive() for thread in (self._first, *self._others))

    def join(self) -> None:
        for thread in (self._first, *self._others):
            if thread.ident is not None:
                thread.join()

    def _lead(self) -> None:
        try:
            warm_in_child(self._stop)
            if self._stop.is_set():
                return
            give_way()  # only now: a child would inherit it, and somebody waits for the compiler
            with self._turn:
                if self._stop.is_set():
                    return
                start = self._prepare()
            harvest = Harvest(start, self._futures)
        except Exception as error:
            self._failed(error)
            return
        self._start, self._harvest = start, harvest
        for thread in self._others:
            if not self._stop.is_set():
                thread.start()
        self._grow(start, harvest)

    def _work(self) -> None:
        give_way()
        assert self._start is not None  # noqa: S101  the first thread starts the others when it has it
        assert self._harvest is not None  # noqa: S101
        self._grow(self._start, self._harvest)

    def _grow(self, start: Start, harvest: Harvest) -> None:
        # Loads the market's kernels, which a live session may not have yet.
        from engine.futures.pairs import Growing

        try:
            while (pair := self._take()) is not None:
                for shocked in (False, True)[: 1 + harvest.shocked]:
                    growing = Growing(start, pair, shocked)
                    while (path := growing.grow()) is None:
                        if self._stop.is_set():
                            return
                    harvest.put(pair, shocked, path)
                self._finished(start, harvest, pair)
        except Exception as error:
            self._failed(error)

    def _take(self) -> int | None:
        with self._lock:
            pair = self._next
            self._next += 1
            return pair if pair < self._futures else None

    def _finished(self, start: Start, harvest: Harvest, pair: int) -> None:
        with self._lock:
            harvest.done[pair] = True
            if not self._due(int(harvest.done.sum())):
                return
            self._told_at = time.monotonic()
        with self._telling:
            if not self._stop.is_set():
                self._tell(start, harvest)

    def _due(self, done: int) -> bool:
        now = time.monotonic()
        if done == self._futures:
            return True
        if self._told_at is None:
            assert self._start is not None  # noqa: S101  something has grown from it
            early = self._start.sigma is None and now - self._began >= FIRST_AFTER_S
            return done >= FIRST_PAIRS or early
        return now - self._told_at >= TELL_EVERY_S

    def _failed(self, error: BaseException) -> None:
        with self._telling:
            if not self._stop.is_set():
                self._stop.set()
                self._fail(error)


def give_way() -> None:
    """A low priority for this thread alone; elsewhere than on Linux that cannot be said of a thread.

    Not the lowest: on a busy machine a thread that never gets its turn would keep the interpreter's lock meanwhile.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
