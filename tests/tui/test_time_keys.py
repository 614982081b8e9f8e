"""Keys that go through time: pause, speed, steps, seeks, marks, a frozen picture."""

import frames
import msgspec
import pytest
from frames import NOW, SECOND, STARTED
from stage import stage

from engine.frame import Frame, View
from engine.ports import AddMark, GoLive, Pause, Record, Seek, Speed, StepBy
from tui.screens.prompt import Prompt


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
        assert it.toasts == ["frozen: f goes on"] * 3


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
        assert it.toasts == ["no later mark", "no earlier mark"]
