"""Compiles the simulated market into the cache: `python -m engine.market.warm`, for a child process."""

from __future__ import annotations

from engine.kernels import cache_of

_MARKER = "warm-market"


def is_warm() -> bool:
    """Whether this version's market has been compiled on this machine. Imports no numba."""
    folder = cache_of(__package__ or "")
    return folder is not None and (folder / _MARKER).exists()


def warm() -> None:
    """Run a small market once, through every kernel that a session calls."""
    import numpy as np

    from engine.market.kernel import level_sizes, run_steps
    from engine.market.source import NO_STATISTICS
    from engine.market.state import new_market
    from engine.scenario import Scenario

    market = new_market(Scenario(), 1)
    run_steps(market, 1, NO_STATISTICS)
    level_sizes(market, np.zeros((0, 3), np.int64), np.zeros(0, np.int64))
    folder = cache_of(__package__ or "")
    if folder is not None:
        (folder / _MARKER).touch()


if __name__ == "__main__":
    warm()
