"""Every key, played on the real application: what it sends, and what is on the screen afterwards."""

import json
from collections.abc import Callable
from pathlib import Path

import frames
import msgspec
import pytest
import worlds
from frames import NOW, SECOND, STARTED
from stage import THEMES, Stage, stage

from engine.frame import Frame, View
from engine.ports import AddMark, GoLive, Pause, Record, Seek, Speed, StepBy
from tui.screens.help import Help
from tui.screens.prompt import Prompt


async def test_the_main_screen_says_what_matters() -> None:
    async with stage(frames.live) as (it, _):
        text = it.text()
        assert it.app.problems == []
        for part in ("BTCUSDT Binance spot", "● LIVE 10.0/s +4 ms", "✓ book 6 489/6 489", "00:12:31 1.4 MB"):
            assert part in it.lines()[0]
        assert "61 693.73 +0.31 %" in it.lines()[0]
        assert "23:59:44 UTC" in it.lines()[0]
        for title in ("1 depth", "2 price", "5 alerts", "6 tape", "8 health"):
            assert f" {title} " in text
        assert it.lines()[-1].rstrip().endswith("? help  q quit")


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("space", Pause(True)),
        ("left_square_bracket", Speed(2.0)),
        ("right_square_bracket", Speed(8.0)),
        ("comma", StepBy(-1)),
        ("full_stop", StepBy(1)),
        ("left", Seek(NOW - 10 * SECOND)),
        ("right", Seek(NOW + 10 * SECOND)),
        ("shift+left", Seek(NOW - 60 * SECOND)),
        ("shift+right", Seek(NOW + 60 * SECOND)),
        ("N", Seek(NOW - 10 * SECOND)),
        ("end", Seek(NOW + 380 * SECOND)),
    ],
)
async def test_transport_keys_in_a_replay(key: str, command: object) -> None:
    async with stage(frames.replay) as (it, pilot):
        await it.press(pilot, "6", key)
        assert it.said == [command]


async def test_next_mark_goes_to_the_first_later_one() -> None:
    def early(view: View) -> Frame:
        frame = frames.replay(view)
        market = msgspec.structs.replace(frame.market, ts=STARTED + 100 * SECOND, events=())
        return msgspec.structs.replace(frame, market=market)

    async with stage(early) as (it, pilot):
        await it.press(pilot, "6", "n")
        assert it.said == [Seek(STARTED + 300 * SECOND)]
        await it.press(pilot, "N")
        assert it.said[1:] == [Seek(STARTED + 90 * SECOND)]


async def test_seeks_faster_than_frames_add_up() -> None:
    async with stage(frames.replay) as (it, pilot):
        await it.press(pilot, "6", "left", "left", "shift+left")
        assert it.said == [Seek(NOW - s * SECOND) for s in (10, 20, 80)]


async def test_keys_add_up_while_frames_go_by_that_do_not_know_of_them_yet() -> None:
    async with stage(frames.live) as (it, pilot):
        await pilot.press("6")
        for beat in range(3):
            frame = frames.live(it.view)
            market = msgspec.structs.replace(frame.market, ts=NOW + beat * SECOND // 10)
            it.bridge.publish(msgspec.structs.replace(frame, market=market))
            await it.press(pilot, "left")
        assert it.said == [Seek(NOW - s * SECOND) for s in (10, 20, 30)]
    for paused in (False, True):
        async with stage(lambda view, paused=paused: frames.replay(view, paused=paused)) as (it, pilot):
            for _ in range(3):
                it.bridge.publish(it.make(it.view))
                await it.press(pilot, "right_square_bracket")
            assert it.said == [Speed(8), Speed(16), Speed(32)]
            assert ("‖ paused 4×" in it.lines()[-2]) == paused


async def test_live_rewinds_and_comes_back() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "6", "left")
        assert it.said == [Seek(NOW - 10 * SECOND)]
        it.make = frames.rewind
        it.bridge.publish(frames.rewind(it.view))
        await it.settle(pilot)
        assert "▶ REWIND" in it.lines()[0]
        assert "━" in it.lines()[-2]
        await it.press(pilot, "end")
        assert it.said[1:] == [GoLive()]


async def test_in_live_what_makes_no_sense_is_said_and_not_sent() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "6", "space", "full_stop", "end")
        assert it.said == []
        assert "pause: not in this session" in it.text()


async def test_record_turns_off_what_is_on() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "r")
        assert it.said == [Record(False)]


async def test_mark_asks_for_a_note_and_insists() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "m", "enter")
        assert isinstance(it.app.screen, Prompt)
        assert "expected a few words for the note" in it.text()
        await it.press(pilot, *"big q", "enter")
        assert it.said == [AddMark("big q")]
        assert not isinstance(it.app.screen, Prompt)


async def test_go_to_a_time_explains_and_then_goes() -> None:
    async with stage(frames.replay) as (it, pilot):
        await it.press(pilot, "g", *"noon", "enter")
        assert "expected a time such as" in it.text()
        for _ in range(4):
            await pilot.press("backspace")
        await it.press(pilot, *"12:00", "enter")
        assert "is outside" in it.text()
        for _ in range(5):
            await pilot.press("backspace")
        await it.press(pilot, *"23:50", "enter")
        assert it.said == [Seek(NOW - 584 * SECOND)]


async def test_escape_leaves_a_prompt_without_a_word() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "m", "x", "escape")
        assert it.said == []
        assert len(it.app.screen_stack) == 2


@pytest.mark.parametrize(("digit", "title"), [("1", "depth"), ("2", "price"), ("5", "alerts"), ("6", "tape")])
async def test_digits_focus_panels(digit: str, title: str) -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "8", digit)
        assert it.app.focused is it.panel(title)


async def test_a_digit_without_a_panel_names_those_there_are() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "4")
        assert "there is no panel 4; there are 1 depth" in " ".join(it.text().split())


async def test_zoom_gives_one_panel_the_screen_and_takes_it_back() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "6", "z")
        assert it.panel("tape").size.width == 160
        assert not it.panel("depth").display
        assert (it.view.tape_rows, it.view.ladder_rows) == (it.panel("tape").inner.height, 1)
        await it.press(pilot, "1")
        assert it.panel("depth").size.width == 160
        await it.press(pilot, "z")
        assert it.panel("tape").display
        assert it.app.focused is it.panel("depth")


async def test_group_steps_by_key_and_by_wheel() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "1", "plus")
        assert it.view.group_ticks == 200
        assert "2.00 per row" in it.text()
        await it.press(pilot, "plus", "minus", "minus")
        assert it.view.group_ticks == 100
        await pilot._post_mouse_events([_scroll_down()], "#depth", offset=(5, 5))
        await it.settle(pilot)
        assert it.view.group_ticks == 200


def _scroll_down() -> type:
    from textual.events import MouseScrollDown

    return MouseScrollDown


async def test_a_click_focuses_and_a_click_in_the_footer_acts() -> None:
    async with stage(frames.live) as (it, pilot):
        await pilot.click("#tape", offset=(5, 3))
        assert it.app.focused is it.panel("tape")
        at = it.lines()[-1].index("theme")
        await pilot.click("#footer", offset=(at, 0))
        await it.settle(pilot)
        assert it.app.theme != "midnight"


async def test_a_click_on_the_track_goes_there() -> None:
    async with stage(frames.replay) as (it, pilot):
        line = it.lines()[-2]
        first, last = line.index("━"), line.rindex("─")
        at = first + (last + 1 - first) // 4
        await pilot.click(offset=(at, 46))
        await it.settle(pilot)
        (command,) = it.said
        assert isinstance(command, Seek)
        transport = frames.replay().host.transport
        share = (command.ts - transport.start) / (transport.end - transport.start)
        assert share == pytest.approx(0.25, abs=0.01)


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


async def test_freeze_holds_the_picture_and_says_so() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "f")
        it.bridge.publish(frames.stale(it.view))
        await it.settle(pilot)
        assert "FROZEN" in it.lines()[0]
        assert "stale" not in it.text()
        await it.press(pilot, "f")
        assert "FROZEN" not in it.lines()[0]
        assert "stale" in it.text()


async def test_what_would_move_a_frozen_picture_says_how_to_go_on() -> None:
    async with stage(frames.replay) as (it, pilot):
        await it.press(pilot, "6", "f", "left", "space", "g")
        assert it.said == []
        assert _toasts(it) == ["frozen: f goes on"] * 3


async def test_where_there_is_no_mark_it_says_so() -> None:
    def bare(view: View) -> Frame:
        frame = frames.replay(view)
        transport = msgspec.structs.replace(frame.host.transport, marks=())
        return msgspec.structs.replace(
            frame,
            market=msgspec.structs.replace(frame.market, events=()),
            host=msgspec.structs.replace(frame.host, transport=transport),
        )

    async with stage(bare) as (it, pilot):
        await it.press(pilot, "6", "n", "N")
        assert it.said == []
        assert _toasts(it) == ["no later mark", "no earlier mark"]


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


@pytest.mark.parametrize("size", [(160, 48), (80, 24), (30, 8), (4, 2), (1, 1)])
async def test_q_quits_at_any_size(size: tuple[int, int]) -> None:
    async with stage(frames.live, size) as (it, pilot):
        await pilot.press("q")
        await pilot.pause()
        assert it.app._exit


async def test_q_quits_from_the_start_and_from_help() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "question_mark", "q")
        assert it.app._exit


async def test_no_resize_breaks_it() -> None:
    sizes = [(99, 30), (100, 29), (39, 12), (1, 1), (2, 50), (200, 3), (41, 13), (120, 40)]
    async with stage(frames.several) as (it, pilot):
        for size in sizes:
            await pilot.resize_terminal(*size)
            await it.settle(pilot)
            await pilot.press("z", "1", "5")
            await it.settle(pilot)
            assert all(len(line) == size[0] for line in it.lines())
        assert it.app.problems == []


async def test_below_a_hundred_columns_one_panel_at_a_time() -> None:
    async with stage(frames.live, (80, 24)) as (it, pilot):
        await it.press(pilot, "1")
        assert [panel.title for panel in it.panels if panel.display] == ["depth"]
        await it.press(pilot, "6")
        assert it.panel("tape").size == (80, 22)


async def test_below_forty_columns_three_numbers() -> None:
    async with stage(frames.live, (36, 10)) as (it, _):
        assert [line.strip() for line in it.lines()[:4]] == [
            "BTCUSDT  ● LIVE",
            "61 693.73 +0.31 %",
            "spread 0.0016 bp",
            "ratio ±24.3 bp  0.51",
        ]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (frames.replay, "▶ REPLAY"),
        (lambda view: frames.replay(view, paused=True), "‖ REPLAY paused"),
        (frames.rewind, "▶ REWIND"),
        (frames.simulated, "● SIM"),
    ],
)
async def test_the_smallest_screen_says_where_one_is(make: Callable[[View], Frame], said: str) -> None:
    async with stage(make, (36, 10)) as (it, _):
        assert it.lines()[0].strip() == f"BTCUSDT  {said}"


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


async def test_exports_are_chosen_and_their_errors_told() -> None:
    def broken() -> str:
        raise OSError("disk [bold]full[/bold]")

    exporters = {"csv": lambda: "wrote 12 rows to x.csv", "parquet": broken}
    async with stage(frames.live, exporters=exporters) as (it, pilot):
        await it.press(pilot, "e", "enter")
        await it.app.workers.wait_for_complete()
        await it.settle(pilot)
        assert "wrote 12 rows to x.csv" in it.text()
        await it.press(pilot, "e", *"parq", "enter")
        await it.app.workers.wait_for_complete()
        await it.settle(pilot)
        assert "export parquet failed: disk [bold]full[/bold]" in " ".join(it.text().split())


async def test_a_picture_is_written_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "e", "enter")
    name, text = _only_file(tmp_path)
    assert name.startswith("microtui-BTCUSDT-")
    assert "<svg" in text[:200]


async def test_a_picture_goes_to_the_folder_for_exports_and_says_where(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "exports"
    async with stage(frames.live, export_folder=folder) as (it, pilot):
        await it.press(pilot, "e", "enter")
        name, _ = _only_file(folder)
        assert f"picture written to {folder / name}" in _toasts(it)
    blocked = tmp_path / "file"
    blocked.write_text("")
    async with stage(frames.live, export_folder=blocked / "exports") as (it, pilot):
        await it.press(pilot, "e", "enter")
        assert f"the picture could not be written to {blocked / 'exports'}: Not a directory" in _toasts(it)


def _toasts(it: Stage) -> list[str]:
    return [toast.message for toast in it.app._notifications]


def _only_file(folder: Path) -> tuple[str, str]:
    (file,) = folder.iterdir()
    return file.name, file.read_text()


async def test_before_the_first_frame_it_says_what_is_happening() -> None:
    it = Stage(frames.live)
    it.bridge._frame = None
    async with it.app.run_test(size=(80, 24)) as pilot:
        it.bridge.progress = "compiling kernels 3/7"
        await it.settle(pilot)
        assert "compiling kernels 3/7" in it.text()
        it.bridge.publish(frames.live())
        await it.settle(pilot)
        assert "● LIVE" in it.lines()[0]


async def test_an_engine_that_fails_before_the_first_frame_ends_the_app() -> None:
    it = Stage(frames.live)
    it.bridge._frame = None
    async with it.app.run_test(size=(80, 24)) as pilot:
        await it.settle(pilot)
        assert not it.app._exit
        it.bridge.failure = "no such symbol BTCUSD on binance; near: BTCUSDT"
        it.app.beat()
        await pilot.pause()
        assert it.app._exit
        assert it.app.return_code == 1


async def test_an_engine_that_stops_later_is_said_in_the_header() -> None:
    async with stage(frames.live) as (it, pilot):
        it.bridge.failure = "the engine stopped: disk full"
        await it.settle(pilot)
        assert "ENGINE STOPPED" in it.lines()[0]
        assert "the engine stopped: disk full" in it.text()
        assert not it.app._exit
        assert it.app.problems == ["the engine stopped: disk full"]


async def test_a_silent_engine_is_not_taken_for_a_quiet_market() -> None:
    async with stage(frames.live) as (it, pilot):
        it.app._stirred_at -= 7
        it.app.beat()
        await pilot.pause()
        assert "NO FRAME FOR 7 s" in it.lines()[0]
        it.bridge.publish(frames.live(it.view))
        await it.settle(pilot)
        assert "NO FRAME" not in it.lines()[0]


async def test_text_from_outside_is_never_markup() -> None:
    def hostile(view: View) -> Frame:
        evil = "[red]x[/red] \x1b[31m\u202eabc"
        frame = frames.live(view, state="STALE", reason=evil, connection="LIVE")
        transport = msgspec.structs.replace(frame.host.transport, label="REPLAY", end=NOW + SECOND, note=evil)
        return msgspec.structs.replace(
            frame, host=msgspec.structs.replace(frame.host, transport=transport, messages=(evil,))
        )

    async with stage(hostile) as (it, pilot):
        it.app.say("[red]x[/red] \x1b[31m")
        await it.settle(pilot)
        text = it.text()
        assert "[red]x[/red] [31mabc" in text
        assert "\x1b" not in text
        assert "\u202e" not in text


async def test_in_ascii_mode_the_screen_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROTUI_ASCII", "1")
    for make in (frames.live, frames.replay, frames.one_sided, frames.several, frames.offline):
        async with stage(make) as (it, pilot):
            for key in ("1", "h", "c"):
                await it.press(pilot, key)
                assert it.text().isascii()
            for key in ("question_mark", "colon", "e", "slash", "m"):
                await it.press(pilot, key)
                assert it.text().isascii(), [line for line in it.lines() if not line.isascii()]
                await it.press(pilot, "escape")


async def test_without_colour_only_greys_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with stage(frames.live) as (it, _):
        for strip in it.app.screen._compositor.render_strips():
            for part in strip:
                for colour in (part.style.color, part.style.bgcolor) if part.style else ():
                    if colour is not None and colour.triplet is not None:
                        assert len(set(colour.triplet)) == 1, part
