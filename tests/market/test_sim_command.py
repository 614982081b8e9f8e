"""`microtui sim` as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.scenario import Scenario, read

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
    assert len(first) == 3 * 2 + 2
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
