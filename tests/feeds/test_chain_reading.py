"""From sources to a session: worth at its own price, bounds, and a recording that replays with nobody listening."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from pathlib import Path

import pytest
from fakes.chains import BINANCE, impatient, until

from engine.batch import Batch, BatchBuilder
from engine.core import State, apply
from engine.events import ChainTransfer, FeedStatus, Kind, Listed, Note
from engine.feeds.chain_addresses import Addresses, shipped
from engine.feeds.chain_bitcoin import BitcoinLedger
from engine.feeds.chain_blockchain import BlockchainInfo
from engine.feeds.chain_mempool import MempoolSpace
from engine.feeds.chain_reading import A_TICK, WAITING, ChainReading, Put
from engine.feeds.chain_source import ChainSource
from engine.feeds.fake_chain import KEY, FakeChain
from engine.feeds.fake_chain_site import BLOCKCHAIN, MEMPOOL, MadeUpChains, Moved
from engine.feeds.hosts import Hosts
from engine.frame import View
from engine.frame.host import Transport
from engine.instrument import Instrument
from engine.picture import picture
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from tests.laws.test_laws import digest, replayed

START = 1_795_000_000_000_000_000
TICK = 100_000_000


async def nobody(put: Put) -> None:
    """A source that says nothing."""


def market(*symbols: tuple[str, str, int], synced: bool = True) -> State:
    """A state with a book of each (base, quote, price)."""
    state, out = State(), BatchBuilder()
    for index, (base, quote, price) in enumerate(symbols):
        out.add_note(Listed(index, Instrument("binance", base + quote, base, quote, "1", "0.001")), START)
        out.add_levels(Kind.SNAPSHOT, START, [(price - 1, 5)], [(price + 1, 5)], symbol=index, last_id=1)
        out.add_note(FeedStatus("binance", "SYNCED" if synced else "STALE", index), START)
    out.add(Kind.TICK, START + TICK, symbol=-1)
    apply(state, out.take())
    return state


def worth(state: State, asset: str, amount: float = 2.0) -> float | None:
    reading = ChainReading(nobody)
    reading.put(ChainTransfer("a", START, asset, amount))
    batch = reading.after(state, Batch(BatchBuilder().rows[:0]))
    assert batch is not None
    (note,) = batch.notes
    assert isinstance(note, ChainTransfer)
    return note.value_quote


def test_a_transfer_is_worth_what_the_sessions_own_book_says() -> None:
    assert worth(market(("BTC", "USDT", 60_000)), "BTC") == 120_000.0
    assert worth(market(("BTC", "USDT", 60_000)), "USDT") == 2.0
    assert worth(market(("BTC", "USDT", 60_000)), "ETH") is None
    assert worth(market(("ETH", "BTC", 60_000)), "ETH") is None
    assert worth(market(("BTC", "USDT", 60_000), synced=False), "BTC") is None


def test_a_flood_is_told_bit_by_bit_and_beyond_a_bound_let_go_and_that_is_said() -> None:
    reading, state, none = ChainReading(nobody), market(), Batch(BatchBuilder().rows[:0])
    well = FeedStatus("blockchain.info", "LIVE", reason="as it said itself")
    reading.put(well)
    assert reading.after(state, none) is not None
    for _ in range(2):  # when it comes back it is said again
        for number in range(3 * WAITING):
            reading.put(ChainTransfer(f"t{number}", START, "BTC", 1.0, source="blockchain.info"))
        notes: list[Note] = []
        while (batch := reading.after(state, none)) is not None:
            transfers = [note for note in batch.notes if isinstance(note, ChainTransfer)]
            assert len(transfers) <= A_TICK
            notes += batch.notes
        assert sum(isinstance(note, ChainTransfer) for note in notes) == WAITING
        faster = "let go: they come faster than they can be told"
        told = [note for note in notes if isinstance(note, FeedStatus)]
        counts = ("1 transfer", *(f"{lost},000 transfers" for lost in range(1, 2 * WAITING // 1000 + 1)))
        assert [note.reason for note in told] == [*(f"{count} {faster}" for count in counts), well.reason]
        assert {note.state for note in told} == {"LIVE"}
    assert notes[-1] == well


def test_memory_is_flat_over_thousands_of_transactions() -> None:
    """Both sources, most of them large, so that what is kept is turned over many times."""
    chains, ledger = MadeUpChains(), BitcoinLedger({}, 100.0, 50)
    readers = {BLOCKCHAIN: BlockchainInfo(), MEMPOOL: MempoolSpace()}

    def hear(count: int) -> None:
        for number in range(count):
            chains.pay((f"1receiver{number}", 150.0 if number % 3 else 1.0), (chains.address(), 0.1))
            if number % 100 == 0:
                chains.mine()
            for venue, message in chains.take_news():
                heard = readers[venue].receive(message)
                for tx in heard.transactions:
                    ledger.take(tx, venue, START)
                ledger.mined(heard.mined, venue)

    tracemalloc.start()
    hear(200)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    hear(600)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 30_000


class Ticks:
    """A source of nothing but ticks, paced in real time, until it is told to stop."""

    accepts: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.transport = Transport()

    async def batches(self):  # type: ignore[no-untyped-def]
        out, ts = BatchBuilder(), START
        out.add_note(Listed(0, Instrument("binance", "BTCUSDT", "BTC", "USDT", "1", "0.001")), ts)
        out.add_levels(Kind.SNAPSHOT, ts, [(59_999, 5)], [(60_001, 5)], symbol=0, last_id=1)
        out.add_note(FeedStatus("binance", "SYNCED", 0), ts)
        while not self.stop.is_set():
            ts += TICK
            out.add(Kind.TICK, ts, symbol=-1)
            yield out.take()
            await asyncio.sleep(0.02)

    async def command(self, command: object) -> None:
        """It takes none."""

    async def close(self) -> None:
        """There is nothing to close."""


async def test_a_session_records_what_chains_say_and_a_replay_shows_it_without_them(tmp_path: Path) -> None:
    path = tmp_path / "session.sqlite"
    frames: dict[int, bytes] = {}
    async with FakeChain() as site:
        source = ChainSource(impatient(site), Addresses(shipped()), hosts=Hosts())
        reading, ticks = ChainReading(source.run), Ticks()
        session = Session(
            ticks, sink=Recorder(path, new_header("test", 1)), producers=[reading], beside=[reading.run]
        )
        session.observers.append(lambda state, _: frames.update({state.ts: digest(state)}))
        running = asyncio.create_task(session.run())
        await until(lambda: site.listeners(BLOCKCHAIN) + site.listeners(MEMPOOL) == 2, "subscriptions")
        await until(lambda: len(site.requests) > 2, "questions")
        tx = site.chains.pay((BINANCE, 150.0), ("1x", 3.0))
        site.chains.block(Moved("USDT", 9_000_000 * 10**6, "0x" + "1" * 40, "0x" + "2" * 40))
        await until(lambda: len(session.state.chain.known) == 2, "both transfers")
        site.chains.mine()
        await until(lambda: session.state.chain.known[tx.id].transfer.confirmed, "the confirmation")
        ticks.stop.set()
        await running
    shown = picture(session.state, View()).chain
    assert shown is not None
    assert sorted((t.asset, t.value_quote, t.receiver) for t in shown.transfers) == [
        ("BTC", 9_000_000.0, "Binance"),
        ("USDT", 9_000_000.0, ""),
    ]
    assert await asyncio.to_thread(replayed, path) == frames
    assert not holds(tmp_path, KEY)


def holds(folder: Path, word: str) -> bool:
    return any(word.encode() in file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize("venue", [BLOCKCHAIN, MEMPOOL])
async def test_a_fault_of_ours_ends_one_source_in_plain_sight(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, data: bytes) -> None:
        raise RuntimeError("[b]boom\x1b")

    monkeypatch.setattr(BlockchainInfo if venue == BLOCKCHAIN else MempoolSpace, "receive", broken)
    said: list[object] = []
    async with FakeChain() as site:
        task = asyncio.create_task(
            ChainSource(impatient(site, key=None), Addresses(shipped()), hosts=Hosts()).run(said.append)
        )
        await until(lambda: site.listeners(BLOCKCHAIN) + site.listeners(MEMPOOL) == 2, "subscriptions")
        site.chains.pay((BINANCE, 150.0))
        await until(lambda: any(isinstance(n, ChainTransfer) for n in said), "the other's transfer")
        ended = FeedStatus(
            venue, "BLOCKED", reason="reading it failed and has ended: RuntimeError('[b]boom\\x1b')"
        )
        await until(lambda: ended in said, "the end of this one")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
