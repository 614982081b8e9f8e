"""All text sources together, beside any market: posts as they are written, and how each site is doing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from engine.events import FeedCount, FeedStatus, Post
from engine.feeds.backoff import Backoff
from engine.feeds.clock import SystemClock
from engine.feeds.driver import Internet
from engine.feeds.errors import Answer, Refused
from engine.feeds.hosts import PROCESS_HOSTS, Hosts
from engine.feeds.network import Fetcher, host_of
from engine.feeds.options import FeedOptions
from engine.feeds.reddit_api import RedditApi
from engine.feeds.states import ConnectionState
from engine.feeds.text_feed import Received, TextFeed
from engine.feeds.text_health import Count, status
from engine.feeds.text_options import RedditKeys, TextOptions
from engine.feeds.text_pages import Item, Read, read_fear_greed, read_news, read_subreddit
from engine.feeds.text_poller import Poller
from engine.feeds.text_posts import Posts
from engine.ports import Clock
from engine.sentiment.authors import Authors
from engine.text import clean

_NS = 1_000_000_000
_INDEX_MAX_AGE_S = 2 * 24 * 3600.0  # the index of a day holds until the next

Put = Callable[[Post | FeedStatus | FeedCount], None]


def feeds_of(options: TextOptions, rng: random.Random) -> list[TextFeed]:
    """The feeds that need no key, in the order of the health panel."""
    feeds: list[TextFeed] = []

    def add(venue: str, label: str, url: str, read: Read, every_s: float, max_age_s: float) -> None:
        feeds.append(TextFeed(venue, label, url, read, every_s, max_age_s, options, rng))

    for name in options.subreddits if options.reddit else ():
        url = f"{options.reddit.rstrip('/')}/r/{name}/new/.rss"
        add("reddit", f"r/{name}", url, read_subreddit, options.reddit_every_s, options.max_age_s)
    for url in options.news:
        name = news_name(url)
        read = partial(read_news, name=name)
        add("news", name, url, read, options.news_every_s, options.max_age_s)
    if options.fear_greed:
        every_s = options.fear_greed_every_s
        add("fear-greed", "index", options.fear_greed, read_fear_greed, every_s, _INDEX_MAX_AGE_S)
    return feeds


def news_name(url: str) -> str:
    """What a news site is called: the part of its host before the last dot, such as coindesk."""
    host = host_of(url).partition(":")[0]
    if host.replace(".", "").isdigit():
        return host
    parts = host.split(".")
    return parts[-2] if len(parts) > 1 else host


class TextSource:
    """`run` gives posts and notes to `put`, in the loop that runs it. `author_key` hides the authors' names.

    `authors` hears who writes, by hash, and what Reddit tells of them, where there are keys.
    """

    def __init__(
        self,
        options: TextOptions,
        clock: Clock | None = None,
        *,
        author_key: bytes,
        authors: Authors | None = None,
        network: Fetcher | None = None,
        hosts: Hosts | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._options = options
        self._clock = clock or SystemClock()
        self._own = Internet(FeedOptions(request_timeout_s=options.request_timeout_s))
        self._network: Fetcher = network or self._own
        self._hosts = hosts or PROCESS_HOSTS
        self._rng = rng or random.Random()
        self._posts = Posts(options, author_key, self._met)
        self._authors = authors
        self._api: RedditApi | None = None  # while it is Reddit's API that is read
        self._feeds = feeds_of(options, self._rng)
        self._counts = {feed.venue: Count(feed.venue) for feed in self._feeds}
        self._said: dict[str, FeedStatus] = {}
        self._counted: dict[str, FeedCount] = {}
        self._remark = ""  # why Reddit is read without the keys that there are
        self._task: asyncio.Task[None] | None = None

    async def run(self, put: Put) -> None:
        """Until closed or cancelled. What a site does wrong is told in a FeedStatus and raises nothing."""
        self._task = asyncio.create_task(self._run(put))
        try:
            await asyncio.wait({self._task})
        finally:
            await self.close()
        if not self._task.cancelled() and (broken := self._task.exception()) is not None:
            # A fault of ours: whoever looks at the health panel is to see that nothing more comes.
            for venue in self._counts:
                reason = f"reading text failed and has ended: {clean(repr(broken), 120)}"
                self._say(put, FeedStatus(venue, ConnectionState.BLOCKED, reason=reason))
            raise broken

    async def close(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._own.close()

    async def _run(self, put: Put) -> None:
        for venue in self._counts:
            self._say(put, status(venue, self._of(venue)))
        poller = Poller(self._network, self._clock, self._options, self._hosts, partial(self._take, put))
        keys = self._options.keys if self._of("reddit") else None
        async with asyncio.TaskGroup() as tasks:
            if keys is not None:
                tasks.create_task(self._with_keys(keys, poller, put))
            tasks.create_task(
                poller.run([feed for feed in self._feeds if keys is None or feed.venue != "reddit"])
            )

    async def _with_keys(self, keys: RedditKeys, poller: Poller, put: Put) -> None:
        """Reddit's API; where it refuses the keys for good, the public feeds."""
        options = self._options
        backoff = Backoff(self._rng, options.backoff_min_s, options.backoff_max_s)
        self._api = RedditApi(options, keys, backoff, self._authors)
        refused = await self._api.run(partial(self._take_items, put), partial(self._say_of_api, put))
        self._api = None
        if refused is not None:
            self._remark = f"{refused.reason}; reading the public feeds"
        await poller.run(self._of("reddit"))

    def _met(self, author: str, name: str) -> None:
        if self._authors is None:
            return
        self._authors.met(author, name)
        if self._api is not None and self._authors.wants(author):
            self._api.ask_about(author, name)

    def _take_items(self, put: Put, items: Sequence[Item]) -> None:
        """From Reddit's API, which counts no bytes."""
        now = self._clock.now()
        oldest = now - int(self._options.max_age_s * _NS)
        for post in self._posts.take(items, now, oldest, self._counts["reddit"]):
            put(post)

    def _say_of_api(self, put: Put, refused: Refused | None) -> None:
        """After every round of requests."""
        count = self._counts["reddit"]
        count.failures += refused is not None
        self._tell(put, count)
        if refused is None:
            self._say(put, FeedStatus("reddit", ConnectionState.LIVE))
            return
        blocked = refused.answer is not Answer.RETRY
        state = ConnectionState.BLOCKED if blocked else ConnectionState.BACKOFF
        final = refused.answer is Answer.FINAL
        retry_at = None if final else self._clock.now() + int(refused.seconds * _NS)
        self._say(put, FeedStatus("reddit", state, reason=refused.reason, retry_at_ns=retry_at))

    def _take(self, put: Put, feed: TextFeed, received: Received, size: int, now: int) -> None:
        count = self._counts[feed.venue]
        count.bytes += size
        count.malformed += received.malformed
        count.failures += received.refused is not None
        oldest = now - int(feed.max_age_s * _NS)
        for post in self._posts.take(received.items, now, oldest, count, received.first):
            put(post)
        self._say(put, status(feed.venue, self._of(feed.venue)))
        self._tell(put, count)

    def _say(self, put: Put, note: FeedStatus) -> None:
        if note.venue == "reddit" and self._remark:
            note = msgspec.structs.replace(note, reason="; ".join(filter(None, (self._remark, note.reason))))
        if self._said.get(note.venue) != note:
            self._said[note.venue] = note
            put(note)

    def _tell(self, put: Put, count: Count) -> None:
        note = count.note()
        if self._counted.get(note.venue, FeedCount(note.venue)) != note:
            self._counted[note.venue] = note
            put(note)

    def _of(self, venue: str) -> list[TextFeed]:
        return [feed for feed in self._feeds if feed.venue == venue]
