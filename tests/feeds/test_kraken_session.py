"""Kraken from the wire to the State: the engine's own book proved by the venue's checksums, in fake time.

At every tick each book that is drawn as good is the exchange's, cut to the depth that was subscribed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.batch import Batch
from engine.core import State, apply
from engine.events import Alert, FeedStatus, Kind
from engine.feeds import fake_faults as ff
from engine.feeds.fake_book import to_units
from engine.feeds.fake_exchange import FakeExchange
from engine.feeds.fake_kraken import KrakenDialect, system
from engine.feeds.fake_network import FakeNetwork
from engine.feeds.fake_time import FakeClock, run_in_fake_time
from engine.feeds.hosts import Hosts
from engine.feeds.kraken import Kraken
from engine.feeds.live import LiveSource, Watched
from engine.feeds.options import FeedOptions
from engine.feeds.venues import VENUES
from engine.kernels.level_book import levels_of
from engine.session import Session
from engine.symbol import SymbolState
from store.header import new_header
from store.recorder import Recorder
from tests.laws.test_laws import digest, replayed

OPTIONS = VENUES["kraken"].options

BTC, DOGE = "BTC/USD", "DOGE/USD"


class Watch:
    """The source, its State, and the comparison of the two at every tick."""

    def __init__(self, clock: FakeClock, depth: int, *symbols: str) -> None:
        self.clock = clock
        dialect = KrakenDialect()
        self.exchange = FakeExchange(
            dialect, symbols, 3, rate=0.5, venue_ms=clock.now_ms, now_s=clock.steady_s, sleep=clock.sleep
        )
        self.exchange.beat_s = 0.1
        options = replace(OPTIONS, rest=("http://fake:1",), ws=("ws://fake:1",), depth_limit=depth)
        self.network = FakeNetwork(self.exchange, options)
        self.source = LiveSource(
            [Watched(Kraken, symbols, options)], clock, random.Random(1), lambda _: self.network, Hosts()
        )
        self.state = State()
        self.statuses: list[FeedStatus] = []
        self.alerts: list[Alert] = []
        self.compared = dict.fromkeys(symbols, 0)
        self.depth = depth
        self._at_ns: dict[int, int] = {}
        self.batches: list[Batch] = []

    async def run(self) -> None:
        async for batch in self.source.batches():
            self.batches.append(batch)
            self.statuses += [note for note in batch.notes if isinstance(note, FeedStatus)]
            derived, requests = apply(self.state, batch)
            self.alerts += [one for one in derived if isinstance(one, Alert)]
            for request in requests:
                await self.source.command(request)
            self._compare(batch)

    def _compare(self, batch: Batch) -> None:
        rows = batch.rows[(batch.rows["kind"] == Kind.SNAPSHOT) | (batch.rows["kind"] == Kind.DELTA)]
        self._at_ns |= {int(row["symbol"]): int(row["ts_event"]) for row in rows}
        for number, symbol in self.state.symbols.items():
            name = symbol.instrument.symbol
            moment = self.exchange.id_of(name, 0, self._at_ns.get(number, 0))
            if symbol.shown_state != "SYNCED" or moment is None:
                continue
            truth = self.exchange.oracle(name).book_at(moment)
            tick, lot = to_units(symbol.instrument.tick_size), to_units(symbol.instrument.lot_size)
            for side, right in enumerate((truth.sorted_bids(self.depth), truth.sorted_asks(self.depth))):
                mine = [(int(t) * tick, int(q) * lot) for t, q in levels_of(symbol.market.book, side)]
                assert mine == right, f"{name} at {moment}"
            self.compared[name] += 1

    def __getitem__(self, name: str) -> SymbolState:
        return next(s for s in self.state.symbols.values() if s.instrument.symbol == name)

    def proof(self, name: str) -> tuple[int, int]:
        return int(self[name].feature("verified") or 0), int(self[name].feature("decided") or 0)

    def snapshots(self, name: str) -> int:
        return sum(asked.symbol == name and asked.path == "depth" for asked in self.exchange.requests)

    async def until(self, condition: Callable[[], object], within_s: float = 120.0) -> None:
        deadline = self.clock.now() + within_s * 1e9
        while not condition():
            assert self.clock.now() < deadline, [(s.symbol, s.state, s.reason) for s in self.statuses[-12:]]
            await asyncio.sleep(0.05)

    async def synced(self) -> None:
        """Every book was compared some ticks longer."""
        wanted = {name: count + 5 for name, count in self.compared.items()}
        await self.until(lambda: all(self.compared[name] >= count for name, count in wanted.items()))


def play(story: Callable[[Watch], Awaitable[None]], *symbols: str, depth: int = 25) -> None:
    async def main(clock: FakeClock) -> None:
        watch = Watch(clock, depth, *(symbols or (BTC, DOGE)))
        tasks = [asyncio.create_task(watch.exchange.run()), asyncio.create_task(watch.run())]
        told = asyncio.create_task(story(watch))
        done, _ = await asyncio.wait([*tasks, told], return_when=asyncio.FIRST_COMPLETED)
        watch.exchange.stop()
        for task in (*tasks, told):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    run_in_fake_time(main)


@pytest.mark.parametrize("depth", [10, 100])
def test_short_books_stay_the_venues_and_every_checksum_agrees(depth: int) -> None:
    async def story(watch: Watch) -> None:
        await watch.synced()
        await asyncio.sleep(60.0)
        for name in (BTC, DOGE):
            verified, decided = watch.proof(name)
            assert verified == decided > 100
            assert watch.compared[name] > 100
            assert watch.snapshots(name) == 1
            assert watch[name].market.head[:, 2].tolist() == [depth, depth]
        assert watch[BTC].trade_count > 20

    play(story, depth=depth)


@pytest.mark.parametrize("kind", [ff.GAP, ff.REORDER])
def test_a_lost_update_is_found_by_the_next_checksum_and_heals(kind: str) -> None:
    """One message later at the most, where it touched the ten best levels; only that book is fetched again."""

    async def story(watch: Watch) -> None:
        await watch.synced()
        watch.exchange.faults.add(ff.OnMessage(kind, BTC))
        await watch.until(lambda: watch.exchange.faults.struck and watch[BTC].doubt, 60.0)
        assert not watch[BTC].trusted
        verified, decided = watch.proof(BTC)
        assert 0 < decided - verified <= 2
        await watch.until(lambda: watch.snapshots(BTC) == 2)
        await watch.synced()
        after = watch.proof(BTC)
        assert after[1] - after[0] <= 3
        assert watch.snapshots(DOGE) == 1
        assert watch.proof(DOGE)[0] == watch.proof(DOGE)[1]
        (told,) = [alert.text for alert in watch.alerts if alert.kind == "BOOK"]
        sums, crossed = (
            "its best levels do not have the venue's checksum",
            "the best bid reached the best ask",
        )
        assert told in (f"BTC/USD book resyncs: {sums}", f"BTC/USD book resyncs: {crossed}")

    play(story, depth=10)


def test_an_old_message_again_is_undone_by_a_fresh_book() -> None:
    async def story(watch: Watch) -> None:
        await watch.synced()
        watch.exchange.faults.add(*(ff.OnMessage(kind, BTC, after=20) for kind in (ff.DUPLICATE, ff.OLD)))
        await watch.until(lambda: len(watch.exchange.faults.struck) == 2)
        await asyncio.sleep(5.0)
        await watch.synced()
        assert watch.snapshots(BTC) == 2

    play(story, depth=10)


def test_a_hand_over_leaves_no_gap() -> None:
    async def story(watch: Watch) -> None:
        await watch.synced()
        before = len(watch.statuses)
        watch.source._connections[0]._ask_renewal("as if a week had passed", watch.clock.now())
        await watch.until(lambda: len(watch.exchange.connects) == 2)
        await asyncio.sleep(10.0)
        await watch.synced()
        assert {s.state for s in watch.statuses[before:] if s.symbol is not None} <= {"SYNCED"}
        assert watch.snapshots(BTC) == watch.snapshots(DOGE) == 2
        assert [s.state for s in watch.statuses if s.symbol is None][-2:] == ["DRAINING", "LIVE"]
        assert all(verified == decided for verified, decided in map(watch.proof, (BTC, DOGE)))

    play(story)


def test_a_cut_line_is_made_anew() -> None:
    async def story(watch: Watch) -> None:
        await watch.synced()
        watch.exchange.faults.add(ff.OnMessage(ff.CUT, BTC))
        await watch.until(lambda: len(watch.exchange.connects) == 2)
        await watch.synced()
        assert "STALE" in {s.state for s in watch.statuses if s.symbol == 1}
        assert watch.snapshots(BTC) == watch.snapshots(DOGE) == 2

    play(story)


def test_maintenance_is_said_and_is_no_fault_of_the_line() -> None:
    async def story(watch: Watch) -> None:
        await watch.synced()
        (client,) = watch.exchange.clients
        client.say(system("maintenance"))
        watch.exchange.running = False
        await asyncio.sleep(120.0)
        assert watch[BTC].trading == "MAINTENANCE"
        assert watch[BTC].shown_state == "SYNCED"
        client.say(system("online"))
        watch.exchange.running = True
        await watch.until(lambda: watch[BTC].trading == "TRADING")
        await watch.synced()
        assert len(watch.exchange.connects) == 1
        assert all(verified == decided for verified, decided in map(watch.proof, (BTC, DOGE)))

    play(story)


async def test_through_real_sockets_and_a_recording_the_proof_is_the_same(tmp_path: Path) -> None:
    from engine.feeds.fake_server import FakeServer

    path = tmp_path / "kraken.sqlite"
    frames: dict[int, bytes] = {}
    async with FakeServer(KrakenDialect(), (BTC,), rate=3.0) as server:
        options = replace(
            OPTIONS, rest=(server.rest,), ws=(server.ws,), depth_limit=10, connect_gap_s=0.05, send_gap_s=0.02
        )
        server.faults.add(ff.OnMessage(ff.GAP, BTC, after=20))
        session = Session(_source(options), sink=Recorder(path, new_header("test", 1)))

        def observe(state: State, _: object) -> None:
            frames[state.ts] = digest(state)

        session.observers.append(observe)
        running = asyncio.create_task(session.run())
        async with asyncio.timeout(30):
            while not _proved(session.state, 100):
                await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert await asyncio.to_thread(replayed, path) == frames


def _source(options: FeedOptions) -> LiveSource:
    return LiveSource([Watched(Kraken, (BTC,), options)], hosts=Hosts())


def _proved(state: State, updates: int) -> bool:
    symbol = state.symbols.get(0)
    decided = symbol and symbol.feature("decided")
    return bool(
        symbol and decided and decided > updates and symbol.feature("verified") < decided and symbol.trusted
    )
