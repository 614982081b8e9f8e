"""The catalogue against the folder that it stands for: found by name, kept within bounds, shared safely."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from store.errors import BeingWritten, NoSuchSession, NotARecording, StoreError
from store.recording import Recording
from store.sessions import Catalogue
from tests.store.made import START_NS, assert_same_events, made_batches, record

DAY_S = 86_400


def session(folder: Path, name: str, ticks: int = 30, age_days: float = 0.0) -> Path:
    path = folder / f"{name}.sqlite"
    record(path, made_batches(ticks)).close()
    when = time.time() - age_days * DAY_S
    os.utime(path, (when, when))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sessions"
    folder.mkdir()
    return folder


def test_the_list_says_what_the_files_say_the_first_time_and_from_memory(folder: Path) -> None:
    session(folder, "old", 30, age_days=2)
    session(folder, "new", 80)
    (folder / "notes.txt").write_text("not a recording")
    (folder / "fake.sqlite").write_bytes(b"x" * 500)
    os.utime(folder / "fake.sqlite", (1, 1))
    first = Catalogue(folder).sessions()
    assert [s.name for s in first] == ["new", "old", "fake"]
    assert first[0].seconds == pytest.approx(8.0)
    assert first[0].symbols == ("BTCUSDT", "ETHUSDT")
    assert first[0].started_ns == START_NS
    assert first[0].bytes == (folder / "new.sqlite").stat().st_size
    with Recording(folder / "new.sqlite") as recording:
        assert first[0].marks == len(recording.marks)
        assert first[0].id == recording.header.id
    assert (first[2].state, "something else" in first[2].note) == ("unreadable", True)
    assert Catalogue(folder).sessions() == first


def test_a_catalogue_that_cannot_be_used_is_done_without(folder: Path) -> None:
    session(folder, "one")
    (folder / "catalogue.db").write_bytes(b"rubbish" * 1000)
    assert [s.name for s in Catalogue(folder).sessions()] == ["one"]
    assert Catalogue(folder / "nowhere").sessions() == []


def test_two_instances_list_and_prune_at_the_same_time(folder: Path) -> None:
    for number in range(6):
        session(folder, f"s{number}", 5, age_days=number * 10)
    with ThreadPoolExecutor(8) as pool:
        lists = [pool.submit(Catalogue(folder).sessions) for _ in range(12)]
        pruned = [pool.submit(Catalogue(folder).prune, 25.0, 1 << 40) for _ in range(4)]
        assert all(len(found.result()) >= 3 for found in lists)
        gone = [s.name for found in pruned for s in found.result()]
    assert sorted(set(gone)) == ["s3", "s4", "s5"]
    assert [s.name for s in Catalogue(folder).sessions()] == ["s0", "s1", "s2"]


def test_a_session_is_found_by_name_prefix_id_path_or_as_the_latest(folder: Path, tmp_path: Path) -> None:
    first = session(folder, "20240808-btcusdt", age_days=1)
    second = session(folder, "20240809-ethusdt")
    catalogue = Catalogue(folder)
    with Recording(first) as recording:
        id_ = recording.header.id
    assert catalogue.find("20240808-btcusdt") == first
    assert catalogue.find("20240808-btcusdt.sqlite") == first
    assert catalogue.find("20240809") == second
    assert catalogue.find() == second
    assert catalogue.find(str(first)) == first
    elsewhere = tmp_path / "elsewhere.sqlite"
    shutil.copy(first, elsewhere)
    assert catalogue.find(str(elsewhere)) == elsewhere
    session(folder, "other", age_days=3)
    with Recording(folder / "other.sqlite") as recording:
        assert catalogue.find(recording.header.id) == folder / "other.sqlite"
        assert id_ != recording.header.id
    with pytest.raises(NoSuchSession, match=r"2 sessions begin with '2024': .*btcusdt, .*ethusdt"):
        catalogue.find("2024")
    with pytest.raises(NoSuchSession, match=r"no session is named '20240808-btcusd-x'.*20240808-btcusdt"):
        catalogue.find("20240808-btcusd-x")
    with pytest.raises(NoSuchSession, match="there is no file"):
        catalogue.find(str(tmp_path / "none.sqlite"))
    with pytest.raises(NoSuchSession, match=r"no recordings in .* yet"):
        Catalogue(tmp_path / "nowhere").find()


def test_new_names_are_free(folder: Path) -> None:
    catalogue = Catalogue(folder)
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
    path = catalogue.new_path(symbols, START_NS)
    assert path.name == "20240808-235414-btcusdt-ethusdt-solusdt-and-1.sqlite"
    path.touch()
    assert catalogue.new_path(("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"), START_NS).stem.endswith(
        "-and-1-2"
    )


def test_pruning_by_age_then_by_room_spares_what_is_written(folder: Path) -> None:
    for number, age in enumerate((40, 20, 10, 1)):
        session(folder, f"s{number}", 30, age_days=age)
    live = record(folder / "live.sqlite", made_batches(10))
    os.utime(folder / "live.sqlite", (1, 1))
    (folder / "mine.sqlite").write_text("somebody's own")
    os.utime(folder / "mine.sqlite", (1, 1))
    catalogue = Catalogue(folder)
    size = (folder / "s3.sqlite").stat().st_size
    assert [s.name for s in catalogue.prune(30.0, 1 << 40, only_say=True)] == ["s0"]
    assert (folder / "s0.sqlite").exists()
    room = (folder / "live.sqlite").stat().st_size + int(1.5 * size)
    assert [s.name for s in catalogue.prune(30.0, room)] == ["s0", "s1", "s2"]
    live.close()
    assert sorted(p.name for p in folder.glob("*.sqlite")) == ["live.sqlite", "mine.sqlite", "s3.sqlite"]


def test_rename_keeps_the_recording_and_refuses_what_is_in_use(folder: Path) -> None:
    session(folder, "one")
    session(folder, "two")
    catalogue = Catalogue(folder)
    assert catalogue.rename("one", "fomc surprise") == folder / "fomc surprise.sqlite"
    with Recording(folder / "fomc surprise.sqlite") as recording:
        assert recording.seconds == pytest.approx(3.0)
    with pytest.raises(StoreError, match="named two already"):
        catalogue.rename("fomc", "two")
    for bad in ("../up", "", "a/b", ".hidden", "new\nline"):
        with pytest.raises(StoreError, match="expected a name"):
            catalogue.rename("two", bad)
    live = record(folder / "live.sqlite", made_batches(3))
    with pytest.raises(BeingWritten, match="being written"):
        catalogue.rename("live", "other")
    live.close()


def test_renaming_what_a_crash_left_recovers_it_first(folder: Path) -> None:
    path = crashed(folder)
    catalogue = Catalogue(folder)
    assert catalogue.rename("crashed", "kept") == folder / "kept.sqlite"
    assert [p.name for p in folder.glob("*.sqlite*")] == ["kept.sqlite"]
    with Recording(folder / "kept.sqlite") as recording:
        for (_, batch), expected in zip(recording.batches_from(0), made_batches(155), strict=True):
            assert_same_events(batch, expected)
    path = crashed(folder)
    with Recording(path) as reader:
        reader.query("begin")
        reader.query("select count(*) from trades")
        with pytest.raises(StoreError, match="crashed keeps its last seconds in a log that is in use"):
            catalogue.rename("crashed", "other")
        assert path.exists()


def test_where_nothing_can_be_written_every_change_is_refused_in_a_sentence(folder: Path) -> None:
    path = session(folder, "old", age_days=40)
    (folder / "old.sqlite.lock").mkdir()  # root may write in any folder, so this stands in for one it may not
    catalogue = Catalogue(folder)
    with pytest.raises(StoreError, match=r"old.sqlite cannot be held for writing \(Is a directory"):
        catalogue.prune()
    with pytest.raises(StoreError, match="cannot be held for writing"):
        catalogue.rename("old", "new")
    assert path.exists()
    assert [s.state for s in catalogue.sessions()] == ["closed"]
    assert catalogue.recover() == []


def test_a_session_that_starts_in_the_same_second_gets_a_name_of_its_own(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        starts = [pool.submit(Catalogue(folder).new_path, ("BTCUSDT",), START_NS) for _ in range(8)]
        paths = [start.result() for start in starts]
    assert len(set(paths)) == 8
    recorders = [record(path, made_batches(3)) for path in paths]
    assert [r.status.state for r in recorders] == ["ON"] * 8
    for recorder in recorders:
        recorder.close()
    assert {s.state for s in Catalogue(folder).sessions()} == {"closed"}


def test_a_recording_that_cannot_begin_leaves_no_empty_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("store.writer.open_writer", full)
    recorder = record(Catalogue(folder).new_path(("BTCUSDT",), START_NS), made_batches(3))
    recorder.close()
    assert "the disk is full" in recorder.status.reason
    assert list(folder.iterdir()) == []


def test_import_refuses_a_name_that_writes_on_the_screen_and_cleans_up_behind_itself(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = session(tmp_path, "stranger\x1b]0;owned\x07")
    catalogue = Catalogue(folder)
    for name in (None, "\x1b[2J", "../up"):
        with pytest.raises(StoreError, match="expected a name") as caught:
            catalogue.import_(stranger, name)
        assert str(caught.value).isprintable()
    shutil.copy(stranger, folder / stranger.name)  # put there by hand
    assert [s.name for s in catalogue.sessions()] == ["stranger]0;owned"]
    (folder / stranger.name).unlink()

    def full(part: Path, target: Path) -> None:
        assert part.stat().st_size > 10_000
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(StoreError, match=r"is not imported: .*No space left"):
        catalogue.import_(stranger, "friend")
    assert [p.name for p in folder.glob("friend*")] == []


def test_import_copies_what_is_good_and_refuses_the_rest(folder: Path, tmp_path: Path) -> None:
    stranger = session(tmp_path, "stranger", 40)
    catalogue = Catalogue(folder)
    copy = catalogue.import_(stranger)
    assert copy == folder / "stranger.sqlite"
    assert catalogue.import_(stranger, "friend").stem == "friend"
    assert catalogue.import_(stranger).stem == "stranger-2"
    with Recording(copy) as recording:
        for (_, batch), expected in zip(recording.batches_from(0), made_batches(40), strict=True):
            assert_same_events(batch, expected)
    db = sqlite3.connect(stranger)
    db.execute("create trigger trap after insert on header begin delete from chunk; end")
    db.commit()
    with pytest.raises(StoreError, match="brings a trigger trap along"):
        catalogue.import_(stranger)
    db.execute("drop trigger trap")
    db.execute("update chunk set blob = substr(blob, 1, 200)")
    db.commit()
    db.close()
    with pytest.raises(NotARecording, match=r"stranger.sqlite is not imported: events 0 to \d+ are damaged"):
        catalogue.import_(stranger)
    cut = tmp_path / "cut.sqlite"
    cut.write_bytes(copy.read_bytes()[:-4096])
    with pytest.raises(NotARecording, match="the file is cut"):
        catalogue.import_(cut)
    assert sorted(p.name for p in folder.glob("*")) == [
        "friend.sqlite",
        "stranger-2.sqlite",
        "stranger.sqlite",
    ]


_CRASH = """
import os, sys
from pathlib import Path
from tests.store.made import made_batches, record
record(Path(sys.argv[1]), made_batches(155))
os._exit(1)
"""


def crashed(folder: Path) -> Path:
    path = folder / "crashed.sqlite"
    root = Path(__file__).parent.parent.parent
    here = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", _CRASH, str(path)], check=False, cwd=root, env=here)
    assert path.with_name("crashed.sqlite-wal").exists()
    return path


def test_recovery_closes_what_a_crash_left_and_says_what_is_lost(folder: Path) -> None:
    path = crashed(folder)
    live = record(folder / "live.sqlite", made_batches(3))
    catalogue = Catalogue(folder)
    assert {s.name: s.state for s in catalogue.sessions()} == {"crashed": "unclosed", "live": "recording"}
    (said,) = catalogue.recover()
    assert said.startswith(
        "crashed: this recording was never closed; what can be read ends at 2024-08-08 23:54:29"
    )
    assert catalogue.recover() == []
    live.close()
    assert sorted(p.name for p in folder.glob("crashed*")) == ["crashed.sqlite"]
    with Recording(path) as recording:
        assert "never closed" in recording.lost
        for (_, batch), expected in zip(recording.batches_from(0), made_batches(155), strict=True):
            assert_same_events(batch, expected)
    assert Catalogue(folder).import_(path, "again").exists()


def test_a_log_that_a_reader_kept_open_is_folded_into_the_file_later(folder: Path) -> None:
    recorder = record(folder / "read.sqlite", made_batches(200))
    with Recording(folder / "read.sqlite") as reader:
        reader.query("begin")
        reader.query("select count(*) from trades")
        recorder.close()
        assert recorder.status.state == "OFF"
        assert recorder.status.reason == ""
        assert (folder / "read.sqlite-wal").exists()
        assert Catalogue(folder).recover() == []
        reader.query("commit")
    assert Catalogue(folder).recover() == []
    assert [p.name for p in folder.glob("read*")] == ["read.sqlite"]
    with Recording(folder / "read.sqlite") as recording:
        assert recording.lost == ""
        for (_, batch), expected in zip(recording.batches_from(0), made_batches(200), strict=True):
            assert_same_events(batch, expected)
