"""Stories as people play them: built once in a process of its own, watched while they are, kept, and made again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli import past, paths
from cli.errors import UserError
from cli.past_build import build, discard, is_whole, told_of
from engine.batch import Batch, concat
from engine.child import Continued
from engine.events import Agents, Kind, Mark, Post, Scored
from engine.past.story import read
from store.header import new_header
from store.lock import is_being_written
from store.recorder import Recorder
from store.recording import Recording
from store.replay import ReplaySource
from tests.cli.past_story import BEGINS_NS, HOUR_NS, STORY, home, written
from tests.disk import no_file_larger_than

MICROTUI = [sys.executable, "-m", "microtui"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("past")


@pytest.fixture(scope="module")
def env(folder: Path) -> dict[str, str]:
    return home(folder)


def run(env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MICROTUI, *args], capture_output=True, text=True, env=env, timeout=280)


@pytest.fixture(scope="module")
def built(folder: Path, env: dict[str, str]) -> tuple[Path, Path, list[dict[str, Any]]]:
    """The story's file, its recording, and the rows that were printed while it was built."""
    story = written(folder)
    done = run(env, "replay", str(story), "--headless", "--interval", "60s")
    assert done.returncode == 0, done.stderr
    assert "reconstructed book around recorded prices" in done.stderr
    (file,) = (folder / "CACHE" / "microtui" / "replays").glob("hour-*.sqlite")
    return story, file, [json.loads(line) for line in done.stdout.splitlines()]


def test_it_prints_the_rows_of_a_session_while_it_is_built(
    built: tuple[Path, Path, list[dict[str, Any]]], env: dict[str, str]
) -> None:
    story, file, (*rows, end) = built
    assert len(rows) == 59 or len(rows) == 60
    assert {row["exchange"] for row in rows} == {"binance"}
    assert all(row["ts"].startswith("2020-03-12T1") for row in rows)
    assert rows[0]["best_bid"] < rows[0]["best_ask"]
    assert end["end"]
    assert end["seconds"] == pytest.approx(3600.0, abs=1.0)
    assert is_whole(file)
    again = run(env, "replay", str(story), "--headless", "--interval", "60s")
    assert [json.loads(line) for line in again.stdout.splitlines()] == [*rows, end]


def test_it_is_a_recording_like_any_other(
    built: tuple[Path, Path, list[dict[str, Any]]], env: dict[str, str], folder: Path
) -> None:
    story, file, _ = built
    for named in (file, story):  # the story by its own name says the same
        verified = run(env, "sessions", "verify", str(named))
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert file.stem in verified.stdout
    fills = run(env, "sessions", "export", str(story), "--table", "fills").stdout.splitlines()
    at = "2020-03-12T10:30"
    forked = run(env, "whatif", str(story), "--at", at, "--futures", "8", "--seconds", "5", "--json")
    assert json.loads(forked.stdout)["done"] == 8, forked.stderr
    unbuilt = run(env, "sessions", "show", "march2020")
    assert unbuilt.returncode == 1
    assert "`microtui replay march2020 --build`" in unbuilt.stderr
    with Recording(file) as recording:
        assert (recording.start, recording.end) == (BEGINS_NS, BEGINS_NS + HOUR_NS)
        assert recording.query("select count(*) from marks") == [(2,)]
        assert not recording.gaps
        ((agents,),) = recording.query("select count(*) from fills")
        assert agents == len(fills) - 1 > 0
    assert "no recordings" in run(env, "sessions", "list").stdout  # the cache is none of the catalogue's


def test_every_price_that_trades_lies_in_the_hours_bar(
    built: tuple[Path, Path, list[dict[str, Any]]],
) -> None:
    with Recording(built[1]) as recording:
        ((low, high),) = recording.query("select min(price_ticks), max(price_ticks) from trades")
    assert (low, high) == (7_000_00, 7_364_00)


def test_a_recorded_fact_that_is_not_met_is_told(
    built: tuple[Path, Path, list[dict[str, Any]]], env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    story, file, _ = built
    last = "select price_ticks from trades where ts <= ? order by rowid desc limit 1"
    with Recording(file) as recording:
        closes = [
            recording.query(last, (BEGINS_NS + minutes * 60_000_000_000,))[0][0] for minutes in (30, 40)
        ]
    said = (
        "binance, 10 minutes: recorded 4.9 % to 12 Mar 10:39, "
        f"here {(closes[1] / closes[0] - 1) * 100:.2f} % to 12 Mar 10:39"
    )
    assert told_of(file) == (said,)
    monkeypatch.setattr(paths, "replays_folder", lambda: file.parent)
    shown = past.plan_of(past.reel(read(story), story).story).about
    assert shown[shown.index("Recorded:") + 1 :][:2] == ("· the bar", f"· Not met: {said}")
    done = run(env, "replay", str(story), "--build")
    assert done.stdout == f"{file}\n"
    assert done.stderr == f"hour is whole\nnot met: {said}\n"


def test_a_killed_build_is_made_again_by_one_of_two_and_is_equal(
    built: tuple[Path, Path, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story_file, file, _ = built
    story, cache = read(story_file), tmp_path / "replays"
    monkeypatch.setattr(paths, "replays_folder", lambda: cache)
    cache.mkdir()
    mine = cache / file.name
    command = [sys.executable, "-m", "cli.past_build", str(story_file), str(mine)]
    killed = subprocess.Popen(command)
    deadline = time.monotonic() + 120
    while not past._built_to(mine) and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    while is_being_written(mine) and time.monotonic() < deadline:  # what records for it ends when it does
        time.sleep(0.02)
    assert not is_whole(mine)
    older, elsewhere = (cache / f"{name}-{'0' * 16}.sqlite" for name in ("hour", "calm"))
    shutil.copy(file, older)
    elsewhere.touch()
    found = past.reel(story, story_file)
    assert (found.file, older.exists(), elsewhere.exists()) == (mine, False, True)
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:  # as a second window would
        past.wait(found, said.append)
        assert other.communicate(timeout=120)[0] == ""
    assert other.returncode == 0
    assert said == ["building hour\n", "hour is whole\n", f"not met: {told_of(mine)[0]}\n"]
    assert told_of(mine) == told_of(file)
    assert not told_of(older)
    assert past.reel(story, story_file).builder is None
    with Recording(file) as one, Recording(mine) as two:
        assert one.next_seq == two.next_seq
        for table in ("trades", "fills", "alerts", "marks", "sentiment", "book_metrics"):
            rows = f"select * from {table} order by rowid"
            assert one.query(rows) == two.query(rows)


def test_where_the_cache_cannot_be_written_it_goes_to_a_folder_that_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "a file"
    blocked.touch()
    monkeypatch.setattr(paths, "replays_folder", lambda: blocked / "replays")
    folder = past._folder()
    assert folder.is_dir()
    assert folder != blocked / "replays"
    shutil.rmtree(folder)


def test_a_disk_that_fills_up_is_said_and_nothing_whole_is_left(
    built: tuple[Path, Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    mine = tmp_path / "hour.sqlite"
    with no_file_larger_than(200 << 10), pytest.raises(UserError, match=r"recording to hour\.sqlite stopped"):
        build(read(built[0]), mine)
    assert not is_whole(mine)
    build(read(built[0]), mine)
    assert is_whole(mine)


def test_a_build_that_cannot_begin_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        build(read(written(tmp_path)), tmp_path / "hour.toml" / "x.sqlite")


def test_a_patient_recorder_waits_instead_of_losing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.store.made import assert_same_events, made_batches

    monkeypatch.setattr("store.recorder.PATIENT_BYTES", 4096)
    monkeypatch.setattr("store.recorder.QUEUE_BYTES", 4096)
    batches, seq = made_batches(300), 0
    recorder = Recorder(tmp_path / "a.sqlite", new_header("made", 1), patient=True)
    for batch in batches:
        recorder.put(seq, batch, ())
        seq += len(batch)
    recorder.close()
    assert recorder.status.lost_events == 0
    with Recording(tmp_path / "a.sqlite") as recording:
        assert recording.next_seq == seq
        assert_same_events(concat([batch for _, batch in recording.batches_from()]), concat(batches))


def test_what_a_story_is_called_and_what_it_is_not(env: dict[str, str]) -> None:
    listed = run(env, "replay", "--list").stdout
    assert listed.startswith("march2020")
    assert "calm " in listed
    scenarios = run(env, "sim", "--list").stdout
    assert "march2020" not in scenarios
    assert "default" in scenarios
    wrong = run(env, "sim", "march2020", "--headless")
    assert wrong.returncode == 1
    assert "`microtui replay march2020` plays it" in wrong.stderr
    nothing = run(env, "replay", "march", "--build")
    assert nothing.returncode == 1
    assert "stories of the past are march2020, calm" in nothing.stderr


def test_a_fault_in_a_story_names_its_line(env: dict[str, str], tmp_path: Path) -> None:
    path = written(tmp_path, STORY.replace('name = "binance"', 'name = "binance"\nlots = 3'))
    done = run(env, "replay", str(path), "--headless")
    assert done.returncode == 1
    assert f"{path}:" in done.stderr


def test_an_equal_name_and_another_content_is_another_recording(
    built: tuple[Path, Path, list[dict[str, Any]]],
) -> None:
    story = read(built[0])
    assert past._key(story) == built[1].stem.removeprefix("hour-")
    assert past._key(msgspec.structs.replace(story, seed=2)) != past._key(story)


def test_a_story_goes_by_its_own_name_and_by_its_files() -> None:
    calm = past.built_in()["calm"]
    assert calm.name == "calm2020.toml"
    assert past.find("calm") == past.find("calm2020") == past.find(str(calm)) == calm
    assert past.find("storm2020") is None


def test_the_plan_has_the_whole_length_its_pace_and_what_is_known() -> None:
    story = read(past.built_in()["march2020"])
    plan = past.plan_of(story)
    assert plan.end == story.ends_ns
    for chapter in story.chapters:
        assert plan.speed_at(chapter.begins_ns) == plan.speed_at(chapter.ends_ns - 1) == chapter.speed
        assert plan.speed_at(chapter.ends_ns) in (story.speed, *(c.speed for c in story.chapters))
    assert plan.speed_at(story.begins_ns - 1) == plan.speed_at(story.begins_ns) == story.speed
    assert plan.note == story.note
    text = "\n".join(plan.about)
    assert all(said in text for said in (*story.recorded, *story.reconstructed))
    assert all(source.title in text for source in story.sources)


def test_discarding_leaves_a_reader_what_it_has(
    built: tuple[Path, Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    mine = tmp_path / "a.sqlite"
    shutil.copy(built[1], mine)
    with Recording(mine) as recording:
        discard(mine)
        assert os.listdir(tmp_path) == []
        assert recording.block_from(0) is not None


def test_waiting_for_a_build_that_died_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = read(written(tmp_path))
    dead = subprocess.Popen(
        [sys.executable, "-c", "print('the disk is full'); raise SystemExit(1)"],
        stdout=subprocess.PIPE,
        text=True,
    )
    dead.wait()
    with pytest.raises(UserError, match="hour cannot be built: the disk is full"):
        past.wait(past.Reel(story, tmp_path / "a.sqlite", dead), lambda text: None)


async def test_a_child_session_keeps_the_storys_posts_and_leaves_its_agents_behind(
    built: tuple[Path, Path, list[dict[str, Any]]],
) -> None:
    half = BEGINS_NS + HOUR_NS // 2
    source = ReplaySource(Recording(built[1]), speed=0, hold_at_end=False)
    kinds: Counter[type] = Counter()
    async for item in Continued(source, half, "child").batches():
        assert isinstance(item, Batch)
        assert int(item.rows[-1]["ts_recv"]) > half
        kinds.update(type(item.notes[at]) for at in item.rows["level_start"][item.rows["kind"] == Kind.NOTE])
    await source.close()
    assert kinds[Post] == kinds[Scored] > 0
    assert kinds[Mark] == 1
    assert not kinds[Agents]
