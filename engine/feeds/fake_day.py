"""A day on a fake venue in which much goes wrong, in fake time: what a feed has to come through.

The same seed is the same day. A book that is called good and is not the exchange's ends it with NotTheTruth.
"""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from engine.feeds import fake_faults as ff
from engine.feeds.fake_market import MadeUpMarket
from engine.feeds.fake_session import FakeSession
from engine.feeds.fake_time import FakeClock, run_in_fake_time
from engine.feeds.fake_wire import DEPTH, TOP, TRADE
from engine.feeds.fake_witness import NotTheTruth

BASES = ("BTC", "ETH", "SOL")
LEAVES = "SOL"  # is delisted late in the day
RATE = 0.04  # exchange time a second: a diff of each symbol every 2.5 s
BEAT_S = 1.0
BETWEEN_S = 180.0  # from one trouble to the next, on average
RENEWED_AFTER_S = 900.0  # not 23.5 h: no connection lives so long here, and hand-overs are to meet trouble
HEALED_WITHIN_S = 1500.0  # a ban of ten minutes, and whatever strikes meanwhile

MESSAGE_FAULTS = (
    *(ff.GAP, ff.DUPLICATE, ff.REORDER, ff.OLD, ff.MALFORMED, ff.NULLS, ff.BAD_UTF8, ff.UNKNOWN_EVENT),
    *(ff.CROSSED, ff.CUT, ff.CLOSE, ff.DEAD, ff.DEAD_FOR_GOOD, ff.STALL, ff.SHUTDOWN),
)
REQUEST_FAULTS: tuple[int | str, ...] = (503, 429, 418, 403, ff.HTML, ff.CUT_SHORT, ff.HANG, ff.SLOW)
ASKED_SNAPSHOT_FAULTS = (
    *(ff.SNAPSHOT_OLD, ff.SNAPSHOT_NEW, ff.SNAPSHOT_BEFORE, ff.SNAPSHOT_FIRST, ff.SNAPSHOT_STRADDLED),
    ff.SNAPSHOT_LAST,
)
STREAMED_SNAPSHOT_FAULTS = (ff.HANG, ff.SLOW, ff.CUT_SHORT)
HALTS = ("HALT", "BREAK", "AUCTION_MODE", "CANCEL_ONLY", "A_WORD_OF_NEXT_YEAR")


@dataclass
class Day:
    """What a day came to. Times in seconds, `blocks` are objects of this process at each quarter's end."""

    venue: str
    seed: int
    hours: float
    troubles: dict[str, int] = field(default_factory=dict)
    compared: int = 0
    snapshots: int = 0
    connects: int = 0
    shortest_gap_s: float = float("inf")  # between two connects
    hand_overs: int = 0
    longest_heal_s: float = 0.0
    synced_share: float = 0.0  # of the looks between troubles, once a second, at each book
    blocks: list[int] = field(default_factory=list)


class _Troubles:
    def __init__(self, live: FakeSession, rng: random.Random, day: Day) -> None:
        self._live = live
        self._rng = rng
        self._day = day
        self._venue = day.venue
        self._exchange = live.exchanges[day.venue]
        self._network = live.networks[day.venue]
        self._kinds: tuple[tuple[int, Callable[[], Awaitable[str]]], ...] = (
            (30, self._message),
            (10, self._request),
            (6, self._unplugged),
            (3, self._all_refused),
            (3, self._asleep),
            (5, self._halted),
            (4, self._clock_jumps),
        )

    async def strike(self) -> None:
        weights = [weight for weight, _ in self._kinds]
        ((_, trouble),) = self._rng.choices(self._kinds, weights)
        name = await trouble()
        self._day.troubles[name] = self._day.troubles.get(name, 0) + 1

    def _symbol(self) -> str:
        listed = sorted(self._exchange.market.listings)
        return self._rng.choice(listed)

    async def _message(self) -> str:
        kind = self._rng.choice(MESSAGE_FAULTS)
        harmful = kind in (ff.CROSSED, ff.GAP, ff.REORDER)
        channel = DEPTH if harmful or self._rng.random() < 0.7 else self._rng.choice((TRADE, TOP))
        times = self._rng.choice((1, 1, 1, 3))
        fault = ff.OnMessage(kind, self._symbol(), channel, self._rng.randrange(5), times, delay_s=20.0)
        self._exchange.faults.add(fault)
        if self._rng.random() < 0.3:
            self._exchange.faults.add(ff.OnRequest(self._snapshot_fault(), symbol=self._symbol()))
        await self._live.run(30.0)
        return kind

    def _snapshot_fault(self) -> int | str:
        if self._exchange.dialect.snapshots_in_stream:
            return self._rng.choice(STREAMED_SNAPSHOT_FAULTS)
        return self._rng.choice((*ASKED_SNAPSHOT_FAULTS, *REQUEST_FAULTS))

    async def _request(self) -> str:
        """Refusals while the connection has to be made anew, or the listing is asked for."""
        kind, road = self._rng.choice(REQUEST_FAULTS), self._rng.choice(("ws", "listing"))
        wait_s = self._rng.randrange(5, 300)
        times = self._rng.choice((1, 2, 4))
        self._exchange.faults.add(ff.OnRequest(kind, road, times=times, retry_after_s=wait_s))
        for client in self._exchange.clients:
            client.abort()
        await self._live.run(20.0)
        return "refusals"

    async def _unplugged(self) -> str:
        self._network.unplug()
        await self._live.run(self._rng.choice((2.0, 8.0, 40.0, 400.0)))
        if self._rng.random() < 0.5:
            for client in self._exchange.clients:
                client.abort()
        self._network.plug_in()
        return "unplugged"

    async def _all_refused(self) -> str:
        faults = [ff.OnRequest(503, path, times=10**6) for path in (None, "ws")]
        self._exchange.faults.add(*faults)
        for client in self._exchange.clients:
            client.abort()
        await self._live.run(self._rng.choice((60.0, 600.0)))
        self._exchange.faults.clear()
        return "everything refused"

    async def _asleep(self) -> str:
        """The machine sleeps; some servers then close the line, and of some nothing is heard ever again."""
        self._live.suspend(self._rng.choice((20.0, 90.0, 1800.0, 3 * 3600.0)))
        if self._rng.random() < 0.7:
            for client in self._exchange.clients:
                if self._rng.random() < 0.5:
                    client.abort()
                else:
                    client.push(ff.STALL)
        return "suspended"

    async def _halted(self) -> str:
        market, symbol = self._exchange.market, self._symbol()
        assert isinstance(market, MadeUpMarket)  # noqa: S101 - the session makes no other
        market.set_status(symbol, self._rng.choice(HALTS))
        await self._live.run(self._rng.choice((30.0, 600.0)))
        market.set_status(symbol)
        return "halts"

    async def _clock_jumps(self) -> str:
        jump_ms = self._rng.choice((-3_600_000, -2000, -100, 100, 2000, 3_600_000))
        self._live.venue_offset_ms[self._venue] += jump_ms
        return "venue's clock jumps"


async def _spend(day: Day, live: FakeSession, end_ns: int) -> None:
    """Trouble, and healing, and rest, until the end."""
    rng = random.Random(f"{day.seed}/{day.venue}")
    troubles = _Troubles(live, rng, day)
    exchange, clock = live.exchanges[day.venue], live.clock
    began_ns = clock.now()
    good = looks = 0
    delisted = False
    await _healed(live, day)
    while clock.now() < end_ns:
        await troubles.strike()
        healed_ns = clock.now()
        await _healed(live, day)
        day.longest_heal_s = max(day.longest_heal_s, (clock.now() - healed_ns) / 1e9)
        rest_ns = clock.now() + round(rng.expovariate(1 / BETWEEN_S) * 1e9)
        while clock.now() < rest_ns:
            await live.run(1.0)
            books = [one for (_, base), one in live.symbols.items() if not (delisted and base == LEAVES)]
            good += sum(one.state == "SYNCED" for one in books)
            looks += len(books)
        passed = (clock.now() - began_ns) / (end_ns - began_ns)
        if not delisted and passed > 0.8:
            market = exchange.market
            assert isinstance(market, MadeUpMarket)  # noqa: S101 - the session makes no other
            market.delist(exchange.dialect.spell(LEAVES))
            delisted = True
        day.snapshots += sum(one.snapshots for one in live.symbols.values())
        day.hand_overs += sum("handed over" in status.reason for status in live.connection(day.venue))
        for one in live.symbols.values():
            one.snapshots = 0
        live.witness.forget()
        if passed * 4 >= len(day.blocks) + 1:
            gc.collect()
            day.blocks.append(sys.getallocatedblocks())
    day.blocks += [sys.getallocatedblocks()] * (4 - len(day.blocks))
    day.synced_share = good / max(1, looks)
    day.compared = sum(one.compared for one in live.symbols.values())
    times = [asked.at_s for asked in exchange.connects]
    day.connects = len(times)
    day.shortest_gap_s = min((b - a for a, b in pairwise(times)), default=float("inf"))


async def _healed(live: FakeSession, day: Day) -> None:
    """Whatever is traded is good again, and compared."""
    exchange = live.exchanges[day.venue]
    market = exchange.market
    books = [live[day.venue, base] for base in BASES if exchange.dialect.spell(base) in market.listings]
    before = [one.compared for one in books]

    def good() -> bool:
        return all(
            one.state == "SYNCED" and one.compared > count for one, count in zip(books, before, strict=True)
        )

    try:
        await live.until(good, "every book good again", HEALED_WITHIN_S)
    except NotTheTruth as wrong:
        raise NotTheTruth(f"{day.venue}, seed {day.seed}, after {day.troubles}: {wrong}") from None


def spend_a_day(venue: str, seed: int = 1, hours: float = 24.0, **options: Any) -> Day:
    """`options` are `engine.feeds.options.FeedOptions` beside the venue's own.

    Raises NotTheTruth where a book was wrong and called good, or trouble did not heal."""
    day = Day(venue, seed, hours)
    chosen = {"renew_after_s": RENEWED_AFTER_S} | options

    async def main(clock: FakeClock) -> None:
        async with FakeSession(clock, (venue,), BASES, seed, RATE, BEAT_S, **chosen) as live:
            await _spend(day, live, clock.now() + round(hours * 3600 * 1e9))

    run_in_fake_time(main)
    return day
