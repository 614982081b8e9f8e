"""From the socket to the engine's own book: what a session shows as good is what the exchange has."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from fakes.follower import QUICK

from engine.core import State, SymbolState
from engine.feeds import fake_faults as ff
from engine.feeds.fake_binance import FakeBinance
from engine.feeds.fake_book import to_units
from engine.feeds.fake_capture import CapturePlayback
from engine.feeds.hosts import Hosts
from engine.feeds.live import LiveSource
from engine.feeds.options import FeedOptions
from engine.kernels import warm
from engine.kernels.level_book import ASK, BID, levels_of
from engine.session import Session


def units(symbol: SymbolState) -> tuple[int, int]:
    """A tick and a lot, in units of 1e-8."""
    return to_units(symbol.instrument.tick_size), to_units(symbol.instrument.lot_size)


class Watched:
    """A session on the exchange; every trusted tick is compared with the exchange's book at the same id."""

    def __init__(self, exchange: FakeBinance) -> None:
        self.exchange = exchange
        self.symbols = tuple(exchange.market.listings)
        options = FeedOptions(rest=(exchange.rest,), ws=(exchange.ws,), **(QUICK | {"depth_limit": 1000}))
        self.session = Session(LiveSource(self.symbols, options, rng=random.Random(3), hosts=Hosts()))
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

    async def until(self, condition: Callable[[], object], what: str, within_s: float = 30.0) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def watched(exchange: FakeBinance) -> AsyncIterator[Watched]:
    watch = Watched(exchange)
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
        verified, decided = (watch["ETHUSDT"].feature(name) for name in ("verified", "decided"))
        assert verified == decided
        assert decided is not None
        assert decided > 10


async def test_the_captured_session_ends_with_the_right_book_and_every_comparison_verified(captures: Path):
    playback = CapturePlayback(captures / "binance_spot_btcusdt_20240808.gz", speed=120.0)
    async with FakeBinance(market=playback) as exchange, watched(exchange) as watch:
        await watch.until(lambda: playback.finished, "the capture is over", within_s=60.0)
        newest = exchange.sent["BTCUSDT"].last_id
        await watch.until(lambda: watch["BTCUSDT"].feature("update_id") == newest, "the last diff is folded")
        symbol = watch["BTCUSDT"]
        truth = exchange.oracle("BTCUSDT").book_at(newest)
        tick, lot = units(symbol)
        for side, right in ((BID, truth.bids), (ASK, truth.asks)):
            assert {t * tick: n * lot for t, n in levels_of(symbol.market.book, side).tolist()} == right
        assert not watch.wrong
        assert not watch.doubts
        assert symbol.feature("verified") == symbol.feature("decided")
        assert symbol.feature("decided") == 3432
        assert len(exchange.connects) == 1
