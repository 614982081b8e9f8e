"""`microtui whatif` as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MICROTUI = [sys.executable, "-m", "microtui"]
ROOT = Path(__file__).parents[2]
FEW = ("--futures", "6", "--seconds", "12")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment of its own, but for the kernels' cache."""
    folder = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MICROTUI_")}
    return {**kept, **{f"XDG_{n}_HOME": str(folder / n) for n in ("DATA", "CONFIG", "STATE")}}


@pytest.fixture(scope="module")
def recording(home: dict[str, str]) -> str:
    """Of a simulated minute."""
    done = run(home, "sim", "--headless", "--steps", "60", "--seed", "3", "--record")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout.splitlines()[-2])["recording"])


def run(env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MICROTUI, *args], capture_output=True, text=True, env=env, timeout=300, cwd=ROOT)


def test_a_scenario_is_forked_the_same_way_twice(home: dict[str, str]) -> None:
    args = ("whatif", "sim:default", "--at", "20s", "--shock", "sell:80/5s", *FEW, "--json")
    first, second = run(home, *args), run(home, *args)
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    fan = json.loads(first.stdout)
    assert fan["done"] == fan["futures"] == 6
    assert len(fan["plain_middle"]) == len(fan["shocked_high"]) == 13
    assert fan["shocked_middle"][-1] < fan["plain_middle"][-1]
    other = json.loads(run(home, *args, "--seed", "2").stdout)
    assert other["plain_middle"] != fan["plain_middle"]


def test_a_recording_is_folded_to_the_moment_and_told_as_a_table(
    home: dict[str, str], recording: str
) -> None:
    done = run(home, "whatif", recording, "--at", "+50s", "--shock", "sell:80/5s", "--level", "59900", *FEW)
    assert done.returncode == 0, done.stderr
    assert "sim:BTCUSD at " in done.stdout
    assert "sell 80 BTC over 5 s" in done.stdout
    assert "joined by" in done.stdout
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if line.strip()[:2] in ("0 ", "10")] == ["0", "10"]
    assert any(line.startswith("crosses the level") for line in lines)
    alone = run(home, "whatif", recording, "--at", "+50s", "--symbol", "btcusd.b", *FEW)
    assert "no shock" in alone.stdout
    assert "shocked" not in alone.stdout


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--at", "+10m"), "--at: expected a time within the recording, from "),
        (("--at", "noon"), "--at: expected a time such as 14:25"),
        (("--at", "+50s", "--shock", "sell:-5"), "--shock: expected a shock such as sell:500/60s"),
        (("--at", "+50s", "--futures", "0"), "expected 1 to 4096 futures, found 0"),
        (("--at", "+50s", "--seconds", "99999"), "expected futures of 1 to 3600 s, found 99999"),
        (("--at", "+50s", "--symbol", "XRP"), "--symbol: expected one of BTCUSD, BTCUSD.B, found 'XRP'"),
        (("--at", "+50s", "--level", "1.5"), "--level: 1.5 is not a multiple of the step 1"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    home: dict[str, str], recording: str, args: tuple[str, ...], sentence: str
) -> None:
    done = run(home, "whatif", recording, *args)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_scenario_that_is_not_there(home: dict[str, str]) -> None:
    done = run(home, "whatif", "sim:nowhere", "--at", "5s")
    assert done.returncode == 1
    assert "expected a scenario or a file, found 'nowhere'" in done.stderr
