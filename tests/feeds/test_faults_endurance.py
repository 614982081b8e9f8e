"""Faults that only time or size shows: a blocked consumer, random faults, ten times the rate, big frames."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import socket
import sys
import time
from itertools import pairwise
from pathlib import Path

from fakes.follower import following, overlapping

from engine.feeds import fake_faults as ff
from engine.feeds.fake_binance import FakeBinance
from engine.feeds.fake_wire import DEPTH, TOP, TRADE


def resident_bytes() -> int:
    """Of this process; zero where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.exists() else 0


async def test_a_blocked_screen_costs_neither_pongs_nor_diffs():
    async with (
        FakeBinance(("BTCUSDT",), seed=51, rate=4, ping_interval_s=0.1) as exchange,
        following(exchange) as live,
    ):
        await live.synced()
        one = live["BTCUSDT"]
        live.pause_s = 2.0
        began, ended = time.monotonic() + 0.2, time.monotonic() + 1.9
        deltas = one.deltas
        await asyncio.sleep(2.2)
        pongs = [at for at in exchange.pongs if began <= at <= ended]
        assert len(pongs) >= 8, "pongs go on while the consumer is blocked"
        assert max(b - a for a, b in pairwise(pongs)) < 0.8
        await live.until(lambda: one.deltas > deltas + 60, "what came meanwhile is there")
        await live.caught_up()
        assert (len(exchange.connects), one.snapshots) == (1, 1)
        ids = [trade_id for trade_id, *_ in one.trades]
        assert ids == list(range(ids[0], ids[-1] + 1))


@overlapping
async def test_whatever_happens_a_synced_book_is_the_exchanges():
    for compared in await asyncio.gather(*(random_faults(seed) for seed in (1, 2))):
        assert min(compared) > 10


async def random_faults(seed: int) -> list[int]:
    """A random schedule over three symbols, compared at every tick; at the end all are exact.

    Returns how often each symbol's book was compared with the exchange's.
    """
    rng = random.Random(seed)
    messages = [
        *(ff.GAP, ff.DUPLICATE, ff.REORDER, ff.OLD, ff.MALFORMED, ff.NULLS, ff.BAD_UTF8),
        *(ff.UNKNOWN_EVENT, ff.CROSSED, ff.CUT, ff.CLOSE, ff.DEAD, ff.STALL),
    ]
    requests: list[int | str] = [
        *(503, ff.HTML, ff.CUT_SHORT, ff.HANG, ff.SLOW),
        *(ff.SNAPSHOT_OLD, ff.SNAPSHOT_NEW, ff.SNAPSHOT_BEFORE, ff.SNAPSHOT_STRADDLED, ff.SNAPSHOT_LAST),
    ]
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    async with (
        FakeBinance(symbols, seed=seed, rate=3) as exchange,
        following(exchange, depth_limit=1000) as live,  # a fifth of the weight: the schedule asks for many
    ):
        await live.synced()
        for kind in rng.sample(messages, 12):
            channel = rng.choice([TRADE, TOP]) if kind != ff.CROSSED and rng.random() < 0.2 else DEPTH
            exchange.faults.add(ff.OnMessage(kind, rng.choice(symbols), channel, after=rng.randrange(6)))
            if rng.random() < 0.4:
                exchange.faults.add(
                    ff.OnRequest(rng.choice(requests), "depth", rng.choice(symbols), delay_s=0.2)
                )
            await asyncio.sleep(rng.uniform(0.0, 0.4))
        await live.until(
            lambda: not any(isinstance(f, ff.OnMessage) for f in exchange.faults.pending),
            "all faults struck",
            30.0,
        )
        exchange.faults.clear()
        before = [one.deltas for one in live.symbols]
        await live.until(
            lambda: all(one.deltas > count + 40 for one, count in zip(live.symbols, before, strict=True)),
            "a second's diffs for everyone after the last fault",
            30.0,
        )
        await live.caught_up()
        assert len(exchange.faults.struck) >= 12
        return [one.compared for one in live.symbols]


async def test_ten_times_the_rate_is_exact_and_never_called_stale():
    """Best prices are always a little ahead of the next diff; that alone is no fault of the depth stream."""
    async with FakeBinance(("BTCUSDT",), seed=61, rate=10) as exchange, following(exchange) as live:
        await live.synced()
        one = live["BTCUSDT"]
        deltas = one.deltas
        await live.until(lambda: one.deltas >= deltas + 200, "200 diffs in two seconds", within_s=4.0)
        await live.caught_up()
        assert one.states[-3:] == ["BUFFERING", "SNAPSHOT_WAIT", "SYNCED"]
        assert (len(exchange.connects), one.snapshots) == (1, 1)


async def test_ten_times_the_rate_in_flat_memory():
    """With the exchange in a process of its own, started by hand, so that all that grows is ours."""
    command = ("-m", "engine.feeds.fake_binance", "--port", "0", "--symbols", "BTCUSDT", "--rate", "10")
    child = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    try:
        assert child.stdout is not None
        said = (await asyncio.wait_for(child.stdout.readline(), 10)).decode()
        rest, ws = said.split()[-3], said.split()[-1]
        async with following(None, "BTCUSDT", rest=(rest,), ws=(ws,), stale_s=30.0) as live:
            one = live["BTCUSDT"]

            async def size_after(deltas: int) -> tuple[int, int]:
                """Objects and bytes of this process, with all that was sent folded."""
                await live.until(lambda: one.deltas >= deltas, f"{deltas} diffs", within_s=30.0)
                child.send_signal(signal.SIGSTOP)
                folded = -1
                while folded != one.deltas:
                    folded = one.deltas
                    await asyncio.sleep(0.3)
                live.forget()
                gc.collect()
                size = sys.getallocatedblocks(), resident_bytes()
                child.send_signal(signal.SIGCONT)
                return size

            blocks, resident = await size_after(100)
            messages = live.count.messages
            later_blocks, later_resident = await size_after(350)
            passed = live.count.messages - messages
            assert passed > 3000
            assert later_blocks - blocks < passed / 3, "something of every third message stays"
            assert later_resident - resident < 4_000_000
            assert one.snapshots == 1
    finally:
        child.kill()
        await child.wait()


@overlapping
async def test_an_endpoint_that_accepts_and_says_nothing():
    """A port that is open and dumb, as a wrong proxy is."""
    with socket.create_server(("127.0.0.1", 0)) as dumb:
        port = dumb.getsockname()[1]
        async with FakeBinance(("BTCUSDT",), rate=4) as exchange:
            rest = (f"http://127.0.0.1:{port}", exchange.rest)
            brief = {"connect_timeout_s": 0.8, "request_timeout_s": 0.8}
            async with following(
                exchange, rest=rest, ws=(f"ws://127.0.0.1:{port}", exchange.ws), tries_an_endpoint=1, **brief
            ) as live:
                await live.synced(within_s=15.0)
                await live.caught_up()
                assert f"127.0.0.1:{port} did not answer within 0.8 s" in live.said
                assert len(exchange.connects) == live["BTCUSDT"].snapshots == 1
                assert live.connection_states[-1] == "LIVE"


async def test_a_frame_of_5_mb_is_taken_and_one_of_20_mb_refused_cleanly():
    async with FakeBinance(("BTCUSDT",), seed=10) as exchange, following(exchange, stale_s=3.0) as live:
        await live.synced()
        one = live["BTCUSDT"]
        exchange.faults.add(ff.OnMessage(ff.BIG, "BTCUSDT", after=1, size_bytes=5_000_000))
        await live.until(lambda: live.count.bytes > 5_000_000, "5 MB are taken")
        await live.caught_up()
        assert (len(exchange.connects), one.snapshots) == (1, 1)
        exchange.faults.add(ff.OnMessage(ff.BIG, "BTCUSDT", after=1, size_bytes=20_000_000))
        await live.until(lambda: len(exchange.connects) == 2 and one.snapshots == 2, "it connects anew")
        await live.caught_up()
        assert "more than 16777216 bytes" in live.said
