"""How a site is doing, for the health panel: the notes of one venue out of what its feeds tell."""

from __future__ import annotations

from collections.abc import Sequence

from engine.events import FeedCount, FeedStatus
from engine.feeds.errors import Answer, Refused
from engine.feeds.states import ConnectionState
from engine.feeds.text_feed import TextFeed


def status(venue: str, feeds: Sequence[TextFeed]) -> FeedStatus:
    """LIVE while any feed's last answer was good; the reason names those whose was not."""
    failing = [feed for feed in feeds if feed.trouble is not None]
    live = any(feed.answered and feed.trouble is None for feed in feeds)
    if not failing:
        return FeedStatus(venue, ConnectionState.LIVE if live else ConnectionState.CONNECTING)
    first = failing[0]
    reason = first.trouble.reason if first.trouble is not None else ""
    if len(feeds) > 1:
        reason = f"{len(failing)} of {len(feeds)} fail, {first.label}: {reason}"
    if live:
        return FeedStatus(venue, ConnectionState.LIVE, reason=reason)
    blocked = all(_keeps_away(feed.trouble) for feed in failing if feed.trouble is not None)
    dues = [feed.due for feed in failing if not feed.ended]
    return FeedStatus(
        venue,
        ConnectionState.BLOCKED if blocked else ConnectionState.BACKOFF,
        reason=reason,
        retry_at_ns=min(dues) if dues else None,
    )


def _keeps_away(refused: Refused) -> bool:
    """Whether we were told to, rather than to try again."""
    return refused.answer is Answer.FINAL or refused.seconds > 0


class Count:
    """Running totals of one venue, as a note."""

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self.posts = 0
        self.bytes = 0
        self.malformed = 0
        self.ignored = 0  # known already, too old, or empty
        self.failures = 0

    def note(self) -> FeedCount:
        return FeedCount(
            self._venue, self.posts, self.bytes, self.malformed, self.ignored, reconnects=self.failures
        )
