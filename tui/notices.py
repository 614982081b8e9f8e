"""What a person should be told the moment it happens: new alerts, own fills, messages, and how a recording goes.

Nothing is told of what was there before, and nothing of alerts that a seek or a fast replay runs past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from engine.frame import Frame
from engine.frame.alerts import Event
from engine.frame.host import Recording
from engine.text import clean
from tui.look import Look

FASTEST = 8.0  # times session time: beyond this alerts come faster than anyone reads
JUMP_S = 2.0  # of session time more than was played: somebody went there
PAUSE_S = 5.0  # between two alerts, at least
FILL_PAUSE_S = 1.0  # between two words about fills of one's own
SECOND_NS = 1_000_000_000
LEAP_NS = 1800 * SECOND_NS  # between two frames as fast as it goes: beyond this somebody went there
ARRIVED_S = 1.0  # of watching, behind a mark: this near somebody went there for its sake


class AlertNotices:
    """New alerts, one at a time; of those that come together only the latest is told."""

    def __init__(self) -> None:
        self._before: Frame | None = None
        self._before_s = 0.0
        self._told_s = float("-inf")
        self._waiting: Event | None = None
        self.rings = False  # the rule of an alert that came with this frame asks for the bell

    def due(self, frame: Frame, now_s: float) -> Event | None:
        """The alert to tell at this frame, if any. `now_s` is a monotonic clock's."""
        before, passed_s = self._before, now_s - self._before_s
        self.rings = False
        if frame is not before:
            self._before, self._before_s = frame, now_s
            if before is None or not _follows(before, frame, passed_s):
                self._waiting = None
            else:
                self.rings = any(event.bell for event in _new(before, frame))
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


def _new(before: Frame, frame: Frame) -> Iterator[Event]:
    """What happened from one frame to the other, newest first."""
    known = before.market.events[0] if before.market.events else None
    return takewhile(lambda event: event != known, frame.market.events)


def _newest_alert(before: Frame, frame: Frame) -> Event | None:
    """The newest event that was not there before and that is neither a person's own mark nor their fill."""
    return next((event for event in _new(before, frame) if event.kind not in ("MARK", "FILL", "SAID")), None)


def alert_text(event: Event, frame: Frame, look: Look) -> str:
    """An alert as a sentence."""
    from tui.panels.marks import kind_mark  # loaded with the panels, long after the first paint

    lines, confidence = frame.market.lines, event.confidence
    words = [kind_mark(event.kind, look)[0], event.kind]
    if confidence is not None:
        words.append(f"{confidence:.2f}")
    if event.symbol is not None and len(lines) > 1 and event.symbol < len(lines):
        words.append(lines[event.symbol].instrument.symbol)
    return f"{' '.join(words)}: {event.text}" if event.text else " ".join(words)


class MarkNotices:
    """The marks of a story as it runs past them, however fast, or as one goes to them: what one watches it for."""

    def __init__(self) -> None:
        self._before: Frame | None = None
        self._before_s = 0.0
        self.went = (
            False  # with this frame somebody went elsewhere: what was told of events is of another time
        )

    def due(self, frame: Frame, now_s: float) -> Event | None:
        """The newest mark since the frame before; after a seek one that was gone to; none where no story is told.

        `now_s` is a monotonic clock's.
        """
        before, passed_s = self._before, now_s - self._before_s
        self.went = False
        if frame is before:
            return None
        self._before, self._before_s = frame, now_s
        if before is None:
            return None
        self.went = _went(before, frame, passed_s)
        if not frame.host.transport.about:
            return None
        now, fresh = frame.market.ts, frame.market.events
        near_ns = round(ARRIVED_S * max(1.0, frame.host.transport.speed) * SECOND_NS)
        since = now - near_ns
        if not self.went:  # an event at the moment of one frame may come with the next
            since, fresh = before.market.ts - near_ns, tuple(_new(before, frame))
        return next((event for event in fresh if event.kind == "MARK" and since < event.ts <= now), None)


def _went(before: Frame, frame: Frame, passed_s: float) -> bool:
    """Whether somebody went elsewhere from one frame to the other: it was not played, at any speed."""
    speed = max(before.host.transport.speed, frame.host.transport.speed)
    fastest = not (
        before.host.transport.speed and frame.host.transport.speed
    )  # no speed tells how far it may be
    most_ns = LEAP_NS if fastest else round((passed_s * speed + JUMP_S * max(1.0, speed)) * SECOND_NS)
    return not 0 <= frame.market.ts - before.market.ts <= most_ns


class FillNotices:
    """A person's own fills, which are told at once; those that come faster are counted."""

    def __init__(self) -> None:
        self._before: Frame | None = None
        self._before_s = self._told_s = float("-inf")
        self._waiting: list[str] = []

    def due(self, frame: Frame, now_s: float) -> str:
        """What to tell at this frame, empty where there is nothing. `now_s` is a monotonic clock's."""
        before, passed_s = self._before, now_s - self._before_s
        if frame is not before:
            self._before, self._before_s = frame, now_s
            if before is not None and _follows(before, frame, passed_s):
                self._waiting += [
                    event.text for event in _new(before, frame) if event.kind in ("FILL", "SAID")
                ][::-1]
            else:
                self._waiting.clear()
        if not self._waiting or now_s - self._told_s < FILL_PAUSE_S:
            return ""
        first, more = self._waiting[0], len(self._waiting) - 1
        self._waiting, self._told_s = [], now_s
        return f"{first}, and {more} more" if more else first


class MessageNotices:
    """What the session says to the person, such as why an order was refused; each once, when it is new."""

    def __init__(self) -> None:
        self._before: tuple[str, ...] | None = None

    def due(self, frame: Frame) -> list[str]:
        before, now = self._before, frame.host.messages
        self._before = now
        if before is None or now == before:
            return []
        return list((Counter(now) - Counter(before)).elements())


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
