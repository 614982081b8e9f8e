"""Tests that mostly wait for thresholds wait together, a few at a time, each under its own name.

A module says so by `pytestmark = OVERLAPPING`, a test by `@overlapping` (both of `fakes.follower`); they are
coroutines without fixtures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any

import pytest

AT_ONCE = 3  # each takes about a quarter of a core, and two cores may be busy with something else


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "overlapping: runs beside others of its module, a few at a time")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    modules: dict[str, list[Any]] = {}
    for item in items:
        if item.get_closest_marker("overlapping"):
            modules.setdefault(str(item.path), []).append(item)
    for chosen in modules.values():
        overlap(chosen)


def overlap(items: Sequence[Any]) -> None:
    """Let the first of these tests start them all; each waits for its own."""
    running: dict[str, asyncio.Task[None]] = {}
    bodies = {item.name: item.obj for item in items}

    def start() -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def run(body: Callable[[], Awaitable[None]]) -> None:
            async with gate:
                await body()

        for name, body in bodies.items():
            running[name] = asyncio.create_task(run(body))

    def waiter(name: str) -> Callable[[], Awaitable[None]]:
        @wraps(bodies[name])
        async def wait() -> None:
            if not running:
                start()
            await running[name]

        return wait

    for item in items:
        item.obj = waiter(item.name)
