"""A made-up market: seeded order flow on a few symbols that looks and behaves like the real thing.

A fair value walks with bursts of volatility. Makers keep a one-tick spread most of the time, leave and return
near the touch, and park walls on round prices; takers come in clusters; when the fair value has run ahead of
the book, one of them sweeps through it. Proportions (ids and levels a diff, distances from the touch, sizes,
clustering of trades) follow `binance_spot_btcusdt_20240808`, 346 s of real BTCUSDT.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from engine.feeds.fake_book import UNITS, Change, Oracle, PlainBook, to_units
from engine.feeds.fake_wire import DEPTH, TOP, TRADE, Deal, Level, Listing, Wire
from engine.text import clean

DIFF_S = 0.1
LEVELS_A_SIDE = 1800
EVENTS_PER_S = 250.0  # in a calm market; the capture's median is 190 ids a second, its mean 530
TAKERS_PER_S = 1.5
VOLATILITY = 8e-5  # of the price, for one second: about 2.4 % a day
CALM = 4e-6  # that of one dollar in another: 3e-5 for a minute
MEDIAN_DISTANCE = 1.4e-4  # of the price, between the touch and a maker's change
WALLS = 6
FOLLOWING_S = 1.0  # in which a market that follows another comes two thirds of the way

# symbol at Binance, base, tick, lot, first price
SYMBOLS = (
    ("BTCUSDT", "BTC", "0.01", "0.00001", "61837.63"),
    ("ETHUSDT", "ETH", "0.01", "0.0001", "2671.40"),
    ("SOLUSDT", "SOL", "0.01", "0.001", "158.32"),
    ("BNBUSDT", "BNB", "0.01", "0.001", "517.80"),
    ("XRPUSDT", "XRP", "0.0001", "0.1", "0.6112"),
    ("DOGEUSDT", "DOGE", "0.00001", "1", "0.10417"),
    ("ADAUSDT", "ADA", "0.0001", "0.1", "0.3461"),
    ("AVAXUSDT", "AVAX", "0.01", "0.01", "22.84"),
    ("LINKUSDT", "LINK", "0.01", "0.01", "10.63"),
    ("LTCUSDT", "LTC", "0.01", "0.001", "61.27"),
)
# Venues with another dollar trade this one as well, so that prices in the two can be compared.
DOLLAR = ("", "USDT", "0.00001", "0.01", "0.99985")


class MadeUpSymbol:
    """One symbol's book and flow, in ticks and lots; every change of a level is one update id."""

    def __init__(self, listing: Listing, first_price: str, rng: random.Random, rank: int = 0) -> None:
        """`rank`: how many coins are better known."""
        self.listing = listing
        self._rng = rng
        self._tick_units = to_units(listing.tick_size)
        self._lot_units = to_units(listing.lot_size)
        self._fair = to_units(first_price) / self._tick_units
        # How many lots one unit of the quote currency buys: sizes are drawn as money.
        self._lots_per_quote = UNITS * UNITS / (to_units(first_price) * self._lot_units)
        self._round_ticks = 10 ** max(1, len(str(int(self._fair))) - 3)
        self._sizes: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._prices: tuple[list[int], list[int]] = ([], [])  # ascending, both
        self._weight = 1.0 / (1.0 + 0.6 * rank)  # less money moves in less known coins
        self._volatility = CALM if listing.base == DOLLAR[1] else VOLATILITY
        self._walls: list[tuple[bool, int]] = []
        self._leader: MadeUpSymbol | None = None
        self._rate: MadeUpSymbol | None = None  # of the leader's money in ours
        self._burst = 1.0
        self._heat = 0.0  # excitement of the takers
        self._lean = 0.0  # -1 all sell, +1 all buy
        self._trade_id = rng.randrange(10**9, 4 * 10**9)
        self._update_id = rng.randrange(10**10, 6 * 10**10)
        self._out: list[Wire] = []
        self._now_us = 0
        self._until_diff_s = DIFF_S
        self._pending: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._build()
        self._diff_from = self._update_id + 1
        self._told_top = self._top()
        scaled = [
            {p * self._tick_units: s * self._lot_units for p, s in side.items()} for side in self._sizes
        ]
        self.oracle = Oracle(PlainBook(self._update_id, scaled[0], scaled[1]))

    @property
    def fair(self) -> float:
        """In quote units."""
        return self._fair * self._tick_units / UNITS

    def follow(self, leader: MadeUpSymbol, rate: MadeUpSymbol | None = None) -> None:
        """The same coin elsewhere: its price is ours within a second, and neither book shows the other's noise.

        `rate` is what its money costs in ours, where that is traded.
        """
        self._leader, self._rate = leader, rate

    # The flow ---------------------------------------------------------------------------------

    def advance(self, elapsed_s: float, now_ms: int) -> list[Wire]:
        """The messages of the next `elapsed_s`, in the order in which the venue would send them."""
        self._now_us = now_ms * 1000
        self._out = []
        while elapsed_s > 0:
            slice_s = min(elapsed_s, 0.02, self._until_diff_s)
            elapsed_s -= slice_s
            self._until_diff_s -= slice_s
            self._slice(slice_s)
            if self._until_diff_s <= 1e-9:
                self._until_diff_s = DIFF_S
                self._send_diff()
        return self._out

    def _slice(self, slice_s: float) -> None:
        rng = self._rng
        self._walk(slice_s)
        self._heat *= math.exp(-1.5 * slice_s)
        for _ in range(self._how_many(EVENTS_PER_S * (0.5 + 0.5 * self._burst) * slice_s)):
            self._make()
        for _ in range(self._how_many(TAKERS_PER_S * (self._burst + self._heat) * slice_s)):
            self._heat = min(self._heat + 0.4, 6.0)
            self._take(rng.random() < 0.5 + 0.45 * self._lean)
        if rng.random() < 0.25 * slice_s * WALLS:
            self._move_wall()

    def _walk(self, slice_s: float) -> None:
        rng = self._rng
        if self._burst > 1.0:
            self._burst = max(1.0, self._burst * math.exp(-slice_s / 6.0))
        elif rng.random() < slice_s / 40.0:
            self._burst = rng.uniform(2.5, 5.0)
        self._lean = max(
            -1.0, min(1.0, self._lean * math.exp(-slice_s / 4.0) + rng.gauss(0, 0.6) * slice_s**0.5)
        )
        move = self._volatility * self._burst * math.sqrt(slice_s)
        self._fair *= math.exp(rng.gauss(0.15 * self._lean * move, move))
        if self._leader is not None:
            there = self._leader.fair * (1.0 if self._rate is None else self._rate.fair)
            self._fair *= (there / self.fair) ** (1.0 - math.exp(-slice_s / FOLLOWING_S))
        # Lone lookers-on act when the book lags by about a basis point, sooner the further it lags.
        gap_ticks = self._fair - (self._best(False) + self._best(True)) / 2
        patience = max(1.0, 1.2e-4 * self._fair)
        if abs(gap_ticks) > patience * rng.expovariate(1.0) + 1:
            self._sweep(gap_ticks > 0)

    def _sweep(self, up: bool) -> None:
        """One taker runs to the fair value; makers on the other side follow behind."""
        limit = int(self._fair)
        for _ in range(40):
            best = self._best(up)
            if (best > limit) if up else (best < limit):
                break
            self._fill(up, self._sizes[up][best])
        behind = self._best(up) + (-1 if up else 1)
        self._set(not up, behind, self._touch_lots())
        step = -1 if up else 1
        for _ in range(self._how_many(3.0)):
            behind += step * int(1 + self._rng.expovariate(1 / max(1.0, 4e-6 * self._fair)))
            if behind not in self._sizes[not up]:
                self._set(not up, behind, self._maker_lots(behind))

    def _make(self) -> None:
        """A maker adds, changes or takes away one level."""
        rng = self._rng
        is_ask = rng.random() < 0.5
        best, other = self._best(is_ask), self._best(not is_ask)
        out = 1 if is_ask else -1
        room = abs(other - best) - 1
        if room > 0 and rng.random() < 0.6:
            inside = room if rng.random() < 0.7 else 1 + int(room * rng.random())
            self._set(is_ask, best - out * min(inside, room), self._touch_lots())
            return
        if rng.random() < 0.2:
            self._change_touch(is_ask, best)
            return
        distance = int(MEDIAN_DISTANCE * self._fair * math.exp(rng.gauss(0, 1.6))) + 1
        price = best + out * min(distance, int(self._fair * 0.06))
        prices = self._prices[is_ask]
        crowded = 0.48 + 2.0 * (len(prices) - LEVELS_A_SIDE) / LEVELS_A_SIDE
        if rng.random() < crowded and len(prices) > 10:
            near = prices[min(bisect_left(prices, price), len(prices) - 1)]
            self._set(is_ask, near, 0)
        else:
            self._set(is_ask, price, self._maker_lots(price))

    def _change_touch(self, is_ask: bool, best: int) -> None:
        lots, rng = self._sizes[is_ask][best], self._rng
        if rng.random() < 0.5:
            self._set(is_ask, best, lots + self._maker_lots(best))
        elif rng.random() < 0.97:
            self._set(is_ask, best, max(1, int(lots * rng.uniform(0.6, 1.0))))
        elif len(self._prices[is_ask]) > 10:
            self._set(is_ask, best, 0)

    def _take(self, buys: bool) -> None:
        lots = self._lots(self._rng.lognormvariate(math.log(60.0), 2.2))
        for _ in range(12):
            lots -= self._fill(buys, lots)
            if lots <= 0:
                return

    def _fill(self, buys: bool, lots: int) -> int:
        """Trade up to `lots` at the best price against one or several makers. Returns what was filled."""
        rng = self._rng
        best = self._best(buys)
        available = self._sizes[buys][best]
        if len(self._prices[buys]) <= 10:
            available -= 1
        filled = min(lots, available)
        left = filled
        while left > 0:
            part = left if rng.random() < 0.8 else max(1, int(left * rng.random()))
            left -= part
            self._send_trade(best, part, buys)
        if filled:
            self._set(buys, best, self._sizes[buys][best] - filled)
        return max(filled, 1)

    def _move_wall(self) -> None:
        rng = self._rng
        if len(self._walls) >= WALLS:
            is_ask, price = self._walls.pop(rng.randrange(len(self._walls)))
            if price in self._sizes[is_ask] and price != self._best(is_ask):
                self._set(is_ask, price, 0)
        is_ask = rng.random() < 0.5
        grid = max(1, self._round_ticks // rng.choice((1, 2, 10, 20)))
        distance = int(self._fair * rng.uniform(2e-5, 1.5e-3)) + 2
        price = self._best(is_ask) + (distance if is_ask else -distance)
        price = -(-price // grid) * grid if is_ask else price // grid * grid
        self._set(is_ask, price, self._lots(rng.uniform(2e5, 1.6e6) * self._weight))
        self._walls.append((is_ask, price))

    # Sizes ------------------------------------------------------------------------------------

    def _lots(self, quote: float) -> int:
        return max(1, int(quote * self._lots_per_quote))

    def _touch_lots(self) -> int:
        return self._lots(min(3e5, self._rng.lognormvariate(math.log(2.5e4), 1.4)) * self._weight)

    def _maker_lots(self, price: int) -> int:
        quote = min(2e6, self._rng.lognormvariate(math.log(900.0), 2.1)) * self._weight
        if price % (self._round_ticks // 10 or 1) == 0:
            quote *= 12 if price % self._round_ticks == 0 else 5
        return self._lots(quote)

    def _how_many(self, mean: float) -> int:
        """Poisson by Knuth's method, means up to about 30."""
        limit, product, count = math.exp(-min(mean, 30.0)), self._rng.random(), 0
        while product > limit:
            product *= self._rng.random()
            count += 1
        return count

    # The book and its messages ----------------------------------------------------------------

    def _build(self) -> None:
        """The first book: dense by the touch, thinner outward, about 4 % deep on a liquid symbol."""
        middle = int(self._fair)
        for is_ask in (False, True):
            price, out = middle + int(is_ask), 1 if is_ask else -1
            for i in range(LEVELS_A_SIDE):
                lots = self._touch_lots() if i == 0 else self._maker_lots(price)
                self._sizes[is_ask][price] = lots
                mean_gap = 4e-6 * self._fair * (1.0 + (i / 700) ** 3)
                price += out * max(1, int(self._rng.expovariate(1 / max(mean_gap, 0.5))))
                if price <= 1:
                    break
            self._prices[is_ask].extend(sorted(self._sizes[is_ask]))

    def _best(self, is_ask: bool) -> int:
        return self._prices[1][0] if is_ask else self._prices[0][-1]

    def _top(self) -> tuple[int, int, int, int]:
        bid, ask = self._best(False), self._best(True)
        return bid, self._sizes[0][bid], ask, self._sizes[1][ask]

    def _set(self, is_ask: bool, price: int, lots: int) -> None:
        """The one place where the book changes: one level, one update id."""
        sizes, prices = self._sizes[is_ask], self._prices[is_ask]
        if price < 1 or lots == sizes.get(price, 0):
            return
        if lots and price not in sizes:
            insort(prices, price)
        if lots:
            sizes[price] = lots
        else:
            del sizes[price]
            prices.pop(bisect_left(prices, price))
        self._update_id += 1
        self._pending[is_ask][price] = lots
        self.oracle.record(Change(self._update_id, is_ask, price * self._tick_units, lots * self._lot_units))
        if (price > self._told_top[2]) if is_ask else (price < self._told_top[0]):
            return  # away from the touch
        top = self._top()
        if top != self._told_top:
            self._told_top = top
            self._send_top(top)

    def _send_top(self, top: tuple[int, int, int, int]) -> None:
        bid, bid_lots, ask, ask_lots = top
        best_bid, best_ask = self._level(bid, bid_lots), self._level(ask, ask_lots)
        self._send(TOP, self._update_id, bids=(best_bid,), asks=(best_ask,))

    def _send_trade(self, price: int, lots: int, bought: bool) -> None:
        self._trade_id += 1
        self._send(TRADE, 0, deal=Deal(self._trade_id, *self._level(price, lots), bought))

    def _send_diff(self) -> None:
        bids, asks = self._pending
        if not bids and not asks:
            return
        self._send(
            DEPTH,
            self._diff_from,
            bids=[self._level(p, bids[p]) for p in sorted(bids, reverse=True)],
            asks=[self._level(p, asks[p]) for p in sorted(asks)],
        )
        self._diff_from = self._update_id + 1
        self._pending = ({}, {})

    def _level(self, ticks: int, lots: int) -> Level:
        return ticks * self._tick_units, lots * self._lot_units

    def _send(
        self,
        channel: str,
        first_id: int,
        bids: Sequence[Level] = (),
        asks: Sequence[Level] = (),
        deal: Deal | None = None,
    ) -> None:
        last_id = self._update_id if deal is None else 0
        self._out.append(
            Wire(self.listing.symbol, channel, self._now_us, first_id, last_id, bids, asks, deal)
        )


class MadeUpMarket:
    """Several made-up symbols, each with random numbers of its own, so that one more changes no other.

    `spell` writes a base currency as the venue's symbol, `quote` is what they are quoted in. No symbols: all.
    Nothing is traded against itself.
    """

    needs_audience = False

    def __init__(
        self,
        symbols: Sequence[str] = (),
        seed: int = 1,
        spell: Callable[[str], str] = "{}USDT".format,
        quote: str = "USDT",
    ) -> None:
        known = {spell(row[1]): row for row in (*SYMBOLS, DOLLAR) if row[1] != quote}
        unknown = [symbol for symbol in symbols if symbol not in known]
        if unknown:
            raise ValueError(
                f"the made-up market trades {', '.join(known)}; not {clean(', '.join(unknown), 60)}"
            )
        self._symbols: dict[str, MadeUpSymbol] = {}
        self._delisted: set[str] = set()
        for name in symbols or known:
            _, base, tick, lot, price = known[name]
            listing = Listing(name, base, quote, tick, lot)
            rank = next((at for at, row in enumerate(SYMBOLS) if row[1] == base), 0)
            self._symbols[name] = MadeUpSymbol(listing, price, random.Random(f"{seed}/{name}"), rank)

    def follow(self, leaders: Sequence[MadeUpMarket]) -> None:
        """Trade the same coins as the first of these that has them, at about the same prices."""
        ours = {made.listing.base: made for made in self._symbols.values()}
        for leader in reversed(leaders):
            for there in leader._symbols.values():
                made = ours.get(there.listing.base)
                if made is not None:
                    is_ours = there.listing.quote == made.listing.quote
                    made.follow(there, None if is_ours else ours.get(there.listing.quote))

    @staticmethod
    def bases() -> list[str]:
        """The currencies that are known."""
        return [row[1] for row in (*SYMBOLS, DOLLAR)]

    @property
    def listings(self) -> Mapping[str, Listing]:
        return {name: made.listing for name, made in self._symbols.items() if name not in self._delisted}

    def set_status(self, symbol: str, status: str = "TRADING") -> None:
        """What the listing says of it from now on; a symbol that is not TRADING stands still."""
        made = self._symbols[symbol]
        made.listing = replace(made.listing, status=status)

    def delist(self, symbol: str) -> None:
        """The listing knows it no more, and nothing comes."""
        self._delisted.add(symbol)

    def oracle(self, symbol: str) -> Oracle:
        return self._symbols[symbol].oracle

    def advance(self, elapsed_s: float, now_ms: int) -> list[Wire]:
        moving = [
            made
            for name, made in self._symbols.items()
            if made.listing.status == "TRADING" and name not in self._delisted
        ]
        return [wire for made in moving for wire in made.advance(elapsed_s, now_ms)]

    def snapshot(self, symbol: str) -> PlainBook | None:
        return self.oracle(symbol).now
