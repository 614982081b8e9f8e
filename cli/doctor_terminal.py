"""What the terminal can do: what the environment says of it and, where there is one, what it answers itself.

Every question is one that terminals have answered for decades or pass over in silence; the last one, for its device
attributes, is answered by all, so that its answer ends the waiting. Nothing asked stays on the screen.
"""

from __future__ import annotations

import locale
import os
import re
import select
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cli.doctor_report import FAULT, HINT, OK, Finding

AREA = "terminal"
_SMALLEST = (40, 12)  # below either the screen shows three numbers only
_ROOMY = (100, 30)
_WAIT_S = 0.4
_WAIT_AWAY_S = 1.5  # over ssh
_SAMPLE = "⣿▀"  # a full braille cell and a half block, one cell wide each
# https://invisible-island.net/xterm/ctlseqs/ctlseqs.html: XTVERSION, DECRQSS of a colour just set, DECRQM, CPR, DA1
_ASK = (
    "\x1b[>0q\x1b[48;2;1;2;3m\x1bP$qm\x1b\\\x1b[m\x1b[?1006$p\x1b[?2026$p"
    f"\r{_SAMPLE}\x1b[6n\r\x1b[K\x1b[c"
)  # fmt: skip
_NAME = re.compile(r"\x1bP>\|([^\x1b]{1,80})\x1b\\")
_COLOUR = re.compile(r"\x1bP1\$r[0-9;:]*48[:;]2[:;]+(?:[0-9]*:)?1[:;]2[:;]3m?\x1b\\")
_MODE = re.compile(r"\x1b\[\?(1006|2026);([0-4])\$y")
_CURSOR = re.compile(r"\x1b\[(\d+);(\d+)R")
_END = re.compile(r"\x1b\[\?[0-9;]*c")
_SILENT = ("dumb", "linux", "")  # terminals that would print a question instead of passing over it


@dataclass(frozen=True, slots=True)
class Answers:
    """What the terminal itself said; None where it said nothing of it."""

    name: str = ""
    truecolor: bool | None = None
    mouse: bool | None = None
    steady: bool | None = None  # whole frames at once, without tearing
    sample_cells: int | None = None


def findings(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """All that is known of the terminal that the command runs in."""
    tty = sys.stdin.isatty() and sys.stderr.isatty()
    answers = Answers()
    if tty and environment.get("TERM", "") not in _SILENT:
        away = any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_TTY"))
        answers = ask(sys.stdin.fileno(), sys.stderr.fileno(), _WAIT_AWAY_S if away else _WAIT_S)
    yield from judge(environment, tty, _size() if tty else None, answers)


def judge(
    environment: Mapping[str, str], tty: bool, cells: tuple[int, int] | None, answers: Answers
) -> Iterator[Finding]:
    """cells: columns and rows. Split from asking, so that it can be tested for every terminal there is."""
    term = environment.get("TERM", "")
    named = " ".join(
        filter(None, (f"TERM={term or 'not set'}", environment.get("TERM_PROGRAM"), answers.name))
    )
    if not tty:
        yield Finding(
            AREA, "terminal", HINT, f"{named}; stdin or stderr is none, so nothing was asked",
            "run it in the terminal that you mean; without one, microtui runs with --headless",
        )  # fmt: skip
    elif term in ("dumb", ""):
        yield Finding(AREA, "terminal", FAULT, named, "set TERM to what it is, such as xterm-256color")
    else:
        yield Finding(AREA, "terminal", OK, named)
    if cells is not None:
        yield _size_finding(*cells)
    yield _characters(environment, tty, answers)
    if tty:
        yield _colours(environment, answers)
        said = {True: "reports in cells (SGR)", False: "not offered", None: "not told"}[answers.mouse]
        advice = "" if answers.mouse is not False else "every panel is reached by keys as well; ? lists them"
        yield Finding(AREA, "mouse", HINT if answers.mouse is False else OK, said, advice)
        if answers.steady is not None:
            yield Finding(
                AREA, "whole frames", OK, "synchronised output" if answers.steady else "not offered"
            )
    yield _way(environment)


def _size_finding(columns: int, rows: int) -> Finding:
    found, facts = f"{columns} × {rows} cells", {"columns": columns, "rows": rows}
    if columns < _SMALLEST[0] or rows < _SMALLEST[1]:
        advice = f"below {_SMALLEST[0]} × {_SMALLEST[1]} only three numbers are shown: enlarge it"
        return Finding(AREA, "size", HINT, found, advice, facts)
    if columns < _ROOMY[0] or rows < _ROOMY[1]:
        advice = f"panels take turns; from {_ROOMY[0]} × {_ROOMY[1]} on they stand side by side"
        return Finding(AREA, "size", HINT, found, advice, facts)
    return Finding(AREA, "size", OK, found, "", facts)


def _colours(environment: Mapping[str, str], answers: Answers) -> Finding:
    if environment.get("NO_COLOR"):
        return Finding(
            AREA, "colours", HINT, "NO_COLOR is set: shades of grey only", "unset NO_COLOR for colours"
        )
    said = environment.get("COLORTERM", "").lower() in ("truecolor", "24bit")
    if said:
        return Finding(AREA, "colours", OK, "16 million (COLORTERM)", "", {"colours": 1 << 24})
    count = _terminfo_colours(environment.get("TERM", ""))
    found = f"{count} by its TERM" if count else "not known"
    if answers.truecolor:
        advice = "it can do 16 million, but does not say so to programs: export COLORTERM=truecolor"
    else:
        advice = "themes are made for 16 million; if yours has them, export COLORTERM=truecolor"
    return Finding(AREA, "colours", HINT, found, advice, {"colours": count})


def _terminfo_colours(term: str) -> int | None:
    try:
        import curses

        with open(os.devnull, "w") as nowhere:
            curses.setupterm(term or "unknown", nowhere.fileno())
        return max(0, curses.tigetnum("colors"))
    except Exception:  # no curses on this system, or no such terminal: neither stops anything
        return None


def _characters(environment: Mapping[str, str], tty: bool, answers: Answers) -> Finding:
    """UTF-8 all the way, and cells as wide as they are drawn."""
    spoken = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or "not set"
    coding = (locale.getpreferredencoding(False) if tty else spoken.rpartition(".")[2]) or "unknown"
    utf8 = "utf8" in coding.lower().replace("-", "")
    if environment.get("MICROTUI_ASCII") == "1":
        return Finding(AREA, "characters", OK, "plain ASCII, as MICROTUI_ASCII asks")
    if answers.sample_cells is not None and answers.sample_cells != len(_SAMPLE):
        found = f"braille and half blocks take {answers.sample_cells} cells, expected {len(_SAMPLE)}"
        advice = "set it to UTF-8 and to narrow ambiguous characters, or set screen.ascii = true"
        return Finding(AREA, "characters", FAULT, found, advice)
    if not utf8 and tty:
        advice = "export LANG=C.UTF-8 (or en_US.UTF-8), or set screen.ascii = true"
        return Finding(AREA, "characters", FAULT, f"{coding} (locale {spoken})", advice)
    if environment.get("TERM") == "linux":
        advice = "the console's font has no braille: set screen.ascii = true"
        return Finding(AREA, "characters", HINT, f"{coding}, Linux console", advice)
    told = "; braille and half blocks are one cell wide" if answers.sample_cells else ""
    return Finding(AREA, "characters", OK, f"{coding} (locale {spoken}){told}")


def _way(environment: Mapping[str, str]) -> Finding:
    """What stands between the program and the person."""
    between = [name for name, variable in (("tmux", "TMUX"), ("screen", "STY")) if environment.get(variable)]
    away = bool(environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"))
    shown = (
        " inside ".join([*between, "ssh" if away else "this machine"])
        if between
        else "ssh"
        if away
        else "none"
    )
    if "tmux" in between and environment.get("COLORTERM", "").lower() not in ("truecolor", "24bit"):
        advice = "in tmux.conf: set -ga terminal-overrides ',*:Tc', then export COLORTERM=truecolor"
        return Finding(AREA, "between", HINT, shown, advice)
    if away:
        return Finding(AREA, "between", OK, f"{shown}: a slow line draws fewer frames and loses no data")
    return Finding(AREA, "between", OK, shown)


def _size() -> tuple[int, int] | None:
    try:
        found = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):
        return None
    return (found.columns, found.lines) if found.columns and found.lines else None


def ask(read_fd: int, write_fd: int, wait_s: float) -> Answers:
    """Put the questions and read until the last is answered or the time is over. Leaves the terminal as it was."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        return Answers()
    try:
        before = termios.tcgetattr(read_fd)
    except termios.error:
        return Answers()
    try:
        tty.setcbreak(read_fd, termios.TCSANOW)
        os.write(write_fd, _ASK.encode())
        return read_answers(_until_the_last(read_fd, wait_s))
    except OSError:
        return Answers()
    finally:
        termios.tcsetattr(
            read_fd, termios.TCSAFLUSH, before
        )  # a late answer must not be typed into the shell


def _until_the_last(fd: int, wait_s: float) -> str:
    said = ""
    deadline = time.monotonic() + wait_s
    while (left_s := deadline - time.monotonic()) > 0 and len(said) < 4096:
        if not select.select([fd], [], [], left_s)[0]:
            break
        said += os.read(fd, 1024).decode("utf-8", "replace")
        if _END.search(said):
            break
    return said


def read_answers(said: str) -> Answers:
    """What the bytes that came back say."""
    modes = {mode: state != "0" for mode, state in _MODE.findall(said)}
    name, cursor = _NAME.search(said), _CURSOR.search(said)
    return Answers(
        name=name[1] if name else "",
        truecolor=True if _COLOUR.search(said) else None,
        mouse=modes.get("1006"),
        steady=modes.get("2026"),
        sample_cells=int(cursor[2]) - 1 if cursor else None,
    )
