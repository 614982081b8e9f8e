"""What the text tests share: impatient options for a fake site, and a listener that waits for what it expects."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from engine.events import FeedCount, FeedStatus, Post
from engine.feeds.fake_faults import Faults, OnRequest
from engine.feeds.fake_text import FakeText
from engine.feeds.fake_text_site import MadeUpText
from engine.feeds.hosts import Hosts
from engine.feeds.text_options import TextOptions
from engine.feeds.text_source import TextSource

S = 1_000_000_000
KEY = b"of the tests"


def impatient(site: FakeText, **changes: Any) -> TextOptions:
    """One subreddit, asked ten times a second."""
    options = TextOptions(
        reddit=site.url,
        reddit_oauth=site.url,
        subreddits=("Bitcoin",),
        news=(),
        fear_greed="",
        reddit_every_s=0.1,
        news_every_s=0.1,
        fear_greed_every_s=0.1,
        api_every_s=0.1,
        gap_s=0.0,
        backoff_min_s=0.05,
        backoff_max_s=0.2,
        refused_wait_s=0.3,
        gone_wait_s=0.3,
        request_timeout_s=5.0,
    )
    return msgspec.structs.replace(options, **changes)


class Listener:
    """Everything that a source puts, in order."""

    def __init__(self) -> None:
        self.notes: list[Post | FeedStatus | FeedCount] = []

    @property
    def posts(self) -> list[Post]:
        return [note for note in self.notes if isinstance(note, Post)]

    @property
    def texts(self) -> list[str]:
        return [post.text for post in self.posts]

    @property
    def states(self) -> list[FeedStatus]:
        return [note for note in self.notes if isinstance(note, FeedStatus)]

    def count(self, venue: str = "reddit") -> FeedCount:
        """The last totals."""
        counts = [note for note in self.notes if isinstance(note, FeedCount) and note.venue == venue]
        return counts[-1] if counts else FeedCount(venue)

    def reasons(self, venue: str = "reddit") -> str:
        return "\n".join(note.reason for note in self.states if note.venue == venue)

    def is_live(self, venue: str = "reddit") -> bool:
        return [note.state for note in self.states if note.venue == venue][-1:] == ["LIVE"]


async def until(true: Callable[[], bool], what: str, within_s: float = 15.0) -> None:
    ends = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def fake(*faults: OnRequest, posts: int = 3) -> AsyncIterator[FakeText]:
    """A site where r/Bitcoin has so many posts of the last minutes, "post 1" the oldest."""
    text = MadeUpText(rate_hz=0)
    now = time.time_ns()
    for number in range(1, posts + 1):
        text.write("Bitcoin", f"post {number}", at_ns=now - (posts - number + 1) * 10 * S)
    async with FakeText(text, Faults(*faults)) as site:
        yield site


@asynccontextmanager
async def reading(options: TextOptions) -> AsyncIterator[Listener]:
    """A source at work on this process's own network, its own memory of hosts."""
    listener = Listener()
    source = TextSource(options, author_key=KEY, hosts=Hosts())
    task = asyncio.create_task(source.run(listener.notes.append))
    try:
        yield listener
    finally:
        await source.close()
        await task
