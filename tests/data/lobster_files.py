"""LOBSTER files written from a market of plain lists: what is out of sight happens there too, and is not told.

Nothing of the engine is used: a side is a dict of price to a list of [order id, size], first come first.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

DAY = "2012-06-21"
MIDNIGHT_NS = int(datetime(2012, 6, 21, tzinfo=ZoneInfo("America/New_York")).timestamp()) * 10**9
Row = tuple[
    tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]
]  # bids, asks as (price, size), best first


@dataclass
class Written:
    """What the files say, as values: messages (ns, type, id, size, price, direction), and the book after each."""

    messages: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    books: list[Row] = field(default_factory=list)

    def write(self, folder: Path, levels: int, symbol: str = "AAPL") -> tuple[Path, Path]:
        stem = f"{symbol}_{DAY}_34200000_57600000"
        paths = folder / f"{stem}_message_{levels}.csv", folder / f"{stem}_orderbook_{levels}.csv"
        lines = []
        for ns, *rest in self.messages:
            since = ns - MIDNIGHT_NS
            lines.append(f"{since // 10**9}.{since % 10**9:09d}," + ",".join(map(str, rest)))
        paths[0].write_text("\n".join(lines) + "\n")
        paths[1].write_text("\n".join(self._row(row, levels) for row in self.books) + "\n")
        return paths

    @staticmethod
    def _row(row: Row, levels: int) -> str:
        bids, asks = row
        fields: list[int] = []
        for k in range(levels):
            fields += asks[k] if k < len(asks) else (9999999999, 0)
            fields += bids[k] if k < len(bids) else (-9999999999, 0)
        return ",".join(map(str, fields))


class Market:
    """`levels` a side are told of."""

    def __init__(self, rng: random.Random, levels: int, tick: int = 100) -> None:
        self.rng, self.levels, self.tick = rng, levels, tick
        self.sides: dict[int, dict[int, list[list[int]]]] = {1: {}, -1: {}}
        self.ns = MIDNIGHT_NS + 34_200 * 10**9
        self.number = 10_000
        self.written = Written()
        for side in (1, -1):
            for distance in range(1, 2 * levels + 3):
                if rng.random() < 0.8:
                    for _ in range(rng.randint(1, 3)):
                        self._rest(side, 5_850_000 - side * distance * tick, rng.randint(1, 500))

    def best(self, side: int) -> int | None:
        prices = self.sides[side]
        return (max(prices) if side > 0 else min(prices)) if prices else None

    def view(self) -> Row:
        def side(which: int) -> tuple[tuple[int, int], ...]:
            prices = sorted(self.sides[which], reverse=which > 0)[: self.levels]
            return tuple((price, sum(size for _, size in self.sides[which][price])) for price in prices)

        return side(1), side(-1)

    def step(self) -> None:
        rng = self.rng
        self.ns += rng.choice((0, 3, 1000, 40_000_000, 700_000_000))
        side = rng.choice((1, -1))
        choice = rng.random()
        if choice < 0.42 or self.best(side) is None:
            self._new(side)
        elif choice < 0.75:
            self._less(side)
        elif choice < 0.93:
            self._execute(side)
        elif choice < 0.97:
            mid = (self.best(1) or 5_850_000) + self.tick // 2
            self._tell(5, 0, rng.randint(1, 300), mid, side, self.view(), told=True)
        else:
            self._tell(6, 0, rng.randint(1, 300), self.best(side) or 1, side, self.view(), told=True)

    def _rest(self, side: int, price: int, size: int) -> int:
        self.number += 1
        self.sides[side].setdefault(price, []).append([self.number, size])
        return self.number

    def _new(self, side: int) -> None:
        other = self.best(-side)
        reference = other if other is not None else 5_850_000
        price = reference - side * self.rng.randint(1, 2 * self.levels + 4) * self.tick
        size, before = self.rng.randint(1, 500), self.view()
        number = self._rest(side, price, size)
        self._tell(1, number, size, price, side, before)

    def _less(self, side: int) -> None:
        price = self.rng.choice(sorted(self.sides[side]))
        order = self.rng.choice(self.sides[side][price])
        less = self.rng.randint(1, order[1])
        before = self.view()
        kind = 3 if less == order[1] else 2
        self._take(side, price, order, less)
        self._tell(kind, order[0], less, price, side, before)

    def _execute(self, side: int) -> None:
        """A taker of a random size: one message for each order that it meets, at one moment."""
        left = self.rng.randint(1, 900)
        while left and (price := self.best(side)) is not None:
            order = self.sides[side][price][0]
            size, before = min(left, order[1]), self.view()
            self._take(side, price, order, size)
            self._tell(4, order[0], size, price, side, before)
            left -= size

    def _take(self, side: int, price: int, order: list[int], size: int) -> None:
        order[1] -= size
        if not order[1]:
            self.sides[side][price].remove(order)
            if not self.sides[side][price]:
                del self.sides[side][price]

    def _tell(
        self, kind: int, number: int, size: int, price: int, side: int, before: Row, told: bool = False
    ) -> None:
        """Only what changes the levels that are told of is told."""
        if told or before != self.view():
            self.written.messages.append((self.ns, kind, number, size, price, side))
            self.written.books.append(self.view())

    def halt(self, price: int) -> None:
        self.written.messages.append((self.ns, 7, 0, 0, price, -1))
        self.written.books.append(self.view())


def made(seed: int, steps: int, levels: int) -> Written:
    market = Market(random.Random(seed), levels)
    while len(market.written.messages) < steps:
        market.step()
    written = market.written
    return Written(written.messages[:steps], written.books[:steps])
