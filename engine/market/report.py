"""The agents' inventory books as the note that sessions fold and recordings keep."""

from __future__ import annotations

import math

import numpy as np

from engine.agents.trading import SLOTS, VENUES
from engine.events import AgentFamily, AgentLine, Agents
from engine.market.state import (
    CASH,
    COST,
    DRAWDOWN,
    FEES,
    FILLS,
    LAST_MID,
    POSITION,
    REALISED,
    REBATES,
    VENUE_INCOME,
    Market,
)
from engine.scenario import FAMILIES

MOST_LINES = 250  # agents that are told of one by one; families count all


def unrealised(market: Market) -> np.ndarray:
    """Of every agent, ticks x lots, at each venue's last mid: shape (agents,), whole numbers.

    Zero for whoever holds something where there has never been a mid.
    """
    worth = np.zeros(len(market.family))
    for venue in range(VENUES):
        mid = float(market.world[venue, LAST_MID])
        if not math.isnan(mid):
            worth += market.held[:, venue] * mid
        else:
            worth[market.held[:, venue] != 0] = np.nan
    gain = worth - market.ledger[:, COST]
    return np.nan_to_num(np.rint(gain)).astype(np.int64)


def resting_orders(market: Market) -> np.ndarray:
    """Orders that rest, by agent, over both venues."""
    slots = (market.book_a.slots > 0).astype(np.int64) + (market.book_b.slots > 0)
    orders: np.ndarray = slots.reshape(-1, SLOTS).sum(axis=1)
    return orders


def agents_note(market: Market) -> Agents:
    """What every agent holds, has earned and quotes now."""
    ledger, orders, open_gain = market.ledger, resting_orders(market), unrealised(market)
    fees = ledger[:, FEES] - ledger[:, REBATES]
    columns = np.column_stack(
        (
            market.family,
            ledger[:, POSITION],
            ledger[:, COST],
            ledger[:, REALISED],
            open_gain,
            fees,
            ledger[:, DRAWDOWN],
            ledger[:, FILLS],
            orders,
        )
    )
    families: list[AgentFamily] = []
    place: dict[int, int] = {}  # of a family among those that have agents
    for number, name in enumerate(FAMILIES):
        mine = columns[market.family == number]
        if len(mine):
            place[number] = len(families)
            position, _, realised, gain, paid, _, fills, quotes = mine[:, 1:].sum(axis=0).tolist()
            families.append(AgentFamily(name, len(mine), position, realised, gain, paid, fills, quotes))
    lines = tuple(AgentLine(place[row[0]], *row[1:]) for row in columns[:MOST_LINES].tolist())
    return Agents(0, tuple(families), lines)


def conserved(market: Market) -> dict[str, int]:
    """What must be zero at every moment, whatever the agents did; by name, with the amount that is missing."""
    ledger = market.ledger
    venues_have = int(market.counts[VENUE_INCOME])
    return {
        "cash": int(ledger[:, CASH].sum()),
        "inventory": int(ledger[:, POSITION].sum()),
        "inventory by venue": int(np.abs(market.held.sum(axis=1) - ledger[:, POSITION]).sum()),
        "realised profit": int(np.abs(ledger[:, CASH] + ledger[:, COST] - ledger[:, REALISED]).sum()),
        "fees": int(ledger[:, FEES].sum() - ledger[:, REBATES].sum()) - venues_have,
    }
