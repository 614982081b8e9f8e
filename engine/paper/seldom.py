"""A paper world that acts less often than the clock ticks, for markets that are made as fast as they go.

Agents cost several times what the fold of a quiet tick does. What happened between two of their turns is shown to them
as one batch, so that no trade passes an order of theirs unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.batch import Batch, concat
from engine.ports import Command, Producer

if TYPE_CHECKING:
    from engine.core import State


class Seldom:
    """`engine.ports.Producer`: `world`, asked every `every_ns(ts)` of session time."""

    def __init__(self, world: Producer, every_ns: Callable[[int], int]) -> None:
        self._world, self._every_ns = world, every_ns
        self._turn = 0
        self._since: list[Batch] = []

    @property
    def accepts(self) -> frozenset[str]:
        return self._world.accepts

    def command(self, command: Command) -> None:
        self._world.command(command)

    def after(self, state: State, batch: Batch) -> Batch | None:
        self._since.append(batch)
        turn = state.ts // self._every_ns(state.ts)
        if turn == self._turn:
            return None
        self._turn = turn
        since, self._since = self._since, []
        return self._world.after(state, concat(since) if len(since) > 1 else batch)
