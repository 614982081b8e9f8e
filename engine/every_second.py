"""What is computed of a symbol once a second, in this order: its regime, what advisers say, which alert rules hold.

Called by the core when a symbol's grid of seconds has a new row. All of it follows from State, so that a replay
computes the same and none of it is recorded but for people who query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.advisers.gather import advise
from engine.alerts.gate import Raised
from engine.alerts.watch import regimes, watch
from engine.events import Derived

if TYPE_CHECKING:
    from engine.core import State
    from engine.symbol import SymbolState


def every_second(state: State, index: int, symbol: SymbolState, ts: int) -> list[Derived | Raised]:
    """What the latest row of the symbol's grid leads to. `ts`: the tick, ns."""
    said: list[Derived | Raised] = []
    said += regimes(state, symbol, symbol.regime.second(symbol.seconds, index, ts, state.setup.regime))
    said += advise(state, index, symbol, ts)
    said += watch(state, index, symbol, ts)
    return said
