"""What a person should be told the moment it happens: new alerts, and a recording that begins, ends or fails.

Nothing is told of what was there before, and nothing of alerts that a seek or a fast replay runs past.
"""

from __future__ import annotations

from pathlib import Path

from engine.frame import Event, Frame, Recording
from engine.text import clean

FASTEST = 8.0  # times session time: beyond this alerts come faster than anyone reads
JUMP_S = 2.0  # of session time more than was played: somebody went there
PAUSE_S = 5.0  # between two alerts, at least
SECOND_NS = 1_000_000_000


class AlertNotices:
    """New alerts, one at a time; of those that come together only the latest is told."""

    def __init__(self) -> None:
        self._before: Frame | None = None
        self._before_s = 0.0
        self._told_s = float("-inf")
        self._waiting: Event | None = None

    def due(self, frame: Frame, now_s: float) -> Event | None:
        """The alert to tell at this frame, if any. `now_s` is a monotonic clock's."""
        before, passed_s = self._before, now_s - self._before_s
        if frame is not before:
            self._before, self._before_s = frame, now_s
            if before is None or not _follows(before, frame, passed_s):
                self._waiting = None
            else:
                self._waiting = _newest_alert(before, frame) or self._waiting
        if self._waiting is None or now_s - self._told_s < PAUSE_S:
            return None
        told, self._waiting, self._told_s = self._waiting, None, now_s
        return told


def _follows(before: Frame, frame: Frame, passed_s: float) -> bool:
    """Whether the market was watched from one frame to the other, at a speed one can follow."""
    transport = frame.host.transport
    watched_s = (frame.market.ts - before.market.ts) / SECOND_NS
    return 0 < transport.speed <= FASTEST and 0 <= watched_s <= passed_s * transport.speed + JUMP_S


def _newest_alert(before: Frame, frame: Frame) -> Event | None:
    """The newest event that was not there before and that is not a person's own mark."""
    known = before.market.events[0] if before.market.events else None
    for event in frame.market.events:
        if event == known:
            return None
        if event.kind != "MARK":
            return event
    return None


def recording_notice(before: Recording | None, now: Recording) -> tuple[str, bool]:
    """A sentence about a recording that changed, and whether it is bad news; empty when nothing changed."""
    if before is not None and before.state == now.state:
        return "", False
    if now.state == "FAILED":
        return f"recording stopped: {clean(now.reason, 200) or 'the recorder failed'}", True
    if before is None:
        return "", False
    if now.state == "ON":
        return f"recording to {clean(Path(now.path).stem, 80)}", False
    return "recording stopped", False
