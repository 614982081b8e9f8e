"""The captured session, played by the fake exchange through the real driver, folded, recorded and replayed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.core import State
from engine.feeds.binance import Binance
from engine.feeds.fake_binance import FakeBinance
from engine.feeds.fake_capture import CapturePlayback
from engine.feeds.live import LiveSource, Watched
from engine.feeds.options import FeedOptions
from engine.kernels.level_book import ASK, BID, levels_of
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from tests.laws.test_laws import digest, replayed

SPEED = 40.0


async def test_the_capture_ends_with_the_right_book_and_every_comparison_verified(
    captures: Path, tmp_path: Path
) -> None:
    playback = CapturePlayback(captures / "binance_spot_btcusdt_20240808.gz", SPEED)
    path = tmp_path / "captured.sqlite"
    frames: dict[int, bytes] = {}
    async with FakeBinance(market=playback) as exchange:
        options = FeedOptions(rest=(exchange.rest,), ws=(exchange.ws,), depth_limit=1000)
        session = Session(
            LiveSource([Watched(Binance, ("BTCUSDT",), options)]), sink=Recorder(path, new_header("test", 1))
        )

        def observe(state: State, _: object) -> None:
            frames[state.ts] = digest(state)

        session.observers.append(observe)
        running = asyncio.create_task(session.run())
        async with asyncio.timeout(120):
            while not playback.finished:
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)
        update_id = exchange.sent["BTCUSDT"].last_id
        oracle = playback.oracle("BTCUSDT").book_at(update_id)
        market = session.state.symbols[0].market
        assert session.state.symbols[0].shown_state == "SYNCED"
        assert session.state.symbols[0].feature("update_id") == update_id
        instrument = session.state.symbols[0].instrument
        tick, lot = (int(step.value * 10**8) for step in (instrument.tick, instrument.lot))
        for side, theirs in ((BID, oracle.bids), (ASK, oracle.asks)):
            ours = {int(t) * tick: int(q) * lot for t, q in levels_of(market.book, side)}
            assert ours == theirs
        proof = (session.state.symbols[0].feature("verified"), session.state.symbols[0].feature("decided"))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert proof == (3432, 3432)
    again = await asyncio.to_thread(replayed, path)
    assert again == frames
