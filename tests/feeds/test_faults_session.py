"""From the socket to the engine's own book: what a session shows as good is what the exchange has."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.follower import QUICK, overlapping

from engine.core import State
from engine.feeds import fake_faults as ff
from engine.feeds.binance import Binance
from engine.feeds.fake_binance import FakeBinance
from engine.feeds.fake_book import to_units
from engine.feeds.fake_capture import CapturePlayback
from engine.feeds.hosts import Hosts
from engine.feeds.live import LiveSource, Watched
from engine.feeds.options import FeedOptions
from engine.kernels import warm
from engine.kernels.level_book import ASK, BID, levels_of
from engine.session import Session
from engine.symbol import SymbolState


def units(symbol: SymbolState) -> tuple[int, int]:
    """A tick and a lot, in units of 1e-8."""
    return to_units(symbol.instrument.tick_size), to_units(symbol.instrument.lot_size)


class Beside:
    """A session on the exchange; every trusted tick is compared with the exchange's book at the same id."""

    def __init__(self, exchange: FakeBinance, **options: Any) -> None:
        self.exchange = exchange
        self.symbols = tuple(exchange.market.listings)
        chosen = QUICK | {"depth_limit": 1000} | options
        feed = FeedOptions(rest=(exchange.rest,), ws=(exchange.ws,), **chosen)
        self.session = Session(
            LiveSource([Watched(Binance, self.symbols, feed)], rng=random.Random(3), hosts=Hosts())
        )
        self.session.observers.append(self._look)
        self.compared = 0
        self.doubts: list[str] = []
        self.wrong: list[str] = []

    def __getitem__(self, symbol: str) -> SymbolState:
        return self.session.state.symbols[self.symbols.index(symbol)]

    def _look(self, state: State, _: object) -> None:
        for index, symbol in state.symbols.items():
            if symbol.doubt:
                self.doubts.append(symbol.doubt)
            if symbol.trusted:
                self._compare(self.symbols[index], symbol)

    def _compare(self, name: str, symbol: SymbolState) -> None:
        tick, lot = units(symbol)
        shown = [
            int(symbol.feature(f"best_{side}_{what}") or 0) * unit
            for side in ("bid", "ask")
            for what, unit in (("ticks", tick), ("lots", lot))
        ]
        update_id = int(symbol.feature("update_id") or 0)
        self.compared += 1
        if tuple(shown) != self.exchange.oracle(name).book_at(update_id).best():
            self.wrong.append(f"{name} at {update_id}: {shown}")

    def proof(self, symbol: str) -> tuple[int, int]:
        """How many comparisons with the venue's top agreed, of how many."""
        verified, decided = (int(self[symbol].feature(name) or 0) for name in ("verified", "decided"))
        return verified, decided

    async def assert_exact(self, symbol: str) -> None:
        """At the newest diff that was sent, every level is the exchange's."""
        newest = self.exchange.sent[symbol].last_id
        await self.until(lambda: self[symbol].feature("update_id") == newest, "the last diff is folded")
        truth = self.exchange.oracle(symbol).book_at(newest)
        tick, lot = units(self[symbol])
        for side, right in ((BID, truth.bids), (ASK, truth.asks)):
            levels = levels_of(self[symbol].market.book, side).tolist()
            assert {ticks * tick: lots * lot for ticks, lots in levels} == right

    async def until(self, condition: Callable[[], object], what: str, within_s: float = 30.0) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def watched(exchange: FakeBinance, **options: Any) -> AsyncIterator[Beside]:
    watch = Beside(exchange, **options)
    running = asyncio.create_task(watch.session.run())
    try:
        yield watch
        assert not running.done() or running.result() is None
    finally:
        running.cancel()
        await asyncio.wait({running})


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Compiling in the middle of a test would look like a stalled exchange."""
    assert list(warm.warm())


@overlapping
async def test_no_fault_is_ever_shown_as_good():
    kinds = (ff.CROSSED, ff.GAP, ff.REORDER, ff.MALFORMED, ff.CROSSED, ff.OLD, ff.CUT, ff.NULLS, ff.CROSSED)
    async with FakeBinance(("BTCUSDT", "ETHUSDT"), seed=71, rate=3) as exchange, watched(exchange) as watch:
        await watch.until(lambda: watch.compared > 4, "both books")
        for kind in kinds:
            exchange.faults.add(ff.OnMessage(kind, "BTCUSDT", after=2))
            await watch.until(lambda: not exchange.faults.pending, f"{kind} strikes")
            await asyncio.sleep(0.15)
            seen = watch.compared
            await watch.until(
                lambda n=seen: watch.compared > n + 2 and watch["BTCUSDT"].trusted, f"after {kind}"
            )
        assert not watch.wrong
        assert "CROSSED" in watch.doubts
        verified, decided = watch.proof("ETHUSDT")
        assert verified == decided > 10


@overlapping
async def test_a_book_goes_on_after_the_line_held_everything_back_for_a_while():
    await stall_that_ends(of_the_line=True)


@overlapping
async def test_a_book_goes_on_after_the_exchange_stood_still_as_a_stopped_process_does():
    await stall_that_ends(of_the_line=False)


async def stall_that_ends(of_the_line: bool) -> None:
    """Long enough for STALE, and over before the connection is given up."""
    async with (
        FakeBinance(("BTCUSDT", "ETHUSDT"), seed=72, rate=3) as exchange,
        watched(exchange, depth_limit=5000, unanswered_s=30.0) as watch,
    ):
        await watch.until(lambda: watch.compared > 10, "both books")
        if of_the_line:
            exchange.faults.add(ff.OnMessage(ff.STALL))
        else:
            exchange.running = False
        await watch.until(lambda: {watch[name].book_state for name in watch.symbols} == {"STALE"}, "STALE")
        stopped_at = {name: watch[name].feature("update_id") for name in watch.symbols}
        proof = {name: watch.proof(name) for name in watch.symbols}
        if of_the_line:
            exchange.clients[0].go_on()
        exchange.running = True
        for name in watch.symbols:
            await watch.until(lambda n=name: watch.proof(n)[1] > proof[n][1] + 10, f"{name} is proved again")
        exchange.running = False
        for name in watch.symbols:
            await watch.assert_exact(name)
            assert watch[name].trusted
            assert (watch[name].feature("update_id") or 0) > (stopped_at[name] or 0)
            assert watch.proof(name)[0] == watch.proof(name)[1]
        assert not watch.wrong
        assert not watch.doubts
        assert len(exchange.connects) == 1
        assert [asked.path for asked in exchange.requests].count("depth") == 2, "no book is fetched anew"


async def test_the_captured_session_ends_with_the_right_book_and_every_comparison_verified(captures: Path):
    playback = CapturePlayback(captures / "binance_spot_btcusdt_20240808.gz", speed=40.0)
    async with FakeBinance(market=playback) as exchange, watched(exchange) as watch:
        await watch.until(lambda: playback.finished, "the capture is over", within_s=60.0)
        await watch.assert_exact("BTCUSDT")
        assert not watch.wrong
        assert not watch.doubts
        assert watch.proof("BTCUSDT") == (3432, 3432)
        assert len(exchange.connects) == 1
