"""The states of a connection and of a book, by the names that `engine.events.FeedStatus` carries."""

from __future__ import annotations

from typing import Final


class ConnectionState:
    IDLE: Final = "IDLE"
    CONNECTING: Final = "CONNECTING"
    SUBSCRIBING: Final = "SUBSCRIBING"
    LIVE: Final = "LIVE"
    DRAINING: Final = "DRAINING"  # live, while a second connection is made ready to take over
    BACKOFF: Final = "BACKOFF"
    BLOCKED: Final = "BLOCKED"  # told to keep away, for a time or for good


class BookState:
    EMPTY: Final = "EMPTY"  # no connection has been made yet
    BUFFERING: Final = "BUFFERING"  # diffs are held, a snapshot is to be asked for
    SNAPSHOT_WAIT: Final = "SNAPSHOT_WAIT"  # … and has been
    SYNCED: Final = "SYNCED"
    STALE: Final = "STALE"  # was right, and may not be any more
    GAP: Final = "GAP"  # updates are missing
