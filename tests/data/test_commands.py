"""`microtui data` as a person runs it: fetch, import, and what is said when it cannot be done."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.data import data
from cli.data_import import open_files
from cli.sessions import refold
from cli.settings import load_settings
from engine.checkpoint import pack
from engine.core import State, apply
from engine.data.dumps import Dump
from store.recording import Recording
from store.verify import verify
from tests.data.dumpsite import Site, made, zipped
from tests.data.kept import MS, keep
from tests.data.lobster_files import made as made_lobster

DAY = date(2020, 3, 12)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sessions"
    monkeypatch.setenv("MICROTUI_RECORD__FOLDER", str(folder))
    monkeypatch.setenv("MICROTUI_DATA__FOLDER", str(tmp_path / "data"))
    monkeypatch.setenv("MICROTUI_CONFIG", str(tmp_path / "config.toml"))
    return folder


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(data, [str(word) for word in words])


@pytest.fixture
def served(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("MICROTUI_DATA__URL", site.url)
    for day in (12, 14):
        dump = Dump("spot", "aggTrades", "BTCUSDT", date(2020, 3, day))
        content = made("aggTrades", "spot", dump.day, header=day == 14, unit_ns=MS, flag="True")
        site.put(dump.path, zipped(content.csv, f"{dump.stem}.csv"))
    return site


def test_a_missing_day_does_not_keep_the_others_from_coming(
    served: Site, folder: Path, tmp_path: Path
) -> None:
    found = run("fetch", "btcusdt", "2020-03-12", "--to", "2020-03-14", "--kind", "aggtrades")
    assert found.exit_code == 1
    assert "there are no aggTrades of BTCUSDT on 2020-03-13: 404" in found.stderr
    assert found.stderr.endswith("microtui: 1 of 3 files are not there\n")
    lines = found.stdout.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        ["BTCUSDT-aggTrades-2020-03-12", "400 rows"],
        ["BTCUSDT-aggTrades-2020-03-14", "400 rows"],
    ]
    assert all(
        Path(line.split("  ")[2]).is_relative_to(tmp_path / "data" / "spot" / "aggTrades") for line in lines
    )
    again = run("fetch", "BTCUSDT", "2020-03-12")
    assert again.exit_code == 0
    assert "there already" in again.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("fetch", "BTCUSDT", "12.3.2020"), 2, "expected a day such as 2020-03-12"),
        (("fetch", "BTCUSDT", "2999-01-01"), 1, "appears when the day is over"),
        (("fetch", "BTC/USDT", "2020-03-12"), 1, "expected a symbol such as BTCUSDT"),
        (("fetch", "BTCUSDT", "2020-03-12", "--kind", "bookTicker"), 1, "add --market usdm"),
        (("fetch", "BTCUSDT", "2020-03-12", "--set", "data.url=ftp://x"), 1, "data.url: expected an address"),
        (("import", "none.csv"), 1, "there is no file none.csv"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    folder: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    found = run(*words)
    assert found.exit_code == code
    assert said in found.stderr
    assert "Traceback" not in found.stderr


def test_without_pyarrow_it_says_what_to_do_and_bars_of_text_still_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lobster, _ = made_lobster(11, 20, 5).write(tmp_path, 5)
    bars = tmp_path / "ETHUSDT-1m.csv"
    bars.write_text("time,open,high,low,close,volume\n2020-03-12,1,2,0.5,1.5,7\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for words in (("fetch", "BTCUSDT", "2020-03-12"), ("import", lobster)):
        found = run(*words)
        assert found.exit_code == 1
        assert "needs pyarrow, which is not installed: pip install 'microtui[parquet]'" in found.stderr
    assert run("import", bars).exit_code == 0


def test_ctrl_c_says_that_the_next_run_goes_on(
    served: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("engine.data.fetch.sha256_of", interrupted)
        found = run("fetch", "BTCUSDT", "2020-03-12")
    assert found.exit_code == 130
    assert "stopped; run it again to go on where it stopped" in found.stderr
    assert len(list((tmp_path / "data").rglob("*.part"))) == 1
    assert run("fetch", "BTCUSDT", "2020-03-12").exit_code == 0
    assert (Dump("spot", "aggTrades", "BTCUSDT", DAY).path, "") in served.asked


def test_today_has_no_dump(folder: Path) -> None:
    found = run("fetch", "BTCUSDT", datetime.now(UTC).date().isoformat())
    assert found.exit_code == 1
    assert "expected a day before" in found.stderr


def test_every_import_replays_bit_for_bit(folder: Path, tmp_path: Path) -> None:
    """Law 1: folding what was recorded gives what folding the files gives."""
    lobster, _ = made_lobster(11, 400, 5).write(tmp_path, 5)
    bars = tmp_path / "ETHUSDT-1m.csv"
    bars.write_text("time,open,high,low,close,volume\n2020-03-12,1,2,0.5,1.5,7\n2020-03-12 00:01,2,2,1,1,7\n")
    trades, _ = keep(tmp_path, "trades", DAY, "usdm", count=100)
    tops, _ = keep(tmp_path, "bookTicker", DAY, "usdm", count=100)
    klines, _ = keep(tmp_path, "klines", DAY, count=30)
    for number, files in enumerate(([lobster], [bars], [trades, tops], [klines])):
        found = run("import", *files, "--name", f"session{number}")
        assert found.exit_code == 0, found.stderr
        assert found.stdout == f"session{number}\n"
        path = folder / f"session{number}.sqlite"
        assert verify(path, refold).problems == ()
        direct, replayed = State(), State()
        for batch in open_files(files, load_settings(()).setup())[0].batches():
            apply(direct, batch)
        with Recording(path) as recording:
            for _, batch in recording.batches_from(0):
                apply(replayed, batch)
        assert pack(replayed) == pack(direct)
        assert replayed.seq == direct.seq > 0


def test_an_import_is_called_by_the_second_of_its_first_row(folder: Path, tmp_path: Path) -> None:
    """What is listed is told a tick before it, which on midnight is the day before."""
    bars = tmp_path / "ETHUSDT-1m.csv"
    bars.write_text("time,open,high,low,close,volume\n2020-03-12,1,2,0.5,1.5,7\n2020-03-12 00:01,2,2,1,1,7\n")
    assert run("import", bars).stdout == "20200312-000000-ethusdt\n"
    lobster, _ = made_lobster(11, 20, 5).write(tmp_path, 5)
    assert run("import", lobster).stdout == "20120621-133000-aapl\n"


def test_kinds_are_shown_as_the_host_spells_them() -> None:
    assert "[aggTrades|trades|klines|bookTicker]" in run("fetch", "--help").stdout


def test_a_faulty_file_leaves_no_recording(folder: Path, tmp_path: Path) -> None:
    written = made_lobster(11, 400, 5)
    bids, asks = written.books[350]
    written.books[350] = (((bids[0][0], bids[0][1] + 1), *bids[1:]), asks)
    messages, _ = written.write(tmp_path, 5)
    found = run("import", messages)
    assert found.exit_code == 1
    assert "_orderbook_5.csv, line 351: after its message the matching engine has" in found.stderr
    assert list(folder.glob("*.sqlite")) == []


def test_files_that_cannot_be_one_session_are_refused(folder: Path, tmp_path: Path) -> None:
    lobster, _ = made_lobster(11, 20, 5).write(tmp_path, 5)
    bars, _ = keep(tmp_path, "klines", DAY, count=3)
    trades, _ = keep(tmp_path, "trades", DAY, count=3)
    assert "a LOBSTER pair is imported by itself" in run("import", lobster, bars).stderr
    assert "expected either trades and tops, or bars" in run("import", trades, bars).stderr
