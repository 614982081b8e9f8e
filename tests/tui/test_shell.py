"""The real application: panels, focus, an engine that starts, stops or is silent, words from outside, plain screens."""

import frames
import msgspec
import pytest
from frames import NOW, SECOND
from stage import Stage, stage

from engine.frame import Frame, View


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
