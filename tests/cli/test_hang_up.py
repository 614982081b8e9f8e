"""A terminal that goes away, as when SSH breaks off: the program ends, and does not go on unseen for ever."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PAINTED = 2000  # bytes: more than the terminal is asked about


def started(folder: Path) -> tuple[int, int]:
    """(pid, master) of the app in a terminal of its own."""
    pid, master = pty.fork()
    if pid == 0:
        homes = {f"XDG_{name}_HOME": str(folder / name) for name in ("CONFIG", "DATA", "STATE")}
        os.execve(  # noqa: S606
            sys.executable,
            [sys.executable, "-m", "microtui", "sim"],
            {**os.environ, **homes, "TERM": "xterm-256color"},
        )
    return pid, master


def painted(master: int) -> None:
    count, until = 0, time.monotonic() + 60
    while count < PAINTED:
        assert time.monotonic() < until, "nothing was painted"
        if select.select([master], [], [], 1.0)[0]:
            count += len(os.read(master, 65536))


def ended(pid: int, within_s: float) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.1)
    return False


def hang_up(pid: int, master: int) -> None:
    """As the kernel does it to the group in front: SIGHUP, then SIGCONT, and every write fails."""
    os.close(master)
    os.kill(pid, signal.SIGCONT)


def stop_reading_and_terminate(pid: int, _: int) -> None:
    time.sleep(2.0)
    os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize("leave", [hang_up, stop_reading_and_terminate])
def test_the_app_ends_with_its_terminal(tmp_path: Path, leave: Callable[[int, int], None]) -> None:
    pid, master = started(tmp_path)
    try:
        painted(master)
        leave(pid, master)
        assert ended(pid, within_s=30)
    finally:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


STUCK = """
import time
from types import SimpleNamespace
from cli.screen import _leave_when_told

app = SimpleNamespace(exit=None, call_later=lambda _: None)  # it waits for its terminal, and never gets to leave
engine = SimpleNamespace(stop=lambda: print("closed", flush=True))
_leave_when_told(app, engine)
print("ready", flush=True)
time.sleep(100)
"""


def test_a_screen_that_cannot_leave_is_left_once_the_recording_is_closed() -> None:
    with subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, text=True) as stuck:
        assert stuck.stdout is not None
        assert stuck.stdout.readline() == "ready\n"
        stuck.send_signal(signal.SIGHUP)
        assert stuck.stdout.read() == "closed\n"
        assert stuck.wait(20) == 128 + signal.SIGHUP
