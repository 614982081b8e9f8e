"""Etherscan asked question by question, spaced as its free keys allow, and never before it is welcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from engine.events import ChainTransfer, FeedCount, FeedStatus
from engine.feeds.chain_etherscan import VENUE, Answered, Etherscan
from engine.feeds.chain_options import ChainOptions
from engine.feeds.chain_voice import ChainVoice
from engine.feeds.errors import Answer, Refused
from engine.feeds.hosts import Hosts
from engine.feeds.network import Reply, host_of
from engine.feeds.states import ConnectionState
from engine.ports import Clock

_NS = 1_000_000_000
_LONG_BYTES = 50_000  # some 2 ms, which a thread may take
_OLD_NS = (
    180 * _NS
)  # a block is made every 12 s: a newest one that stays the newest for so long is their trouble

# The key stands in the address, and httpx tells of every address at INFO.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Fetches(Protocol):
    """The part of `engine.feeds.network.Fetcher` that is used here."""

    async def fetch(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Reply: ...


class ChainPoll:
    """`take` gets transfers, `say` states and counts."""

    def __init__(
        self,
        protocol: Etherscan,
        network: Fetches,
        clock: Clock,
        options: ChainOptions,
        hosts: Hosts,
        take: Callable[[ChainTransfer], None],
        say: Callable[[FeedStatus | FeedCount], None],
    ) -> None:
        self._protocol = protocol
        self._network = network
        self._clock = clock
        self._options = options
        self._hosts = hosts
        self._take = take
        self._voice = ChainVoice(VENUE, say)
        self._host = host_of(options.etherscan)

    async def run(self) -> None:
        """Until cancelled, or refused for good."""
        self._voice.say(ConnectionState.CONNECTING, f"to {self._host}")
        while True:
            await self._clock.sleep(max(0, self._protocol.due - self._clock.now()) / _NS)
            answered = await self._ask()
            for transfer in answered.transfers:
                self._take(transfer)
            self._voice.malformed += answered.malformed
            self._voice.ignored += answered.ignored
            self._tell(answered.refused)
            if answered.refused is not None and answered.refused.answer is Answer.FINAL:
                return

    async def _ask(self) -> Answered:
        closed = self._hosts.closed(self._host, self._clock.now())
        if closed is not None:
            return self._protocol.failed(closed, self._clock.now())
        try:
            reply = await self._network.fetch(self._protocol.request(), {}, self._options.max_body_bytes)
        except Refused as refused:
            return self._protocol.failed(refused, self._clock.now())
        self._voice.bytes += len(reply.body)
        now = self._clock.now()
        if len(reply.body) < _LONG_BYTES:
            answered = self._protocol.receive(reply, now)
        else:
            answered = await asyncio.to_thread(self._protocol.receive, reply, now)
        if answered.refused is not None:
            self._hosts.refused(self._host, answered.refused, now)
        return answered

    def _tell(self, refused: Refused | None) -> None:
        now = self._clock.now()
        if refused is None:
            self._voice.messages += 1
            old = now - self._protocol.head_at > _OLD_NS
            self._voice.say(
                ConnectionState.LIVE, f"{self._host} has had no new block for minutes" if old else ""
            )
        else:
            self._voice.reconnects += 1
            blocked = refused.answer is not Answer.RETRY
            state = ConnectionState.BLOCKED if blocked else ConnectionState.BACKOFF
            retry_at = None if refused.answer is Answer.FINAL else self._protocol.due
            self._voice.say(state, refused.reason, retry_at)
        self._voice.count(now, at_once=refused is not None)
