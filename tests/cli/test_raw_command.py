"""A raw capture from the command line's side: begun before the screen, imported into a recording, told in words."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from cli.data import data
from cli.errors import UserError
from cli.live import live
from cli.raw import RawCapture
from engine.feeds.clock import SystemClock
from engine.feeds.fake_server import FakeServer
from engine.feeds.fake_venues import dialect_of
from engine.feeds.hosts import Hosts
from engine.feeds.live import LiveSource, Watched
from engine.feeds.raw import IN, raw_messages
from engine.feeds.venues import VENUES
from engine.kernels import warm
from store.recording import Recording


def imported(file: Path, folder: Path, *args: str) -> Result:
    return CliRunner().invoke(data, ["import", str(file), "--set", f"record.folder={folder}", *args])


async def captured(path: Path, venues: list[str], seconds: float) -> tuple[int, str]:
    """Watch fake exchanges over sockets; the number of messages their servers' source counted, and the last word."""
    raw = RawCapture(path)
    clock = SystemClock()
    servers = [FakeServer(dialect_of(venue), [dialect_of(venue).spell("BTC")]) for venue in venues]
    for server in servers:
        await server.__aenter__()
    watched = [
        Watched(
            VENUES[venue].protocol(),
            [server.dialect.spell("BTC")],
            msgspec.structs.replace(VENUES[venue].options, rest=(server.rest,), ws=(server.ws,)),
        )
        for venue, server in zip(venues, servers, strict=True)
    ]
    source = LiveSource(watched, clock, network=raw.networks(watched, clock, print), hosts=Hosts())
    heard: dict[str, int] = {}
    began = clock.now()
    async for batch in source.batches():
        for note in batch.notes:
            if type(note).__name__ == "FeedCount":
                heard[note.venue] = note.messages  # type: ignore[union-attr]
        if clock.now() - began > seconds * 1e9:
            break
    await source.close()
    for server in servers:
        await server.__aexit__(None, None, None)
    return sum(heard.values()), raw.close()


def test_two_venues_over_sockets_become_one_recording(tmp_path: Path) -> None:
    assert list(warm.warm())
    path = tmp_path / "two.jsonl.zst"
    heard, said = asyncio.run(captured(path, ["binance", "kraken"], 4.0))
    told = list(raw_messages(path))
    assert said == f"raw capture: {path}, {len(told):,} lines"
    assert {one.venue for one in told} == {"binance", "kraken"}
    assert sum(one.dir == IN for one in told) >= heard > 20
    result = imported(path, tmp_path, "--name", "two")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "two\n"
    assert "BTCUSDT BTC/USD on Binance spot, Kraken" in result.stderr
    with Recording(tmp_path / "two.sqlite") as recording:
        assert [i.key for i in recording.instruments] == ["binance:BTCUSDT", "kraken:BTC/USD"]
        assert recording.query("select count(*) from trades")[0][0] > 0
        assert recording.header.source.startswith("made-up import BTCUSDT BTC/USD on Binance spot, Kraken: ")


def test_hftbacktest_s_capture_is_a_recording_with_every_best_price_proved(
    tmp_path: Path, captures: Path
) -> None:
    assert list(warm.warm())
    result = imported(captures / "binance_spot_btcusdt_20240808.gz", tmp_path, "--name", "real")
    assert result.exit_code == 0, result.stderr
    with Recording(tmp_path / "real.sqlite") as recording:
        assert recording.header.source.startswith("import BTCUSDT on Binance spot: ")
    assert "best prices as stated: 3,432 of 3,432" in result.stderr


def test_a_capture_that_breaks_leaves_no_recording(tmp_path: Path) -> None:
    assert list(warm.warm())
    whole = tmp_path / "a.jsonl.zst"
    asyncio.run(captured(whole, ["binance"], 2.0))
    from engine.feeds.raw import encode

    broken = tmp_path / "b.jsonl"
    told = list(raw_messages(whole))
    broken.write_bytes(b"".join(map(encode, told[:-5])) + b'{"dir":"sideways"}\n')
    result = imported(broken, tmp_path)
    assert result.exit_code == 1
    assert f"b.jsonl, line {len(told) - 4}: expected a line of a raw capture" in result.stderr
    assert not list(tmp_path.glob("*.sqlite"))
    both = CliRunner().invoke(data, ["import", str(whole), str(broken)])
    assert both.exit_code == 1
    assert "a capture: it is imported by itself" in both.stderr or "one capture" in both.stderr


def test_the_command_keeps_the_wire_beside_everything_else(tmp_path: Path) -> None:
    """In a process of its own, ended as a person ends it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MICROTUI_")}
    environment = {
        **kept,
        **{f"XDG_{name}_HOME": str(tmp_path / name) for name in ("DATA", "CONFIG", "STATE")},
    }
    assert list(warm.warm())  # so that the child need not
    path = tmp_path / "wire.jsonl.zst"

    async def run() -> tuple[int | None, str]:
        async with FakeServer(dialect_of("coinbase"), ["BTC-USD"]) as server:
            settings = (
                *(f"venues.coinbase.rest={server.rest}", f"venues.coinbase.ws={server.ws}"),
                *("sources.on=false", "sentiment.local.on=false"),
            )
            flags = [part for setting in settings for part in ("--set", setting)]
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "microtui", "live", "BTC-USD", "--venue", "coinbase", "--headless"),
                *("--no-record", "--interval", "1s", "--raw", str(path), *flags),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
            )
            assert child.stdout is not None
            try:
                async with asyncio.timeout(60):
                    while b"SYNCED" not in (line := await child.stdout.readline()):
                        assert line, "it ended before its book was there"
                    child.send_signal(signal.SIGINT)
                    _, error = await child.communicate()
            finally:
                if child.returncode is None:
                    child.kill()
            return child.returncode, error.decode()

    code, error = asyncio.run(run())
    told = list(raw_messages(path))
    assert code == 0, error
    assert f"raw capture: {path}, {len(told):,} lines" in error
    assert [one.dir for one in told[:3]] == ["ask", "rest", "open"]
    assert told[-1].dir == "close"
    result = imported(path, tmp_path, "--name", "wire")
    assert result.exit_code == 0, result.stderr


def test_a_file_that_cannot_be_is_told_before_anything_begins(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.zst").write_bytes(b"mine")
    result = CliRunner().invoke(live, ["BTCUSDT", "--headless", "--raw", str(tmp_path / "a.jsonl.zst")])
    assert result.exit_code == 1
    assert "is there already, and a capture never overwrites" in result.stderr
    with pytest.raises(UserError, match="is there already"):
        RawCapture(tmp_path / "a.jsonl.zst")
    with pytest.raises(UserError, match=r"end in \.jsonl\.zst"):
        RawCapture(tmp_path / "a.txt")
