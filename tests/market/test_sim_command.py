"""`microtui sim` as people run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine.scenario import Scenario, read
from store.recording import Recording

MICROTUI = [sys.executable, "-m", "microtui"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment of its own, but for the kernels' cache."""
    folder = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MICROTUI_")}
    return {**kept, **{f"XDG_{n}_HOME": str(folder / n) for n in ("DATA", "CONFIG", "STATE")}}


def run(env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MICROTUI, *args], capture_output=True, text=True, env=env, timeout=180, cwd=ROOT)


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_headless_is_the_same_twice_and_ends_with_the_scenarios_hash(home: dict[str, str]) -> None:
    args = ["sim", "--headless", "--steps", "20", "--seed", "7", "--interval", "5s"]
    first = rows(run(home, *args))
    recording = Path(first[-2]["recording"])
    second = rows(run(home, *args, "--no-record"))
    for row in (first[-2], second[-2]):
        row.pop("recording")
    assert first == second
    assert len(first) == 4 * 2 + 2
    assert first[-2]["seconds"] == 20.0
    for symbol in first[-2]["symbols"].values():
        assert symbol["verified"][0] == symbol["verified"][1] > 10
    path = ROOT / "replays" / "default.toml"
    assert first[-1]["hash"] == read(path).hash
    assert first[-1]["seed"] == 7
    agents = first[-1]["agents"]
    assert [agents[f]["n"] for f in ("maker", "informed", "noise", "arbitrage")] == [10, 20, 50, 5]
    replay = rows(run(home, "replay", str(recording), "--headless", "--interval", "5s"))
    assert replay[:-1] == first[: len(replay) - 1]


def test_the_list_names_what_there_is(home: dict[str, str]) -> None:
    done = run(home, "sim", "--list")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:1]] == ["default"]
    assert {"calm", "thin", "cascade"} <= {line.split()[0] for line in lines}
    total = sum(getattr(Scenario().counts, f) for f in ("maker", "informed", "noise", "arbitrage"))
    assert lines[0].split()[1:3] == [str(total), "agents"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[agents.maker]\nsize = -1.0\n", ":2: agents.maker.size expected"),
        ("[counts]\nwhale = 1\n", "'whale' is no family of agents"),
    ],
)
def test_a_wrong_scenario_is_one_sentence(tmp_path: Path, home: dict[str, str], text: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    done = run(home, "sim", str(file), "--headless", "--steps", "1")
    assert done.returncode == 1
    assert said in done.stderr
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_unknown_scenario_and_a_missing_terminal_say_what_would_work(home: dict[str, str]) -> None:
    done = run(home, "sim", "nowhere", "--headless")
    assert done.returncode == 1
    assert "there are default, calm, cascade, thin" in done.stderr
    done = run(home, "sim")
    assert done.returncode == 1
    assert "add --headless" in done.stderr


def test_a_shock_from_the_command_line_happens_and_is_told(home: dict[str, str]) -> None:
    args = ["sim", "--headless", "--steps", "90", "--seed", "7", "--no-record", "--interval", "30s"]
    plain = rows(run(home, *args))
    shocked = rows(run(home, *args, "--shock", "sell:100000/20s", "--at", "10s"))
    assert shocked[0]["mid_price"] != plain[0]["mid_price"]
    assert shocked[-1]["hash"] != plain[-1]["hash"]
    assert plain[-1]["told"] == []
    begun, filled, *_ = shocked[-1]["told"]
    assert begun == {"at_s": 10.0, "kind": "SHOCK", "text": "sell 100000 BTC over 20 s"}
    assert filled["text"].startswith("sold ")
    assert filled["text"].endswith(" of 100000 BTC: the market had no more to give")
    assert shocked[-1]["agents"]["programme"]["inventory"] < -10.0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--shock", "sell:-500/60s"), "--shock: expected a shock such as sell:500/60s"),
        (("--shock", "riot"), "--shock: expected one of sell, buy, programme, withdrawal"),
        (("--shock", "withdrawal:9"), "--shock: withdrawal: expected a size of 0.01 to 1, found 9"),
        (("--at", "5s"), "--at goes with --shock"),
        (("--steps", "0"), "0 is not in the range 1<=x<=1000000"),
        (("--seed", "-1"), "-1 is not in the range"),
    ],
)
def test_a_wrong_option_is_one_sentence(home: dict[str, str], args: tuple[str, ...], said: str) -> None:
    done = run(home, "sim", "--headless", "--no-record", *args)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("after_s", [0.3, 1.5, 4.0])
def test_an_interrupt_at_any_moment_leaves_a_whole_recording_or_none(
    home: dict[str, str], tmp_path: Path, after_s: float
) -> None:
    env = {**home, "XDG_DATA_HOME": str(tmp_path)}
    args = [*MICROTUI, "sim", "cascade", "--headless", "--speed", "8"]
    running = subprocess.Popen(
        args, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(after_s)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert "Traceback" not in said
    files = list(tmp_path.rglob("*.sqlite"))
    assert files or after_s < 2.0
    for file in files:
        recording = Recording(file)
        assert recording.header.closed_ns is not None
        assert not recording.lost
