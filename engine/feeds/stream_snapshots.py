"""Snapshots of venues that send them on the stream: a book that needs one is subscribed to again, with patience."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from engine.feeds.backoff import Backoff
from engine.feeds.options import FeedOptions
from engine.feeds.states import BookState
from engine.feeds.venue import DELISTED, Venue


class StreamSnapshots:
    """`subscribe` leaves and enters the depth streams of the symbols at these positions."""

    def __init__(
        self,
        protocol: Venue,
        rng: random.Random,
        options: FeedOptions,
        subscribe: Callable[[Sequence[int]], None],
    ) -> None:
        self._protocol = protocol
        self._patience_ns = int(options.request_timeout_s * 1e9)
        self._steady_ns = int(options.steady_s * 1e9)
        self._subscribe = subscribe
        self._backoffs = [
            Backoff(rng, options.backoff_min_s, options.backoff_max_s) for _ in protocol.symbols
        ]
        self._next_at = [0] * len(protocol.symbols)

    def ask(self, now: int) -> None:
        """Subscribe again to every book that needs a snapshot and may ask for one now."""
        wanted = [index for index in range(len(self._next_at)) if self._wants(index, now)]
        for index in wanted:
            self._protocol.snapshot_asked(index, now)
            self._next_at[index] = now + int(self._backoffs[index].next_s() * 1e9)
        if wanted:
            self._subscribe(wanted)

    def _wants(self, index: int, now: int) -> bool:
        symbol = self._protocol.symbols[index]
        sync, waited_ns = symbol.sync, now - symbol.began
        if symbol.renewed and waited_ns > self._patience_ns:
            symbol.renewed = False
            self._protocol.resync(index, "no snapshot came on the new connection", now)
        elif sync.state == BookState.SNAPSHOT_WAIT and waited_ns > self._patience_ns:
            reason = f"no snapshot came in {self._patience_ns / 1e9:g} s"
            self._protocol.snapshot_failed(index, sync.epoch, reason, max(now, self._next_at[index]), now)
        if sync.state == BookState.SYNCED and waited_ns > self._steady_ns:
            self._backoffs[index].reset()
        buffers = sync.state == BookState.BUFFERING and symbol.trading != DELISTED
        return buffers and now >= self._next_at[index]

    def cancel(self) -> None:
        """Nothing is under way that would have to be ended."""
