"""The commands as people run them: real processes against the exchange that microtui carries."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MICROTUI = [sys.executable, "-m", "microtui"]
KEYS = [
    *("ts", "asset", "exchange", "state", "update_id", "best_bid", "best_ask", "mid_price", "microprice"),
    *("spread_bps", "bid_depth_1pct", "ask_depth_1pct", "depth_band_bps", "bid_ask_ratio", "depth_imbalance"),
    *("ofi", "trades", "volume", "verified", "latency_ms", "signal"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment of its own, so that no test reads or writes a person's files."""
    folder = tmp_path_factory.mktemp("home")
    # The kernels' cache is a person's too, but compiling anew for each test would take minutes.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MICROTUI_")}
    kept["MICROTUI_SENTIMENT__LOCAL__ON"] = "false"  # the model is another test's
    return {**kept, **{f"XDG_{n}_HOME": str(folder / n) for n in ("DATA", "CONFIG", "STATE")}}


@pytest.fixture(scope="module")
def exchange(home: dict[str, str]) -> Iterator[list[str]]:
    """Flags that point at a fake exchange."""
    command = [*MICROTUI, "exchange", "BTCUSDT", "ETHUSDT", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=home) as server:
        assert server.stdout is not None
        told = [server.stdout.readline() for _ in range(3)]
        command, _, flags = told[-1].partition(" --set ")
        assert command == "microtui live BTCUSDT ETHUSDT"
        yield ["--set", *flags.split()]
        server.terminate()


def run(env: dict[str, str], *args: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MICROTUI, *args], capture_output=True, text=True, env=env, timeout=timeout)


def watch(
    env: dict[str, str], args: list[str], enough: Callable[[dict[str, Any]], bool], number: signal.Signals
) -> list[dict[str, Any]]:
    """Run until a row is `enough`, then send the signal; every line it printed."""
    command = [*MICROTUI, "live", *args, "--headless", "--interval", "1s"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as child:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(json.loads(line))
            if enough(lines[-1]) or len(lines) > 120:
                break
        child.send_signal(number)
        out, err = child.communicate(timeout=30)
    assert child.returncode == 0, err
    return [*lines, *(json.loads(line) for line in out.splitlines())]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_live_headless_prints_rows_ends_at_a_signal_and_leaves_a_whole_recording(
    home: dict[str, str], exchange: list[str], number: signal.Signals
) -> None:
    *rows, last = watch(
        home,
        ["btcusdt", "ETHUSDT", *exchange],
        lambda row: row["asset"] == "ETHUSDT" and row["verified"][1] > 5,
        number,
    )
    row = rows[-1]
    assert list(row)[: len(KEYS)] == KEYS
    later = {"sentiment", "sentiment_doubt", "posts"}  # once somebody has written
    later |= {"regime", "regime_probability"}  # once a minute has been seen
    assert set(row) - set(KEYS) <= later
    assert [r["asset"] for r in rows[-2:]] == ["BTCUSDT", "ETHUSDT"]
    assert row["state"] == "SYNCED"
    assert row["ts"].endswith("Z")
    assert row["best_bid"] < row["mid_price"] < row["best_ask"]
    bids, asks = row["bid_depth_1pct"], row["ask_depth_1pct"]
    assert row["depth_imbalance"] == pytest.approx((bids - asks) / (bids + asks), abs=1e-3)
    assert row["bid_ask_ratio"] == pytest.approx(bids / asks, rel=1e-3)
    assert row["verified"][0] == row["verified"][1]
    assert last["end"] is True
    assert last["symbols"]["ETHUSDT"]["verified"][1] >= row["verified"][1]
    assert Path(last["recording"]).is_file()
    assert not Path(last["recording"] + "-wal").exists()

    checked = run(home, "sessions", "verify", last["recording"])
    assert checked.returncode == 0, checked.stdout
    again = run(home, "replay", last["recording"], "--headless", "--interval", "1s")
    *replayed, end = [json.loads(line) for line in again.stdout.splitlines()]
    assert replayed == rows
    assert end["symbols"] == last["symbols"]
    assert end["events"] == last["events"]


def test_for_ends_it_by_itself(home: dict[str, str], exchange: list[str]) -> None:
    done = run(
        home, "live", "BTCUSDT", "--headless", "--no-record", "--for", "2s", "--interval", "1s", *exchange
    )
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert 2.0 <= last["seconds"] < 4.0  # a busy machine is late
    assert last["recording"] is None


def test_an_unknown_symbol_is_one_sentence_with_what_is_near(
    home: dict[str, str], exchange: list[str]
) -> None:
    done = run(home, "live", "BTCUSTD", "--headless", *exchange)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "BTCUSTD" in done.stderr
    assert "BTCUSDT" in done.stderr


def test_without_a_terminal_the_screen_says_what_works_instead(home: dict[str, str]) -> None:
    for command in (["live", "BTCUSDT"], ["live"], ["live", "not a symbol"]):
        done = run(home, *command)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
    assert "--headless" in run(home, "live", "BTCUSDT").stderr


def test_faults_in_the_settings_end_the_run_with_all_of_them_named(
    home: dict[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[record]\nkeep_days = -1\ndisk_cap = 3\n[signal]\nhold_s = 'long'\n")
    done = run({**home, "MICROTUI_CONFIG": str(config)}, "live", "BTCUSDT", "--headless")
    assert done.returncode == 1
    assert "3 faults in the settings" in done.stderr
    for line in (2, 3, 5):
        assert f"{config}:{line}: " in done.stderr


def test_what_is_no_recording_is_refused(home: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    other.write_text("<html>not found</html>")
    done = run(home, "replay", str(other), "--headless")
    assert done.returncode == 1
    assert done.stderr.startswith("microtui: ")
    assert "Traceback" not in done.stderr
    missing = run(home, "replay", "no-such-session", "--headless")
    assert missing.returncode == 1
    assert "no session is named" in missing.stderr


def test_a_read_only_home_is_said_and_does_not_stop_the_market(
    home: dict[str, str], exchange: list[str], tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")  # a file where a folder is wanted: also root cannot write below it
    env = {**home, **{f"XDG_{n}_HOME": str(blocked / n) for n in ("DATA", "CONFIG", "STATE")}}
    done = run(env, "live", "BTCUSDT", "--headless", "--for", "3s", "--interval", "1s", *exchange)
    assert done.returncode == 0, done.stderr
    assert "not recording: " in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["recording"] is None
