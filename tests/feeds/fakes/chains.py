"""What the tests of public chains share: a fake site, impatient options, and a listener that folds what it hears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from engine.events import ChainTransfer, FeedCount, FeedStatus
from engine.feeds.chain_addresses import Addresses, shipped
from engine.feeds.chain_options import ChainOptions, EtherscanKey
from engine.feeds.chain_source import ChainSource
from engine.feeds.fake_chain import KEY, FakeChain
from engine.feeds.hosts import Hosts
from engine.signals.chain import ChainState

S = 1_000_000_000
BINANCE = "34xp4vRoCGJym3xR7yCVPFHoCNxv4Twseo"
KRAKEN = "bc1qnhmemsqfhycvp6g50v732h7wfwdt68el4ux5ttu8xwsrzngmxv0qr55aga"
BINANCE_ETH = "0xf977814e90da44bfa03b6295a0616a897441acec"


def impatient(site: FakeChain, **changes: Any) -> ChainOptions:
    """Both streams and the API, with waits of tenths of seconds."""
    options = ChainOptions(
        blockchain=site.blockchain,
        mempool=site.mempool,
        etherscan=site.etherscan,
        key=EtherscanKey(KEY),
        connect_timeout_s=2.0,
        connect_gap_s=0.0,
        first_data_s=5.0,
        silent_s=30.0,
        backoff_min_s=0.02,
        backoff_max_s=0.1,
        gap_s=0.0,
        every_s=0.05,
        lag_blocks=0,
        request_timeout_s=5.0,
        refused_wait_s=0.3,
        key_wait_s=0.3,
    )
    return msgspec.structs.replace(options, **changes)


class Listener:
    """Everything that a source puts, in order, and what it folds to."""

    def __init__(self) -> None:
        self.notes: list[ChainTransfer | FeedStatus | FeedCount] = []
        self.state = ChainState()

    def put(self, note: ChainTransfer | FeedStatus | FeedCount) -> None:
        self.notes.append(note)
        if isinstance(note, ChainTransfer):
            self.state.on_transfer(note, time.time_ns())
            self.state.tick(time.time_ns())

    @property
    def transfers(self) -> list[ChainTransfer]:
        return [note for note in self.notes if isinstance(note, ChainTransfer)]

    @property
    def known(self) -> dict[str, ChainTransfer]:
        """By id, as they stand."""
        return {id_: known.transfer for id_, known in self.state.known.items()}

    def states(self, venue: str) -> list[str]:
        return [n.state for n in self.notes if isinstance(n, FeedStatus) and n.venue == venue]

    def reasons(self, venue: str) -> str:
        return "\n".join(n.reason for n in self.notes if isinstance(n, FeedStatus) and n.venue == venue)

    def count(self, venue: str) -> FeedCount:
        """The last totals."""
        counts = [n for n in self.notes if isinstance(n, FeedCount) and n.venue == venue]
        return counts[-1] if counts else FeedCount(venue)

    def is_live(self, venue: str) -> bool:
        return self.states(venue)[-1:] == ["LIVE"]


async def until(true: Callable[[], bool], what: str, within_s: float = 15.0) -> None:
    ends = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def watching(options: ChainOptions) -> AsyncIterator[Listener]:
    """A source at work on this process's own network, with its own memory of hosts."""
    listener = Listener()
    source = ChainSource(options, Addresses(shipped()), hosts=Hosts())
    task = asyncio.create_task(source.run(listener.put))
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
