"""A simulated market as a source: the same rows as a live feed, a step of the market every tick.

Books start with a snapshot and go on by deltas; trades and tops come as a venue would state them, so that the
book on the screen is rebuilt and proved like any other. What the agents hold is a note once a second: a recording
shows the same agents with none running.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np

from engine.agents.trading import ASK, BID
from engine.batch import Batch, BatchBuilder
from engine.events import FeedCount, FeedStatus, Kind, Listed, Mark, Setup
from engine.feeds.clock import TICK_NS
from engine.frame import Transport
from engine.market.kernel import SEEN, STEPS_A_SECOND, level_sizes, run_steps
from engine.market.report import agents_note
from engine.market.state import (
    CHANGES,
    STEPS,
    T_LOTS,
    T_PRICE,
    T_SIDE,
    T_VENUE,
    TRADES,
    Market,
    new_market,
)
from engine.ports import AddMark, Clock, Command, Pause, Speed, StepBy
from engine.scenario import Scenario
from engine.text import clean

SLOWEST, FASTEST = 0.25, 64.0
WARM_STEPS = 6_000  # before the first tick: ten minutes, in which clustered arrivals reach their usual rate
NO_STATISTICS = np.zeros((0, SEEN))
WHOLE = 3  # flags of a snapshot that knows both sides to their ends


class SimSource:
    """`engine.ports.Source` of a scenario. Equal scenario and seed give equal rows but for their times.

    `steps` ends it after so many simulated seconds; `speed` 0 is as fast as it goes.
    """

    accepts = frozenset({"pause", "speed", "step", "mark", "record", "view"})

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        clock: Clock,
        *,
        setup: Setup | None = None,
        speed: float = 1.0,
        seconds: int | None = None,
        started: int | None = None,
    ) -> None:
        self.scenario, self.seed = scenario, seed
        self.market: Market = new_market(scenario, seed)
        self._clock = clock
        self._started = (clock.now() if started is None else started) // TICK_NS * TICK_NS
        self._at = self._started
        self._builder = BatchBuilder()
        self._setup = setup or Setup()
        self._speed, self._paused, self._allowed = _bounded(speed), False, 0
        self._ticks_left = None if seconds is None else seconds * STEPS_A_SECOND
        self._anchor: tuple[int, int] | None = None  # (clock, session time) from which ticks fall due
        self._wake = asyncio.Event()
        self._closed = False
        self._updates = [0] * len(scenario.venues)
        self._trades = [0] * len(scenario.venues)

    @property
    def transport(self) -> Transport:
        return Transport("SIM", self._speed, self._paused, self._started, self._at)

    async def batches(self) -> AsyncIterator[Batch]:
        """One batch a tick, when it is due."""
        self._begin()
        while not self._closed and self._ticks_left != 0:
            if not await self._due():
                continue
            self._at += TICK_NS
            self._tick(self._at)
            if self._ticks_left is not None:
                self._ticks_left -= 1
            self._allowed = max(0, self._allowed - 1)
            yield self._builder.take()

    async def command(self, command: Command) -> None:
        """Pause, speed, step forward, mark; others are for other sources."""
        match command:
            case Pause():
                self._paused = not self._paused if command.paused is None else command.paused
                self._allowed = 0
            case Speed():
                self._speed = _bounded(command.factor)
            case StepBy() if command.ticks > 0:
                self._paused = True
                self._allowed += command.ticks
            case AddMark():
                at = self._at if command.ts is None else command.ts
                self._builder.add_note(Mark(clean(command.text), at), self._at)
                return
            case _:
                return
        self._anchor = None
        self._wake.set()

    async def close(self) -> None:
        self._closed = True
        self._wake.set()

    # When

    async def _due(self) -> bool:
        """Wait until the next tick is to happen; False when a command came first."""
        if self._paused:
            if self._allowed:
                return True
            await self._sleep(None)
            return False
        if not self._speed:
            return True
        if self._anchor is None:
            self._anchor = (self._clock.now(), self._at)
        since, origin = self._anchor
        wait_ns = since + (self._at + TICK_NS - origin) / self._speed - self._clock.now()
        if wait_ns < 1_000:
            return True
        await self._sleep(wait_ns / 1e9)
        return False

    async def _sleep(self, seconds: float | None) -> None:
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._wake.wait())]
        if seconds is not None:
            waits.append(asyncio.ensure_future(self._clock.sleep(seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._wake.clear()

    # What

    def _begin(self) -> None:
        """Who is listed, and the books as they stand after a warm-up."""
        out, ts = self._builder, self._at
        out.add_note(self._setup, ts)
        run_steps(self.market, WARM_STEPS, NO_STATISTICS)
        for index, instrument in enumerate(self.scenario.instruments()):
            out.add_note(FeedStatus(instrument.venue, "LIVE"), ts)
            out.add_note(Listed(index, instrument), ts, index)
        for index, instrument in enumerate(self.scenario.instruments()):
            self._updates[index] = 1
            bids, asks = resting(self.market, index)
            out.add_levels(Kind.SNAPSHOT, ts, bids, asks, symbol=index, last_id=1, ts_event=ts, flags=WHOLE)
            synced = FeedStatus(instrument.venue, "SYNCED", index, trading="TRADING")
            out.add_note(synced, ts, index)
        out.add_note(agents_note(self.market), ts)

    def _tick(self, ts: int) -> None:
        """A step of the market as the rows that its venues would send."""
        run_steps(self.market, 1, NO_STATISTICS)
        self._trade_rows(ts)
        self._delta_rows(ts)
        if int(self.market.counts[STEPS]) % STEPS_A_SECOND == 0:
            self._builder.add_note(agents_note(self.market), ts)
            for index, venue in enumerate(self.scenario.venues):
                count = self._updates[index] + self._trades[index]
                self._builder.add_note(FeedCount(venue.name, count), ts)
        self._builder.add(Kind.TICK, ts, symbol=-1)

    def _trade_rows(self, ts: int) -> None:
        tape = self.market.tape[: int(self.market.counts[TRADES])]
        for row in tape.tolist():
            venue = row[T_VENUE]
            self._trades[venue] += 1
            self._builder.add(
                Kind.TRADE,
                ts,
                symbol=venue,
                last_id=self._trades[venue],
                price_ticks=row[T_PRICE],
                size_lots=row[T_LOTS],
                side=1 if row[T_SIDE] == 0 else -1,
                ts_event=ts,
            )

    def _delta_rows(self, ts: int) -> None:
        """Levels that this step touched, each once with the size it has now, and the top behind them."""
        market = self.market
        wanted = np.unique(market.changed[: int(market.counts[CHANGES])], axis=0)
        sizes = np.empty(len(wanted), np.int64)
        level_sizes(market, wanted, sizes)
        for index in range(len(self._updates)):
            here = wanted[:, 0] == index
            if not here.any():
                continue
            levels = np.column_stack((wanted[here, 1:], sizes[here])).tolist()
            self._updates[index] += 1
            update = self._updates[index]
            self._builder.add_levels(
                Kind.DELTA,
                ts,
                [(price, lots) for side, price, lots in levels if side == 0],
                [(price, lots) for side, price, lots in levels if side == 1],
                symbol=index,
                first_id=update,
                last_id=update,
                ts_event=ts,
            )
            self._top_row(index, update, ts)

    def _top_row(self, index: int, update: int, ts: int) -> None:
        bid, ask = self.market.sight[index, BID], self.market.sight[index, ASK]
        if np.isnan(bid) or np.isnan(ask):
            return
        wanted = np.array([[index, 0, int(bid)], [index, 1, int(ask)]], np.int64)
        sizes = np.empty(2, np.int64)
        level_sizes(self.market, wanted, sizes)
        self._builder.add(
            Kind.TOP,
            ts,
            symbol=index,
            last_id=update,
            price_ticks=int(bid),
            size_lots=int(sizes[0]),
            ask_ticks=int(ask),
            ask_lots=int(sizes[1]),
            ts_event=ts,
        )


def _bounded(speed: float) -> float:
    return min(FASTEST, max(SLOWEST, speed)) if speed > 0 else 0.0


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
