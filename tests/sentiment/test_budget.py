"""The monthly ceiling, under any interleaving: a model of it in a state machine, and real processes that die."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from store.spend import EXPIRES_S, Spend, dollars

START_S = datetime(2026, 11, 30, 22, tzinfo=UTC).timestamp()


def month_of(now_s: float) -> tuple[int, int]:
    moment = datetime.fromtimestamp(now_s, UTC)
    return moment.year, moment.month


class Purses(RuleBasedStateMachine):
    """Three purses over one file, against plain sums. Reservations whose owner died are simply never settled."""

    @initialize(ceiling=st.integers(0, 300))
    def start(self, ceiling: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.now_s, self.ceiling = START_S, ceiling
        path = Path(self.folder.name) / "deep" / "state.db"
        self.purses = [Spend(path, ceiling, lambda: self.now_s) for _ in range(3)]
        self.settled: dict[tuple[int, int], int] = {}
        self.open: dict[int, tuple[tuple[int, int], int, float]] = {}
        self.closed: list[int] = []

    def total(self, month: tuple[int, int]) -> int:
        held = sum(micro for when, micro, _ in self.open.values() if when == month)
        return self.settled.get(month, 0) + held

    @rule(purse=st.integers(0, 2), micro=st.integers(0, 120))
    def reserve(self, purse: int, micro: int) -> None:
        month = month_of(self.now_s)
        number = self.purses[purse].reserve(micro)
        if self.total(month) + micro <= self.ceiling:
            assert number is not None
            assert number not in self.open
            assert number not in self.closed
            self.open[number] = (month, micro, self.now_s)
        else:
            assert number is None
            assert self.purses[purse].reason.startswith(f"the ceiling of {dollars(self.ceiling)}")

    @precondition(lambda self: self.open)
    @rule(purse=st.integers(0, 2), data=st.data(), micro=st.integers(-10, 200))
    def settle(self, purse: int, data: st.DataObject, micro: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        self.purses[purse].settle(number, micro)
        month, reserved, _ = self.open.pop(number)
        self.closed.append(number)
        self.settled[month] = self.settled.get(month, 0) + min(max(micro, 0), reserved)

    @precondition(lambda self: self.closed)
    @rule(purse=st.integers(0, 2), data=st.data())
    def settle_again(self, purse: int, data: st.DataObject) -> None:
        self.purses[purse].settle(data.draw(st.sampled_from(self.closed)), 100)

    @rule(seconds=st.sampled_from([1.0, EXPIRES_S / 2, EXPIRES_S, 7200.0, 20 * 86_400.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @invariant()
    def never_more_than_the_ceiling(self) -> None:
        month = month_of(self.now_s)
        for when in {month, *self.settled}:
            assert self.total(when) <= self.ceiling
        expired = sum(
            micro
            for when, micro, made_s in self.open.values()
            if when == month and self.now_s - made_s > EXPIRES_S
        )
        for purse in self.purses:
            purse.refresh()
            assert purse.spent_micro == self.settled.get(month, 0) + expired

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestPurses = Purses.TestCase
TestPurses.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)

WORK = """
import os, random, sys, threading
from pathlib import Path
from store.spend import Spend

path, seed, ceiling = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
purse = Spend(path, ceiling)
print("ready", flush=True)
sys.stdin.readline()

def work(thread):
    rng = random.Random(seed * 100 + thread)
    for turn in range(12):
        micro = rng.randint(1, 60)
        number = purse.reserve(micro)
        if number is None:
            continue
        os.write(1, f"granted {micro}\\n".encode())
        if rng.random() < 0.15:
            continue  # as if it had died here
        spent = rng.randint(0, 80)
        purse.settle(number, spent)
        os.write(1, f"returned {micro - min(spent, micro)}\\n".encode())
    if seed == 0 and thread == 1:
        os._exit(9)

threads = [threading.Thread(target=work, args=(t,)) for t in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
"""


def test_processes_and_threads_never_pass_it_together(tmp_path: Path) -> None:
    ceiling, path = 2000, tmp_path / "state.db"
    work = [sys.executable, "-c", textwrap.dedent(WORK), str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    children = [subprocess.Popen([*work, str(seed), str(ceiling)], **pipes) for seed in range(4)]  # type: ignore[call-overload]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [child.communicate(timeout=60) for child in children]
    assert all(child.returncode == (9 if seed == 0 else 0) for seed, child in enumerate(children))
    assert not any(errors for _, errors in said)
    lines = [line.split() for words, _ in said for line in words.splitlines()]
    granted = sum(int(micro) for word, micro in lines if word == "granted")
    returned = sum(int(micro) for word, micro in lines if word == "returned")
    with sqlite3.connect(path) as connection:
        (settled,) = connection.execute("select total(micro) from spend_month").fetchone()
        (held,) = connection.execute("select total(micro) from spend_reservation").fetchone()
    connection.close()
    assert settled + held <= ceiling
    # The two threads that died with the third's exit may have had no time to say their last: 60 each.
    assert abs(granted - returned - (settled + held)) <= 2 * 60
    assert settled + held > ceiling - 60, "it was reached, so it was tested"
    purse = Spend(path, ceiling)
    assert purse.reserve(61) is None
    assert purse.reserve(ceiling - int(settled + held)) is not None


def test_one_purse_in_many_threads(tmp_path: Path) -> None:
    purse = Spend(tmp_path / "state.db", 1000)
    granted: list[int] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(20):
            micro = rng.randint(1, 30)
            if purse.reserve(micro) is not None:
                granted.append(micro)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 970 < sum(granted) <= 1000


def test_what_a_crash_left_counts_as_spent_until_its_owner_says_otherwise(tmp_path: Path) -> None:
    now = [START_S]
    purse = Spend(tmp_path / "state.db", 100, lambda: now[0])
    number = purse.reserve(80)
    assert number is not None
    assert purse.spent_micro == 0
    assert purse.reserve(30) is None
    now[0] += EXPIRES_S + 1
    other = Spend(tmp_path / "state.db", 100, lambda: now[0])
    assert other.spent_micro == 80
    assert other.reserve(30) is None
    now[0] = START_S + 3 * 3600
    assert other.spent_micro == 0, "a new month"
    purse.settle(number, 10)
    assert other.reserve(100) is not None, "the old month's settlement is the old month's"


@pytest.mark.parametrize("kind", ["folder", "no database", "cut short"])
def test_a_file_that_cannot_keep_account_spends_nothing(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    if kind == "folder":
        path.mkdir()
    elif kind == "no database":
        path.write_bytes(b"what is this" * 1000)
    else:
        assert Spend(path, 100).reserve(1)
        path.write_bytes(path.read_bytes()[:3000])
    purse = Spend(path, 100)
    assert purse.reserve(1) is None
    assert "cannot keep account of what is spent" in purse.reason
    purse.settle(1, 1)


def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    purse = Spend(path, 100)
    assert purse.reserve(1)
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("begin immediate")
    threading.Timer(0.2, lambda: holder.execute("commit")).start()
    assert purse.reserve(1)
    holder.close()
