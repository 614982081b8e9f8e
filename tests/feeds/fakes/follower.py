"""Follows a live source as the session would, with dict books held against the exchange's own at every tick."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import pytest
from msgspec import structs

from engine.events import FeedStatus
from engine.feeds.fake_server import FakeServer
from engine.feeds.fake_witness import Followed, Witness
from engine.feeds.hosts import Hosts
from engine.feeds.live import LiveSource, Watched
from engine.feeds.venues import VENUES
from engine.kernels import warm
from engine.ports import Clock, Resync

# A fifth or less of the real thresholds, so that a fault's whole course fits in a second or two.
QUICK: dict[str, Any] = {
    "connect_timeout_s": 1.5,
    "request_timeout_s": 1.5,
    "connect_gap_s": 0.05,
    "send_gap_s": 0.25,
    "first_data_s": 1.0,
    "stale_s": 1.0,
    "unanswered_s": 0.5,
    "backoff_min_s": 0.05,
    "backoff_max_s": 0.3,
    "firewall_wait_s": 1.0,
    "hand_over_s": 2.0,
}

OVERLAPPING = [pytest.mark.overlapping, pytest.mark.asyncio(loop_scope="module")]


def overlapping(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], Coroutine[Any, Any, None]]:
    """Marks one test of a module whose others run alone."""
    for mark in OVERLAPPING:
        test = mark(test)
    return test


class Follower(Witness):
    def __init__(self, source: LiveSource, exchange: FakeServer | None, symbols: Sequence[str]) -> None:
        super().__init__([(name, exchange) for name in symbols])
        self.source = source
        self.pause_s = 0.0  # how long the follower lets the next batches lie
        self._exchange = exchange
        self._told = False
        self._task = asyncio.create_task(self._run())

    def __getitem__(self, symbol: str) -> Followed:
        return next(one for one in self.symbols if one.symbol == symbol)

    @property
    def connection(self) -> list[FeedStatus]:
        return [status for status in self.statuses if status.symbol is None]

    @property
    def connection_states(self) -> list[str]:
        return [status.state for status in self.connection]

    @property
    def said(self) -> str:
        """Everything that statuses gave as a reason."""
        return " | ".join(dict.fromkeys(status.reason for status in self.statuses if status.reason))

    async def until(self, condition: Callable[[], object], what: str, within_s: float = 12.0) -> None:
        """Waits for the condition; fails with what the statuses said when it does not come about."""
        deadline = time.monotonic() + within_s
        while not condition():
            if self._task.done():
                self._told = True
                self._task.result()
                raise AssertionError(f"the source ended before: {what}")
            if time.monotonic() > deadline:
                books = {one.symbol: (one.states[-8:], one.book.update_id) for one in self.symbols}
                raise AssertionError(
                    f"not within {within_s} s: {what}; connection {self.connection_states[-8:]}, "
                    f"books {books}, said: {self.said[-600:]}, "
                    f"requests: {self._exchange and [vars(one) for one in self._exchange.requests[-4:]]}"
                )
            await asyncio.sleep(0.01)

    async def synced(self, *symbols: str, within_s: float = 12.0) -> None:
        """All of these (or every symbol) are SYNCED and were compared at least once more since now."""
        wanted = [one for one in self.symbols if not symbols or one.symbol in symbols]
        before = {one.symbol: one.compared for one in wanted}
        await self.until(
            lambda: all(one.state == "SYNCED" and one.compared > before[one.symbol] for one in wanted),
            f"{[one.symbol for one in wanted]} synced",
            within_s,
        )

    async def caught_up(self, within_s: float = 12.0) -> None:
        """All are SYNCED, and with the market at rest every book becomes the exchange's newest.

        A snapshot can be ahead of the newest diff: then the book is compared where the snapshot stands.
        """
        await self.synced(within_s=within_s)
        assert self._exchange is not None
        self._exchange.running = False
        newest = {one.symbol: self._exchange.sent[one.symbol].last_id for one in self.symbols}
        await self.until(
            lambda: all(one.is_at(newest[one.symbol]) for one in self.symbols),
            f"every book at the newest diff {newest}",
            within_s,
        )
        self.compare()
        self._exchange.running = True

    async def ended(self) -> None:
        """Waits until the source has no more batches; what it raised is raised here."""
        await asyncio.wait({self._task}, timeout=12.0)
        self._told = True
        assert self._task.done(), "the source goes on"
        assert not self._task.cancelled(), "the source ended with CancelledError"
        self._task.result()

    async def close(self) -> None:
        """Ends the source. What went wrong since the last `until` is raised here."""
        await self.source.close()
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._told and not self._task.cancelled():
            self._task.result()

    async def _run(self) -> None:
        async for batch in self.source.batches():
            self.fold(batch)
            for number in self.compare():
                await self.source.command(Resync(number, self.symbols[number].doubt))
            if self.pause_s:
                pause_s, self.pause_s = self.pause_s, 0.0
                await asyncio.sleep(pause_s)


@cache
def _warm() -> None:
    """Compiling in the middle of a test would look like a stalled exchange."""
    assert list(warm.warm())


@asynccontextmanager
async def following(
    exchange: FakeServer | None,
    *symbols: str,
    clock: Clock | None = None,
    rest: Sequence[str] = (),
    ws: Sequence[str] = (),
    **options: Any,
) -> AsyncIterator[Follower]:
    """A LiveSource on the exchange (or on other endpoints) with quick thresholds, and its follower.

    The exchange's dialect says which venue is watched. Where there is no exchange the books are followed and
    compared with nothing.
    """
    info = VENUES[exchange.dialect.name if exchange is not None else "binance"]
    _warm()
    if exchange is not None:
        symbols, rest, ws = (
            symbols or tuple(exchange.market.listings),
            rest or (exchange.rest,),
            ws or (exchange.ws,),
        )
    chosen = structs.replace(info.options, rest=tuple(rest), ws=tuple(ws), **(QUICK | options))
    follower = Follower(
        LiveSource([Watched(info.protocol(), symbols, chosen)], clock, random.Random(7), hosts=Hosts()),
        exchange,
        symbols,
    )
    try:
        yield follower
    finally:
        await follower.close()
