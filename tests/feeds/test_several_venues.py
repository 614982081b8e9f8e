"""Several venues asked for one list of symbols: what each makes of it is told, and a silent one stops nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from engine.asked import told
from engine.batch import Batch
from engine.core import State, fold_all
from engine.events import Asked
from engine.feeds.errors import NowhereTraded
from engine.feeds.fake_exchange import FakeExchange
from engine.feeds.fake_network import FakeNetwork
from engine.feeds.fake_time import FakeClock, run_in_fake_time
from engine.feeds.fake_venues import dialect_of
from engine.feeds.hosts import Hosts
from engine.feeds.live import LiveSource, Watched
from engine.feeds.network import Reply
from engine.feeds.venues import VENUES
from engine.frame import View
from engine.picture import picture
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
from store.replay import ReplaySource
from tests.laws.test_laws import ListSource


class Watch:
    """Made-up markets in BTC and ETH on each venue, watched for `seconds` or until the run ends.

    `silent` venues answer nothing, for so many seconds; one for -1 s cannot be reached at all.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        venues: Sequence[str],
        silent: dict[str, float] | None = None,
        seconds: float = 20.0,
    ) -> None:
        self.batches: list[Batch] = []
        self.error = ""
        self.seconds = 0.0
        self._run(tuple(symbols), venues, silent or {}, seconds)

    def _run(
        self, symbols: Sequence[str], venues: Sequence[str], silent: dict[str, float], seconds: float
    ) -> None:
        async def main(clock: FakeClock) -> None:
            source = self._source(clock, symbols, venues, silent)
            began = clock.now()
            try:
                async for batch in source.batches():
                    self.batches.append(batch)
                    if clock.now() - began > seconds * 1e9:
                        break
            except NowhereTraded as error:
                self.error = str(error)
            self.seconds = (clock.now() - began) / 1e9
            await source.close()

        run_in_fake_time(main)

    def _source(
        self, clock: FakeClock, symbols: Sequence[str], venues: Sequence[str], silent: dict[str, float]
    ) -> LiveSource:
        networks: dict[str, FakeNetwork] = {}
        watched = []
        for venue in venues:
            info, dialect = VENUES[venue], dialect_of(venue)
            exchange = FakeExchange(
                dialect, [dialect.spell("BTC"), dialect.spell("ETH")], 1, venue_ms=clock.now_ms
            )
            options = msgspec.structs.replace(
                info.options, rest=(f"http://{venue}:1",), ws=(f"ws://{venue}:1",), depth_limit=100
            )
            networks[options.rest[0]] = _Silent(exchange, options, clock, silent.get(venue, 0.0))
            watched.append(Watched(info.protocol(), info.spell(symbols), options))
        return LiveSource(
            watched, clock, random.Random(1), lambda options: networks[options.rest[0]], Hosts()
        )

    @property
    def state(self) -> State:
        return fold_all(State(), self.batches)

    @property
    def asked(self) -> list[Asked]:
        return [note for batch in self.batches for note in batch.notes if isinstance(note, Asked)]


class _Silent(FakeNetwork):
    """Takes every request and says nothing for so long."""

    def __init__(self, exchange: FakeExchange, options: object, clock: FakeClock, seconds: float) -> None:
        super().__init__(exchange, options)  # type: ignore[arg-type]
        self._clock, self._until = clock, clock.now() + round(seconds * 1e9)
        if seconds < 0:
            self.unplug()

    async def get(self, url: str) -> Reply:
        while self._clock.now() < self._until:
            await asyncio.sleep(0.5)
        return await super().get(url)


def test_what_nobody_trades_ends_the_run_at_once_with_near_matches_of_each():
    run = Watch(["BTCUSDT", "ETHUSTD"], ("binance", "coinbase"))
    assert run.error == (
        "neither binance nor coinbase trades ETHUSTD; near matches: ETHUSDT on binance; ETH-USD on coinbase"
    )
    assert run.seconds < 0.5


def test_of_more_than_two_all_are_named():
    run = Watch(["XYZ-EUR"], ("binance", "coinbase", "kraken"))
    assert run.error == "none of binance, coinbase and kraken trades XYZEUR"


def test_a_run_with_nothing_to_show_does_not_wait_for_a_venue_that_says_nothing():
    run = Watch(["BTCUSTD"], ("binance", "coinbase", "kraken"), {"coinbase": 1e6}, seconds=120.0)
    assert run.error == (
        "neither binance nor kraken trades BTCUSTD; near matches: BTCUSDT on binance; BTC/USD on kraken. "
        "coinbase has not answered: it is being asked"
    )
    assert 10.0 < run.seconds < 15.0
    (first, second) = sorted(told(note) for note in run.asked)  # long before
    assert (first, second) == ("binance does not trade BTCUSTD", "kraken does not trade BTCUSTD")


def test_why_a_venue_does_not_answer_is_told():
    run = Watch(["BTCUSTD"], ("binance", "kraken"), {"kraken": -1}, seconds=60.0)
    assert run.error == (
        "binance does not trade BTCUSTD; near matches: BTCUSDT on binance. "
        "kraken has not answered: kraken:1 cannot be reached: Network is unreachable"
    )


def test_the_first_venue_being_silent_keeps_no_other_back():
    run = Watch(["BTC-USD"], ("coinbase", "kraken"), {"coinbase": 1e6}, seconds=6.0)
    assert [symbol.instrument.key for symbol in run.state.symbols.values()] == ["kraken:BTC/USD"]
    assert run.state.symbols[0].trusted


def test_a_late_venue_that_lacks_a_symbol_as_well_says_so_and_ends_nothing():
    """Somebody may have watched the others for hours."""
    run = Watch(["BTC", "XYZ"], ("binance", "kraken"), {"kraken": 14.0}, seconds=25.0)
    assert run.error == ""
    said = {event.text for event in run.state.events if event.kind == "SAID"}
    assert said == {
        "binance does not trade XYZ. on binance BTC is BTCUSDT",
        "kraken does not trade XYZ. on kraken BTC is BTC/USD",
    }


def test_what_each_venue_watches_instead_is_said_once_and_recorded():
    run = Watch(["BTCUSDT", "ETH"], ("binance", "coinbase", "kraken"), seconds=3.0)
    assert run.error == ""
    said = [event.text for event in run.state.events]
    assert sorted(said) == [
        "coinbase does not trade BTC-USDT; BTC-USD is watched instead. on coinbase ETH is ETH-USD",
        "kraken does not trade BTC/USDT; BTC/USD is watched instead. on kraken ETH is ETH/USD",
        "on binance ETH is ETHUSDT",
    ]
    assert {event.kind for event in run.state.events} == {"SAID"}
    watched = {number: symbol.instrument.symbol for number, symbol in run.state.symbols.items()}
    taken = [each for note in run.asked for each in note.symbols]
    assert len(taken) == 5
    assert all(each.symbol is not None and watched[each.symbol] == each.watched for each in taken)


@pytest.mark.parametrize("venue", ["binance", "binance-usdm", "coinbase", "kraken"])
def test_a_mere_asset_is_taken_in_the_venues_own_dollar(venue: str):
    run = Watch(["XBT", "ETH"], (venue,), seconds=3.0)
    spell = dialect_of(venue).spell
    assert [symbol.instrument.symbol for symbol in run.state.symbols.values()] == [spell("BTC"), spell("ETH")]
    (note,) = run.asked
    assert told(note) == f"on {venue} BTC is {spell('BTC')}, ETH is {spell('ETH')}"


def test_a_dollar_that_is_missing_is_told_of_that_dollar():
    run = Watch(["BTC", "USDT-USD", "USDCUSDT"], ("binance", "coinbase"), seconds=3.0)
    assert run.error.startswith("neither binance nor coinbase trades USDTUSD")
    lacking = {(note.venue, each.base) for note in run.asked for each in note.symbols if each.symbol is None}
    assert lacking == {("binance", "USDT"), ("binance", "USDC")}  # the last venue's word is the error


def test_two_words_for_one_market_are_one_book():
    run = Watch(["BTC", "BTC-USD", "BTCUSDT"], ("binance",), seconds=3.0)
    assert [symbol.instrument.symbol for symbol in run.state.symbols.values()] == ["BTCUSDT"]
    (note,) = run.asked
    assert told(note) == (
        "binance does not trade BTCUSD; BTCUSDT is watched instead. on binance BTC is BTCUSDT"
    )


def test_a_replay_says_the_same(tmp_path: Path):
    run = Watch(["BTCUSDT", "XYZ", "ETH"], ("binance", "kraken"), {"kraken": 14.0}, seconds=16.0)
    path = tmp_path / "session.sqlite"
    session = Session(ListSource(run.batches), sink=Recorder(path, new_header("test", 1)))
    asyncio.run(session.run())
    again = Session(ReplaySource(Recording(path), speed=0.0, hold_at_end=False))
    asyncio.run(again.run())
    assert len(again.state.asked) == 2
    assert again.state.asked == session.state.asked
    assert again.state.events == session.state.events
    assert picture(again.state, View()).across == picture(session.state, View()).across
