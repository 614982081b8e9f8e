"""A person's own advisers: the example in the documentation works, and whatever a file does the session goes on."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine.advisers.desk import AdviserDesk, tallies_of
from engine.advisers.own import ANSWER_S, MOST, START_S, Answer, OwnAdviser, Seen, files
from engine.advisers.record import Record
from engine.advisers.sight import MICROSTRUCTURE
from engine.batch import Batch
from engine.core import State, apply
from engine.events import Advised, Baseline, Said, Tally
from tests.laws.generated import generated_batches

DOCS = Path(__file__).parents[2] / "docs" / "advisers.md"
SEEN = Seen("BTCUSDT", 1, mid=100.0, indicators={"rsi": 80.0})
PATIENCE_S = 30.0


@pytest.fixture
def made() -> Iterator[list[OwnAdviser]]:
    """Those that a test starts; ended after it."""
    started: list[OwnAdviser] = []
    yield started
    for own in started:
        own.close()


def start(folder: Path, code: str, made: list[OwnAdviser], name: str = "mine.py") -> OwnAdviser:
    (folder / name).write_text(textwrap.dedent(code), "utf-8")
    own = OwnAdviser(folder / name)
    made.append(own)
    return own


def wait(own: OwnAdviser) -> list[tuple[int, Answer]]:
    """What it says next; nothing where it has said who it is, or is of no use."""
    until, was_known = time.monotonic() + PATIENCE_S, own.hello is not None
    while time.monotonic() < until:
        found = own.answers()
        if found or own.fault or (own.hello is not None and not was_known):
            return found
        time.sleep(0.01)
    raise AssertionError("it has said nothing for too long")


def documented() -> str:
    """The example of docs/advisers.md."""
    found = re.search(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_documented_example_answers(tmp_path: Path, made: list[OwnAdviser]) -> None:
    own = start(tmp_path, documented(), made)
    wait(own)
    assert own.fault == ""
    assert own.hello is not None
    assert own.ready
    own.ask(3, SEEN)
    assert not own.ready
    [(index, answer)] = wait(own)
    assert index == 3
    assert answer.score is not None
    assert -1.0 <= answer.score < 0.0
    assert "RSI 80" in answer.reason
    own.ask(0, Seen("BTCUSDT", 2))
    assert wait(own) == [(0, Answer())]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("NAME = 'mine'\nHORIZON_S = 60\n", "expected a function advise"),
        ("def advise(sight): return None\n", "expected NAME = 'a_name' and HORIZON_S = 60"),
        ("NAME = 'Mine!'\nHORIZON_S = 60\ndef advise(sight): return None\n", "small letters"),
        ("NAME = 'mine'\nHORIZON_S = 0.1\ndef advise(sight): return None\n", "HORIZON_S from 1 to 86400"),
        ("NAME = 'mine'\nHORIZON_S = 60\nimport nowhere_at_all\n", r"mine.py:3: ModuleNotFoundError"),
        ("NAME = 'mine'\n  HORIZON_S = 60\n", r"mine.py:2: IndentationError"),
        ("raise SystemExit\n", r"mine.py:1: SystemExit"),
        ("import os\nos._exit(0)\n", "its process ended"),
    ],
)
def test_a_file_that_is_none_says_which_line(
    tmp_path: Path, made: list[OwnAdviser], code: str, words: str
) -> None:
    own = start(tmp_path, code, made)
    wait(own)
    assert re.search(words, own.fault)
    assert not own.ready


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 1 / 0, 'x'", r"mine.py:4: ZeroDivisionError: division by zero"),
        ("return 'surely'", "ValueError"),
        ("return 2.0, 'sure'", "expected a score from -1 to 1, found 2"),
        ("import os; os._exit(1)", "its process ended"),
    ],
)
def test_a_bad_answer_drops_it_by_name(tmp_path: Path, made: list[OwnAdviser], body: str, words: str) -> None:
    own = start(tmp_path, f"NAME = 'mine'\nHORIZON_S = 60\ndef advise(sight):\n    {body}\n", made)
    wait(own)
    own.ask(0, SEEN)
    assert wait(own) == []
    assert re.search(words, own.fault), own.fault


def test_a_score_that_is_no_number_is_none(tmp_path: Path, made: list[OwnAdviser]) -> None:
    code = "NAME = 'mine'\nHORIZON_S = 60\ndef advise(sight): return float('nan'), 'so'\n"
    own = start(tmp_path, code, made)
    wait(own)
    own.ask(0, SEEN)
    assert wait(own) == [(0, Answer(None, "so"))]


def test_what_it_prints_is_no_answer(tmp_path: Path, made: list[OwnAdviser]) -> None:
    answer = "    print('hello'); return 0.5, 'x\\x1b[2J'\n"
    code = f"NAME = 'mine'\nHORIZON_S = 60\nprint('{{}}')\ndef advise(sight):\n{answer}"
    own = start(tmp_path, code, made)
    wait(own)
    own.ask(0, SEEN)
    assert wait(own) == [(0, Answer(0.5, "x[2J"))]


def test_one_that_hangs_is_dropped_in_time_and_its_process_ends(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "NAME = 'mine'\nHORIZON_S = 60\ndef advise(sight):\n    while True: pass\n"
    )
    clock = [0.0]
    own = OwnAdviser(tmp_path / "mine.py", now_s=lambda: clock[0])
    wait(own)
    process = own._process
    assert process is not None
    own.ask(0, SEEN)
    clock[0] = ANSWER_S - 0.1
    assert own.answers() == []
    assert own.fault == ""
    clock[0] = ANSWER_S + 0.1
    own.answers()
    assert f"within {ANSWER_S:g} s" in own.fault
    assert process.wait(10) != 0


def test_one_that_never_starts_is_dropped(tmp_path: Path) -> None:
    clock = [0.0]
    own = OwnAdviser(
        tmp_path / "x.py", (sys.executable, "-c", "import time; time.sleep(60)"), now_s=lambda: clock[0]
    )
    clock[0] = START_S + 1.0
    own.answers()
    assert "start within" in own.fault


def test_files_are_found_in_order_and_no_more_than_there_may_be(tmp_path: Path) -> None:
    assert files(tmp_path / "nowhere") == []
    for name in ("b.py", "a.py", "_helper.py", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in files(tmp_path)] == ["a.py", "b.py"]
    for number in range(40):
        (tmp_path / f"c{number}.py").touch()
    assert len(files(tmp_path)) == MOST


def notes_of(batch: Batch | None) -> list[object]:
    return list(batch.notes) if batch is not None else []


def test_the_desk_says_the_baseline_once_and_what_files_say_when_it_changes(
    tmp_path: Path, made: list[OwnAdviser]
) -> None:
    own = start(
        tmp_path, "NAME = 'mine'\nHORIZON_S = 60\ndef advise(sight): return 0.7, sight.symbol\n", made
    )
    bad = start(
        tmp_path, "NAME = 'news'\nHORIZON_S = 60\ndef advise(sight): return 0.7, ''\n", made, "bad.py"
    )
    baseline = Baseline((Tally("news", 900.0, (0, 0, 1), (0, 0, 1)),), 1)
    told: list[str] = []
    desk = AdviserDesk(baseline, [own, bad], told.append, lambda tallies: None)
    state, said = State(), []
    until = time.monotonic() + PATIENCE_S
    for batch in generated_batches(1, 350):
        extra = desk.after(state, batch)
        said += notes_of(extra)
        apply(state, batch)
        if extra is not None:
            apply(state, extra)
        while own.hello is None and time.monotonic() < until:
            own.answers()
        while not own.ready and time.monotonic() < until and not own._lines:
            time.sleep(0.001)
    assert [note for note in said if isinstance(note, Baseline)] == [baseline]
    assert state.baseline == baseline
    heard = [note for note in said if isinstance(note, Advised)]
    assert {(note.symbol, note.reason) for note in heard} == {(0, "BTCUSDT"), (1, "THINUSDT")}
    assert len(heard) <= 2 * (1 + 35 // 30)
    assert [note.text for note in said if isinstance(note, Said)] == told
    assert len(told) == 1
    assert "bad.py" in told[0]
    assert "expected a name of its own" in told[0]
    assert state.symbols[0].advisers.stances["mine"].direction in (0, 1)


def test_what_a_session_keeps_is_the_sum_over_its_symbols() -> None:
    state = State()
    for batch in list(generated_batches(1, 30)):
        apply(state, batch)
    for symbol in state.symbols.values():
        symbol.advisers.stances[MICROSTRUCTURE].record = Record([1, 2, 3], [1, 1, 1], 4, 2, 1.0, -3.0, 9.0)
    [tally] = tallies_of(state)
    assert tally == Tally(MICROSTRUCTURE, 30.0, (2, 4, 6), (2, 2, 2), 8, 4, 2.0, -6.0, 18.0)


@pytest.mark.skipif(not hasattr(signal, "alarm"), reason="this system has no alarm")
@pytest.mark.parametrize("asked", [b"", msgspec.json.encode(SEEN) + b"\n"])
def test_one_that_hangs_ends_although_nobody_is_left_to_end_it(tmp_path: Path, asked: bytes) -> None:
    hangs = "while True: pass\n"
    code = f"NAME, HORIZON_S = 'mine', 60\ndef advise(sight):\n    {hangs}" if asked else hangs
    (tmp_path / "mine.py").write_text(code, "utf-8")
    alone = "import sys; from pathlib import Path; from engine.advisers import own_child as child; "
    command = alone + "child.ALONE_S = 1; child.main(Path(sys.argv[1]))"
    ended = subprocess.run(
        [sys.executable, "-c", command, str(tmp_path / "mine.py")], input=asked, capture_output=True,
        timeout=PATIENCE_S,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGALRM


def test_one_that_takes_anothers_name_does_not_take_back_what_that_one_said(
    tmp_path: Path, made: list[OwnAdviser]
) -> None:
    code = "NAME = 'mine'\nHORIZON_S = 60\ndef advise(sight): return 0.7, sight.symbol\n"
    first, second = start(tmp_path, code, made, "a.py"), start(tmp_path, code, made, "b.py")
    wait(first)
    desk = AdviserDesk(None, [first, second], lambda text: None, lambda tallies: None)
    state, said = State(), []
    for batch in generated_batches(1, 40):
        apply(state, batch)
        said += notes_of(desk.after(state, batch))
        until = time.monotonic() + PATIENCE_S
        while not (first.ready or first._lines) and time.monotonic() < until:
            time.sleep(0.001)
        if any(isinstance(note, Advised) for note in said):
            break
    until = time.monotonic() + PATIENCE_S
    while not second.fault and time.monotonic() < until:
        said += notes_of(desk.after(state, batch))
        time.sleep(0.001)
    said += notes_of(desk.after(state, batch))
    assert (first.fault, "of its own" in second.fault) == ("", True)
    assert {note.score for note in said if isinstance(note, Advised)} == {0.7}
