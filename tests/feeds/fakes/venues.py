"""What differs between the venues where faults are concerned, and how a story is played on any of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from engine.feeds.fake_session import FakeSession
from engine.feeds.fake_time import FakeClock, run_in_fake_time
from engine.feeds.fake_venues import DIALECTS
from engine.feeds.venues import VENUES
from engine.kernels import warm


@dataclass(frozen=True)
class Way:
    """What a venue's protocol makes of faults; what does not apply to it is left out for the reason said here."""

    asks_snapshots: bool = True  # by REST; else they come in the stream, and cannot stand anywhere but there
    whole_line: bool = False  # numbers count over all of a connection: a lost message concerns all its books
    tells_ids: bool = True  # of updates; else one that comes twice may lead to a fresh book
    announces_close: bool = True  # serverShutdown is known of Binance's spot market only


WAYS = {
    "binance": Way(),
    "binance-usdm": Way(announces_close=False),
    "coinbase": Way(asks_snapshots=False, whole_line=True, tells_ids=False, announces_close=False),
    "kraken": Way(asks_snapshots=False, tells_ids=False, announces_close=False),
}
ALL = [venue for venue in VENUES if venue in DIALECTS]
ASKED = [venue for venue in ALL if WAYS[venue].asks_snapshots]
STREAMED = [venue for venue in ALL if not WAYS[venue].asks_snapshots]

Story = Callable[[FakeSession], Awaitable[None]]


def play(story: Story, *venues: str, **options: Any) -> None:
    """Let a story happen in fake time."""
    assert list(warm.warm())

    # Books of a hundred levels are Kraken's third depth, cheap for Binance, and do not concern Coinbase.
    chosen = {"depth_limit": 100} | options

    async def main(clock: FakeClock) -> None:
        async with FakeSession(clock, venues, **chosen) as live:
            await story(live)

    run_in_fake_time(main)


def lines(live: FakeSession, venue: str) -> int:
    """How many connections were begun; a venue may need several sockets for one."""
    return len(live.exchanges[venue].connects) // len(VENUES[venue].protocol().paths)


def snapshots_asked(live: FakeSession, venue: str, base: str) -> int:
    symbol = live[venue, base].symbol
    requests = live.exchanges[venue].requests
    return sum(asked.path == "depth" and asked.symbol == symbol for asked in requests)
