"""Fetches the snapshots that books wait for by REST: a few at a time, within the weight budget, each on its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from engine.feeds.backoff import Backoff
from engine.feeds.errors import Answer, Malformed, Refused
from engine.feeds.options import FeedOptions
from engine.feeds.rest import Rest
from engine.feeds.states import BookState
from engine.feeds.sync import Join
from engine.feeds.venue import Venue
from engine.ports import Clock

_AT_ONCE = 3
_SMALL_LIMIT = 1000
_QUIET_NS = 2_000_000_000  # without a diff, after which a snapshot is fetched all the same: a thin market
_NEVER = 2**63 - 1

InOrder = Callable[[Callable[[int], None]], None]


class _Turn:
    """When a symbol may ask again."""

    def __init__(self, backoff: Backoff) -> None:
        self.backoff = backoff
        self.next_at = 0
        self.synced_at: int | None = None  # and nothing was asked for since
        self.asking: int | None = None  # the epoch that a request is under way for


class Snapshots:
    """`in_order` runs a function with the session time, after everything that was received before."""

    def __init__(
        self,
        protocol: Venue,
        rest: Rest,
        clock: Clock,
        rng: random.Random,
        options: FeedOptions,
        in_order: InOrder,
    ) -> None:
        self._protocol = protocol
        self._rest = rest
        self._clock = clock
        self._options = options
        self._in_order = in_order
        self._turns = [
            _Turn(Backoff(rng, options.backoff_min_s, options.backoff_max_s)) for _ in protocol.symbols
        ]
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, now: int) -> None:
        """Start a request for every book that needs a snapshot and may ask for one now."""
        for index, symbol in enumerate(self._protocol.symbols):
            sync, turn = symbol.sync, self._turns[index]
            ready = sync.wants_snapshot or now - symbol.began >= _QUIET_NS
            if (
                sync.state != BookState.BUFFERING
                or not ready
                or turn.asking == sync.epoch
                or now < turn.next_at
            ):
                continue
            if turn.synced_at is not None and now - turn.synced_at > self._options.steady_s * 1e9:
                turn.backoff.reset()
            turn.synced_at = None
            turn.asking = epoch = self._protocol.snapshot_asked(index, now)
            turn.next_at = now + int(turn.backoff.next_s() * 1e9)
            task = asyncio.create_task(self._fetch(index, epoch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _fetch(self, index: int, epoch: int) -> None:
        async with self._gate:
            if epoch != self._protocol.symbols[index].sync.epoch:
                return  # while it waited for its turn the answer became of no use
            limit = self._limit()
            try:
                body = await self._rest.get(self._protocol.snapshot_request(index, limit))
            except Refused as refused:
                failure = refused
                self._in_order(lambda ts: self._failed(index, epoch, failure, ts))
            else:
                self._in_order(lambda ts: self._arrived(index, epoch, limit, body, ts))

    def _limit(self) -> int:
        wanted = self._protocol.options.depth_limit
        weight = self._protocol.snapshot_request(0, wanted).weight
        fits = self._rest.weight.wait_s(weight, self._clock.now()) == 0
        return wanted if fits else min(wanted, _SMALL_LIMIT)

    def _arrived(self, index: int, epoch: int, limit: int, body: bytes, ts: int) -> None:
        turn = self._turns[index]
        if turn.asking == epoch:
            turn.asking = None
        try:
            join = self._protocol.snapshot(index, epoch, limit, body, ts)
        except Malformed as error:
            retry_at = max(ts, turn.next_at)
            self._protocol.snapshot_failed(index, epoch, str(error), retry_at, ts)
            return
        if join is Join.SYNCED:
            turn.synced_at = ts
        elif join is Join.TOO_OLD:
            reason = self._protocol.symbols[index].sync.reason
            self._protocol.snapshot_failed(index, epoch, reason, max(ts, turn.next_at), ts)

    def _failed(self, index: int, epoch: int, refused: Refused, ts: int) -> None:
        turn = self._turns[index]
        if turn.asking == epoch:
            turn.asking = None
        retry_at: int | None = None
        if refused.answer is Answer.FINAL:
            turn.next_at = _NEVER
        else:
            wait_ns = int(refused.seconds * 1e9) if refused.answer is Answer.WAIT else 0
            turn.next_at = retry_at = max(turn.next_at, ts + wait_ns)
        self._protocol.snapshot_failed(index, epoch, refused.reason, retry_at, ts)
