"""From a key to a command for the session: pause, speed, step, seek, marks. No widgets here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from engine.frame import Frame
from engine.ports import AUTO, Command, GoLive, Pause, Record, Seek, Speed, StepBy

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 0.0)  # the last is as fast as it goes
SEEK_NS = {"back": -10, "forward": 10, "back_far": -60, "forward_far": 60}
HOLD_S = 0.5  # the slowest seek and the frame after it are sooner than this
GRACE_S = 2.0  # of playing past a mark, within which "the mark before" is still the one before that
SECOND_NS = 1_000_000_000
FROZEN = "frozen: f goes on"  # what is done while the picture is held would not be seen

T = TypeVar("T")


class Wish(Generic[T]):
    """What was asked for last, which counts until a frame can have followed it.

    Without it keys pressed faster than frames come would all start from the same stale frame.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._value: T | None = None
        self._frame: Frame | None = None
        self._until_s = 0.0

    def ask(self, value: T, frame: Frame) -> None:
        self._value, self._frame, self._until_s = value, frame, self._clock() + HOLD_S

    def forget(self) -> None:
        self._value = None

    def held(self, frame: Frame) -> T | None:
        """The wish, None once it is old and frames have come since."""
        if frame is self._frame or self._clock() < self._until_s:
            return self._value
        return None


class Steering:
    """Turns transport actions into commands; keys pressed faster than frames come add up."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._sought: Wish[int] = Wish(clock)
        self._speed: Wish[float] = Wish(clock)
        self._paused: Wish[bool] = Wish(clock)
        self._recording: Wish[bool] = Wish(clock)

    def command(self, action: str, frame: Frame) -> Command | None:
        """The command for an action at this frame; None where there is nothing to do."""
        if action == "pause":
            return Pause(_toggle(self._paused, frame.host.transport.paused, frame))
        if action in ("slower", "faster"):
            return self._change_speed(frame, 1 if action == "faster" else -1)
        if action in ("step", "step_back"):
            return StepBy(1 if action == "step" else -1)
        if action == "now":
            return self.seek(ends(frame)[1], frame)
        if action == "record":
            return Record(_toggle(self._recording, frame.host.recording.state == "ON", frame))
        if action in SEEK_NS:
            return self.seek(self._here(frame) + SEEK_NS[action] * SECOND_NS, frame)
        if action in ("next_mark", "previous_mark"):
            return self._to_mark(frame, forward=action == "next_mark")
        return None

    def seek(self, ts: int, frame: Frame) -> Command | None:
        """Go to a time, kept within the session; None where one is there already."""
        start, end = ends(frame)
        if ts >= end and "now" in frame.host.accepts:
            self._sought.forget()
            return GoLive()
        if ts >= end and self._here(frame) >= end:
            return None
        ts = min(max(ts, start), end)
        self._sought.ask(ts, frame)
        return Seek(ts)

    def _here(self, frame: Frame) -> int:
        sought = self._sought.held(frame)
        return frame.market.ts if sought is None else sought

    def _change_speed(self, frame: Frame, by: int) -> Command | None:
        wanted = self._speed.held(frame)
        transport = frame.host.transport
        now = transport.speed if wanted is None else wanted
        speeds = (*SPEEDS, AUTO) if transport.auto is not None else SPEEDS
        if now == AUTO:  # asked for, and not answered yet
            at = len(SPEEDS)
        else:
            order = [speed or float("inf") for speed in SPEEDS]
            at = min(range(len(order)), key=lambda i: abs(order[i] - now) if now else -i)
        to = min(max(at + by, 0), len(speeds) - 1)
        if to == at:
            return None
        self._speed.ask(speeds[to], frame)
        return Speed(speeds[to])

    def _to_mark(self, frame: Frame, *, forward: bool) -> Command | None:
        transport, here = frame.host.transport, self._here(frame)
        playing = "speed" in frame.host.accepts and not transport.paused
        if playing and not forward and self._sought.held(frame) is None:
            here -= round(GRACE_S * (transport.speed or SPEEDS[-2]) * SECOND_NS)
        times = {ts for ts, _ in transport.marks}
        if not transport.about:  # of a story it is the story's own marks that one goes to, not every signal
            times |= {event.ts for event in frame.market.events}
        found = [ts for ts in times if (ts > here if forward else ts < here)]
        if not found:
            return None
        return self.seek(min(found) if forward else max(found), frame)


def _toggle(wish: Wish[bool], now: bool, frame: Frame) -> bool:
    held = wish.held(frame)
    on = not (now if held is None else held)
    wish.ask(on, frame)
    return on


def ends(frame: Frame) -> tuple[int, int]:
    """First and last moment that can be gone to, ns UTC."""
    transport = frame.host.transport
    if transport.end > transport.start:
        return transport.start, transport.end
    return frame.market.started, frame.market.ts
