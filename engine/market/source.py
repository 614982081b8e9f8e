"""A simulated market as a source: the same rows as a live feed, a step of the market every tick.

Books start with a snapshot and go on by deltas; trades and tops come as a venue would state them, so that the
book on the screen is rebuilt and proved like any other. What the agents hold is a note once a second: a recording
shows the same agents with none running.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import math
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import numpy as np

from engine.batch import Batch, BatchBuilder
from engine.events import FeedCount, FeedStatus, Kind, Listed, Mark, Said, Setup, Shock
from engine.feeds.clock import TICK_NS
from engine.frame.host import Transport
from engine.market.aftermath import Aftermath
from engine.market.kernel import SEEN, STEPS_A_SECOND, run_steps
from engine.market.orders import Refused, answers, cancel, place
from engine.market.report import agents_note
from engine.market.rows import MarketRows
from engine.market.shocks import begin
from engine.market.state import HALTED, HEARD_DOUBT, HEARD_MOOD, MOOD, STEPS, UNSURE, Market, new_market
from engine.ports import AddMark, CancelOrders, Clock, Command, Inject, Pause, PlaceOrder, Speed, StepBy
from engine.scenario import Scenario
from engine.shocks import BadShock, at, checked
from engine.text import clean

SLOWEST, FASTEST = 0.25, 64.0
WARM_STEPS = 6_000  # before the first tick: ten minutes, in which clustered arrivals reach their usual rate
FAR_NS = 2**63 - 1
NO_STATISTICS = np.zeros((0, SEEN))


class SimSource:
    """`engine.ports.Source` of a scenario. Equal scenario and seed give equal rows but for their times.

    `steps` ends it after so many simulated seconds; `speed` 0 is as fast as it goes.
    """

    accepts = frozenset({"pause", "speed", "step", "mark", "record", "view", "shock", "order", "cancel"})

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
        fees = {venue.name: venue.taker_fee_bps for venue in scenario.venues}
        self._setup = msgspec.structs.replace(setup or Setup(), taker_bps=fees)
        self._speed, self._paused, self._allowed = _bounded(speed), False, 0
        self._label, self._note = "SIM", ""
        self._ticks_left = None if seconds is None else seconds * STEPS_A_SECOND
        self._anchor: tuple[int, int] | None = None  # (clock, session time) from which ticks fall due
        self._wake = asyncio.Event()
        self._closed = False
        self._warm = self._begun = self._halted = False
        self._instruments = scenario.instruments()
        self._rows = MarketRows(self.market, len(scenario.venues), self._builder)
        self._aftermath = Aftermath(self._instruments)
        self._plan = scenario.planned(self._started)  # shocks to come, soonest first
        self._past: list[tuple[int, Inject | PlaceOrder | CancelOrders]] = []  # what people did, and when
        self._heard: list[tuple[int, float, float]] = []  # what agents were told above the mood and its doubt
        self._told = 0  # how many of them, in a rerun

    @property
    def transport(self) -> Transport:
        return Transport(self._label, self._speed, self._paused, self._started, self._at, note=self._note)

    @property
    def planned(self) -> tuple[tuple[int, Shock], ...]:
        """Shocks to come, soonest first, each with the steps that the market takes before it begins."""
        return tuple(((max(shock.ts - self._at, 1) - 1) // TICK_NS, shock) for shock in self._plan)

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
        """Pause, speed, step forward, mark, shocks and orders; others are for other sources.

        What a shock or an order cannot be is said in the stream, where the person sees it and a replay too.
        """
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
                moment = self._at if command.ts is None else command.ts
                self._builder.add_note(Mark(clean(command.text), moment), self._at)
                return
            case Inject() | PlaceOrder() | CancelOrders():
                try:
                    self._carry_out(command)
                    self._past.append((self._at, command))
                except (BadShock, Refused) as error:
                    self._say(str(error), 0, self._at)
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

    def _warm_up(self) -> None:
        """What comes before the first tick, once."""
        if not self._warm:
            run_steps(self.market, WARM_STEPS, NO_STATISTICS)
            self._rows.count_from_here()
            self._warm = True

    def _begin(self) -> None:
        """Who is listed, and the books as they stand after the warm-up. A rerun goes on where it is."""
        if self._begun:
            return
        self._warm_up()
        out, ts = self._builder, self._at
        out.add_note(self._setup, ts)
        for index, instrument in enumerate(self._instruments):
            out.add_note(FeedStatus(instrument.venue, "LIVE"), ts)
            out.add_note(Listed(index, instrument), ts, index)
        for index, instrument in enumerate(self._instruments):
            self._rows.snapshot(index, ts)
            synced = FeedStatus(instrument.venue, "SYNCED", index, trading="TRADING")
            out.add_note(synced, ts, index)
        out.add_note(agents_note(self.market), ts)
        self._begun = True

    def _tick(self, ts: int) -> None:
        """A step of the market as the rows that its venues would send."""
        self._begin_shocks(ts, tell=True)
        run_steps(self.market, 1, NO_STATISTICS)
        self._halts(ts)
        self._rows.step(ts)
        for symbol, text in (
            *answers(self.market, self._instruments),
            *self._aftermath.sentences(self.market),
        ):
            self._say(text, symbol, ts)
        if int(self.market.counts[STEPS]) % STEPS_A_SECOND == 0:
            self._builder.add_note(agents_note(self.market), ts)
            for index, venue in enumerate(self.scenario.venues):
                count = self._rows.update(index) + self._rows.trades(index)
                self._builder.add_note(FeedCount(venue.name, count), ts)
        self._builder.add(Kind.TICK, ts, symbol=-1)

    def _halts(self, ts: int) -> None:
        """The first venue says when it stops and when it goes on."""
        halted = bool(self.market.counts[HALTED])
        if halted is not self._halted:
            self._halted = halted
            trading, reason = ("HALT", "halted by a shock") if halted else ("TRADING", "")
            status = FeedStatus(self._instruments[0].venue, "SYNCED", 0, reason, trading=trading)
            self._builder.add_note(status, ts, 0)

    def _say(self, text: str, symbol: int, ts: int) -> None:
        self._builder.add_note(Said(clean(text), ts, symbol), ts, symbol)

    # What is said of it

    def hear(self, sentiment: float, doubt: float) -> None:
        """From the next step on agents take this for the sentiment and its uncertainty, for a `hears = "posts"`.

        They are told the difference to the market's own mood, so that what the mood does until they hear again, as
        in a fork where nobody posts, moves what they see.
        """
        shared = self.market.shared
        unsure = 1.0 / (1.0 + math.exp(-float(shared[UNSURE])))
        self._heard.append((self._at, sentiment - float(shared[MOOD]), doubt - unsure))
        self._tell_agents()

    def _tell_agents(self) -> int:
        """What they have heard by now. Returns when they hear more, in a rerun; else it is far away."""
        while self._told < len(self._heard) and self._heard[self._told][0] <= self._at:
            _, self.market.shared[HEARD_MOOD], self.market.shared[HEARD_DOUBT] = self._heard[self._told]
            self._told += 1
        return self._heard[self._told][0] if self._told < len(self._heard) else FAR_NS

    # What people do to it

    def _carry_out(self, wish: Inject | PlaceOrder | CancelOrders) -> None:
        """Raises what a person should hear."""
        self._warm_up()
        match wish:
            case Inject(shock):
                checked(shock)
                if shock.symbol >= len(self._instruments):
                    most = len(self._instruments) - 1
                    raise BadShock(f"{shock.kind}: expected a symbol up to {most}, found {shock.symbol}")
                self._plan = sorted((*self._plan, at(shock, max(shock.ts, self._at + 1))), key=lambda s: s.ts)
            case PlaceOrder():
                place(self.market, self._instruments, wish)
            case CancelOrders():
                cancel(self.market, self._instruments, wish)

    def _begin_shocks(self, ts: int, tell: bool) -> None:
        """Those whose time has come, before the step that ends at `ts`."""
        while self._plan and self._plan[0].ts <= ts:
            shock = at(self._plan.pop(0), ts)
            try:
                serial = begin(self.market, shock)
            except BadShock as error:
                if tell:
                    self._say(str(error), 0, ts)
                continue
            self._aftermath.begun(self.market, shock, serial)
            if tell:
                self._builder.add_note(shock, ts, shock.symbol)

    def rerun(self, ts: int, note: str = "") -> SimSource:
        """The same market as it stood at the tick `ts`, to go on from there as another session.

        Run again from the start with the same past, thousands of times as fast as it was: exact, and nothing needs
        to be kept for it. A moment that has not been reached yet is the last one. `note` says on screen what it is.
        """
        other = SimSource(
            self.scenario, self.seed, self._clock, setup=self._setup, speed=self._speed, started=self._started
        )
        last = min(max(ts, self._started), self._at)
        other._warm_up()
        past = [(when, wish) for when, wish in self._past if when < last]
        other._heard = self._heard[: bisect.bisect_right(self._heard, last, key=lambda heard: heard[0])]
        for when, wish in past:
            other._run_to(when)
            other._past.append((when, wish))
            with contextlib.suppress(BadShock, Refused):
                other._carry_out(wish)
        other._run_to(last)
        other._label, other._note = "CHILD", note
        other._begun = True
        other._halted = bool(other.market.counts[HALTED])
        return other

    def _run_to(self, ts: int) -> None:
        """The same ticks up to `ts`, without a word."""
        while self._at + TICK_NS <= ts:
            hears_at = self._tell_agents()
            self._begin_shocks(self._at + TICK_NS, tell=False)
            until = min(ts, hears_at, self._plan[0].ts - 1 if self._plan else ts)
            steps = max(1, (until - self._at) // TICK_NS)
            run_steps(self.market, steps, NO_STATISTICS)
            self._at += steps * TICK_NS
            for _ in self._aftermath.sentences(self.market):
                pass
        self._tell_agents()


def _bounded(speed: float) -> float:
    return min(FASTEST, max(SLOWEST, speed)) if speed > 0 else 0.0
