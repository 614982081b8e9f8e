"""What fake sites on loopback share: a made-up world that goes on while they serve, and serving by hand."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn


async def go_on(advance: Callable[[float], None], beat_s: float) -> NoReturn:
    """Tell a world of the seconds that have passed, once a beat, until cancelled."""
    before = time.monotonic()
    while True:
        await asyncio.sleep(beat_s)
        now = time.monotonic()
        advance(now - before)
        before = now


def serve_by_hand(
    parser: argparse.ArgumentParser, serve: Callable[[argparse.Namespace], Coroutine[Any, Any, None]]
) -> None:
    """A command line: serve until Ctrl+C; a port that cannot be had is told like a wrong option."""
    chosen = parser.parse_args()
    try:
        asyncio.run(serve(chosen))
    except KeyboardInterrupt:
        return
    except OSError as fault:
        parser.error(str(fault))
