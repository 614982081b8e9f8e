"""Compiles the paper venue into the cache: `python -m engine.paper.warm`, for a child process."""

from __future__ import annotations

from engine.kernels import cache_of

_MARKER = "warm-paper"


def is_warm() -> bool:
    """Whether this version's paper venue has been compiled on this machine. Imports no numba."""
    folder = cache_of(__package__ or "")
    return folder is not None and (folder / _MARKER).exists()


def warm() -> None:
    """Take a paper venue through every kernel that a session calls."""
    import numpy as np

    from engine.batch import ROW, no_levels
    from engine.kernels.level_book import new_book
    from engine.paper import kernel
    from engine.paper.rules import Rules
    from engine.paper.state import new_floor
    from engine.scenario import Scenario

    floor, book = new_floor(Scenario(), Rules(), 1, 1, 1, 1), new_book()
    symbols, live, fresh = np.zeros(2, np.int64), np.ones(2, np.int64), np.ones(2, np.int64)
    kernel.step(floor, (book, book), symbols, live, fresh, np.zeros(1, ROW), no_levels())
    kernel.trade_now(floor, book, 0, 0, 0, 1)
    folder = cache_of(__package__ or "")
    if folder is not None:
        (folder / _MARKER).touch()


if __name__ == "__main__":
    warm()
