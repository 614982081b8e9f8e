"""One writer at a time, with processes that really race for a lock which somebody who was killed has left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from store.errors import BeingWritten, StoreError
from store.lock import WriteLock, is_being_written

PROCESSES, SECONDS = 3, 1.5

# Whoever holds the lock makes a file that must not be there, so a second holder at the same time is found out.
RACER = """
import os, sys, time
from pathlib import Path
from store.errors import BeingWritten
from store.lock import WriteLock, is_being_written
path, role, until = Path(sys.argv[1]), sys.argv[2], time.monotonic() + float(sys.argv[3])
alone = path.with_name("alone")
print("ready", flush=True)
sys.stdin.readline()
held = refused = seen = 0
while time.monotonic() < until:
    if role == "looks":
        seen += is_being_written(path)
        continue
    try:
        lock = WriteLock(path)
    except BeingWritten:
        refused += 1
        continue
    os.close(os.open(alone, os.O_CREAT | os.O_EXCL))
    assert is_being_written(path)
    alone.unlink()
    lock.release()
    held += 1
print(held, refused, seen)
"""
HOLDER = """
import sys, time
from pathlib import Path
from store.lock import WriteLock
lock = WriteLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def started(script: str, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def abandoned(path: Path) -> None:
    """Leave the lock of a writer that was killed."""
    holder = started(HOLDER, path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert is_being_written(path)
    with pytest.raises(BeingWritten):
        WriteLock(path)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert path.with_name(path.name + ".lock").exists()
    assert not is_being_written(path)


def race(path: Path, *roles: str) -> list[tuple[int, int, int]]:
    """Let processes at it at the same moment: how often each held it, was refused, and saw a writer."""
    racers = [started(RACER, path, role, SECONDS) for role in roles]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    told = []
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        out, err = racer.communicate(timeout=60)
        assert racer.returncode == 0, err
        held, refused, seen = map(int, out.split())
        told.append((held, refused, seen))
    return told


def test_of_those_who_find_a_dead_writers_lock_one_at_a_time_has_it(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    abandoned(path)
    told = race(path, *["writes"] * PROCESSES)
    assert all(held for held, _, _ in told)
    assert any(refused for _, refused, _ in told)
    assert not path.with_name("a.sqlite.lock").exists()


def test_a_look_never_keeps_a_writer_from_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    abandoned(path)
    (held, refused, _), (_, _, seen) = race(path, "writes", "looks")
    assert (held > 0, refused, seen > 0) == (True, 0, True)


def test_a_look_leaves_what_it_finds(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    assert not is_being_written(path)
    assert list(tmp_path.iterdir()) == []
    with WriteLock(path):
        assert is_being_written(path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_hold_a_lock_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite.lock").mkdir()
    with pytest.raises(StoreError, match=r"a\.sqlite cannot be held for writing"):
        WriteLock(tmp_path / "a.sqlite")
    with pytest.raises(StoreError, match=r"can the folder .* be written"):
        WriteLock(tmp_path / "none" / "a.sqlite")
