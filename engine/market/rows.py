"""A step of the simulated market as the rows that its venues would send: trades, deltas, tops, and own orders."""

from __future__ import annotations

import numpy as np

from engine.agents.trading import ASK, BID
from engine.batch import OWN, BatchBuilder
from engine.events import Kind
from engine.market.kernel import level_sizes
from engine.market.state import (
    CHANGES,
    PRINTS,
    RESTS,
    T_FEE,
    T_LOTS,
    T_MAKER,
    T_NUMBER,
    T_PRICE,
    T_SIDE,
    T_VENUE,
    TOLD,
    TRADES,
    UPDATES,
    W_AHEAD,
    W_LOTS,
    W_NUMBER,
    W_PRICE,
    W_SIDE,
    W_VENUE,
    W_WHAT,
    YOU,
    Market,
)

WHOLE = 3  # flags of a snapshot that knows both sides to their ends


class MarketRows:
    """Writes what happened in a market's last step."""

    def __init__(self, market: Market, venues: int, out: BatchBuilder) -> None:
        self._market, self._out, self._venues = market, out, venues
        self.count_from_here()

    def count_from_here(self) -> None:
        """Ids of updates and trades begin with the market as it stands."""
        counts = self._market.counts
        self._updates = counts[UPDATES : UPDATES + self._venues].copy()
        self._trades = counts[PRINTS : PRINTS + self._venues].copy()

    def update(self, venue: int) -> int:
        """The id of a venue's book: the snapshot at the start is 1."""
        return int(self._market.counts[UPDATES + venue] - self._updates[venue]) + 1

    def trades(self, venue: int) -> int:
        """Of a venue since the start."""
        return int(self._market.counts[PRINTS + venue] - self._trades[venue])

    def snapshot(self, venue: int, ts: int) -> None:
        bids, asks = resting(self._market, venue)
        update = self.update(venue)
        self._out.add_levels(
            Kind.SNAPSHOT, ts, bids, asks, symbol=venue, last_id=update, ts_event=ts, flags=WHOLE
        )

    def step(self, ts: int) -> None:
        """Trades, then levels with their tops, then what became of the person's orders."""
        self._trade_rows(ts)
        self._delta_rows(ts)
        if self._market.counts[TOLD]:
            self._own_rows(ts)

    def _trade_rows(self, ts: int) -> None:
        market = self._market
        tape = market.tape[: int(market.counts[TRADES])].tolist()
        number = [self.trades(venue) for venue in range(self._venues)]
        for row in tape:
            number[row[T_VENUE]] -= 1
        you = len(market.family) + YOU
        for row in tape:
            venue = row[T_VENUE]
            number[venue] += 1
            self._out.add(
                Kind.TRADE,
                ts,
                symbol=venue,
                last_id=number[venue],
                price_ticks=row[T_PRICE],
                size_lots=row[T_LOTS],
                side=1 if row[T_SIDE] == 0 else -1,
                ts_event=ts,
            )
            if row[T_NUMBER]:
                self._fill_row(row, row[T_MAKER] == you, ts)

    def _fill_row(self, row: list[int], waited: bool, ts: int) -> None:
        """The person's side of a trade."""
        took = 1 if row[T_SIDE] == 0 else -1
        self._out.add(
            Kind.FILL,
            ts,
            symbol=row[T_VENUE],
            first_id=row[T_NUMBER],
            last_id=OWN,
            side=-took if waited else took,
            price_ticks=row[T_PRICE],
            size_lots=row[T_LOTS],
            ask_ticks=row[T_FEE],
            flags=int(waited),
            ts_event=ts,
        )

    def _own_rows(self, ts: int) -> None:
        for row in self._market.told[: int(self._market.counts[TOLD])].tolist():
            if row[W_WHAT] == RESTS:
                self._out.add(
                    Kind.ORDER,
                    ts,
                    symbol=row[W_VENUE],
                    first_id=row[W_NUMBER],
                    last_id=OWN,
                    side=1 if row[W_SIDE] == 0 else -1,
                    price_ticks=row[W_PRICE],
                    size_lots=row[W_LOTS],
                    ask_lots=row[W_AHEAD],
                    ts_event=ts,
                )

    def _delta_rows(self, ts: int) -> None:
        """Levels that this step touched, each once with the size it has now, and the top behind them."""
        market = self._market
        wanted = np.unique(market.changed[: int(market.counts[CHANGES])], axis=0)
        sizes = np.empty(len(wanted), np.int64)
        level_sizes(market, wanted, sizes)
        for venue in range(self._venues):
            here = wanted[:, 0] == venue
            if not here.any():
                continue
            levels = np.column_stack((wanted[here, 1:], sizes[here])).tolist()
            update = self.update(venue)
            self._out.add_levels(
                Kind.DELTA,
                ts,
                [(price, lots) for side, price, lots in levels if side == 0],
                [(price, lots) for side, price, lots in levels if side == 1],
                symbol=venue,
                first_id=update,
                last_id=update,
                ts_event=ts,
            )
            self._top_row(venue, update, ts)

    def _top_row(self, venue: int, update: int, ts: int) -> None:
        """An empty side is one of no lots."""
        bid, ask = np.nan_to_num(self._market.sight[venue, [BID, ASK]])
        wanted = np.array([[venue, 0, int(bid)], [venue, 1, int(ask)]], np.int64)
        sizes = np.empty(2, np.int64)
        level_sizes(self._market, wanted, sizes)
        self._out.add(
            Kind.TOP,
            ts,
            symbol=venue,
            last_id=update,
            price_ticks=int(bid),
            size_lots=int(sizes[0]),
            ask_ticks=int(ask),
            ask_lots=int(sizes[1]),
            ts_event=ts,
        )


def resting(market: Market, venue: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """A venue's whole book as (ticks, lots), best first: bids, asks."""
    orders = market.resting[venue]
    sides: list[list[tuple[int, int]]] = []
    for side in (0, 1):
        prices = np.unique(orders[(orders[:, 1] == side) & (orders[:, 2] > 0), 0])
        wanted = np.column_stack((np.full(len(prices), venue), np.full(len(prices), side), prices))
        sizes = np.empty(len(prices), np.int64)
        level_sizes(market, np.ascontiguousarray(wanted, np.int64), sizes)
        levels = [(int(p), int(n)) for p, n in zip(prices, sizes, strict=True) if n > 0]
        sides.append(levels[::-1] if side == 0 else levels)
    return sides[0], sides[1]
