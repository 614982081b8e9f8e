"""Settings: layers, and a fault named with its place and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.errors import UserError
from cli.settings import load
from engine.events import SentimentRule
from engine.feeds.venues import VENUES


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_flag_over_environment_over_file_over_default(file: Path) -> None:
    assert load(file, environment={}).venues.binance.depth_limit == 5000
    file.write_text("[venues.binance]\ndepth_limit = 1000\nws = 'ws://file:1'\nrest = 'http://file:1'\n")
    environment = {
        "MICROTUI_VENUES__BINANCE__WS": "ws://env:1",
        "MICROTUI_VENUES__BINANCE__REST": "http://env:1",
    }
    settings = load(file, ["venues.binance.ws=ws://flag:1, ws://flag:2"], environment)
    assert settings.venues.binance.depth_limit == 1000
    assert settings.venues.binance.rest == ["http://env:1"]
    assert settings.venues.binance.ws == ["ws://flag:1", "ws://flag:2"]
    assert settings.venues.feed_options(VENUES["binance"]).ws == ("ws://flag:1", "ws://flag:2")


def test_three_faults_are_named_at_once_with_file_key_line_and_what_would_be_right(file: Path) -> None:
    file.write_text(
        "[venues.binance]\nws = 'http://not-a-socket'\n\n"
        "[signal]\nlong_ratio = 0.5\n\n[record]\nkeep_dys = 3\n"
    )
    with pytest.raises(UserError) as caught:
        load(file, environment={})
    message = caught.value.format_message()
    assert message.startswith("3 faults in the settings:")
    assert f"{file}:2: venues.binance.ws" in message
    assert "expected an address that begins with ws:// or wss://, found 'http://not-a-socket'" in message
    assert f"{file}:5: signal.long_ratio: expected greater than 1.000001, found 0.5" in message
    assert (
        f"{file}:8: record.keep_dys is not a setting; there are on, folder, keep_days, disk_cap_gb" in message
    )


def test_a_fault_in_the_environment_or_a_flag_is_placed_there(file: Path) -> None:
    with pytest.raises(UserError, match=r"MICROTUI_RECORD__KEEP_DAYS: record\.keep_days: expected"):
        load(file, environment={"MICROTUI_RECORD__KEEP_DAYS": "soon"})
    with pytest.raises(UserError, match=r"--set: venues\.binance\.depth_limit: expected"):
        load(file, ["venues.binance.depth_limit=7"], {})
    with pytest.raises(UserError, match="--set expects key=value"):
        load(file, ["theme"], {})


@pytest.mark.parametrize("flag", ["reddit.client_secret=x", "gateway.api_key=x", "a.PASSWORD=x"])
def test_a_secret_on_the_command_line_is_refused_without_repeating_it(file: Path, flag: str) -> None:
    with pytest.raises(UserError, match="every process") as caught:
        load(file, [flag.replace("=x", "=hunter2")], {})
    assert "hunter2" not in caught.value.format_message()


def test_a_broken_file_is_one_sentence(file: Path) -> None:
    file.write_text("[venues\n")
    with pytest.raises(UserError, match="is not valid TOML"):
        load(file, environment={})
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="cannot be read"):
        load(file, environment={})


def test_the_one_percent_band_always_comes_first(file: Path) -> None:
    file.write_text("[book]\nbands_bps = [5, 100, 50]\n")
    assert load(file, environment={}).setup().bands_bps == (100.0, 5.0, 50.0)


def test_how_sentiment_forgets_is_part_of_what_is_recorded(file: Path) -> None:
    flags = ["sentiment.tau_s=60", "sentiment.alpha=.1"]
    assert load(file, flags, environment={}).setup().sentiment == SentimentRule(60.0, 0.1)
    with pytest.raises(UserError, match=r"sentiment\.alpha: expected .* 0\.9, found '1'"):
        load(file, ["sentiment.alpha=1"], environment={})
