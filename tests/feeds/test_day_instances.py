"""Two instances at once, as people start them: the same hosts, the same folder of recordings, one ended early."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

MICROTUI = [sys.executable, "-m", "microtui"]


def start(env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*MICROTUI, *arguments], stdout=pipe, stderr=pipe, text=True, env=env)


def rows_until_proved(child: subprocess.Popen[str], verified: int) -> list[dict[str, Any]]:
    assert child.stdout is not None
    rows: list[dict[str, Any]] = []
    while len(rows) < 120 and not (rows and rows[-1]["verified"] and rows[-1]["verified"][1] >= verified):
        line = child.stdout.readline()
        assert line, child.communicate()
        rows.append(json.loads(line))
    return rows


def ended(child: subprocess.Popen[str]) -> dict[str, Any]:
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    last: dict[str, Any] = json.loads(out.splitlines()[-1])
    return last


def test_two_instances_record_side_by_side(tmp_path: Path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MICROTUI_")}
    kept["MICROTUI_SENTIMENT__LOCAL__ON"] = "false"
    env = kept | {f"XDG_{name}_HOME": str(tmp_path / name) for name in ("DATA", "CONFIG", "STATE")}
    server = start(env, "exchange", "BTC", "--port", "0")
    children: list[subprocess.Popen[str]] = []
    try:
        assert server.stdout is not None
        told = [server.stdout.readline() for _ in range(3)]
        command = ["live", "BTCUSDT", "--headless", "--interval", "1s", *told[-1].split()[3:]]
        children = [start(env, *command) for _ in range(2)]
        first, second = (rows_until_proved(child, 10) for child in children)
        early = ended(children[0])
        more = rows_until_proved(children[1], second[-1]["verified"][1] + 20)
        late = ended(children[1])
    finally:
        for child in (*children, server):
            child.kill()
            child.wait()
    assert early["recording"] != late["recording"]
    assert all(row["state"] == "SYNCED" for row in (*first[-1:], *more))
    for last in (early, late):
        verified, decided = last["symbols"]["BTCUSDT"]["verified"]
        assert verified == decided >= 10
        checked = start(env, "sessions", "verify", last["recording"])
        out, err = checked.communicate(timeout=60)
        assert checked.returncode == 0, out + err
