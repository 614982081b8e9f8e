"""A paper venue in plain Python, slow and readable: what the kernels are held against.

It reads the same batches, keeps its own dict book, and follows the rules as `engine.paper.queue` and
`engine.paper.walk` state them. Sides are +1 for bids and buyers, -1 for asks and sellers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.batch import MISSING, Batch
from engine.events import Kind

Fill = tuple[int, int, int, int, bool]  # number, side, price, lots, whether it waited


@dataclass
class Order:
    number: int
    side: int
    price: int
    lots: int
    ahead: int


@dataclass
class Level:
    shown: int
    traded: int = 0
    consumed: int = 0


@dataclass
class Twin:
    symbol: int
    book: dict[int, dict[int, int]] = field(default_factory=lambda: {1: {}, -1: {}})
    orders: list[Order] = field(default_factory=list)  # by time of arrival
    levels: dict[tuple[int, int], Level] = field(default_factory=dict)  # where we rest or took something
    fills: list[Fill] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    last_event: int = 0
    fresh: bool = True

    def market(self, batch: Batch, halted: bool = False) -> None:
        """A batch of the real market; while halted only the book goes on."""
        self.fills, self.refused = [], []
        self.levels = (
            {k: v for k, v in self.levels.items() if v.consumed or self._at(*k)}
            if not halted
            else self.levels
        )
        if not halted:
            self._rows(batch)
        else:
            self._book_only(batch)
            self.fresh = True
            return
        if self.fresh:
            self._look_again()
        self.fresh = False
        for side in (1, -1):
            self._meet(side)

    def _rows(self, batch: Batch) -> None:
        for row in batch.rows:
            if int(row["symbol"]) != self.symbol:
                continue
            kind = int(row["kind"])
            if kind == Kind.SNAPSHOT:
                self.fresh = True
                self.book = {1: {}, -1: {}}
            if kind in (Kind.SNAPSHOT, Kind.DELTA):
                self._levels(batch, row)
            elif kind == Kind.TRADE and not self.fresh:
                event = int(row["ts_event"])
                seen = event != MISSING and event <= self.last_event
                passive = -1 if int(row["side"]) > 0 else 1
                self._trade(passive, int(row["price_ticks"]), int(row["size_lots"]), seen)

    def _book_only(self, batch: Batch) -> None:
        for row in batch.rows:
            if int(row["symbol"]) == self.symbol and int(row["kind"]) in (Kind.SNAPSHOT, Kind.DELTA):
                if int(row["kind"]) == Kind.SNAPSHOT:
                    self.book = {1: {}, -1: {}}
                self._levels(batch, row, quiet=True)

    def _levels(self, batch: Batch, row: object, quiet: bool = False) -> None:
        start, bids, asks = (int(row[n]) for n in ("level_start", "bid_count", "ask_count"))  # type: ignore[index]
        for i in range(start, start + bids + asks):
            side, price, lots = (1 if i < start + bids else -1), *map(int, batch.levels[i])
            if not self.fresh and not quiet:
                self._shows(side, price, lots)
            if lots:
                self.book[side][price] = lots
            else:
                self.book[side].pop(price, None)
        event = int(row["ts_event"])  # type: ignore[index]
        if not self.fresh and not quiet and event != MISSING:
            self.last_event = event

    def _at(self, side: int, price: int) -> list[Order]:
        return [o for o in self.orders if o.side == side and o.price == price]

    def _shows(self, side: int, price: int, lots: int) -> None:
        level = self.levels.get((side, price))
        if level is None:
            return
        expected = max(0, level.shown - level.traded)
        if lots < expected:
            for order in self._at(side, price):
                order.ahead = int(order.ahead * (lots / expected))
        self.levels[side, price] = Level(lots)

    def _trade(self, side: int, price: int, lots: int, seen: bool) -> None:
        if (side, price) in self.levels and not seen:
            self.levels[side, price].traded += lots
        left = lots
        for order in self._in_line(side):
            if order.price * side < price * side:
                break
            ahead = order.ahead if order.price == price else 0
            part = min(order.lots, max(0, left - ahead))
            order.ahead = max(0, ahead - lots)
            if part:
                left -= part
                self._fill(order, part)

    def _in_line(self, side: int) -> list[Order]:
        """Best price first, then who came first."""
        mine = [o for o in self.orders if o.side == side]
        return sorted(mine, key=lambda o: (-o.price * side, self.orders.index(o)))

    def _fill(self, order: Order, part: int) -> None:
        self.fills.append((order.number, order.side, order.price, part, True))
        order.lots -= part
        if not order.lots:
            self.orders.remove(order)

    def _look_again(self) -> None:
        for side, price in self.levels:
            self.levels[side, price] = Level(self.book[side].get(price, 0))
        for order in self.orders:
            order.ahead = min(order.ahead, self.book[order.side].get(order.price, 0))

    def _free(self, side: int) -> list[tuple[int, int]]:
        """(price, lots) displayed less consumed, best first."""
        found = []
        for price in sorted(self.book[side], reverse=side > 0):
            level = self.levels.get((side, price))
            free = self.book[side][price] - (level.consumed if level else 0)
            if free > 0:
                found.append((price, free))
        return found

    def _meet(self, side: int) -> None:
        for order in self._in_line(side):
            other = self.book[-side]
            if not other:
                return
            best = min(other) if side > 0 else max(other)
            if order.price * side < best * side:
                return
            left = self._consume(order.number, side, order.price, order.lots, at=order.price)
            done = order.lots - left
            order.lots = left
            if done and not left:
                self.orders.remove(order)

    def _consume(self, number: int, side: int, limit: int | None, lots: int, at: int | None = None) -> int:
        for price, free in self._free(-side):
            if not lots or (limit is not None and price * side > limit * side):
                break
            part = min(lots, free)
            shown = self.book[-side][price]
            self.levels.setdefault((-side, price), Level(shown)).consumed += part
            self.fills.append((number, side, price if at is None else at, part, at is not None))
            lots -= part
        return lots

    # Orders as they arrive

    def take(self, number: int, side: int, lots: int) -> None:
        if self._consume(number, side, None, lots) and number:
            self.refused.append(number)

    def rest(self, number: int, side: int, price: int, lots: int, post_only: bool) -> None:
        free = self._free(-side)
        meets = bool(free) and free[0][0] * side <= price * side
        if meets and post_only:
            self.refused.append(number)
            return
        if meets:
            lots = self._consume(number, side, price, lots)
        if lots:
            level = self.levels.setdefault((side, price), Level(self.book[side].get(price, 0)))
            self.orders.append(Order(number, side, price, lots, max(0, level.shown - level.traded)))

    def cancel(self, number: int) -> None:
        """One order, or all for 0."""
        self.orders = [o for o in self.orders if number and o.number != number]
