"""What one source of a chain tells of itself: its state whenever it changes, its totals at most once a second."""

from __future__ import annotations

from collections.abc import Callable

from engine.events import FeedCount, FeedStatus

_SECOND_NS = 1_000_000_000


class ChainVoice:
    """`put` gets the notes. The totals are counted up by whoever speaks."""

    def __init__(self, venue: str, put: Callable[[FeedStatus | FeedCount], None]) -> None:
        self.messages = self.bytes = self.malformed = self.ignored = self.reconnects = 0
        self._venue = venue
        self._put = put
        self._state: FeedStatus | None = None
        self._totals = FeedCount(venue)
        self._counted_at = 0

    def say(self, state: str, reason: str = "", retry_at: int | None = None) -> None:
        note = FeedStatus(self._venue, state, reason=reason, retry_at_ns=retry_at)
        if note != self._state:
            self._state = note
            self._put(note)

    def count(self, now: int, *, at_once: bool = False) -> None:
        """`now` in ns; `at_once`: something has happened that is not to wait for its second."""
        if now - self._counted_at < _SECOND_NS and not at_once:
            return
        note = FeedCount(
            self._venue, self.messages, self.bytes, self.malformed, self.ignored, reconnects=self.reconnects
        )
        if note != self._totals:
            self._totals, self._counted_at = note, now
            self._put(note)
