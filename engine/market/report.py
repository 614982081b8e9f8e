"""The agents' inventory books as the note that sessions fold and recordings keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from engine.agents.others import ALL_NAMES
from engine.agents.trading import SLOTS, VENUES
from engine.events import AgentFamily, AgentLine, Agents
from engine.market.state import (
    CASH,
    COST,
    DRAWDOWN,
    FEES,
    FILLS,
    LAST_MID,
    OTHERS,
    POSITION,
    QUOTES,
    REALISED,
    REBATES,
    VENUE_INCOME,
    YOU,
    Market,
)

MOST_LINES = 250  # agents that are told of one by one; families count all


def unrealised(market: Market) -> np.ndarray:
    """Of every agent, ticks x lots, at each venue's last mid: shape (agents,), whole numbers.

    Zero for whoever holds something where there has never been a mid.
    """
    worth = np.zeros(len(market.ledger))
    for venue in range(VENUES):
        mid = float(market.world[venue, LAST_MID])
        if not math.isnan(mid):
            worth += market.held[:, venue] * mid
        else:
            worth[market.held[:, venue] != 0] = np.nan
    gain = worth - market.ledger[:, COST]
    return np.nan_to_num(np.rint(gain)).astype(np.int64)


def resting_orders(market: Market) -> np.ndarray:
    """Orders that rest, by agent and whoever stands behind them, over both venues."""
    slots = (market.book_a.slots > 0).astype(np.int64) + (market.book_b.slots > 0)
    agents = len(market.family) * SLOTS
    orders = np.zeros(len(market.ledger), np.int64)
    orders[: len(market.family)] = slots[:agents].reshape(-1, SLOTS).sum(axis=1)
    orders[len(market.family) + YOU] = slots[agents:].sum()
    return orders


def agents_note(market: Market) -> Agents:
    """What every agent holds, has earned and quotes now; and the person and others once they have sent an order."""
    agents = len(market.family)
    others = agents + np.flatnonzero(market.ledger[agents:, QUOTES])
    told = np.concatenate([np.arange(agents), others])
    family = np.concatenate([market.family, len(ALL_NAMES) + others - agents])
    return books_note(
        family,
        market.ledger[told],
        unrealised(market)[told],
        resting_orders(market)[told],
        (*ALL_NAMES, *OTHERS),
    )


def books_note(
    family: np.ndarray,
    ledger: np.ndarray,
    open_gain: np.ndarray,
    orders: np.ndarray,
    names: Sequence[str] = ALL_NAMES,
    symbol: int = 0,
    paper: bool = False,
) -> Agents:
    """The note of these inventory books; `family` has each one's number among `names`."""
    fees = ledger[:, FEES] - ledger[:, REBATES]
    columns = np.array(
        (
            family,
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
    by_family, numbers, first, counts = _groups(family.astype(np.int64).tobytes())
    sums = np.add.reduceat(columns[1:, by_family], first, axis=1).T.tolist() if len(first) else []
    families: list[AgentFamily] = []
    place: dict[int, int] = {}  # of a family among those that have agents
    for number, count, summed in zip(numbers, counts, sums, strict=True):
        place[number] = len(families)
        position, _, realised, gain, paid, _, fills, quotes = summed
        families.append(AgentFamily(names[number], count, position, realised, gain, paid, fills, quotes))
    one_by_one = (np.arange(len(family)) < MOST_LINES) | (family >= len(ALL_NAMES))
    lines = tuple(AgentLine(place[row[0]], *row[1:]) for row in columns.T[one_by_one].tolist())
    return Agents(symbol, tuple(families), lines, paper)


@lru_cache(maxsize=8)
def _groups(family: bytes) -> tuple[np.ndarray, list[int], np.ndarray, list[int]]:
    """Of everybody's family as int64: their places in its order, the families, where each begins, how many it has.

    It hardly ever changes, and finding it anew would take as long as all the rest of a note.
    """
    each = np.frombuffer(family, np.int64)
    by_family = np.argsort(each, kind="stable")
    numbers, first, counts = np.unique(each[by_family], return_index=True, return_counts=True)
    return by_family, numbers.tolist(), first, counts.tolist()


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
