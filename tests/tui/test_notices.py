"""What is told the moment it happens, and what is not because it is old, played past or too much."""

import itertools

import frames
import msgspec
import pytest
from frames import NOW, SECOND
from hypothesis import given
from hypothesis import strategies as st
from stage import stage

from engine.frame import Event, Frame, Recording, View
from tui.notices import PAUSE_S, AlertNotices, recording_notice


def later(seconds: float, *new: Event, frame: Frame | None = None, **transport: object) -> Frame:
    """A live frame so many seconds on, with new events above those there were."""
    base = frame or frames.live()
    events = (*new, *base.market.events)
    market = msgspec.structs.replace(base.market, ts=NOW + round(seconds * SECOND), events=events)
    changed = msgspec.structs.replace(base.host.transport, **transport)
    return msgspec.structs.replace(
        base, market=market, host=msgspec.structs.replace(base.host, transport=changed)
    )


def alert(number: int, kind: str = "LONG") -> Event:
    return Event(NOW + number * SECOND, kind, f"reason {number}", 0, 0.66)


def test_what_was_there_before_is_not_told_and_what_is_new_is_told_once() -> None:
    notices = AlertNotices()
    assert notices.due(later(0), 100.0) is None
    assert notices.due(later(0.1), 100.1) is None
    told = later(0.2, alert(0))
    assert notices.due(told, 100.2) == alert(0)
    assert notices.due(told, 120.0) is None
    assert notices.due(later(20.0, alert(0)), 120.1) is None


@given(st.lists(st.booleans(), max_size=120))
def test_at_most_one_every_five_seconds_and_the_latest_of_those_that_came(coming: list[bool]) -> None:
    notices, events, told = AlertNotices(), [], []
    notices.due(later(0), 0.0)
    for beat, comes in enumerate([*coming, *[False] * 60], 1):
        if comes:
            events.insert(0, alert(beat))
        now_s = beat / 10
        event = notices.due(later(now_s, *events), now_s)
        if event is not None:
            assert event == events[0]
            told.append(now_s)
    assert all(b - a >= PAUSE_S - 1e-9 for a, b in itertools.pairwise(told))
    assert bool(told) == bool(events)


@pytest.mark.parametrize(
    ("seconds", "transport"),
    [
        (60.0, {}),
        (-60.0, {}),
        (1.0, {"speed": 16.0}),
        (1.0, {"speed": 0.0}),
    ],
)
def test_a_seek_or_a_fast_replay_tells_nothing(seconds: float, transport: dict[str, float]) -> None:
    notices = AlertNotices()
    notices.due(later(0, **transport), 0.0)
    assert notices.due(later(seconds, alert(0), **transport), 0.1) is None
    assert notices.due(later(seconds + 0.1, alert(0), **transport), 10.0) is None


def test_eight_times_is_still_told_and_a_mark_of_ones_own_is_not() -> None:
    notices = AlertNotices()
    notices.due(later(0, speed=8.0), 0.0)
    assert notices.due(later(0.8, alert(0, "FEED"), speed=8.0), 0.1) == alert(0, "FEED")
    assert notices.due(later(1.6, alert(1, "MARK"), alert(0, "FEED"), speed=8.0), 9.0) is None


@pytest.mark.parametrize("bell", [False, True])
async def test_a_new_alert_is_a_toast_and_rings_if_asked(bell: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(frames.several, bell=bell) as (it, pilot):
        rung: list[None] = []
        monkeypatch.setattr(it.app, "bell", lambda: rung.append(None))
        await it.settle(pilot)
        assert "LONG 0.66" not in it.text()
        it.bridge.publish(later(0.1, alert(0), frame=frames.several(it.view)))
        await it.settle(pilot)
        assert "▲ LONG 0.66 BTCUSDT: reason 0" in it.text()
        assert len(rung) == bell


def test_a_recording_is_told_when_it_changes() -> None:
    on, off = Recording("ON", "/some/where/BTCUSDT-1.microtui"), Recording("OFF")
    failed = Recording("FAILED", reason="disk full")
    assert recording_notice(None, on) == recording_notice(None, off) == ("", False)
    assert recording_notice(on, on) == ("", False)
    assert recording_notice(off, on) == ("recording to BTCUSDT-1", False)
    assert recording_notice(on, off) == ("recording stopped", False)
    assert recording_notice(on, failed) == ("recording stopped: disk full", True)
    assert recording_notice(None, failed) == ("recording stopped: disk full", True)
    assert recording_notice(failed, failed) == ("", False)


async def test_r_is_answered_by_a_toast() -> None:
    def unrecorded(view: View) -> Frame:
        frame = frames.live(view)
        return msgspec.structs.replace(frame, host=msgspec.structs.replace(frame.host, recording=Recording()))

    async with stage(unrecorded) as (it, pilot):
        assert "NOT RECORDING" in it.lines()[0]
        await it.press(pilot, "r")
        it.bridge.publish(frames.live(it.view))
        await it.settle(pilot)
        assert "recording to BTCUSDT" in it.text()
        await it.press(pilot, "r")
        it.bridge.publish(unrecorded(it.view))
        await it.settle(pilot)
        assert "recording stopped" in it.text()
