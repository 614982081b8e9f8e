"""A story on the screen: its note at all times, its whole length, its own pace, its events in words, what is known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.frame import INTERVALS_NS, Event, Frame, View
from engine.ports import AUTO, Seek, Speed
from tests.tui import frames
from tests.tui.stage import Stage, drawn, stage
from tests.tui.test_bars import drawn as drawn_bar
from tui.bars.transport import TransportLine
from tui.look import plain_look
from tui.notices import MarkNotices
from tui.panels.price import BARS_A_SECOND, LINE, Price, paced_interval
from tui.screens.help import Help
from tui.steering import SPEEDS, Steering

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
NOTE = "reconstructed book around recorded prices"
ABOUT = (
    "two days of March",
    "",
    "Recorded:",
    "· prices and volumes",
    "",
    "Sources:",
    "[1] a table: [bold]bars[/]",
)


def story(view: View = frames.ANY, **changes: Any) -> Frame:
    """A replay of a story of two days, at its own pace, half of it built."""
    frame = frames.replay(view)
    ts = frame.market.ts
    told: dict[str, object] = {
        "start": ts - 10 * HOUR,
        "end": ts + 38 * HOUR,
        "built": ts + 14 * HOUR,
        "speed": 480.0,
    }
    told |= {"note": NOTE, "about": ABOUT, "auto": True, "marks": ((ts + HOUR, "MARK"),)}
    transport = msgspec.structs.replace(frame.host.transport, **{**told, **changes})
    return msgspec.structs.replace(frame, host=msgspec.structs.replace(frame.host, transport=transport))


def with_events(frame: Frame, *events: Event, ts: int | None = None) -> Frame:
    market = msgspec.structs.replace(frame.market, events=events, ts=frame.market.ts if ts is None else ts)
    return msgspec.structs.replace(frame, market=market)


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
    assert "waits for 22:59, built to 13:59" in drawn_bar(line, story(waits_for=ts + 23 * HOUR), 160)


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
    assert notices.due(with_events(frame)) is None
    assert notices.due(with_events(frame, mark, ts=ts + 100 * SECOND)) == mark
    assert notices.due(with_events(frame, mark, ts=ts + 200 * SECOND)) is None
    assert notices.due(with_events(frame, ts=ts)) is None  # sought back
    assert notices.due(with_events(frame, mark, ts=ts + 3 * HOUR)) is None  # sought on
    other = MarkNotices()
    plain = frames.replay()
    assert other.due(with_events(plain)) is None
    assert other.due(with_events(plain, mark, ts=ts + 100 * SECOND)) is None


def chart_with(*marks: tuple[int, str]) -> list[str]:
    """The rows of a price panel in which marks were made so many bars ago."""
    panel = Price(plain_look())
    panel.mode = LINE
    frame = frames.live(View(columns=120))
    events = tuple(Event(frame.market.ts - ago * SECOND, "MARK", text) for ago, text in marks)
    return drawn(panel, with_events(frame, *events), 100, 30)


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
