"""The agents' inventory books: what a trade does to position, average price, profit, fees and drawdown.

Whole numbers throughout, ticks x lots, so that nothing is ever lost: what one agent pays another receives, fees
less rebates are the venues' income, and cash plus the cost of the open position is the realised profit.
"""

from __future__ import annotations

import math

from engine.agents.trading import ASK, BID, VENUES, Floats, Ints
from engine.kernels import helper, inlined
from engine.market.state import (
    CASH,
    COST,
    DRAWDOWN,
    FEES,
    FILLS,
    PEAK,
    POSITION,
    REALISED,
    REBATES,
    TRADED,
)

_EXACT = 2**31  # lots: shares of a larger position are rounded, as products of two such numbers need not fit


@inlined
def book_trade(
    ledger: Ints, held: Ints, agent: int, venue: int, lots: int, price: int, fee_ppm: float
) -> int:
    """Enter `lots` (negative: sold) at `price` ticks. Returns what the venue earned, less what it paid."""
    value = lots * price
    position = ledger[agent, POSITION]
    ledger[agent, CASH] -= value
    if position == 0 or (position > 0) == (lots > 0):
        ledger[agent, COST] += value
    else:
        closed = min(abs(lots), abs(position))
        cost = ledger[agent, COST]
        whole, rest = cost // abs(position), cost % abs(position)
        if abs(position) < _EXACT:
            freed = whole * closed + rest * closed // abs(position)
        else:
            freed = whole * closed + int(float(rest) / abs(position) * closed)
        if closed == abs(position):
            freed = cost
        opened = abs(lots) - closed
        gained = closed * price if position > 0 else -closed * price
        ledger[agent, REALISED] += gained - freed
        ledger[agent, COST] += -freed + (opened * price if lots > 0 else -opened * price)
    ledger[agent, POSITION] += lots
    held[agent, venue] += lots
    ledger[agent, FILLS] += 1
    ledger[agent, TRADED] += abs(lots)
    fee = math.floor(abs(value) * abs(fee_ppm) * 1e-6 + 0.5)
    if fee_ppm >= 0.0:
        ledger[agent, FEES] += fee
        return fee
    ledger[agent, REBATES] += fee
    return -fee


@helper
def mark(ledger: Ints, held: Ints, sight: Floats) -> None:
    """Equity of every agent at the mids, its peak and its deepest fall. A venue without a mid keeps its last."""
    for agent in range(len(ledger)):
        equity = ledger[agent, CASH] - ledger[agent, FEES] + ledger[agent, REBATES]
        for venue in range(VENUES):
            middle = 0.5 * (sight[venue, BID] + sight[venue, ASK])
            if held[agent, venue] != 0:
                if math.isnan(middle):
                    equity = ledger[agent, PEAK]  # not to be marked now: no new fall
                    break
                equity += int(held[agent, venue] * middle)
        ledger[agent, PEAK] = max(ledger[agent, PEAK], equity)
        ledger[agent, DRAWDOWN] = max(ledger[agent, DRAWDOWN], ledger[agent, PEAK] - equity)
