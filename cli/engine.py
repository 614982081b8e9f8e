"""The engine's thread: its own loop, the desk in it, and a way in for commands from any other thread."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from cli.memory import hold_mmap_threshold
from engine.ports import Command
from tui.bridge import Bridge

if TYPE_CHECKING:
    from engine.desk import Desk

log = logging.getLogger(__name__)

# Shorter turns at the interpreter's lock: measured, key latency p50 16 ms -> 4 ms beside a busy thread.
SWITCH_INTERVAL_S = 0.0005


class EngineThread:
    """Runs `build()` and then the desk it gives, away from the screen's loop."""

    def __init__(self, bridge: Bridge, build: Callable[[Bridge], Awaitable[Desk]]) -> None:
        self._bridge = bridge
        self._build = build
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._commands: asyncio.Queue[Command] | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the session and close its recording. Returns when that is done, or after `timeout_s`."""
        first, self._stopping = not self._stopping, True
        if first and self._loop is not None and self._task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)
        if self._thread.ident is not None:  # it may never have been started
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            pass
        except Exception as error:
            self._bridge.failure = sentence_of(error)

    async def _main(self) -> None:
        hold_mmap_threshold()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        if self._stopping:
            return
        self._commands = asyncio.Queue()
        desk = await self._build(self._bridge)
        commands = asyncio.create_task(self._carry_out(desk, self._commands))
        self._bridge.connect(self._send)
        try:
            await desk.run()
        finally:
            commands.cancel()

    def _send(self, command: Command) -> None:
        loop, commands = self._loop, self._commands
        if loop is not None and commands is not None and not loop.is_closed():
            loop.call_soon_threadsafe(commands.put_nowait, command)

    async def _carry_out(self, desk: Desk, commands: asyncio.Queue[Command]) -> None:
        while True:
            command = await commands.get()
            try:
                await desk.command(command)
            except Exception:
                log.exception("command %s failed", type(command).__name__)


def sentence_of(error: BaseException) -> str:
    """What a person is told of an error; the traceback goes to the log."""
    from cli.errors import explained
    from cli.paths import log_file

    if (text := explained(error)) is not None:
        return text
    log.error("the engine stopped", exc_info=error)
    return f"the engine stopped: {type(error).__name__}: {error} (details in {log_file()})"
