"""A matching engine to read: one dict a side, from price to the queue at that price."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.kernels.matching_state import (
    ASK,
    BID,
    MAX_KEY,
    MAX_QTY,
    REMOVED,
    TRADED,
    Do,
    Outcome,
    Prevention,
)


@dataclass
class Order:
    handle: int
    owner: int
    side: int
    price: int
    qty: int


class Message(NamedTuple):
    kind: int
    side: int = BID
    price: int = 0
    qty: int = 0
    handle: int = -1
    owner: int = -1


class Happened(NamedTuple):
    """One row of trades."""

    price: int
    qty: int
    maker: int
    taker: int
    maker_owner: int
    taker_owner: int
    side: int
    kind: int


@dataclass
class Twin:
    prevention: Prevention
    sides: tuple[dict[int, deque[Order]], dict[int, deque[Order]]] = field(default_factory=lambda: ({}, {}))
    orders: dict[int, Order] = field(default_factory=dict)

    def submit(self, m: Message) -> tuple[Outcome, list[Happened]]:
        if m.kind != Do.CANCEL and not self._is_sound(m):
            return Outcome.BAD, []
        if m.kind in (Do.CANCEL, Do.REDUCE, Do.REPLACE) and m.handle not in self.orders:
            return Outcome.UNKNOWN, []
        if m.kind not in (Do.CANCEL, Do.REDUCE):
            return self._enter(m)
        order = self.orders[m.handle]
        if m.kind == Do.CANCEL or m.qty >= order.qty:
            self._drop(order)
        else:
            order.qty -= m.qty
        return Outcome.DONE, []

    def _is_sound(self, m: Message) -> bool:
        return (
            m.kind in list(Do)
            and m.side in (BID, ASK)
            and 0 < m.qty <= MAX_QTY
            and -MAX_KEY <= m.price < MAX_KEY
        )

    def _enter(self, m: Message) -> tuple[Outcome, list[Happened]]:
        if m.kind in (Do.LIMIT, Do.POST_ONLY) and m.handle in self.orders:
            return Outcome.IN_USE, []
        if m.kind == Do.FOK and not self._can_fill(m):
            return Outcome.EXPIRED, []
        if m.kind == Do.POST_ONLY and any(True for _ in self._reach(m)):
            return Outcome.WOULD_TRADE, []
        if m.kind == Do.REPLACE:
            old = self.orders[m.handle]
            if (old.owner, old.side) != (m.owner, m.side):
                return Outcome.BAD, []
            self._drop(old)
        elif m.kind in (Do.LIMIT, Do.POST_ONLY) and m.handle < 0:
            return Outcome.BAD, []
        return self._trade(m)

    def _reach(self, m: Message) -> Iterator[Order]:
        """Resting orders that the message could trade with, in their priority; each may be dropped when it is met."""
        book = self.sides[1 - m.side]
        prices = list(book)
        if m.kind != Do.MARKET:
            prices = [p for p in prices if (p <= m.price if m.side == BID else p >= m.price)]
        for price in sorted(prices, reverse=m.side == ASK):
            yield from list(book[price])

    def _own(self, m: Message, order: Order) -> bool:
        return self.prevention != Prevention.NONE and m.owner >= 0 and m.owner == order.owner

    def _can_fill(self, m: Message) -> bool:
        found = 0
        for order in self._reach(m):
            if self._own(m, order):
                if self.prevention == Prevention.CANCEL_INCOMING:
                    break
            else:
                found += order.qty
        return found >= m.qty

    def _trade(self, m: Message) -> tuple[Outcome, list[Happened]]:
        left = m.qty
        happened = []
        for order in self._reach(m):
            own = self._own(m, order)
            if left == 0:
                break
            if own and self.prevention == Prevention.CANCEL_INCOMING:
                return Outcome.PREVENTED, happened
            lots = order.qty if own else min(left, order.qty)
            happened.append(
                Happened(
                    order.price,
                    lots,
                    order.handle,
                    m.handle,
                    order.owner,
                    m.owner,
                    m.side,
                    REMOVED if own else TRADED,
                )
            )
            order.qty -= lots
            left -= 0 if own else lots
            if order.qty == 0:
                self._drop(order)
        if left == 0:
            return Outcome.FILLED, happened
        if m.kind in (Do.MARKET, Do.IOC, Do.FOK):
            return Outcome.EXPIRED, happened
        order = Order(m.handle, m.owner, m.side, m.price, left)
        self.orders[m.handle] = order
        self.sides[m.side].setdefault(m.price, deque()).append(order)
        return Outcome.RESTING, happened

    def _drop(self, order: Order) -> None:
        del self.orders[order.handle]
        queue = self.sides[order.side][order.price]
        queue.remove(order)
        if not queue:
            del self.sides[order.side][order.price]

    def queues(self) -> dict[tuple[int, int], list[tuple[int, int, int]]]:
        """(side, price) -> (handle, owner, qty) of each order, first come first."""
        return {
            (side, price): [(o.handle, o.owner, o.qty) for o in queue]
            for side in (BID, ASK)
            for price, queue in self.sides[side].items()
        }
