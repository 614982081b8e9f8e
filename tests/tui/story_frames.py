"""Frames of a story that is replayed: its note, its events, its own pace, half of it built."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.frame import Frame, View
from engine.frame.alerts import Event
from tests.tui import frames

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
