"""Faults of the line: cut, closed, stalled, acknowledged but empty, refused. Found, said and mended."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from fakes.follower import OVERLAPPING, following

from engine.feeds import fake_faults as ff
from engine.feeds.errors import UnknownSymbol
from engine.feeds.fake_binance import SUFFIXES, FakeBinance
from engine.feeds.fake_wire import DEPTH, TOP

pytestmark = OVERLAPPING

RATE = 4


async def test_a_lost_connection_is_made_anew_with_fresh_books():
    async with (
        FakeBinance(("BTCUSDT", "ETHUSDT"), seed=31, rate=RATE) as exchange,
        following(exchange) as live,
    ):
        await live.synced()
        for number, kind in enumerate((ff.CUT, ff.CLOSE), 2):
            exchange.faults.add(ff.OnMessage(kind, "BTCUSDT", after=5))
            await live.until(lambda n=number: live["ETHUSDT"].snapshots == n, f"fresh books after {kind}")
            await live.caught_up()
            assert len(exchange.connects) == live["BTCUSDT"].snapshots == number, kind
            states = live.connection_states
            lost = len(states) - states[::-1].index("CONNECTING") - 1
            assert states[lost:] == ["CONNECTING", "SUBSCRIBING", "LIVE"], kind
        await live.until(lambda: live.count.reconnects == 2, "both are counted")


async def test_a_silent_stall_is_found_within_its_threshold():
    async with (
        FakeBinance(("BTCUSDT",), seed=33, rate=RATE) as exchange,
        following(exchange) as live,
    ):
        await live.synced()
        one = live["BTCUSDT"]
        exchange.faults.add(ff.OnMessage(ff.STALL))
        await live.until(lambda: exchange.faults.struck, "the stall")
        stalled_at = time.monotonic()
        await live.until(
            lambda: one.state == "STALE" or "STALE" in one.states, "the screen says so", within_s=2.5
        )
        await live.until(lambda: len(exchange.connects) == 2, "a second connection")
        assert exchange.connects[1].at_s - stalled_at < 5.0
        await live.until(lambda: one.snapshots == 2, "a second snapshot")
        await live.caught_up()


async def test_acknowledged_but_no_data_is_not_life():
    faults = ff.Faults(ff.OnRequest(ff.MUTE, "ws"))
    async with (
        FakeBinance(("BTCUSDT",), seed=34, rate=RATE, faults=faults) as exchange,
        following(exchange) as live,
    ):
        await live.until(lambda: len(exchange.connects) == 2, "it gives the first connection up")
        assert exchange.connects[1].at_s - exchange.connects[0].at_s < 4.0
        await live.caught_up()
        assert live.said


async def test_one_dead_stream_among_living_ones():
    """Subscribing again revives the first kind; the second needs a new connection."""

    async def dies(kind: str, channel: str) -> None:
        async with (
            FakeBinance(("BTCUSDT", "ETHUSDT"), seed=35, rate=2) as exchange,
            following(exchange) as live,
        ):
            await live.synced()
            one = live["BTCUSDT"]
            await live.until(lambda: one.deltas > 25 and len(one.tops) > 25, "how often it usually speaks")
            exchange.faults.add(ff.OnMessage(kind, "BTCUSDT", channel))
            await live.until(lambda: exchange.faults.struck, "the stream dies")
            await asyncio.sleep(0.3)
            tops = len(one.tops)
            await live.until(
                lambda: one.snapshots >= 2 if channel == DEPTH else len(one.tops) > tops + 20,
                f"{channel} lives again",
            )
            assert SUFFIXES[channel] in live.said
            if channel == DEPTH:
                assert "STALE" in one.states
            await live.caught_up()
            assert len(exchange.connects) == (1 if kind == ff.DEAD else 2)
            if kind == ff.DEAD:
                assert live["ETHUSDT"].snapshots == 1

    await asyncio.gather(dies(ff.DEAD, DEPTH), dies(ff.DEAD_FOR_GOOD, DEPTH), dies(ff.DEAD, TOP))


async def test_a_venue_whose_clock_is_off_or_steps_back_is_not_stale():
    began = time.monotonic()

    def venue_ms() -> int:
        """Two seconds ahead, and after a while two behind."""
        return time.time_ns() // 10**6 + (2000 if time.monotonic() < began + 1.0 else -2000)

    async with (
        FakeBinance(("BTCUSDT",), seed=29, rate=RATE, venue_ms=venue_ms) as exchange,
        following(exchange) as live,
    ):
        await live.synced()
        await live.until(lambda: time.monotonic() > began + 2.4, "the clock has stepped back")
        await live.caught_up()
        assert live["BTCUSDT"].states.count("SYNCED") == 1
        assert len(exchange.connects) == 1


async def test_an_announced_shutdown_is_handed_over_without_a_gap():
    async with (
        FakeBinance(("BTCUSDT", "ETHUSDT"), seed=37, rate=RATE) as exchange,
        following(exchange) as live,
    ):
        await live.synced()
        exchange.faults.add(ff.OnMessage(ff.SHUTDOWN, "BTCUSDT", delay_s=1.5))
        await live.until(lambda: len(exchange.connects) == 2, "the second connection")
        await live.until(lambda: len(exchange.clients) == 1, "the first one is over")
        await live.caught_up()
        for one in live.symbols:
            assert "GAP" not in one.states
            assert "STALE" not in one.states
            ids = [trade_id for trade_id, *_ in one.trades]
            assert ids == list(range(ids[0], ids[-1] + 1)), "no trade is lost or doubled"


async def test_a_handshake_that_fails_twice_is_said_and_comes_in_the_end():
    said = {503: "503", ff.HTML: "200", ff.HANG: "answer"}
    async with (
        FakeBinance(("BTCUSDT",), seed=39, rate=RATE) as exchange,
        following(exchange, connect_timeout_s=0.5, steady_s=0.1) as live,
    ):
        await live.synced()
        for number, (kind, words) in enumerate(said.items(), 2):
            before = len(exchange.connects)
            exchange.faults.add(ff.OnRequest(kind, "ws", times=2))
            exchange.clients[-1].abort()
            await live.until(
                lambda n=number: live["BTCUSDT"].snapshots == n, f"it is back after {kind} twice"
            )
            assert len(exchange.connects) - before == 3
            assert words in live.said
        await live.caught_up()


async def test_a_handshake_refused_for_a_while_is_not_tried_before_it_is_over():
    async def refused_with(kind: int) -> None:
        faults = ff.Faults(ff.OnRequest(kind, "ws", retry_after_s=None if kind == 403 else 1))
        async with (
            FakeBinance(("BTCUSDT",), seed=39, faults=faults) as exchange,
            following(exchange) as live,
        ):
            await live.until(lambda: len(exchange.connects) == 2, "a second attempt")
            assert exchange.connects[1].at_s - exchange.connects[0].at_s >= 1.0
            await live.synced()
            waits = [status for status in live.connection if status.state in ("BACKOFF", "BLOCKED")]
            assert ("firewall" if kind == 403 else str(kind)) in waits[0].reason
            assert waits[0].retry_at_ns is not None

    await asyncio.gather(*(refused_with(kind) for kind in (429, 418, 403)))


async def test_a_refused_region_moves_rest_on_too():
    faults = ff.Faults(ff.OnRequest(451, path=None, times=1000), ff.OnRequest(451, "ws", times=1000))
    async with (
        FakeBinance(("BTCUSDT",), seed=40, rate=RATE, faults=faults) as refused,
        FakeBinance(("BTCUSDT",), seed=40, rate=RATE) as exchange,
        following(exchange, rest=(refused.rest, exchange.rest), ws=(refused.ws, exchange.ws)) as live,
    ):
        await live.caught_up()
        assert len(refused.connects) <= 1, "one refusal is final"
        assert len(refused.requests) <= 2, "exchangeInfo, and perhaps a snapshot asked at the same moment"


async def test_without_exchange_info_nothing_flows_but_the_reason():
    """That no row comes before its instrument is the follower's own check."""

    async def refused_with(kind: int | str, words: str) -> None:
        faults = ff.Faults(ff.OnRequest(kind, "listing", retry_after_s=1 if kind == 429 else None))
        async with (
            FakeBinance(("BTCUSDT",), seed=41, faults=faults) as exchange,
            following(exchange) as live,
        ):
            await live.synced()
            assert any(words in status.reason for status in live.connection)
            asked = [one.at_s for one in exchange.requests if one.path == "listing"]
            assert asked[1] - asked[0] >= (1.0 if kind == 429 else 0.0)

    said = {503: "503", ff.HANG: "answer", ff.HTML: "HTML", 429: "429"}
    await asyncio.gather(*(refused_with(kind, words) for kind, words in said.items()))


async def test_an_unknown_symbol_is_said_with_near_matches():
    async with FakeBinance(("BTCUSDT", "ETHUSDT")) as exchange, following(exchange, "BTCUSD") as live:
        with pytest.raises(UnknownSymbol, match=r"BTCUSD.*BTCUSDT"):
            await live.until(lambda: False, "never", within_s=5.0)


async def test_a_source_that_is_closed_ends_its_batches_quietly():
    async with FakeBinance(("BTCUSDT",), seed=42) as exchange, following(exchange) as live:
        await live.synced()
        await live.source.close()
        await live.ended()
        begun = time.monotonic()
        while exchange.clients:
            assert time.monotonic() < begun + 5.0, "the exchange still has its client"
            await asyncio.sleep(0.01)
        asked = len(exchange.requests), len(exchange.connects)
        await live.source.close()
        await asyncio.sleep(0.5)  # longer than any wait before another attempt
        assert (len(exchange.requests), len(exchange.connects)) == asked
        assert live.connection_states[-1] == "LIVE"
        assert not any(status.reason for status in live.connection if status.state == "LIVE")


async def test_nobody_at_home():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    async with FakeBinance() as unused:
        rest, ws = (f"http://127.0.0.1:{port}",), (f"ws://127.0.0.1:{port}",)
        async with following(unused, rest=rest, ws=ws) as live:
            await live.until(lambda: "BACKOFF" in live.connection_states, "it waits")
            status = next(s for s in live.connection if s.state == "BACKOFF")
            assert status.reason
            await live.until(
                lambda: any(s.retry_at_ns for s in live.connection if s.state == "BACKOFF"),
                "when it tries again",
            )
