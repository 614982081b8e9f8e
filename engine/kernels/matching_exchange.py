"""The matching engine as Python sees it: batches in, trades out, with room that grows between two kernel calls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.kernels.matching import process
from engine.kernels.matching_state import (
    MESSAGE,
    TRADE,
    Need,
    Outcome,
    Prevention,
    fork,
    grow,
    new_state,
)

Records = npt.NDArray[np.void]


class Exchange:
    """One instrument's market. `state` is all it knows; a kernel that calls `submit` works on the same arrays.

    Sizes are starting capacities: each array doubles when it is full, up to about sixteen million handles and four
    million price levels. An order beyond that is refused with NO_ROOM and changes nothing.
    """

    def __init__(
        self,
        prevention: Prevention = Prevention.CANCEL_RESTING,
        *,
        nodes: int = 4096,
        handles: int = 4096,
        levels: int = 1024,
        trades: int = 4096,
    ) -> None:
        if trades < 1:
            raise ValueError(f"expected room for at least one trade, found {trades}")
        self.state = new_state(prevention, nodes=nodes, handles=handles, levels=levels)
        self._trades = np.zeros(trades, TRADE)

    def process(self, messages: Records) -> Records:
        """Run MESSAGE rows, write their outcomes into them and return what happened to resting orders (TRADE)."""
        if messages.dtype != MESSAGE or not messages.flags.carray or messages.ndim != 1:
            raise TypeError(f"expected a writable, contiguous row of MESSAGE, found {messages.dtype}")
        parts = []
        at = 0
        while True:
            consumed, count, need = process(messages[at:], self.state, self._trades)
            part = self._trades[:count].copy()
            part["message"] += at
            parts.append(part)
            at += consumed
            if need == Need.NOTHING:
                return np.concatenate(parts)
            if need != Need.TRADES and not self._grow(Need(need), int(messages["handle"][at])):
                messages["outcome"][at] = Outcome.NO_ROOM
                at += 1

    def _grow(self, need: Need, handle: int) -> bool:
        grown = grow(self.state, need, handle)
        if grown is not None:
            self.state = grown
        return grown is not None

    def fork(self) -> Exchange:
        """A market that goes on from here by itself."""
        other = object.__new__(Exchange)
        other.state = fork(self.state)
        other._trades = np.zeros_like(self._trades)
        return other
