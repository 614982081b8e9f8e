"""All sources of public chains together, beside any market: large transfers, and how each source is doing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from engine.events import ChainTransfer, FeedCount, FeedStatus
from engine.feeds.chain_addresses import Addresses
from engine.feeds.chain_bitcoin import BitcoinLedger
from engine.feeds.chain_blockchain import BlockchainInfo, Heard
from engine.feeds.chain_etherscan import VENUE as ETHERSCAN
from engine.feeds.chain_etherscan import Etherscan
from engine.feeds.chain_mempool import MempoolSpace
from engine.feeds.chain_options import ChainOptions
from engine.feeds.chain_poll import ChainPoll
from engine.feeds.chain_stream import ChainProtocol, ChainStream
from engine.feeds.clock import SystemClock
from engine.feeds.driver import Internet
from engine.feeds.errors import Malformed
from engine.feeds.hosts import PROCESS_HOSTS, Hosts
from engine.feeds.options import FeedOptions
from engine.feeds.states import ConnectionState
from engine.ports import Clock
from engine.text import clean

Put = Callable[[ChainTransfer | FeedStatus | FeedCount], None]


class ChainSource:
    """`run` gives transfers and notes to `put`, in the loop that runs it.

    Both bitcoin sources tell of the same transactions: whoever is first is believed, the other confirms or is silent.
    """

    def __init__(
        self,
        options: ChainOptions,
        addresses: Addresses,
        clock: Clock | None = None,
        *,
        hosts: Hosts | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._options = options
        self._addresses = addresses
        self._clock = clock or SystemClock()
        self._hosts = hosts or PROCESS_HOSTS
        self._rng = rng or random.Random()
        self._network = Internet(
            FeedOptions(
                max_frame_bytes=options.max_frame_bytes,
                connect_timeout_s=options.connect_timeout_s,
                request_timeout_s=options.request_timeout_s,
                ping_every_s=options.ping_every_s,
            )
        )

    async def run(self, put: Put) -> None:
        """Until cancelled. What a source does wrong is told in a FeedStatus and raises nothing."""
        works = self._works(put)
        try:
            await asyncio.gather(*(self._watched(venue, work, put) for venue, work in works))
        finally:
            await self._network.close()

    def _works(self, put: Put) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        options = self._options
        works: list[tuple[str, Coroutine[Any, Any, None]]] = []
        if "BTC" in options.least:
            ledger = BitcoinLedger(self._addresses.bitcoin, options.least["BTC"], options.ids_kept)
            streams: tuple[tuple[ChainProtocol, str], ...] = (
                (BlockchainInfo(), options.blockchain),
                (MempoolSpace(), options.mempool),
            )
            for protocol, url in streams:
                if url:
                    works.append((protocol.venue, self._stream(protocol, url, ledger, put).run()))
        if options.key is not None and options.etherscan:
            etherscan = Etherscan(options, self._addresses.ethereum)
            poll = ChainPoll(etherscan, self._network, self._clock, options, self._hosts, put, put)
            works.append((ETHERSCAN, poll.run()))
        return works

    def _stream(self, protocol: ChainProtocol, url: str, ledger: BitcoinLedger, put: Put) -> ChainStream:
        take = partial(_enter, ledger, protocol.venue, put)
        return ChainStream(
            protocol, url, self._network, self._clock, self._rng, self._options, self._hosts, take, put
        )

    async def _watched(self, venue: str, work: Coroutine[Any, Any, None], put: Put) -> None:
        """A fault of ours ends one source, in plain sight, and not the others."""
        try:
            await work
        except Exception as error:
            reason = f"reading it failed and has ended: {clean(repr(error), 120)}"
            put(FeedStatus(venue, ConnectionState.BLOCKED, reason=reason))


def _enter(ledger: BitcoinLedger, venue: str, put: Put, heard: Heard, now: int) -> None:
    """Every transaction of a message; those that cannot be are left out, and raise Malformed once all are in."""
    fault: Malformed | None = None
    for tx in heard.transactions:
        try:
            for transfer in ledger.take(tx, venue, now):
                put(transfer)
        except Malformed as found:
            fault = found
    for transfer in ledger.mined(heard.mined, venue):
        put(transfer)
    if fault is not None:
        raise fault
