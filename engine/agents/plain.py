"""Agents in plain Python: a person's own class, asked once a step on the paper venue, and only there.

`Family(params, seed).decide(sight, agent)` returns the orders that it wants at work now: limit orders of before
that are not among them are cancelled, those that are keep their places; market orders trade at once; None changes
nothing. The rows written are those of every other family (`engine.agents.trading`), so that a venue need not know
who asked. What the class raises stays here: after MOST_FAULTS of them it is asked no more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import msgspec

from engine.agents import trading
from engine.agents.families import Family, line_of, said
from engine.agents.trading import KIND, LOTS, PRICE, SIDE, SLOT, SLOTS, VENUE, Floats, Ints
from engine.kernels.matching_state import MAX_QTY, Do

MOST_FAULTS = 10
MOST_ORDERS = 64  # looked at of what one call returns


class Sight(NamedTuple):
    """What everyone may know of a venue; None where it is not known."""

    now: float  # s
    bid: float | None  # ticks
    ask: float | None
    fair: float | None
    sigma: float | None  # volatility, ticks / sqrt(s)
    sentiment: float | None  # -1..1
    doubt: float | None  # 0..1


class Agent(NamedTuple):
    """Who is asked: its number in its family, and what it holds in base units."""

    number: int
    position: float


class Order(NamedTuple):
    """What it wants: `side` +1 to buy, -1 to sell; base units; a price in ticks, or None for a market order."""

    side: int
    size: float
    price: float | None = None
    post_only: bool = False


class Plain(Protocol):
    """The class `Family` of a person's file; one object an agent."""

    def __init__(self, params: msgspec.Struct, seed: int) -> None: ...

    def decide(self, sight: Sight, agent: Agent) -> Iterable[Order] | None: ...


class Trader:
    """One agent of a plain family, in the form of every other agent: sight in, rows of orders out."""

    def __init__(self, family: Family, params: msgspec.Struct, number: int, seed: int) -> None:
        self.family, self.number = family, number
        self.faults, self.fault = 0, ""  # how many, and what the last one said, with file and line
        self._used: set[int] = set()
        self._mind: Any = None
        try:
            self._mind = family.make(params, seed) if family.make is not None else None
        except Exception as error:
            self._failed(error)

    @property
    def stopped(self) -> bool:
        return self._mind is None or self.faults >= MOST_FAULTS

    def decide(self, sight: Floats, venue: int, held_lots: int, lots_a_unit: float, out: Ints) -> int:
        """Rows written to `out`; `sight` has shape (VENUES, SIGHT)."""
        if self.stopped:
            return self._rows([], venue, lots_a_unit, out)
        try:
            wanted = self._mind.decide(_seen(sight[venue]), Agent(self.number, held_lots / lots_a_unit))
            if wanted is None:
                return 0
            orders = [Order(*order) for _, order in zip(range(MOST_ORDERS), wanted, strict=False)]
            return self._rows(orders, venue, lots_a_unit, out)
        except Exception as error:
            self._failed(error)
            return 0

    def _failed(self, error: BaseException) -> None:
        self.faults += 1
        path = self.family.path
        self.fault = f"{path}:{line_of(error, path)}: {self.family.name}: {said(error)}"

    def _rows(self, orders: list[Order], venue: int, lots_a_unit: float, out: Ints) -> int:
        count = slot = 0
        for order in orders:
            rests = order.price is not None
            if (rests and slot == SLOTS) or count == len(out):
                continue
            _write(out[count], order, venue, slot if rests else -1, lots_a_unit)
            slot += rests
            count += 1
        for old in sorted(self._used - set(range(slot))):
            if count < len(out):
                out[count] = 0
                out[count, VENUE], out[count, SLOT] = venue, old
                count += 1
        self._used = set(range(slot))
        return count


def _seen(row: Floats) -> Sight:
    def known(column: int) -> float | None:
        value = float(row[column])
        return None if math.isnan(value) else value

    return Sight(
        float(row[trading.NOW]), known(trading.BID), known(trading.ASK), known(trading.FAIR),
        known(trading.SIGMA), known(trading.SENTIMENT), known(trading.DOUBT),
    )  # fmt: skip


def _write(row: Ints, order: Order, venue: int, slot: int, lots_a_unit: float) -> None:
    """One order as a row. Raises ValueError for what no venue would take."""
    side, size, price, post_only = order
    lots = round(size * lots_a_unit)
    if side not in (1, -1):
        raise ValueError(f"expected a side of +1 or -1, found {side!r}")
    if not 0 < lots <= MAX_QTY:
        raise ValueError(f"expected a size of a lot or more, found {size!r}")
    if price is not None and not 1 <= price < 1e12:
        raise ValueError(f"expected a price of 1 tick or more, found {price!r}")
    kind = Do.MARKET if price is None else Do.POST_ONLY if post_only else Do.LIMIT
    row[VENUE], row[KIND], row[SIDE] = venue, int(kind), 0 if side > 0 else 1
    row[PRICE], row[LOTS], row[SLOT] = 0 if price is None else int(price), lots, slot
