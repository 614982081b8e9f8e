"""Faults of the join: snapshots that come too early, too late, on a boundary, slowly, broken or never."""

from __future__ import annotations

from itertools import pairwise

import pytest
from fakes.follower import following

from engine.feeds import fake_faults as ff
from engine.feeds.fake_binance import FakeBinance

RATE = 4


def depth_times(exchange: FakeBinance, symbol: str = "BTCUSDT") -> list[float]:
    return [asked.at_s for asked in exchange.requests if asked.path == "depth" and asked.symbol == symbol]


@pytest.mark.parametrize(
    "kind",
    [
        ff.SNAPSHOT_NEW,
        ff.SNAPSHOT_BEFORE,
        ff.SNAPSHOT_FIRST,
        ff.SNAPSHOT_STRADDLED,
        ff.SNAPSHOT_LAST,
        ff.SLOW,
    ],
)
async def test_wherever_the_snapshot_stands_one_is_enough(kind: str):
    faults = ff.Faults(ff.OnRequest(kind, delay_s=0.3))
    async with (
        FakeBinance(("BTCUSDT",), seed=21, rate=RATE, faults=faults) as exchange,
        following(exchange, request_timeout_s=3.0) as live,
    ):
        await live.synced()
        one = live["BTCUSDT"]
        await live.until(lambda: one.deltas >= 20, "20 diffs")
        await live.caught_up()
        assert len(depth_times(exchange)) == one.snapshots == 1
        assert "GAP" not in one.states
        assert len(faults.struck) == 1


async def test_the_book_starts_at_the_snapshot_even_where_a_diff_straddles_it():
    """Dropping the straddling diff loses levels for minutes: the comparison would find them."""
    faults = ff.Faults(ff.OnRequest(ff.SNAPSHOT_STRADDLED))
    async with (
        FakeBinance(("BTCUSDT",), seed=22, rate=RATE, faults=faults) as exchange,
        following(exchange, request_timeout_s=3.0) as live,
    ):
        one = live["BTCUSDT"]
        await live.until(lambda: one.snapshots == 1 and one.compared >= 3, "compared thrice")
        await live.caught_up()


async def test_five_snapshots_before_the_first_diff_keep_the_buffer():
    faults = ff.Faults(ff.OnRequest(ff.SNAPSHOT_OLD, "depth", "BTCUSDT", times=5))
    async with (
        FakeBinance(("BTCUSDT", "ETHUSDT"), seed=23, rate=RATE, faults=faults) as exchange,
        following(exchange) as live,
    ):
        await live.synced()
        one = live["BTCUSDT"]
        await live.caught_up()
        times = depth_times(exchange)
        assert len(times) == 6
        assert one.snapshots == 1
        gaps = [b - a for a, b in pairwise(times)]
        assert sum(gaps[1:]) > 0.02, "it does not ask in a tight loop"
        assert one.states.count("SYNCED") == 1
        assert "GAP" not in one.states
        assert len(depth_times(exchange, "ETHUSDT")) == 1


@pytest.mark.parametrize(
    ("kind", "wait_s"),
    [
        (503, None),
        (500, None),
        (ff.HTML, None),
        (ff.CUT_SHORT, None),
        (ff.HANG, None),
        (403, None),
        (429, 1),
        (418, 1),
    ],
)
async def test_a_snapshot_refused_three_times_comes_in_the_end(kind: int | str, wait_s: int | None):
    times = 1 if kind in (403, 429, 418) else 3
    faults = ff.Faults(ff.OnRequest(kind, "depth", times=times, retry_after_s=wait_s))
    async with (
        FakeBinance(("BTCUSDT",), seed=24, rate=RATE, faults=faults) as exchange,
        following(exchange) as live,
    ):
        await live.synced(within_s=12.0)
        one = live["BTCUSDT"]
        await live.caught_up()
        asked = depth_times(exchange)
        assert len(asked) == times + 1
        assert one.snapshots == 1
        if wait_s is not None:
            assert asked[1] - asked[0] >= wait_s
        assert len(exchange.connects) == 1, "the stream goes on meanwhile"
        said = live.said.lower()
        expected = {403: "firewall", 429: "429", 418: "418", ff.HANG: "answer", ff.HTML: "html"}
        assert expected.get(kind, str(kind) if isinstance(kind, int) else "") in said


@pytest.mark.parametrize("kind", [429, 418])
async def test_nothing_at_all_is_asked_of_the_host_before_retry_after(kind: int):
    """Process-wide: a second symbol's requests and exchangeInfo wait too."""
    faults = ff.Faults(ff.OnRequest(kind, "depth", "BTCUSDT", retry_after_s=2))
    async with (
        FakeBinance(("BTCUSDT", "ETHUSDT", "SOLUSDT"), seed=25, rate=RATE, faults=faults) as exchange,
        following(exchange, status_every_s=0.3) as live,
    ):
        await live.synced(within_s=12.0)
        refused = next(asked.at_s for asked in exchange.requests if asked.status == kind)
        # What was on its way already when the refusal came back may still arrive.
        after = [asked.at_s - refused for asked in exchange.requests if asked.at_s > refused + 0.1]
        assert min(after) >= 2.0
        assert any(str(kind) in status.reason and status.retry_at_ns for status in live.statuses)
        await live.caught_up()


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
        await live.until(lambda: one.deltas >= 20, "20 diffs")
        await live.caught_up()
        assert len(exchange.connects) == 2
        assert one.snapshots == 1


async def test_losing_one_symbols_snapshot_leaves_the_others_alone():
    faults = ff.Faults(ff.OnRequest(ff.HANG, "depth", "BTCUSDT", times=2))
    async with (
        FakeBinance(("BTCUSDT", "ETHUSDT"), seed=27, rate=RATE, faults=faults) as exchange,
        following(exchange, request_timeout_s=1.0) as live,
    ):
        await live.synced("ETHUSDT")
        assert live["BTCUSDT"].state != "SYNCED"
        await live.synced(within_s=10.0)
        await live.caught_up()
        assert live["ETHUSDT"].states.count("SYNCED") == 1
