"""Compiles what futures call into the cache: `python -m engine.futures.warm`, for a child process."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from threading import Event

from engine.kernels import cache_of

_MARKER = "warm-futures"
LOOKS_EVERY_S = 0.05


def is_warm() -> bool:
    """Whether this version's futures have been compiled on this machine. Imports no numba."""
    folder = cache_of(__package__ or "")
    return folder is not None and (folder / _MARKER).exists()


def warm() -> None:
    """Grow one short future."""
    import numpy as np

    from engine.futures.kernel import SEEN, walk
    from engine.kernels import matching
    from engine.market import warm as market_warm
    from engine.market.source import NO_STATISTICS
    from engine.market.state import new_market
    from engine.scenario import Scenario

    market_warm.warm()
    matching.warm()
    walk(new_market(Scenario(), 1), 0, 0, 1, 0, 1.0, np.empty((1, SEEN)), NO_STATISTICS)
    folder = cache_of(__package__ or "")
    if folder is not None:
        (folder / _MARKER).touch()


def warm_in_child(stop: Event) -> None:
    """Return when all is compiled, by a process whose compiler keeps no key of this one waiting, or at `stop`.

    Where no process can be started, whoever calls a kernel compiles it.
    """
    if is_warm():
        return
    with contextlib.suppress(OSError):
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.futures.warm"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while child.poll() is None and not stop.wait(LOOKS_EVERY_S):
                pass
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()


if __name__ == "__main__":
    warm()
