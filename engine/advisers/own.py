"""A person's own advisers: files in the `advisers` folder of their settings, found by name, each in its own process.

A file has `NAME`, `HORIZON_S` and `advise(sight)`, which returns a score from -1 to 1 and a reason, or None. It is run
by `engine.advisers.own_child` and asked once a second over pipes: whatever it does, the session goes on. A file that
raises, that answers with something else, or that keeps silent for ANSWER_S is dropped and named.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec

from engine.text import clean

ANSWER_S = 5.0
START_S = 20.0  # importing what a file imports
MOST = 16  # files
NAMES = re.compile(r"[a-z][a-z0-9_]{0,19}")
COMMAND = (sys.executable, "-P", "-m", "engine.advisers.own_child")


class Seen(msgspec.Struct, frozen=True):
    """What an own adviser is shown of one symbol, once a second. None is missing. Prices are in quote units."""

    symbol: str
    ts: int  # ns UTC
    mid: float | None = None
    microprice: float | None = None
    spread_bps: float | None = None
    bid_depth: float | None = None  # within the 1 % band, base units
    ask_depth: float | None = None
    order_flow: float | None = None  # of the second, base units
    volume: float | None = None
    flow: float | None = None  # bought less sold by aggressors
    volatility_bps: float | None = None
    sentiment: float | None = None
    doubt: float | None = None
    regime: str = ""
    indicators: dict[
        str, float
    ] = {}  # by the names in `engine.kernels.indicators`; missing ones are left out


class Hello(msgspec.Struct, frozen=True):
    """What a file says of itself, or what is wrong with it."""

    name: str = ""
    horizon_s: float = 0.0
    fault: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What a file says of one symbol: a score and a reason; or what went wrong."""

    score: float | None = None
    reason: str = ""
    fault: str = ""


def files(folder: Path) -> list[Path]:
    """Every `*.py` of the folder, in the order of their names, at most MOST. A folder that is not there holds none."""
    return sorted(folder.glob("[!_]*.py"))[:MOST] if folder.is_dir() else []


class OwnAdviser:
    """One file in its process. `ask` and `answers` never wait; `fault` says why it is of no use any more."""

    def __init__(
        self, path: Path, command: tuple[str, ...] = COMMAND, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.path, self.fault = path, ""
        self.hello: Hello | None = None
        self._now_s = now_s
        self._asked: deque[int] = deque()  # symbols whose answer is awaited, the oldest first
        self._since = now_s()  # when the oldest was asked, or the process started
        self._lines: deque[bytes | None] = deque()  # None: the process is gone
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and the user's own file
                [*command, str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # ctrl+C is the session's to hear
            )
        except OSError as error:
            self._drop(f"its process cannot be started: {error}")
            return
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    @property
    def ready(self) -> bool:
        """Whether it may be asked: it has said who it is, and the last question is answered."""
        return self.hello is not None and not self.fault and not self._asked

    def ask(self, index: int, seen: Seen) -> None:
        """Show it a symbol. Ask only while it is ready, once a symbol."""
        process = self._process
        if self.fault or process is None or process.stdin is None:
            return
        if not self._asked:
            self._since = self._now_s()
        self._asked.append(index)
        try:
            process.stdin.write(msgspec.json.encode(seen) + b"\n")
            process.stdin.flush()
        except (OSError, ValueError):
            self._drop("its process ended")

    def answers(self) -> list[tuple[int, Answer]]:
        """What it has said since the last look, by symbol index."""
        found: list[tuple[int, Answer]] = []
        while self._lines and not self.fault:
            line = self._lines.popleft()
            if line is None:
                self._drop("its process ended")
            elif self.hello is None:
                self._meet(line)
            elif self._asked:
                answer = self._answer(line)
                if answer is not None:
                    found.append((self._asked.popleft(), answer))
                    self._since = self._now_s()
        self._check_time()
        return found

    def close(self) -> None:
        """End its process."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.kill()
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        threading.Thread(target=process.wait, daemon=True).start()

    def _meet(self, line: bytes) -> None:
        try:
            hello = msgspec.json.decode(line, type=Hello)
        except msgspec.MsgspecError:
            self._drop("expected it to say who it is; does it print?")
            return
        if hello.fault:
            self._drop(clean(hello.fault, 300))
        elif not NAMES.fullmatch(hello.name) or not 1.0 <= hello.horizon_s <= 86_400.0:
            self._drop(
                "expected NAME = 'a_name' of small letters, digits and _, and HORIZON_S from 1 to 86400, "
                f"found {clean(hello.name, 40)!r} and {hello.horizon_s:g}"
            )
        else:
            self.hello = hello

    def _answer(self, line: bytes) -> Answer | None:
        try:
            answer = msgspec.json.decode(line, type=Answer)
        except msgspec.MsgspecError:
            self._drop("expected an answer; does it print?")
            return None
        if answer.fault:
            self._drop(clean(answer.fault, 300))
            return None
        if answer.score is not None and not -1.0 <= answer.score <= 1.0:
            self._drop(f"expected a score from -1 to 1, found {answer.score:g}")
            return None
        return Answer(answer.score, clean(answer.reason, 200))

    def _check_time(self) -> None:
        waits = self.hello is None or bool(self._asked)
        limit_s = START_S if self.hello is None else ANSWER_S
        if waits and not self.fault and self._now_s() - self._since > limit_s:
            what = "start" if self.hello is None else "answer"
            self._drop(f"expected it to {what} within {limit_s:g} s; it hangs")

    def _drop(self, why: str) -> None:
        self.fault = self.fault or why
        self._asked.clear()
        self.close()

    def _read(self, stdout: IO[bytes] | None) -> None:
        if stdout is None:
            return
        with stdout:
            while line := stdout.readline(65_536):
                if len(self._lines) < 1000:
                    self._lines.append(line)
        self._lines.append(None)
