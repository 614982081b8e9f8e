"""`microtui sessions` as a person runs it."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.sessions import sessions
from engine.batch import Batch
from engine.checkpoint import pack
from engine.core import State, apply
from engine.events import Setup
from engine.ports import Checkpoint
from store.codec import encode
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
from tests.laws.generated import START_NS, generated_batches
from tests.store.made import made_batches, record


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sessions"
    monkeypatch.setenv("MICROTUI_RECORD__FOLDER", str(folder))
    monkeypatch.setenv("MICROTUI_CONFIG", str(tmp_path / "config.toml"))
    return folder


def run(*words: str) -> Result:
    return CliRunner().invoke(sessions, list(words))


def made(folder: Path, name: str, ticks: int = 60) -> Path:
    path = folder / f"{name}.sqlite"
    record(path, made_batches(ticks)).close()
    return path


def folded(folder: Path, name: str) -> tuple[Path, State]:
    """A recording with the real core's own checkpoints and metrics."""
    path = folder / f"{name}.sqlite"
    recorder = Recorder(path, new_header("generated", START_NS))
    state = State()
    for number, batch in enumerate(generated_batches(seed=5, ticks=900)):
        if recorder.wants_checkpoint:
            recorder.checkpoint(Checkpoint(state.seq, state.ts, pack(state)))
        seq = state.seq
        derived, _ = apply(state, batch)
        recorder.put(seq, batch, derived)
        if number % 30 == 29:
            recorder.flush()
    recorder.close()
    return path, state


def change(path: Path, sql: str, *values: object) -> None:
    db = sqlite3.connect(path)
    db.execute(sql, values)
    db.commit()
    db.close()


def test_list_with_and_without_anything_to_list(folder: Path) -> None:
    assert "There are no recordings in" in run("list").output
    made(folder, "calm")
    made(folder, "storm", 900)
    live = record(folder / "now.sqlite", made_batches(3))
    output = run("list").output
    assert "storm" in output
    assert "0:01:30" in output
    assert "[recording]" in next(line for line in output.splitlines() if line.startswith("now"))
    found = [json.loads(line) for line in run("list", "--json").output.splitlines()]
    live.close()
    assert {s["name"]: s["seconds"] for s in found} == {"calm": 6.0, "storm": 90.0, "now": pytest.approx(0.3)}
    assert found[0]["symbols"] == ["BTCUSDT", "ETHUSDT"]


def test_show_names_what_is_inside(folder: Path) -> None:
    path = made(folder, "calm")
    with Recording(path) as recording:
        id_ = recording.header.id
    output = run("show", "calm").output
    assert id_ in output
    assert "2024-08-08 23:54:14 UTC" in output
    assert f"{sum(map(len, made_batches(60))):,}" in output
    assert run("show").output == output


def test_export_to_stdout_and_to_a_file(folder: Path, tmp_path: Path) -> None:
    made(folder, "calm")
    result = run("export", "calm")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert {row["asset"] for row in rows} == {"BTCUSDT", "ETHUSDT"}
    target = tmp_path / "metrics.jsonl"
    said = run("export", "calm", "--table", "book_metrics", "--to", str(target))
    assert said.exit_code == 0
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert lines[0]["mid_price"] == 61_837.63
    assert f"{len(lines)} rows of book_metrics" in said.stderr


def test_one_hostile_file_spoils_neither_the_list_nor_verify(folder: Path, tmp_path: Path) -> None:
    made(folder, "calm")
    bad, _ = folded(folder, "bad")
    change(bad, "update instruments set tick_size = 'abc'")
    odd = made(tmp_path, "odd")
    batch = made_batches(1)[0]
    setup = Batch(batch.rows, batch.levels, (Setup(metrics_every_s=0.0), *batch.notes[1:]))
    change(odd, "update chunk set blob = ? where seq = 0", encode(setup))
    assert "metrics_every_s from 0.1 to 3600, found 0" in run("import", str(odd)).stderr
    assert not (folder / "odd.sqlite").exists()
    assert "bad   " in run("list").output
    assert "[unreadable]" in run("list").output
    shutil.copy(odd, folder)
    result = run("verify", "--quick")
    assert result.exit_code == 1
    assert "good  calm" in result.output
    assert "BAD   bad" in result.output
    assert "BAD   odd" in result.output
    assert isinstance(result.exception, SystemExit)


def test_what_goes_wrong_is_one_sentence_and_exit_code_1(folder: Path, tmp_path: Path) -> None:
    made(folder, "calm")
    (folder / "broken.sqlite").write_bytes(b"no database" * 50)
    for words, says in (
        (("show", "clam"), "no session is named 'clam'; there is calm"),
        (("show", "broken"), "broken.sqlite is not a recording"),
        (("export", "calm", "--table", "secrets"), "expected a table of"),
        (("export", "calm", "--to", str(tmp_path / "no" / "folder.csv")), "No such file or directory"),
        (("rename", "calm", "broken"), "there is a session named broken already"),
        (("import", str(tmp_path / "none.sqlite")), "there is no file"),
    ):
        result = run(*words)
        assert result.exit_code == 1
        assert says in result.stderr
        assert "Traceback" not in result.output
        assert len(result.stderr.strip().splitlines()) == 1


def test_verify_quick_tells_good_from_bad(folder: Path) -> None:
    path = made(folder, "calm")
    made(folder, "other")
    result = run("verify", "--quick")
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.output.splitlines()] == [["good", "other"], ["good", "calm"]]
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(bytes(data))
    result = run("verify", "--quick", "calm")
    assert result.exit_code == 1
    assert "BAD" in result.output


def test_prune_rename_and_import(folder: Path, tmp_path: Path) -> None:
    old = made(folder, "old")
    made(folder, "new")
    os.utime(old, (time.time() - 40 * 86_400,) * 2)
    assert "would delete  old" in run("prune", "--dry-run").output
    assert old.exists()
    assert "deleted  old" in run("prune").output
    assert not old.exists()
    assert "Nothing to delete" in run("prune").output
    assert run("rename", "new", "kept").output == "kept\n"
    stranger, _ = folded(tmp_path, "stranger")
    assert run("import", str(stranger), "--name", "friend").output == "friend\n"
    assert sorted(p.stem for p in folder.glob("*.sqlite")) == ["friend", "kept"]


def test_what_folds_to_something_else_is_imported_only_from_another_version(
    folder: Path, tmp_path: Path
) -> None:
    stranger, _ = folded(tmp_path, "stranger")
    change(stranger, "update book_metrics set mid_price = mid_price + 0.01 where rowid = 7")
    result = run("import", str(stranger))
    assert result.exit_code == 1
    assert "stranger.sqlite is not imported: folding again gives" in result.stderr
    assert not list(folder.glob("*"))
    change(stranger, "update header set value = '0.0.1' where key = 'numpy'")
    assert run("import", str(stranger)).output == "stranger\n"


def test_verify_folds_again_and_finds_a_changed_number(folder: Path) -> None:
    """With the real core: its own checkpoints and metrics must come out again, bit for bit."""
    path, state = folded(folder, "folded")
    result = run("verify", "folded")
    assert result.exit_code == 0, result.output
    assert int(result.output.split(" checkpoints")[0].split()[-1]) >= 2
    assert f"{state.seq:,} events" in result.output
    db = sqlite3.connect(path)
    (count,) = db.execute("select count(*) from book_metrics").fetchone()
    assert count > 10
    db.close()
    change(path, "update book_metrics set mid_price = mid_price + 0.01 where rowid = 7")
    result = run("verify", "folded")
    assert result.exit_code == 1
    assert "rows of book_metrics that differ" in result.output
    assert run("verify", "folded", "--quick").exit_code == 0
    change(
        path, "insert into checkpoint select seq + 1, ts, null, size, blob from checkpoint where base is null"
    )
    assert "does not lie behind a tick" in run("verify", "folded").output
