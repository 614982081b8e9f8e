"""What a person chooses: theme, symbol, clock, amounts, keys; where it is asked, and that it is there again."""

import json
from pathlib import Path

import frames
import pytest
import worlds
from stage import THEMES, stage

from tui.screens.help import Help


async def test_themes_change_at_once_and_come_round() -> None:
    async with stage(frames.live) as (it, pilot):
        seen = [it.app.theme]
        for _ in it.app.theme_names:
            await it.press(pilot, "t")
            seen.append(it.app.theme)
            colour = it.panel("depth").look.palette.theme.colours["panel"]
            assert it.panel("depth").render_line(2)._segments[0].style.bgcolor.name == colour  # type: ignore[union-attr]
        assert seen[0] == seen[-1] == "midnight"
        assert sorted(seen[1:]) == it.app.theme_names


async def test_symbols_by_tab_by_search_and_by_palette() -> None:
    async with stage(frames.several) as (it, pilot):
        assert "ETHUSDT 2 513.45 −0.12 %" in it.lines()[1]
        assert "stale" in it.lines()[1]
        await it.press(pilot, "tab")
        assert it.view.symbol == 1
        await it.press(pilot, "slash", *"sol", "enter")
        assert it.view.symbol == 2
        await it.press(pilot, "tab")
        assert it.view.symbol == 0


async def test_quiet_hides_every_amount() -> None:
    async with stage(frames.live) as (it, pilot):
        assert all(amount in it.text() for amount in ("3.235", "7.4/s", "1 BTC"))
        await it.press(pilot, "b")
        text = it.text()
        for amount in ("3.235", "15.17", "1.2500", "23.41", "46.12", "7.4/s", "1 BTC"):
            assert amount not in text
        assert "61 694.00" in text
        await it.press(pilot, "b")
        assert "3.235" in it.text()


async def test_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        async with stage(frames.live) as (it, pilot):
            await it.press(pilot, "u")
            assert "05:44:44 local" in it.lines()[0]
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_a_search_without_a_match_says_so() -> None:
    async with stage(frames.several) as (it, pilot):
        await it.press(pilot, "slash", *"xyz")
        assert "nothing matches" in it.text()
        await it.press(pilot, "enter")
        assert it.app.symbol == 0
        for _ in range(3):
            await it.press(pilot, "backspace")
        assert "nothing matches" not in it.text()
        await it.press(pilot, *"eth", "enter")
        assert it.app.symbol == 1


async def test_help_is_about_the_focused_panel() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "6", "question_mark")
        assert isinstance(it.app.screen, Help)
        assert "help: 6 tape" in it.text()
        assert "pause or go on" not in it.text()
        await it.press(pilot, "escape")
        assert not isinstance(it.app.screen, Help)


async def test_the_palette_runs_what_the_keys_run() -> None:
    async with stage(frames.live) as (it, pilot):
        for opener in ("colon", "ctrl+p"):
            await it.press(pilot, opener, *"oka")
            await it.press(pilot, "enter")
            assert it.app.theme == "okabe"
            it.app.use_theme("midnight")
        await it.press(pilot, "colon", *"zoom", "enter")
        assert not it.panel("depth").display


async def test_what_was_set_is_there_again(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "state.json"
    async with stage(frames.several, state_file=file) as (it, pilot):
        await it.press(pilot, "u", "b", "1", "plus", "tab", "z")
        it.app.use_theme("dusk")
    kept = json.loads(file.read_text())
    assert (kept["theme"], kept["symbol"], kept["panel"]) == ("dusk", "binance:ETHUSDT", "depth")
    async with stage(frames.several, state_file=file) as (it, pilot):
        assert it.app.theme == "dusk"
        assert (it.app.look.quiet, it.app.look.utc) == (True, False)
        assert it.view.symbol == 1
        assert it.panel("depth").size.width == 160
        assert it.panel("depth").keeps() == {"binance:BTCUSDT": 200}


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", '{"theme": 3, "panels": [], "quiet": "x", "symbol": {}}', "\0"]
)
async def test_a_spoilt_state_file_is_no_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(text)
    async with stage(frames.live, state_file=file) as (it, _):
        assert it.app.theme == "midnight"
        assert it.app.problems == []
    assert json.loads(file.read_text())["theme"] == "midnight"


async def test_a_home_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    async with stage(frames.live, state_file=blocked / "state.json") as (it, pilot):
        await it.press(pilot, "t")
        assert it.app.problems == []


async def test_the_first_run_gives_one_line_of_hints_once(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    async with stage(frames.live, state_file=file) as (it, _):
        assert "1 to 9 focus a panel" in it.text()
    async with stage(frames.live, state_file=file) as (it, _):
        assert "1 to 9 focus a panel" not in it.text()


async def test_the_first_run_of_a_simulation_points_at_shocks_and_at_a_real_market(tmp_path: Path) -> None:
    async with stage(worlds.simulated, state_file=tmp_path / "state.json") as (it, _):
        (hint,) = it.app._notifications
        assert hint.message == "s shock · w what-if · `microtui live BTCUSDT` for a real market"


async def test_remapped_keys_work_and_the_footer_follows() -> None:
    async with stage(frames.live, keys={"zoom": "Z", "quit": "y"}) as (it, pilot):
        await it.press(pilot, "6", "z")
        assert it.panel("depth").display
        await it.press(pilot, "Z")
        assert not it.panel("depth").display
        assert "Z zoom" in it.lines()[-1]
        assert it.lines()[-1].rstrip().endswith("y quit")
        await pilot.press("y")
        await pilot.pause()
        assert it.app._exit


async def test_wrong_keys_and_broken_themes_are_said_and_nothing_stops(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("dark = maybe")
    options = {"keys": {"zom": "y"}, "theme_folders": [THEMES, tmp_path]}
    async with stage(frames.live, **options) as (it, _):  # type: ignore[arg-type]
        assert len(it.app.problems) == 2
        shown = it.app._shown
        assert shown is not None
        assert shown.host.messages == tuple(it.app.problems)
        assert "theme mine.toml skipped" in " ".join(it.text().split())


async def test_a_missing_theme_folder_leaves_the_built_in_colours(tmp_path: Path) -> None:
    async with stage(frames.live, theme_folders=[tmp_path]) as (it, pilot):
        await it.press(pilot, "t")
        assert "no theme file could be read" in it.text()
        assert it.app.theme == "midnight"
