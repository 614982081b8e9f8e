"""From a key to a command for the session: pause, speed, step, seek, marks. No widgets here."""

from __future__ import annotations

from engine.frame import Frame
from engine.ports import Command, GoLive, Pause, Record, Seek, Speed, StepBy

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 0.0)  # the last is as fast as it goes
SEEK_NS = {"back": -10, "forward": 10, "back_far": -60, "forward_far": 60}


class Steering:
    """Turns transport actions into commands. Remembers where it sought last, so that keys pressed faster
    than frames come add up."""

    def __init__(self) -> None:
        self._sought: int | None = None
        self._seen: Frame | None = None

    def command(self, action: str, frame: Frame) -> Command | None:
        """The command for an action at this frame; None where there is nothing to do."""
        transport = frame.host.transport
        if action == "pause":
            return Pause(not transport.paused)
        if action in ("slower", "faster"):
            return self._speed(transport.speed, 1 if action == "faster" else -1)
        if action in ("step", "step_back"):
            return StepBy(1 if action == "step" else -1)
        if action == "now":
            return GoLive()
        if action == "record":
            return Record(frame.host.recording.state != "ON")
        if action in SEEK_NS:
            return self.seek(self._here(frame) + SEEK_NS[action] * 1_000_000_000, frame)
        if action in ("next_mark", "previous_mark"):
            return self._to_mark(frame, forward=action == "next_mark")
        return None

    def seek(self, ts: int, frame: Frame) -> Command | None:
        """Go to a time, kept within the session; past the end of a live one that is back to now."""
        start, end = ends(frame)
        if ts >= end and "now" in frame.host.accepts:
            self._sought = None
            return GoLive() if frame.host.transport.label == "REWIND" else None
        self._sought, self._seen = min(max(ts, start), end), frame
        return Seek(self._sought)

    def _here(self, frame: Frame) -> int:
        if self._sought is not None and self._seen is frame:
            return self._sought
        return frame.market.ts

    @staticmethod
    def _speed(now: float, by: int) -> Command | None:
        order = [speed or float("inf") for speed in SPEEDS]
        at = min(range(len(order)), key=lambda i: abs(order[i] - now) if now else -i)
        to = min(max(at + by, 0), len(SPEEDS) - 1)
        return None if to == at else Speed(SPEEDS[to])

    def _to_mark(self, frame: Frame, *, forward: bool) -> Command | None:
        here = self._here(frame)
        times = {ts for ts, _ in frame.host.transport.marks} | {event.ts for event in frame.market.events}
        later = [ts for ts in times if (ts > here if forward else ts < here)]
        if not later:
            return None
        return self.seek(min(later) if forward else max(later), frame)


def ends(frame: Frame) -> tuple[int, int]:
    """First and last moment that can be gone to, ns UTC."""
    transport = frame.host.transport
    if transport.end > transport.start:
        return transport.start, transport.end
    return frame.market.started, frame.market.ts
