"""Markets for tests: a small one, a digest of everything that has a say in what comes next, and a fake clock."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import numpy as np

from engine.kernels.matching_state import State as Book
from engine.market.kernel import run_steps
from engine.market.source import NO_STATISTICS
from engine.market.state import Market, new_market
from engine.scenario import Counts, Scenario, World

START = 1_767_225_600_000_000_000
SMALL = Scenario(counts=Counts(4, 6, 14, 2), world=World(leverage=20.0))

# Scratch that the next step writes before it reads.
_SCRATCH = {"trades", "out", "tape", "changed", "told", "sight"}


class FakeClock:
    """Time goes only while somebody sleeps."""

    def __init__(self) -> None:
        self.ns = START

    def now(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.ns += max(1, round(seconds * 1e9))


def ran(scenario: Scenario, seed: int, steps: int) -> Market:
    market = new_market(scenario, seed)
    step(market, steps)
    return market


def step(market: Market, steps: int) -> None:
    run_steps(market, steps, NO_STATISTICS)


def digest(market: Market) -> str:
    """Of everything that has a say in what comes next."""
    total = hashlib.sha256()
    for name, part in zip(Market._fields, market, strict=True):
        if name in _SCRATCH:
            continue
        arrays: tuple[Any, ...] = tuple(part) if isinstance(part, Book) else (part,)
        for array in arrays:
            names = array.dtype.names
            columns = [array] if names is None else [array[field] for field in names]  # without padding
            for column in columns:
                total.update(np.ascontiguousarray(column).tobytes())
    return total.hexdigest()
