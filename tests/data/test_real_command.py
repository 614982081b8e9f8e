"""`microtui replay STORY --real`: which files it takes, and what it says where they are not there."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import past
from cli.errors import UserError
from cli.past_build import build
from cli.replay import replay
from engine.data.errors import DataError
from engine.past.story import Story, parse
from tests.data.kept import keep
from tests.past.stories import TEXT

DAY = date(2021, 5, 19)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MICROTUI_DATA__FOLDER", str(tmp_path / "data"))
    monkeypatch.setenv("MICROTUI_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path / "data"


def told(name: str) -> Story:
    """The story of two hours with its second venue under this name."""
    return parse(
        TEXT.replace('"second"', f'"{name}"')
        .replace("| second |", f"| {name} |")
        .replace("XUSDT", "BTCUSDT"),
        "x.toml",
        "x",
    )


def run(*words: str) -> Result:
    return CliRunner().invoke(replay, [*words, "--headless"])


def test_a_missing_day_names_the_command_that_fetches_it(folder: Path) -> None:
    found = run("march2020", "--real")
    assert found.exit_code == 1
    assert "the trades of BTCUSDT on 2020-03-12 are not in" in found.stderr
    assert "microtui data fetch BTCUSDT 2020-03-12 --to 2020-03-13" in found.stderr


def test_a_recording_has_no_real_trades_to_be_rebuilt_around(folder: Path) -> None:
    assert "--real goes with a story" in run("20240808-btcusdt", "--real").stderr


def test_it_takes_the_venues_own_files_and_says_so(folder: Path) -> None:
    story = told("binance")
    path, _ = keep(folder, "aggTrades", DAY)
    changed, files = past.around_real(story)
    assert files == [path]
    assert changed.note == "reconstructed book around every real trade of binance"
    assert changed.recorded[0] == "Every trade of binance BTCUSDT, as published on data.binance.vision"
    assert past._key(changed, files) != past._key(changed) != past._key(story)


def test_trades_of_another_market_are_not_built_around(folder: Path, tmp_path: Path) -> None:
    path, _ = keep(folder, "aggTrades", DAY, count=30_000)  # around 7,935, where the story tells of 100
    file = tmp_path / "two.sqlite"
    with pytest.raises(DataError, match="expected trades within 10% of the hours that x records of binance"):
        build(told("binance"), file, [path])
    assert not file.exists()


def test_a_story_without_such_a_venue_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="expected a venue among binance, binance-usdm"):
        past.around_real(told("elsewhere"))
