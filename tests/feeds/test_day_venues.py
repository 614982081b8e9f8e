"""A piece of the simulated day on every venue; `python -m benchmarks day` has the whole of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fakes.venues import ALL, lines

from engine.feeds.fake_book import Change
from engine.feeds.fake_day import spend_a_day
from engine.feeds.fake_market import MadeUpMarket
from engine.feeds.fake_session import FakeSession
from engine.feeds.fake_time import FakeClock, run_in_fake_time
from engine.feeds.fake_witness import NotTheTruth
from engine.kernels import warm


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    assert list(warm.warm())


@pytest.mark.parametrize("venue", ALL)
def test_a_piece_of_a_day_in_which_much_goes_wrong(venue: str):
    """A wrong book that is called good, or trouble that does not heal, is raised."""
    day = spend_a_day(venue, seed=11, hours=0.3, depth_limit=100)
    assert sum(day.troubles.values()) >= 2
    assert day.compared > 50
    assert day.synced_share > 0.9
    assert day.shortest_gap_s >= 1.0
    assert day.connects < 100


def test_the_same_seed_is_the_same_day():
    once, again = (spend_a_day("kraken", seed=4, hours=0.05, depth_limit=100) for _ in range(2))
    once.blocks.clear()
    again.blocks.clear()
    assert once == again


def test_a_wrong_book_is_found():
    """The witness of all this: a level of the exchange's book that nobody is told of."""

    async def main(clock: FakeClock) -> None:
        async with FakeSession(clock, ("binance",), rate=0.25) as live:
            await live.synced()
            oracle = live.exchanges["binance"].oracle("BTCUSDT")
            oracle.record(Change(oracle.now.update_id, False, max(oracle.now.bids) - 12 * 10**6, 10**8))
            with pytest.raises(NotTheTruth, match=r"BTCUSDT at \d+ differs in 1 levels"):
                await live.run(30.0)

    run_in_fake_time(main)


@pytest.mark.parametrize("venue", ALL)
def test_a_machine_that_slept_for_hours_is_back_in_a_minute(venue: str):
    async def main(clock: FakeClock) -> None:
        async with FakeSession(clock, (venue,), ("BTC", "ETH"), rate=0.25, depth_limit=100) as live:
            await live.synced()
            await live.run(20.0)
            live.suspend(5 * 3600.0)
            for client in live.exchanges[venue].clients:
                client.push("stall")
            woke_ns = clock.now()
            await live.until(
                lambda: all("STALE" in one.states for one in live.symbols.values()), "it says so"
            )
            await live.caught_up()
            assert clock.now() - woke_ns < 60 * 10**9
            assert live.witness.last_ts > woke_ns

    run_in_fake_time(main)


@pytest.mark.parametrize("venue", ALL)
def test_a_halt_is_shown_and_no_fault_of_the_line(venue: str):
    """… whatever it is called: venues add words."""

    async def main(clock: FakeClock) -> None:
        quick: dict[str, Any] = {"rate": 0.1, "beat_s": 0.5, "depth_limit": 100, "status_every_s": 30.0}
        async with FakeSession(clock, (venue,), ("BTC", "ETH"), **quick) as live:
            await live.caught_up()
            market, one, other = live.exchanges[venue].market, live[venue, "BTC"], live[venue, "ETH"]
            assert isinstance(market, MadeUpMarket)
            for status in ("HALT", "A_WORD_OF_NEXT_YEAR"):
                market.set_status(one.symbol, status)
                await live.until(lambda: one.trading not in ("TRADING", ""), f"{status} is shown", 400.0)
                await live.run(60.0)
                market.set_status(one.symbol)
                await live.until(lambda: one.trading == "TRADING", "it trades again", 400.0)
                await live.caught_up()
            market.delist(one.symbol)
            await live.until(lambda: one.trading == "DELISTED", "its end is shown", 400.0)
            assert other.states.count("SYNCED") == lines(live, venue) == 1
            for client in live.exchanges[venue].clients:
                client.abort()
            await live.until(lambda: other.snapshots == 2 and other.state == "SYNCED", "the other is back")
            await live.run(60.0)
            assert lines(live, venue) == other.snapshots == 2, "what is gone is not asked for"

    run_in_fake_time(main)


def test_venues_side_by_side_do_not_disturb_one_another():
    """One unplugged: the others go on, and symbols keep their numbers."""

    async def main(clock: FakeClock) -> None:
        async with FakeSession(clock, ALL, rate=0.1, beat_s=0.5, depth_limit=100) as live:
            await live.caught_up()
            for venue in ALL:
                live.networks[venue].unplug()
                others = {other: live[other, "BTC"].compared for other in ALL if other != venue}
                await live.until(lambda v=venue: live[v, "BTC"].state == "STALE", "it says so")
                await live.run(30.0)
                assert all(live[other, "BTC"].compared > count for other, count in others.items())
                live.networks[venue].plug_in()
                await live.caught_up()
            for venue, base in live.symbols:
                again = live[venue, base].states.count("SYNCED")
                assert again == 2, f"{venue} {base} was synced {again} times"

    run_in_fake_time(main)


def test_two_instances_on_the_same_hosts_do_not_disturb_one_another():
    """Each has a line of its own; what one has to wait for stops nothing of the other."""

    async def main(clock: FakeClock) -> None:
        async with FakeSession(clock, ("binance",), rate=0.25, depth_limit=100) as first:
            exchange = first.exchanges["binance"]
            async with FakeSession(clock, ("binance",), rate=0.25, depth_limit=100, seed=2) as second:
                second.exchanges["binance"].running = False
                second.networks["binance"].exchange = exchange
                one, other = first["binance", "BTC"], second["binance", "BTC"]
                other.exchange = exchange
                await first.caught_up()
                await second.until(lambda: other.compared > 20, "both follow the same exchange")
                assert len(exchange.clients) == 2
                exchange.clients[1].abort()
                await second.until(lambda: other.snapshots == 2 and other.state == "SYNCED", "it is back")
                assert one.snapshots == one.states.count("SYNCED") == 1

    run_in_fake_time(main)


async def test_fake_time_needs_no_time_and_tells_a_deadlock():
    def waits_for_ever() -> None:
        async def main(clock: FakeClock) -> None:
            await clock.sleep(3 * 24 * 3600.0)
            assert clock.steady_s() == 3 * 24 * 3600.0
            await asyncio.Event().wait()

        run_in_fake_time(main)

    with pytest.raises(RuntimeError, match="no timer is left"):
        await asyncio.to_thread(waits_for_ever)
