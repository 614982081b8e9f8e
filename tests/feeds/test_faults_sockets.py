"""Every venue through the real driver: sockets on loopback, a message lost, a line cut, and all is exact again."""

from __future__ import annotations

import asyncio

from fakes.follower import OVERLAPPING, following
from fakes.venues import ALL, WAYS

from engine.feeds import fake_faults as ff
from engine.feeds.fake_server import FakeServer
from engine.feeds.fake_venues import dialect_of
from engine.feeds.venues import VENUES

pytestmark = OVERLAPPING


async def lost_and_cut(venue: str) -> None:
    dialect = dialect_of(venue)
    symbols = [dialect.spell(base) for base in ("BTC", "ETH")]
    paths = len(VENUES[venue].protocol().paths)
    async with (
        FakeServer(dialect, symbols, seed=81, rate=2) as exchange,
        following(exchange, depth_limit=100, stale_s=5.0) as live,
    ):
        await live.synced(within_s=30.0)
        hit, other = live.symbols
        exchange.faults.add(ff.OnMessage(ff.GAP, hit.symbol, after=2))
        await live.until(lambda: hit.snapshots == 2, "a fresh book after a lost message", 30.0)
        await live.caught_up(within_s=30.0)
        again = 2 if WAYS[venue].whole_line else 1
        assert other.snapshots == len(exchange.connects) // paths == again
        exchange.faults.add(ff.OnMessage(ff.CUT, other.symbol, after=2))
        await live.until(lambda: other.snapshots == again + 1, "fresh books after a cut", 30.0)
        await live.caught_up(within_s=30.0)
        assert len(exchange.connects) // paths == again + 1
        assert exchange.faults.pending == ()
        assert all(one.trades for one in live.symbols)


async def test_every_venue_over_real_sockets():
    await asyncio.gather(*(lost_and_cut(venue) for venue in ALL))
