"""What terminals answer, what is made of it, and that a silent one is not waited for."""

from __future__ import annotations

import os
import pty
import termios
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.doctor_report import FAULT, HINT, OK, Finding
from cli.doctor_terminal import Answers, ask, judge, read_answers

KITTY = "\x1bP>|kitty(0.36.4)\x1b\\\x1bP1$r48:2:1:2:3m\x1b\\\x1b[?1006;2$y\x1b[?2026;2$y\x1b[24;3R\x1b[?62;c"
XTERM = (
    "\x1bP>|XTerm(390)\x1b\\\x1bP1$r0;48:2::1:2:3m\x1b\\\x1b[?1006;2$y\x1b[?2026;0$y\x1b[5;3R\x1b[?64;1;2c"
)
OLD = "\x1b[12;7R\x1b[?1;2c"  # not UTF-8: each byte took a cell


def test_what_real_terminals_say() -> None:
    assert read_answers(KITTY) == Answers("kitty(0.36.4)", True, True, True, 2)
    assert read_answers(XTERM) == Answers("XTerm(390)", True, True, False, 2)
    assert read_answers(OLD) == Answers("", None, None, None, 6)
    assert read_answers("") == Answers()


@given(
    st.text(max_size=200) | st.lists(st.sampled_from([KITTY, XTERM, "\x1b", "[", "?1006", "$y"])).map("".join)
)
def test_whatever_is_said_is_no_trouble(said: str) -> None:
    found = read_answers(said)
    assert len(found.name) <= 80
    assert found.sample_cells is None or found.sample_cells >= 0 or "R" in said


class Terminal:
    """The other end of a pty: says its answers as soon as the last question has come."""

    def __init__(self, answers: str) -> None:
        self.master, self.slave = pty.openpty()
        self.asked = b""
        self._answers = answers
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self.asked.endswith(b"\x1b[c"):
            self.asked += os.read(self.master, 4096)
        os.write(self.master, self._answers.encode())

    def close(self) -> None:
        self._thread.join(1)
        os.close(self.master)
        os.close(self.slave)


def test_a_terminal_is_asked_and_left_as_it_was() -> None:
    terminal = Terminal(KITTY)
    before = termios.tcgetattr(terminal.slave)
    began = time.monotonic()
    assert ask(terminal.slave, terminal.slave, 5.0) == read_answers(KITTY)
    assert time.monotonic() - began < 4.0
    assert termios.tcgetattr(terminal.slave) == before
    assert terminal.asked.endswith(b"\r\x1b[K\x1b[c")
    terminal.close()


def test_a_silent_terminal_is_not_waited_for() -> None:
    terminal = Terminal("")
    before = termios.tcgetattr(terminal.slave)
    began = time.monotonic()
    assert ask(terminal.slave, terminal.slave, 0.2) == Answers()
    assert 0.15 < time.monotonic() - began < 2.0
    assert termios.tcgetattr(terminal.slave) == before
    terminal.close()
    read_end, write_end = os.pipe()
    assert ask(read_end, write_end, 5.0) == Answers(), "no terminal at all"
    os.close(read_end)
    os.close(write_end)


GOOD = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "en_US.UTF-8"}


def found(
    environment: dict[str, str], answers: Answers, cells: tuple[int, int] = (120, 40), tty: bool = True
) -> dict[str, Finding]:
    return {finding.what: finding for finding in judge(environment, tty, cells if tty else None, answers)}


def test_a_good_terminal_is_all_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getpreferredencoding", lambda _: "UTF-8")
    told = found(GOOD, read_answers(KITTY))
    assert {finding.level for finding in told.values()} == {OK}
    assert told["terminal"].found == "TERM=xterm-256color kitty(0.36.4)"
    assert "one cell wide" in told["characters"].found


@pytest.mark.parametrize(
    ("change", "answers", "cells", "what", "level", "advice"),
    [
        ({}, KITTY, (39, 40), "size", HINT, "only three numbers"),
        ({}, KITTY, (90, 40), "size", HINT, "side by side"),
        ({"COLORTERM": ""}, KITTY, (120, 40), "colours", HINT, "does not say so"),
        ({"COLORTERM": ""}, "", (120, 40), "colours", HINT, "if yours has them"),
        ({"NO_COLOR": "1"}, KITTY, (120, 40), "colours", HINT, "unset NO_COLOR"),
        ({}, OLD, (120, 40), "characters", FAULT, "screen.ascii = true"),
        ({"TERM": "linux"}, "", (120, 40), "characters", HINT, "no braille"),
        ({"TERM": "dumb"}, "", (120, 40), "terminal", FAULT, "set TERM"),
        ({}, "\x1b[?1006;0$y\x1b[?1c", (120, 40), "mouse", HINT, "by keys"),
        ({"TMUX": "/x,1,0", "COLORTERM": ""}, "", (120, 40), "between", HINT, "terminal-overrides"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str],
    answers: str,
    cells: tuple[int, int],
    what: str,
    level: str,
    advice: str,
) -> None:
    monkeypatch.setattr("locale.getpreferredencoding", lambda _: "UTF-8")
    finding = found(GOOD | change, read_answers(answers), cells)[what]
    assert finding.level == level
    assert advice in finding.advice


def test_a_locale_without_unicode_is_a_fault_and_ascii_asked_for_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("locale.getpreferredencoding", lambda _: "ANSI_X3.4-1968")
    posix = GOOD | {"LANG": "C"}
    assert found(posix, Answers())["characters"].level == FAULT
    assert found(posix | {"MICROTUI_ASCII": "1"}, Answers())["characters"].level == OK


def test_the_way_is_told() -> None:
    remote = GOOD | {"SSH_CONNECTION": "a b c d", "TMUX": "/x"}
    assert found(remote, Answers())["between"].found.startswith("tmux inside ssh")
    assert found(GOOD, Answers())["between"].found == "none"
    told = found(GOOD, Answers(), tty=False)
    assert told["terminal"].level == HINT
    assert "size" not in told
