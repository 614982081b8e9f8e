"""The only way between the engine's thread and the screen's: frames one way, commands the other."""

from __future__ import annotations

from collections.abc import Callable

from engine.frame import Frame
from engine.ports import Command


class Bridge:
    """Holds the latest frame; the ones the screen had no time for are dropped here."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._send: Callable[[Command], None] | None = None
        self._waiting: list[Command] = []
        self.progress = ""  # said while there is no frame yet, such as "compiling kernels 3/7"
        self.failure = ""  # why the engine stopped, in a sentence; empty while it runs

    # the engine's side

    def publish(self, frame: Frame) -> None:
        self._frame = frame

    def connect(self, send: Callable[[Command], None]) -> None:
        """`send` may be called from any thread. Commands given before now are passed on."""
        self._send = send
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            send(command)

    # the screen's side

    def latest(self) -> Frame | None:
        return self._frame

    def send(self, command: Command) -> None:
        if self._send is None:
            self._waiting.append(command)
        else:
            self._send(command)
