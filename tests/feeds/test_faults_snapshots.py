"""Faults of the join: snapshots that come too early, too late, on a boundary, slowly, broken or never."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from fakes.follower import OVERLAPPING, following

from engine.feeds import fake_faults as ff
from engine.feeds.fake_binance import FakeBinance

pytestmark = OVERLAPPING

RATE = 4
SMALL = {
    "depth_limit": 1000
}  # a fifth of the weight: a test that asks for many stays within a minute's budget


def depth_times(exchange: FakeBinance, symbol: str = "BTCUSDT") -> list[float]:
    return [asked.at_s for asked in exchange.requests if asked.path == "depth" and asked.symbol == symbol]


async def test_wherever_the_snapshot_stands_one_is_enough():
    """The first join of a session, and then one after a gap for each other place."""
    kinds = [
        *(ff.SNAPSHOT_STRADDLED, ff.SNAPSHOT_NEW, ff.SNAPSHOT_BEFORE, ff.SNAPSHOT_FIRST),
        *(ff.SNAPSHOT_LAST, ff.SLOW),
    ]
    faults = ff.Faults(ff.OnRequest(kinds[0]))
    async with (
        FakeBinance(("BTCUSDT",), seed=21, rate=RATE, faults=faults) as exchange,
        following(exchange, request_timeout_s=4.0, **SMALL) as live,
    ):
        await live.synced()
        one = live["BTCUSDT"]
        for number, kind in enumerate(kinds[1:], 2):
            one.states.clear()
            faults.add(ff.OnMessage(ff.GAP, "BTCUSDT"), ff.OnRequest(kind, delay_s=0.3))
            await live.until(lambda n=number: one.snapshots == n, f"{kind} is joined")
            deltas = one.deltas
            await live.until(lambda n=deltas: one.deltas > n + 8, f"eight diffs after {kind}")
            assert one.states == ["GAP", "BUFFERING", "SNAPSHOT_WAIT", "SYNCED"], kind
            assert len(depth_times(exchange)) == number, kind
        await live.caught_up()
        assert not faults.pending


async def test_five_snapshots_before_the_first_diff_keep_the_buffer():
    faults = ff.Faults(ff.OnRequest(ff.SNAPSHOT_OLD, "depth", "BTCUSDT", times=5))
    async with (
        FakeBinance(("BTCUSDT", "ETHUSDT"), seed=23, rate=RATE, faults=faults) as exchange,
        following(exchange, **SMALL) as live,
    ):
        await live.caught_up()
        one = live["BTCUSDT"]
        times = depth_times(exchange)
        assert len(times) == 6
        assert sum(b - a for a, b in pairwise(times[1:])) > 0.02, "it does not ask in a tight loop"
        assert one.snapshots == one.states.count("SYNCED") == 1
        assert "GAP" not in one.states
        assert len(depth_times(exchange, "ETHUSDT")) == 1


async def test_snapshots_that_fail_are_asked_for_again_and_the_stream_goes_on_meanwhile():
    said = {503: "503", ff.HTML: "HTML", ff.CUT_SHORT: "body", ff.HANG: "did not answer"}
    async with (
        FakeBinance(("BTCUSDT",), seed=24, rate=RATE) as exchange,
        following(exchange, request_timeout_s=0.6, **SMALL) as live,
    ):
        await live.synced()
        one = live["BTCUSDT"]
        for number, (kind, words) in enumerate(said.items(), 2):
            before = len(depth_times(exchange))
            exchange.faults.add(ff.OnMessage(ff.GAP, "BTCUSDT"), ff.OnRequest(kind, "depth", times=2))
            await live.until(lambda n=number: one.snapshots == n, f"a snapshot after {kind} twice")
            assert len(depth_times(exchange)) - before == 3, kind
            assert words in live.said
        await live.caught_up()
        assert len(exchange.connects) == 1


async def test_nothing_at_all_is_asked_of_the_host_before_retry_after():
    """Process-wide: the other symbols' snapshots and exchangeInfo wait as well."""

    async def refused_with(kind: int) -> None:
        faults = ff.Faults(ff.OnRequest(kind, "depth", "BTCUSDT", retry_after_s=None if kind == 403 else 2))
        async with (
            FakeBinance(("BTCUSDT", "ETHUSDT"), seed=25, faults=faults) as exchange,
            following(exchange, status_every_s=0.3, firewall_wait_s=2.0) as live,
        ):
            await live.caught_up()
            refused = next(asked.at_s for asked in exchange.requests if asked.status == kind)
            # What left before the refusal was read may still arrive; three polls fall into the rest of the wait.
            after = [asked.at_s - refused for asked in exchange.requests if asked.at_s > refused + 1.0]
            assert min(after) >= 2.0
            words = "firewall" if kind == 403 else str(kind)
            assert any(words in status.reason and status.retry_at_ns for status in live.statuses)
            assert live["BTCUSDT"].snapshots == 1

    await asyncio.gather(*(refused_with(kind) for kind in (429, 418, 403)))


async def test_a_snapshot_of_an_old_epoch_is_thrown_away():
    """The line is cut while a slow snapshot is on its way: it arrives after the new connection's diffs."""
    faults = ff.Faults(
        ff.OnRequest(ff.SLOW, "depth", delay_s=0.8),
        ff.OnMessage(ff.CUT, "BTCUSDT", after=4),
    )
    async with (
        FakeBinance(("BTCUSDT",), seed=26, rate=RATE, faults=faults) as exchange,
        following(exchange, request_timeout_s=3.0) as live,
    ):
        await live.synced()
        one = live["BTCUSDT"]
        await live.until(lambda: one.deltas >= 40, "40 diffs, a second's worth")
        await live.caught_up()
        assert len(exchange.connects) == 2
        assert one.snapshots == 1
