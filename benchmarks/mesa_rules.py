"""The rules of `plain_rules` as a Mesa model: an agent class a family, and an order book of plain Python."""

from __future__ import annotations

import mesa

from benchmarks.plain_rules import ARBITRAGE, HANDLES, INFORMED, MAKERS, START_TICKS, families


class Book:
    """Price-time priority: a dict a price, in the order of arrival; `best` is looked for only when it is gone."""

    def __init__(self):
        self.sides = ({}, {})  # price -> handle -> [owner, lots]
        self.best = [None, None]
        self.where = {}  # handle -> (side, price)

    def cancel(self, handle):
        place = self.where.pop(handle, None)
        if place is not None:
            side, price = place
            queue = self.sides[side][price]
            del queue[handle]
            if not queue:
                self.close(side, price)

    def close(self, side, price):
        levels = self.sides[side]
        del levels[price]
        if price == self.best[side]:
            self.best[side] = (max(levels) if side == 0 else min(levels)) if levels else None

    def take(self, side, limit, lots):
        """Trade up to a limit, None: at any price. Lots left, and (maker, lots, price) of each trade."""
        other, trades = 1 - side, []
        levels, bests, where = self.sides[other], self.best, self.where
        while lots and (best := bests[other]) is not None:
            if limit is not None and (best > limit if side == 0 else best < limit):
                break
            queue = levels[best]
            while lots and queue:
                handle, order = next(iter(queue.items()))
                traded = min(lots, order[1])
                lots -= traded
                trades.append((order[0], traded, best))
                if traded == order[1]:
                    del queue[handle], where[handle]
                else:
                    order[1] -= traded
            if not queue:
                self.close(other, best)
        return lots, trades

    def rest(self, side, price, lots, handle, owner):
        queue = self.sides[side].get(price)
        if queue is None:
            queue = self.sides[side][price] = {}
            best = self.best[side]
            if best is None or (price > best if side == 0 else price < best):
                self.best[side] = price
        queue[handle] = [owner, lots]
        self.where[handle] = (side, price)


class Trader(mesa.Agent):
    def __init__(self, model, number, draw):
        super().__init__(model)
        self.number, self.draw, self.held, self.cash = number, draw, 0, 0

    def order(self, side, price, lots, handle=-1):
        book = self.model.book
        left, trades = book.take(side, price, lots)
        for maker, traded, at in trades:
            bought = traded if side == 0 else -traded
            self.held += bought
            self.cash -= bought * at
            maker.held -= bought
            maker.cash += bought * at
        self.model.trades += len(trades)
        if left and price is not None:
            book.rest(side, price, left, handle, self)


class Maker(Trader):
    def step(self):
        self.draw()
        book = self.model.book
        bid, ask = book.best
        middle = (bid + ask) // 2 if bid is not None and ask is not None else self.model.value
        low = middle - 2 - self.held // 20
        mine = HANDLES * self.number
        for i in range(HANDLES):
            book.cancel(mine + i)
        for i in range(HANDLES):
            self.order(i % 2, low - i // 2 if i % 2 == 0 else low + 4 + i // 2, 5, mine + i)


class Informed(Trader):
    def step(self):
        if self.draw() >= 0.2:
            return
        bid, ask, value = *self.model.book.best, self.model.value
        if ask is not None and value - ask > 3:
            self.order(0, None, 3)
        elif bid is not None and bid - value > 3:
            self.order(1, None, 3)


class Noise(Trader):
    def step(self):
        luck = self.draw()
        if luck >= 0.5:
            return
        side = 0 if self.draw() < 0.5 else 1
        lots = 1 + int(self.draw() * 5.0)
        if luck < 0.2:
            self.order(side, None, lots)
            return
        away = int(self.draw() * 6.0)
        best = self.model.book.best[side]
        if best is None:
            best = self.model.value
        self.model.book.cancel(HANDLES * self.number)
        self.order(side, best - away if side == 0 else best + away, lots, HANDLES * self.number)


class Arbitrage(Trader):
    def step(self):
        outside = self.model.value + int((self.draw() - 0.5) * 20.0)
        bid, ask = self.model.book.best
        if ask is not None and outside - ask > 6:
            self.order(0, None, 2)
        elif bid is not None and bid - outside > 6:
            self.order(1, None, 2)


class Market(mesa.Model):
    def __init__(self, agents, seed=1, draws=None):
        """`draws`: a function an agent and one for the world, instead of Mesa's own random numbers."""
        super().__init__(seed=seed)
        self.book, self.value, self.trades = Book(), START_TICKS, 0
        self.seen = mesa.DataCollector(
            {"bid": lambda m: m.book.best[0], "ask": lambda m: m.book.best[1], "trades": lambda m: m.trades}
        )
        self.draw = self.random.random if draws is None else draws[agents]
        kinds = {MAKERS: Maker, INFORMED: Informed, ARBITRAGE: Arbitrage}
        for number, family in enumerate(families(agents).tolist()):
            kinds.get(family, Noise)(self, number, self.random.random if draws is None else draws[number])

    def step(self):
        luck = self.draw()
        self.value += (luck > 0.75) - (luck < 0.25)
        self.agents.do("step")
        self.seen.collect(self)
