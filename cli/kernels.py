"""Compiled kernels before the market: a child process fills the cache on the first start."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable


async def warm_in_child(module: str, say: Callable[[str], None]) -> None:
    """Run a module that compiles kernels, in a process of its own; `say` gets its lines."""
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            module,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            stdin=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return
    assert child.stdout is not None  # noqa: S101  PIPE was asked for
    try:
        async for line in child.stdout:
            say(line.decode("utf-8", "replace").strip())
        await child.wait()
    finally:
        if child.returncode is None:
            child.kill()


async def warm_kernels(say: Callable[[str], None]) -> None:
    """Return once every kernel is in the cache. The compiler holds the interpreter's lock for long
    stretches, so it runs in a child; where it cannot, this process compiles as it goes, slower."""
    from engine.kernels.warm import is_warm

    if await asyncio.to_thread(is_warm):
        return
    say("first start: compiling kernels")
    await warm_in_child("engine.kernels.warm", lambda line: say(f"first start: compiling kernels {line}"))
