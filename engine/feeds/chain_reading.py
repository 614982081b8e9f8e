"""Beside a market: large transfers as they are seen, each with its worth at this session's own price.

What is said stands at the head of the next batch and is recorded, so that a replay shows it without any network.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from engine.batch import Batch, BatchBuilder
from engine.events import ChainTransfer, FeedCount, FeedStatus
from engine.ports import Command
from engine.quotes import DOLLARS

if TYPE_CHECKING:
    from engine.core import State

A_TICK = 32  # transfers told in one
WAITING = 2000  # beyond them the newest is let go, and that is said

Put = Callable[[ChainTransfer | FeedStatus | FeedCount], None]


class ChainReading:
    """`engine.ports.Producer` of transfers; `run` stands beside the session, in its loop."""

    accepts: frozenset[str] = frozenset()

    def __init__(self, source: Callable[[Put], Awaitable[None]]) -> None:
        self._source = source
        self._transfers: deque[ChainTransfer] = deque()
        self._said: list[FeedStatus | FeedCount] = []
        self._states: dict[str, FeedStatus] = {}  # what each source said of itself last
        self._let_go: dict[str, int] = {}  # transfers of the flood that is being told, by source

    def command(self, command: Command) -> None:
        """It takes none."""

    async def run(self) -> None:
        await self._source(self.put)

    def put(self, said: ChainTransfer | FeedStatus | FeedCount) -> None:
        if isinstance(said, ChainTransfer):
            if len(self._transfers) < WAITING:
                self._transfers.append(said)
            else:
                self._lose(said.source)
            return
        if isinstance(said, FeedStatus):
            self._states[said.venue] = said
        self._said.append(said)

    def _lose(self, source: str) -> None:
        lost = self._let_go[source] = self._let_go.get(source, 0) + 1
        if lost == 1 or lost % 1000 == 0:
            many = "1 transfer" if lost == 1 else f"{lost:,} transfers"
            reason = f"{many} let go: they come faster than they can be told"
            self._said.append(msgspec.structs.replace(self._state_of(source), reason=reason))

    def _state_of(self, source: str) -> FeedStatus:
        return self._states.get(source) or FeedStatus(source, "LIVE")

    def after(self, state: State, batch: Batch) -> Batch | None:
        """At a tick: what was said since the last one."""
        if not (self._transfers or self._said):
            return None
        out = BatchBuilder(A_TICK, 0)
        for said in self._said:
            out.add_note(said, state.ts)
        self._said.clear()
        for _ in range(min(A_TICK, len(self._transfers))):
            transfer = self._transfers.popleft()
            price = dollars(state, transfer.asset)
            worth = None if price is None else transfer.amount * price
            out.add_note(msgspec.structs.replace(transfer, value_quote=worth), state.ts)
        if self._let_go and not self._transfers:  # the flood has been told: each is what it said it is
            for source in self._let_go:
                out.add_note(self._state_of(source), state.ts)
            self._let_go.clear()
        return out.take()


def dollars(state: State, asset: str) -> float | None:
    """The price of one, by a book of this session that is trusted; None where there is none."""
    if asset in DOLLARS:
        return 1.0
    for symbol in state.symbols.values():
        if symbol.instrument.base == asset and symbol.instrument.quote in DOLLARS and symbol.trusted:
            return symbol.feature("mid")
    return None
