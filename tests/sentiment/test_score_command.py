"""`microtui score` as people run it: texts, lines, JSON, faults by line, pipes that break, and --eval."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import paths, score
from cli.main import main
from cli.score import MAX_LINE
from engine.sentiment.embedded import SHIPPED, load
from engine.sentiment.weights import read, to_bytes

KEYS = [
    "polarity",
    "confidence",
    "aleatoric",
    "epistemic",
    "aleatoric_sd",
    "epistemic_sd",
    "tier",
    "label",
    "text",
]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def run(*args: str, lines: str | bytes | None = None) -> Any:
    return CliRunner().invoke(main, ["score", *args], input=lines)


def rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_texts_become_json_rows_that_are_the_tiers_own_numbers() -> None:
    texts = ["to the moon", "this is going to zero", "比特币"]
    done = run("--json", *texts)
    assert done.exit_code == 0, done.output
    found = rows(done.stdout)
    scores = load().predict_batch(texts)
    assert [row["text"] for row in found] == texts
    assert all(list(row) == KEYS for row in found)
    for at, row in enumerate(found):
        for name in KEYS[:6]:
            assert row[name] == pytest.approx(getattr(scores, name)[at], abs=5e-5)
    assert [row["label"] for row in found] == ["bullish", "bearish", "neutral"]
    assert {row["tier"] for row in found} == {"embedded"}


def test_a_person_sees_a_table() -> None:
    done = run("--uncertainty", "rekt \x1b[31m\u202e")
    assert done.stdout.splitlines()[0].split() == [
        *("label", "polarity", "conf", "aleatoric", "epistemic", "tier", "text"),
    ]
    assert done.stdout.splitlines()[1].split()[0] == "bearish"
    assert "\x1b" not in done.stdout
    assert "epistemic" not in run("rekt").stdout


def test_plain_lines_and_json_lines_come_back_in_order() -> None:
    lines = 'to the moon\n\n{"id": 7, "text": "rekt"}\n  plain {not json}  \n{"text": "a\\ud800b"}\n'
    done = run("--json", lines=lines)
    assert done.exit_code == 0, done.output
    assert [row["text"] for row in rows(done.stdout)] == [
        "to the moon",
        "rekt",
        "plain {not json}",
        "a\ud800b",
    ]


def test_broken_lines_are_named_and_the_rest_is_scored() -> None:
    lines = (
        b'rekt\n{"text": 5}\n{"tex": "x"}\n{"text": "open\n\xff\xfe\n' + b"x" * (MAX_LINE + 9) + b"\nmoon\n"
    )
    done = run("--json", lines=lines)
    assert done.exit_code == 1
    assert [row["text"] for row in rows(done.stdout)] == ["rekt", "moon"]
    for told in (
        'line 2: expected a "text" that is a string, found 5',
        'line 3: expected a "text" that is a string, found none',
        'line 4: expected a JSON object with a "text"',
        "line 5: expected UTF-8, found the byte 0xff",
        f"line 6: expected at most {MAX_LINE} bytes",
        "5 of 7 lines could not be read",
    ):
        assert told in done.stderr


@settings(deadline=None)
@given(st.lists(st.binary(max_size=9)), st.integers(1, 7))
def test_lines_are_those_of_the_whole_however_it_arrives(parts: list[bytes], size: int) -> None:
    class Slow(io.BytesIO):
        def read1(self, _: int | None = -1, /) -> bytes:
            return super().read1(size)

    whole = b"\n".join(parts)
    found = [line for block in score.blocks(Slow(whole)) for line in block]
    assert found == (whole.removesuffix(b"\n").split(b"\n") if whole else [])


def test_a_line_without_end_is_kept_to_its_bound() -> None:
    source = io.BytesIO(b"a" * (3 * MAX_LINE + 5) + b"\nb\n" + b"c" * MAX_LINE)
    lines = [line for block in score.blocks(source) for line in block]
    assert [line[:1] for line in lines] == [b"a", b"b", b"c"]
    assert MAX_LINE < len(lines[0]) <= MAX_LINE + score.READ + 1
    assert len(lines[2]) == MAX_LINE


def test_own_weights_are_used_from_the_config_folder_or_by_flag(tmp_path: Path) -> None:
    shipped = read(SHIPPED)
    turned = to_bytes(type(shipped)(shipped.header, -shipped.weights, shipped.sureness))
    usual = rows(run("--json", "I think ETH will go up").stdout)[0]["polarity"]
    (tmp_path / "w.bin").write_bytes(turned)
    flagged = rows(run("--json", "--weights", str(tmp_path / "w.bin"), "I think ETH will go up").stdout)[0][
        "polarity"
    ]
    assert flagged != usual
    paths.sentiment_weights().parent.mkdir(parents=True)
    paths.sentiment_weights().write_bytes(turned)
    assert rows(run("--json", "I think ETH will go up").stdout)[0]["polarity"] == flagged
    paths.sentiment_weights().write_bytes(turned[:500])
    done = run("hi")
    assert done.exit_code == 1
    assert "sentiment.bin: it is damaged or cut short" in done.stderr


def test_eval_measures_what_a_slow_count_finds(tmp_path: Path) -> None:
    data = [
        *(
            ("to the moon", "bullish"),
            ("rekt", "bearish"),
            ("buy the dip", "bearish"),
            ("bullish", "bullish"),
        ),
        *(("the meeting is on tuesday", "neutral"), ("see the agenda", "neutral")),
    ]
    path = tmp_path / "posts.csv"
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in data))
    done = run("--eval", str(path), "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    (tier,) = result["tiers"]
    assert tier["tier"] == "embedded"
    assert tier["bullish or bearish"]["accuracy"] == 0.75
    assert tier["bullish or bearish"]["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2, abs=1e-4)
    assert tier["bullish or bearish"]["confusion"] == [[1, 0, 1], [0, 0, 0], [0, 0, 2]]
    scores = load().predict_batch([text for text, _ in data])
    truth = np_labels(data)
    assert tier["three classes"]["accuracy"] == pytest.approx((scores.label == truth).mean(), abs=1e-4)
    assert sum(map(sum, tier["three classes"]["confusion"])) == 6
    people = run("--eval", str(path)).stdout
    assert "accuracy 0.750" in people
    path.write_text("a,b\n1,2\n")
    assert "expected a header with the columns text" in run("--eval", str(path)).stderr


def np_labels(data: list[tuple[str, str]]) -> list[int]:
    return [("bearish", "neutral", "bullish").index(label) for _, label in data]


def test_a_reader_that_leaves_early_and_ctrl_c_end_it_without_a_traceback() -> None:
    command = [sys.executable, "-m", "microtui", "score", "--json"]
    env = dict(os.environ)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": env}
    with subprocess.Popen(command, **pipes) as child:
        assert child.stdin
        assert child.stdout
        assert child.stderr
        child.stdin.write(b"moon\n")
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["label"], "the first line is answered at once"
        child.stdout.close()
        try:
            child.stdin.write(b"to the moon\n" * 20_000)
            child.stdin.close()
        except BrokenPipeError:
            child.stdin = None
        assert child.wait(30) != 0
        assert b"Traceback" not in child.stderr.read()
    with subprocess.Popen(command, **pipes) as child:
        assert child.stdin
        assert child.stdout
        assert child.stderr
        child.stdin.write(b"moon\n")
        child.stdin.flush()
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        assert child.wait(30) != 0
        assert b"Traceback" not in child.stderr.read()


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import cli.score, cli.train", {"numpy", "msgspec", "numba", "textual"}),
        (
            "from engine.sentiment.embedded import load; load()",
            {"numba", "textual", "torch", "pydantic", "sqlite3"},
        ),
    ],
)
def test_only_what_scoring_needs_is_loaded(code: str, absent: set[str]) -> None:
    out = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not set(out.stdout.split()) & absent
