"""The two laws with every venue side by side: snapshots asked for and in the stream, checksums, gaps between venues."""

from __future__ import annotations

import asyncio
import random
from hashlib import blake2b
from pathlib import Path

import pytest

from engine.batch import Batch
from engine.core import State
from engine.feeds import fake_faults as ff
from engine.feeds.fake_session import FakeSession
from engine.feeds.fake_time import FakeClock, run_in_fake_time
from engine.feeds.venues import VENUES
from engine.frame import View
from engine.kernels import warm
from engine.picture import picture
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
from store.replay import ReplaySource
from tests.laws.test_laws import ListSource, digest, encode, sought

ACROSS = (View(across_rows=12), View(symbol=3, across_rows=5))


def shown(state: State) -> bytes:
    found = blake2b(digest(state))
    for view in ACROSS:
        found.update(encode(picture(state, view)))
    return found.digest()


def heard() -> list[Batch]:
    """Half a minute of all venues, in which one loses a message, one garbles one and one is unplugged."""
    batches: list[Batch] = []

    async def main(clock: FakeClock) -> None:
        async with FakeSession(clock, tuple(VENUES), ("BTC", "ETH"), depth_limit=100) as live:
            fold = live.witness.fold

            def keep(batch: Batch) -> None:
                batches.append(batch)
                fold(batch)

            live.witness.fold = keep  # type: ignore[method-assign]
            await live.synced()
            await live.strike("coinbase", ff.OnMessage(ff.GAP, live["coinbase", "BTC"].symbol, after=2))
            await live.strike("kraken", ff.OnMessage(ff.MALFORMED, live["kraken", "ETH"].symbol, after=2))
            live.networks["binance-usdm"].unplug()
            await live.run(8.0)
            live.networks["binance-usdm"].plug_in()
            await live.caught_up()

    run_in_fake_time(main)
    return batches


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, bytes]]:
    assert list(warm.warm())
    path = tmp_path_factory.mktemp("venues") / "session.sqlite"
    seen: dict[int, bytes] = {}
    session = Session(ListSource(heard()), sink=Recorder(path, new_header("test", 1)))
    session.observers.append(lambda state, _: seen.update({state.ts: shown(state)}))
    asyncio.run(session.run())
    symbols = session.state.symbols
    assert [symbol.instrument.venue for symbol in symbols.values()] == [v for v in VENUES for _ in range(2)]
    across = picture(session.state, ACROSS[0]).across
    assert across is not None
    assert [leg.venue for leg in across.legs] == list(VENUES)
    assert all(leg.trusted and leg.bids and leg.asks for leg in across.legs)
    return path, seen


def test_law_1_a_replay_shows_what_the_session_showed(recorded: tuple[Path, dict[int, bytes]]) -> None:
    path, frames = recorded
    again: dict[int, bytes] = {}
    session = Session(ReplaySource(Recording(path), speed=0.0, hold_at_end=False))
    session.observers.append(lambda state, _: again.update({state.ts: shown(state)}))
    asyncio.run(session.run())
    assert again == frames


def test_law_2_a_seek_finds_every_venue_as_it_was(recorded: tuple[Path, dict[int, bytes]]) -> None:
    path, frames = recorded
    ticks = sorted(frames)
    rng = random.Random(13)
    for target, state in sought(path, [ticks[-1], ticks[0], *rng.sample(ticks, 10)]):
        assert shown(state) == frames[target], f"seek to {target}"
