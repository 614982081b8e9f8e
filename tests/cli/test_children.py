"""Processes of ours run our code, whatever lies in the folder that a person stands in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from store.apart import Apart
from store.header import new_header

ROOT = Path(__file__).parents[2]


def test_a_folder_of_ones_own_is_not_taken_for_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("store", "engine", "cli"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('somebody else')", "utf-8")
    monkeypatch.chdir(tmp_path)
    sink = Apart(tmp_path / "a.sqlite", new_header("made", 1))
    sink.close()
    assert (sink.status.state, sink.status.reason) == ("OFF", "")


def test_every_process_that_is_started_by_module_leaves_that_folder_out() -> None:
    started = 0
    for file in (path for room in ("cli", "engine", "store", "tui") for path in (ROOT / room).rglob("*.py")):
        for before in re.findall(r'(\S+)\s+"-m",', file.read_text("utf-8")):
            assert before == '"-P",', file
            started += 1
    assert started >= 8
