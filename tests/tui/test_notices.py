"""What is told the moment it happens, and what is not because it is old, played past or too much."""

import itertools

import frames
import msgspec
import pytest
from frames import NOW, SECOND
from hypothesis import given
from hypothesis import strategies as st
from stage import stage

from engine.frame import Frame, View
from engine.frame.alerts import Event
from engine.frame.host import Recording
from tui.notices import FILL_PAUSE_S, PAUSE_S, AlertNotices, FillNotices, MessageNotices, recording_notice


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


def fill(number: int) -> Event:
    return Event(NOW + number * SECOND, "FILL", f"you bought {number}", 0)


@given(st.lists(st.integers(0, 4), max_size=60))
def test_every_fill_is_told_or_counted_and_no_faster_than_one_reads(coming: list[int]) -> None:
    notices, events, told, count = FillNotices(), [], [], 0
    notices.due(later(0), 0.0)
    for beat, comes in enumerate([*coming, *[0] * 15], 1):
        for _ in range(comes):
            events.insert(0, fill(count))
            count += 1
        now_s = beat / 10
        text = notices.due(later(now_s, *events), now_s)
        if text:
            first, _, more = text.partition(", and ")
            told.append((now_s, int(first.split()[-1]), int(more.split()[0]) if more else 0))
    assert all(b[0] - a[0] >= FILL_PAUSE_S - 1e-9 for a, b in itertools.pairwise(told))
    assert sum(1 + more for _, _, more in told) == count
    assert all(b[1] == a[1] + 1 + a[2] for a, b in itertools.pairwise(told))


def test_fills_that_a_seek_runs_past_are_not_told_and_alerts_are_none_of_theirs() -> None:
    fills, alerts = FillNotices(), AlertNotices()
    for notices in (fills, alerts):
        notices.due(later(0), 0.0)
    assert fills.due(later(60.0, fill(1)), 0.1) == ""
    assert fills.due(later(60.1, alert(2), fill(1)), 0.2) == ""
    assert alerts.due(later(0.2, fill(1)), 0.2) is None


def test_a_message_is_told_once_and_again_when_it_is_said_again() -> None:
    def saying(*texts: str) -> Frame:
        frame = frames.live()
        return msgspec.structs.replace(frame, host=msgspec.structs.replace(frame.host, messages=texts))

    notices = MessageNotices()
    assert notices.due(saying("old")) == []
    assert notices.due(saying("old", "refused")) == ["refused"]
    assert notices.due(saying("old", "refused")) == []
    assert notices.due(saying("old", "refused", "refused")) == ["refused"]
    assert notices.due(saying("refused", "refused", "late")) == ["late"]


async def test_a_fill_and_a_refusal_are_toasts() -> None:
    async with stage(frames.live) as (it, pilot):
        frame = later(0.1, fill(7), frame=frames.live(it.view))
        host = msgspec.structs.replace(frame.host, messages=("no order was placed: the market is closed",))
        it.bridge.publish(msgspec.structs.replace(frame, host=host))
        await it.settle(pilot)
        said = [toast.message for toast in it.app._notifications]
        assert said == ["no order was placed: the market is closed", "◂ you bought 7"]
