"""A story on the screen: its note at all times, its whole length, its own pace, its events in words, what is known."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.frame import INTERVALS_NS, Frame, View
from engine.frame.alerts import Event
from engine.ports import AUTO, Seek, Speed
from tests.tui import frames
from tests.tui.stage import Stage, drawn, stage
from tests.tui.story_frames import ABOUT, HOUR, NOTE, SECOND, story, with_events
from tests.tui.test_bars import drawn as drawn_bar
from tui.bars.transport import TransportLine
from tui.look import plain_look
from tui.notices import MarkNotices
from tui.panels.price import BARS_A_SECOND, LINE, Price, paced_interval
from tui.screens.help import Help
from tui.steering import SPEEDS, Steering


@pytest.mark.parametrize("width", [160, 120, 100, 80])
@pytest.mark.parametrize(
    "changes", [{}, {"built": 0}, {"auto": False, "speed": 64.0}, {"paused": True}, {"waits_for": frames.NOW}]
)
def test_the_note_is_whole_at_every_width(width: int, changes: dict[str, Any]) -> None:
    text = drawn_bar(TransportLine(plain_look()), story(**changes), width)
    assert NOTE in text


def test_the_line_tells_pace_length_and_how_far_it_is_built() -> None:
    line = TransportLine(plain_look())
    text = drawn_bar(line, story(), 160)
    assert "▶ auto 480×" in text
    assert "built to 11-21 13:59" in text
    assert text.index("●") < text.index("─") < text.index("┄")
    whole = drawn_bar(line, story(built=0, auto=False), 160)
    assert "auto" not in whole
    assert "11-20 13:59 to 11-22 13:59" in whole
    assert "┄" not in whole
    ts = story().market.ts
    waiting = drawn_bar(line, story(waits_for=ts + 23 * HOUR), 160)
    assert waiting.startswith(" ‖ waits for 22:59  2025-11-20 23:59:44")
    assert waiting.endswith("  built to 11-21 13:59 ")


def test_the_unbuilt_part_is_as_long_as_what_is_not_built() -> None:
    frame = story()
    transport = frame.host.transport
    track = [c for c in drawn_bar(TransportLine(plain_look()), with_events(frame), 160) if c in "━●─◆┄"]
    share = (transport.end - transport.built) / (transport.end - transport.start)
    assert track.count("┄") / (len(track) - 1) == pytest.approx(share, abs=0.05)


@given(st.lists(st.sampled_from(["slower", "faster"]), min_size=1, max_size=14))
def test_a_storys_pace_lies_behind_the_fastest_speed(presses: list[str]) -> None:
    steering, speeds = Steering(lambda: 0.0), (*SPEEDS, AUTO)
    frame = story(auto=False, speed=16.0)
    place = SPEEDS.index(16.0)
    for action in presses:
        before, place = place, min(max(place + (1 if action == "faster" else -1), 0), len(speeds) - 1)
        wanted = Speed(speeds[place]) if place != before else None
        assert steering.command(action, frame) == wanted


def test_a_key_takes_the_pace_over_from_where_it_is() -> None:
    assert Steering().command("slower", story(speed=16.0)) == Speed(8.0)
    assert Steering().command("slower", story(speed=480.0)) == Speed(32.0)


def test_the_next_mark_is_the_storys_and_no_signal() -> None:
    frame = story()
    ts = frame.market.ts
    signal = Event(ts - SECOND, "LONG", "bids outweigh asks", 0, 0.5)
    ahead = Event(ts + 60 * SECOND, "SHORT", "asks outweigh bids", 0, 0.5)
    assert Steering().command("next_mark", with_events(frame, ahead, signal)) == Seek(ts + HOUR)
    assert Steering().command("previous_mark", with_events(frame, signal)) is None


@given(st.floats(0.01, 2000))
def test_bars_go_by_at_a_pace_that_can_be_read(speed: float) -> None:
    interval = paced_interval(speed)
    assert interval in INTERVALS_NS
    a_second = speed * SECOND / interval
    shorter = [i for i in INTERVALS_NS[1:] if i < interval]
    assert a_second <= BARS_A_SECOND + 1e-9
    assert not shorter or speed * SECOND / shorter[-1] > BARS_A_SECOND


async def test_the_chart_follows_the_pace_until_a_person_chooses() -> None:
    told: dict[str, Any] = {"speed": 480.0}
    async with stage(lambda view: story(view, **told)) as (it, pilot):
        assert it.view.interval_ns == 900 * SECOND
        told["speed"] = 16.0
        await again(it, pilot)
        assert it.view.interval_ns == 15 * SECOND
        await it.press(pilot, "i")
        assert it.view.interval_ns == 60 * SECOND
        told["speed"] = 480.0
        await again(it, pilot)
        assert it.view.interval_ns == 60 * SECOND


async def again(it: Stage, pilot: object) -> None:
    it.bridge.publish(it.make(it.view))
    await it.settle(pilot, 4)  # type: ignore[arg-type]


async def test_help_tells_what_is_known_and_from_where_as_plain_text() -> None:
    async with stage(story) as (it, pilot):
        await it.press(pilot, "question_mark")
        assert isinstance(it.app.screen, Help)
        text = it.text()
        assert all(line in text for line in ABOUT)
    async with stage(frames.replay) as (it, pilot):
        await it.press(pilot, "question_mark")
        assert "Sources:" not in it.text()


def test_what_happens_is_told_as_the_story_runs_past_it_and_only_then() -> None:
    notices, frame = MarkNotices(), story()
    ts = frame.market.ts
    mark = Event(ts + 60 * SECOND, "MARK", "it begins")
    assert notices.due(with_events(frame), 0.0) is None
    assert notices.due(with_events(frame, mark, ts=ts + 100 * SECOND), 0.1) == mark
    assert notices.due(with_events(frame, mark, ts=ts + 200 * SECOND), 0.2) is None
    assert notices.due(with_events(frame, ts=ts), 0.3) is None  # sought back
    assert notices.due(with_events(frame, mark, ts=ts + 3 * HOUR), 0.4) is None  # sought on
    other = MarkNotices()
    plain = frames.replay()
    assert other.due(with_events(plain), 0.0) is None
    assert other.due(with_events(plain, mark, ts=ts + 100 * SECOND), 0.1) is None


@pytest.mark.parametrize("speed", [1.0, 16.0, 480.0])
@pytest.mark.parametrize("way", [5 * HOUR, -5 * HOUR, -HOUR])
def test_a_mark_that_one_goes_to_is_told_on_arrival(way: int, speed: float) -> None:
    """The first frame that is seen of it may be some ticks behind it."""
    notices, frame = MarkNotices(), story(speed=speed)
    there, beat = frame.market.ts + way, round(0.1 * speed * SECOND)
    mark = Event(there, "MARK", "the second leg")
    assert notices.due(with_events(frame), 0.0) is None
    assert notices.due(with_events(frame, mark, ts=there + 2 * beat), 0.1) == mark
    assert notices.went
    assert notices.due(with_events(frame, mark, ts=there + 3 * beat), 0.2) is None


@pytest.mark.parametrize("way", [HOUR, 0])
def test_a_mark_at_the_moment_of_a_frame_may_come_with_the_next(way: int) -> None:
    notices, frame = MarkNotices(), story()
    there = frame.market.ts + way
    mark = Event(there, "MARK", "the second leg")
    assert notices.due(with_events(frame), 0.0) is None
    assert notices.due(with_events(frame, ts=there), 0.1) is None
    assert notices.due(with_events(frame, mark, ts=there + SECOND // 10), 0.2) == mark
    assert notices.due(with_events(frame, mark, ts=there + SECOND // 5), 0.3) is None


@given(st.floats(0.25, 1024.0), st.floats(0.05, 0.5), st.lists(st.booleans(), max_size=30))
def test_playing_at_any_speed_is_no_going(speed: float, beat_s: float, seeks: list[bool]) -> None:
    notices, frame = MarkNotices(), story(speed=speed)
    ts, now_s = frame.market.ts, 0.0
    notices.due(frame, now_s)
    for seek in seeks:
        now_s += beat_s
        ts += -SECOND if seek else round(beat_s * speed * SECOND)
        notices.due(with_events(frame, ts=ts), now_s)
        assert notices.went is seek


async def test_what_was_told_of_an_event_leaves_with_the_time_it_was_of() -> None:
    frame = story()
    ts = frame.market.ts
    begins, leg = Event(ts + 60 * SECOND, "MARK", "it begins"), Event(ts + HOUR, "MARK", "the second leg")
    async with stage(story) as (it, pilot):

        async def shown(frame: Frame) -> list[str]:
            it.bridge.publish(frame)
            await it.settle(pilot)
            return [said.message for said in it.app._notifications]

        it.app.say("the disk is full", wrong=True, seconds=60)
        assert await shown(with_events(frame, begins, ts=ts + 100 * SECOND)) == [
            "the disk is full",
            "◆ it begins",
        ]
        assert "it begins" in it.text()
        assert await shown(with_events(frame, leg, begins, ts=leg.ts)) == [
            "the disk is full",
            "◆ the second leg",
        ]
        assert await shown(with_events(frame, ts=ts)) == ["the disk is full"]
        assert "second leg" not in it.text()


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (160, 48)])
async def test_the_track_is_long_enough_for_a_story_at_every_size(size: tuple[int, int]) -> None:
    frame = story()
    start, end = frame.host.transport.start, frame.host.transport.end
    marks = tuple((start + hour * HOUR, "MARK") for hour in range(1, 48, 2))
    signals = tuple(Event(start + n * HOUR // 2, "REGIME", "stressed") for n in range(20))
    async with stage(lambda view: with_events(story(view, marks=marks), *signals), size) as (it, pilot):
        (line,) = [line for line in it.lines() if line.count("◆") > 5]
        track = [cell for cell in line if cell in "━●─◆┄○"]
        assert len(track) >= 50
        assert track.count("◆") >= 20  # each mark has a cell of its own, and signals do not hide them
        assert "○" not in track
        (row,) = [y for y, each in enumerate(it.lines()) if each is line or each == line]
        half = line.index(track[0]) + len(track) // 2
        await pilot.click(offset=(half, row))
        (sought,) = [command for command in it.said if isinstance(command, Seek)]
        assert abs(sought.ts - (start + end) // 2) < HOUR
        assert any(NOTE in line for line in it.lines())


def chart_with(*marks: tuple[int, str], width: int = 100) -> list[str]:
    """The rows of a price panel in which marks were made so many bars ago."""
    panel = Price(plain_look())
    panel.mode = LINE
    frame = frames.live(View(columns=120))
    events = tuple(Event(frame.market.ts - ago * SECOND, "MARK", text) for ago, text in marks)
    return drawn(panel, with_events(frame, *events), width, 30)


def test_events_stand_in_words_beside_their_marks() -> None:
    assert any("◆ the second leg begins" in row for row in chart_with((90, "the second leg begins")))
    (newest,) = [row for row in chart_with((1, "the very latest")) if "the very latest" in row]
    assert newest.index("the very latest") < newest.index("◆")


def test_words_never_lie_on_one_another() -> None:
    words = [(ago, f"<{'abcdefgh'[n] * 20}>") for n, ago in enumerate((3, 6, 9, 12, 30, 33, 36))]
    rows = chart_with(*words)
    text = "\n".join(rows)
    whole = [word for _, word in words if word in text]
    assert len(whole) >= 4, text
    assert all(word in text or word[:3] not in text for _, word in words)


@pytest.mark.parametrize("ago", [0, 10, 20, 30, 38])
def test_words_that_are_too_long_end_before_the_frame_does(ago: int) -> None:
    text = "The peak of these two days: 7,967 on BitMEX"
    (row,) = [row for row in chart_with((ago, text), width=50) if "◆ The peak" in row or "… ◆" in row]
    words = row[row.index("The peak") :].split("…")[0].rstrip()
    assert len(words) >= 12
    assert text.startswith(words)
    assert "…" in row


async def test_header_and_line_tell_the_same_moment_however_fast_it_goes() -> None:
    def of_two(view: View) -> Frame:
        frame = story(view)
        lines = frame.market.lines * 2
        return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, lines=lines))

    async with stage(of_two) as (it, pilot):
        frame = of_two(it.view)
        for beat in range(1, 8):
            it.bridge.publish(with_events(frame, ts=frame.market.ts + 48 * beat * SECOND))
            it.app.beat()
            await pilot.pause()
            header, line = it.lines()[0], it.lines()[-2]
            (moment,) = re.findall(r"(\d\d:\d\d:\d\d) UTC", header)
            assert moment in line
