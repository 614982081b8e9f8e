"""`microtui calibrate` as people run it: on a real capture, and on what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.calibrate import calibrate
from cli.sampled import recorded
from engine.feeds.capture_grid import captured_instrument
from engine.lab.calibration_file import provenance_of
from engine.lab.sampling import simulated
from engine.scenario import parse
from store.header import new_header
from store.recorder import Recorder
from tests.feeds.test_capture import NAME

USDM = "binance_usdm_btcusdt_20240808.gz"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(calibrate, list(arguments))


def test_the_futures_capture_has_its_own_grid_and_a_sound_book(captures: Path) -> None:
    grid = captured_instrument(captures / USDM)
    assert (grid.symbol, grid.tick_size, grid.lot_size, grid.kind) == ("BTCUSDT", "0.1", "0.001", "linear")
    found = recorded(captures / USDM)
    spread = found.sample.spread
    assert (spread >= 1.0).all(), "never crossed"
    assert (spread == 1.0).mean() > 0.98
    assert found.sample.trades.sum() == pytest.approx(21_313, rel=0.01)  # lines of trades in the file
    assert 5_000 < len(found.orders.at_s) < 6_000


def test_a_capture_becomes_a_scenario_that_runs_with_its_provenance(captures: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "fit.toml", tmp_path / "fit.html"
    short = ("--trials", "2", "--seconds", "600", "--out", str(out), "--html", str(page))
    done = run("--from", str(captures / NAME), *short)
    assert done.exit_code == 0, done.output
    text = out.read_text("utf-8")
    told = provenance_of(text)
    assert NAME in told["calibrated from"]
    assert "2 trials of 1 × 600 s" in told["search"]
    scenario = parse(text, "fit.toml")
    assert (scenario.tick_size, scenario.symbol) == ("0.01", "BTCUSDT")
    assert simulated(scenario, 1, 60).trades.sum() > 0
    for part in (
        "read off the data",
        "searched",
        "fresh seeds",
        "later, on data it did not see",
        "one-tick spreads",
    ):
        assert part in done.output
        assert part in page.read_text("utf-8")
    assert "<script" not in page.read_text("utf-8")
    assert "http" not in page.read_text("utf-8")
    again = run("--from", str(captures / NAME), *short, "--resume")
    assert again.exit_code == 0, again.output
    assert out.read_text("utf-8") == text
    other = run(
        "--from", str(captures / NAME), "--trials", "2", "--seconds", "700", "--out", str(out), "--resume"
    )
    assert other.exit_code == 1
    assert "leave --resume out to begin anew" in other.output


def test_it_wants_one_source() -> None:
    for arguments in ((), ("--from", "a", "--known", "default")):
        done = run(*arguments)
        assert done.exit_code == 2
        assert "expected --from RECORDING or --known SCENARIO, one of them" in done.output


def test_a_simulated_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sim.sqlite"
    Recorder(path, new_header("sim default seed 1 abc", 1)).close()
    done = run("--from", str(path))
    assert done.exit_code == 1
    assert "expected a recording of a real market, found 'sim default'" in done.output


def test_a_reconstruction_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calm-0123456789abcdef.sqlite"
    Recorder(path, new_header("reconstruction of calm 0123456789abcdef", 1)).close()
    done = run("--from", str(path))
    assert done.exit_code == 1
    assert "whose book is made up around recorded prices" in " ".join(done.output.split())


def test_a_damaged_capture_and_a_file_of_something_else_are_refused(captures: Path, tmp_path: Path) -> None:
    whole = (captures / NAME).read_bytes()
    cut = tmp_path / "cut.gz"
    cut.write_bytes(whole[: len(whole) // 3])
    note = tmp_path / "note.txt"
    note.write_text("nothing of ours", "utf-8")
    for path, words in ((cut, "cannot be read to its end"), (note, "")):
        done = run("--from", str(path))
        assert done.exit_code == 1
        assert isinstance(done.exception, SystemExit)
        assert words in done.output


def test_a_recording_without_a_book_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.sqlite"
    Recorder(path, new_header("live X", 1)).close()
    done = run("--from", str(path))
    assert done.exit_code == 1
    assert "expected a recording with a book in it" in done.output
