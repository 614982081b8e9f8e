"""Keys pressed faster than frames come add up, however stale the frame is that they are pressed on."""

import frames
import msgspec
import pytest
from frames import NOW, SECOND, STARTED
from hypothesis import given
from hypothesis import strategies as st

from engine.frame import Frame
from engine.frame.host import Transport
from engine.ports import GoLive, Pause, Record, Seek, Speed
from tui.steering import HOLD_S, SPEEDS, Steering

REPLAY = frames.replay()
STEPS_S = {"back": -10, "forward": 10, "back_far": -60, "forward_far": 60}


class Hand:
    """Presses keys at times of its own, on frames that may be old."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.steering = Steering(lambda: self.now_s)

    def press(self, action: str, frame: Frame, after_s: float = 0.05) -> object:
        self.now_s += after_s
        return self.steering.command(action, frame)


def at(ts: int, frame: Frame = REPLAY, **transport: object) -> Frame:
    changed = msgspec.structs.replace(frame.host.transport, **transport)
    return msgspec.structs.replace(
        frame,
        market=msgspec.structs.replace(frame.market, ts=ts),
        host=msgspec.structs.replace(frame.host, transport=changed),
    )


@given(st.lists(st.tuples(st.sampled_from([*STEPS_S]), st.integers(0, 400)), min_size=1, max_size=12))
def test_seeks_add_up_on_frames_that_know_nothing_of_them(presses: list[tuple[str, int]]) -> None:
    hand, transport, here = Hand(), REPLAY.host.transport, NOW + presses[0][1] * 1_000_000
    for action, lead_ms in presses:
        here = min(max(here + STEPS_S[action] * SECOND, transport.start), transport.end)
        command = hand.press(action, at(NOW + lead_ms * 1_000_000))
        assert command == Seek(here) or (command is None and here == transport.end)


def test_a_seek_that_was_followed_is_forgotten() -> None:
    hand = Hand()
    hand.press("back", at(NOW))
    assert hand.press("back", at(NOW - 9 * SECOND), after_s=HOLD_S) == Seek(NOW - 19 * SECOND)


@given(st.lists(st.sampled_from(["slower", "faster"]), min_size=1, max_size=15), st.booleans())
def test_speeds_add_up_while_playing_and_while_paused(presses: list[str], paused: bool) -> None:
    hand, place = Hand(), SPEEDS.index(4.0)
    for action in presses:
        before, place = place, min(max(place + (1 if action == "faster" else -1), 0), len(SPEEDS) - 1)
        command = hand.press(action, at(NOW, paused=paused))
        assert command == (Speed(SPEEDS[place]) if place != before else None)


def test_a_paused_frame_that_never_changes_does_not_lose_a_speed() -> None:
    hand, still = Hand(), at(NOW, paused=True)
    assert [hand.press("faster", still, after_s=2.0) for _ in range(3)] == [Speed(8), Speed(16), Speed(32)]


def test_two_toggles_are_none() -> None:
    hand = Hand()
    assert [hand.press("pause", at(NOW)) for _ in range(3)] == [Pause(True), Pause(False), Pause(True)]
    live = frames.live()
    assert [hand.press("record", live) for _ in range(2)] == [Record(False), Record(True)]


@pytest.mark.parametrize(
    ("speed", "paused", "passed_s", "mark_s"),
    [(1.0, False, 1.5, 90), (1.0, False, 2.5, 300), (1.0, True, 1.5, 300), (4.0, False, 7.5, 90)],
)
def test_the_mark_just_played_past_is_not_the_one_before(
    speed: float, paused: bool, passed_s: float, mark_s: int
) -> None:
    market = msgspec.structs.replace(REPLAY.market, events=())
    frame = msgspec.structs.replace(REPLAY, market=market)
    here = STARTED + 300 * SECOND + round(passed_s * SECOND)
    command = Hand().press("previous_mark", at(here, frame, speed=speed, paused=paused))
    assert command == Seek(STARTED + mark_s * SECOND)


def test_a_live_session_has_no_grace_for_its_newest_alert() -> None:
    frame = at(NOW - 2 * SECOND, frames.live())
    assert Hand().press("previous_mark", frame) == Seek(NOW - 3 * SECOND)


def test_the_end_of_a_replay_and_of_a_rewind() -> None:
    end = REPLAY.host.transport.end
    assert Hand().press("now", REPLAY) == Seek(end)
    assert Hand().press("now", at(end)) is None
    assert Hand().press("forward", at(end)) is None
    assert Hand().press("now", frames.rewind()) == GoLive()
    assert Hand().press("forward_far", at(NOW + 30 * SECOND, frames.rewind())) == GoLive()
    assert Hand().press("forward", at(NOW, frames.live())) is None


def test_a_session_of_one_moment_can_still_be_asked() -> None:
    once = at(NOW, start=0, end=0)
    assert isinstance(once.host.transport, Transport)
    assert Hand().press("back_far", once) == Seek(NOW - 60 * SECOND)
