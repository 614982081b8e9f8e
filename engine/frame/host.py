"""This machine's side of a frame: where the session stands in time, its recording, what it may be asked."""

from __future__ import annotations

import msgspec

from engine.frame.fan import Fan


class Transport(msgspec.Struct, frozen=True):
    """Where a session stands in time. `start == end` in a live session that has not been rewound."""

    label: str = "LIVE"  # LIVE REPLAY REWIND SIM
    speed: float = 1.0  # 0: as fast as it goes
    paused: bool = False
    start: int = 0
    end: int = 0
    marks: tuple[tuple[int, str], ...] = ()  # (ts, kind) of alerts and marks known for the whole recording
    note: str = ""  # said on the screen all the time, such as "reconstructed book"
    about: tuple[str, ...] = ()  # what is known of what is shown and from where, for the help card
    built: int = 0  # as far as what ends at `end` has been made yet; 0: all of it
    waits_for: int = 0  # a moment that was sought and is not made yet; 0: none
    auto: bool | None = None  # whether the recording's own pace is followed; None: it proposes none


class Recording(msgspec.Struct, frozen=True):
    state: str = "OFF"  # OFF ON FAILED
    path: str = ""
    bytes: int = 0
    seconds: float = 0.0
    lag_ms: float = 0.0
    lost_events: int = 0
    reason: str = ""


class Tiers(msgspec.Struct, frozen=True):
    """How the tiers above the embedded one are, in words (empty: not there), and what they have cost this month."""

    local: str = ""
    gateway: str = ""
    spent_micro: int | None = None  # millionths of a dollar, of everything on this machine
    ceiling_micro: int | None = None


class Host(msgspec.Struct, frozen=True):
    """This machine's side. Not part of the laws."""

    accepts: frozenset[str] = frozenset()  # commands the source takes; keys and footer follow it
    transport: Transport = Transport()
    recording: Recording = Recording()
    cpu_pct: float | None = None
    memory_mb: float | None = None
    tiers: Tiers | None = None  # where text is scored
    fan: Fan | None = None  # the what-if that was asked for last
    messages: tuple[str, ...] = ()  # health events: broken plug-ins, failed sinks, newest first
