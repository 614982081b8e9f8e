"""`microtui validate` as people run it: every row told, fresh seeds named, an exit code that says what it found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.validate import Progress, validate
from engine.lab.checklist import ROWS
from engine.lab.validation import FIRST_SEED, TUNED_ON
from store.header import new_header
from store.recorder import Recorder

SHORT = ["--seeds", "2", "--steps", "600"]


def rows_of(output: str) -> set[int]:
    return {int(found) for found in re.findall(r"^ ?(\d+)  ", output, re.M)}


def test_every_row_is_told_and_the_exit_code_says_whether_enough_of_them_pass(recording: Path) -> None:
    done = CliRunner().invoke(validate, ["default", *SHORT, "--against", str(recording)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert rows_of(done.output) == set(ROWS)
    assert "binance:BTCUSDT, 34" in done.output
    passed = int(re.findall(r"^(\d+) of 16 rows pass", done.output, re.M)[0])
    doubt = done.output[done.output.index("doubt widens spreads") :]
    assert done.exit_code == (0 if passed >= 13 and "FAIL" not in doubt else 1)
    marks = re.findall(r"^ ?(\d+)  .* (pass|FAIL)$", done.output, re.M)
    missed = {int(row) for row, word in marks if word == "FAIL"} | (
        {9} if "row FAIL" in done.output else set()
    )
    assert passed == 16 - len(missed)
    for target in ("ACF(|r|, 10) > .1", "spread ADF p < .05", "K-S of spread, bp, p > .05"):
        assert target in done.output
    assert re.search(r"impact ∝ Q\^[\d.]+, 95 % over seeds", done.output)


def test_reported_seeds_are_not_those_that_defaults_were_chosen_on() -> None:
    assert max(TUNED_ON) < FIRST_SEED


def test_without_a_recording_the_rows_that_need_one_say_so(tmp_path: Path) -> None:
    path = tmp_path / "still.toml"
    path.write_text("[counts]\nmaker = 0\ninformed = 0\nnoise = 3\narbitrage = 0\n", "utf-8")
    done = CliRunner().invoke(validate, [str(path), *SHORT])
    assert done.exit_code == 1
    assert rows_of(done.output) == set(ROWS)
    assert "--against RECORDING" in done.output
    assert "why:" in done.output


def test_a_recording_that_is_too_short_is_refused_before_anything_runs(tmp_path: Path) -> None:
    path = tmp_path / "empty.microtui"
    Recorder(path, new_header("test", 1)).close()
    done = CliRunner().invoke(validate, ["default", *SHORT, "--against", str(path)])
    assert done.exit_code == 1
    assert "expected a recording with a book in it" in done.output


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress("market: 1 of 16")
    progress.end()
    assert capsys.readouterr().err == ""
