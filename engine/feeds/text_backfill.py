"""What the sources still offer of the past: page after page, until they have no more or it is old enough."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from engine.events import Post
from engine.feeds.backoff import Backoff
from engine.feeds.errors import Answer, Refused
from engine.feeds.hosts import Hosts
from engine.feeds.network import Fetcher, host_of
from engine.feeds.reddit_api import RedditApi
from engine.feeds.text_feed import Received, TextFeed
from engine.feeds.text_health import Count
from engine.feeds.text_options import RedditKeys, TextOptions
from engine.feeds.text_pages import Item, Read, read_fear_greed, read_news, read_subreddit
from engine.feeds.text_poller import Poller
from engine.feeds.text_posts import Posts
from engine.feeds.text_source import news_name
from engine.ports import Clock

PAGE = 100  # the most that Reddit gives at once
PAGES = 20  # Reddit keeps the newest thousand posts of a place, ten pages
TRIES = 3  # of one page
PATIENCE_S = 120.0  # the longest silence that is waited out

_DAY_NS = 86_400 * 10**9


class Told(NamedTuple):
    """How one source did: posts found, the oldest date among all that it offered (ns UTC), and its trouble."""

    label: str
    posts: int
    oldest_ns: int | None
    refused: Refused | None


class Backfill:
    """`run` gives posts to `put`, those of a page oldest first, and an account of each source to `say`.

    `met` hears of Reddit's authors, by hash and name.
    """

    def __init__(
        self,
        options: TextOptions,
        network: Fetcher,
        clock: Clock,
        hosts: Hosts,
        author_key: bytes,
        met: Callable[[str, str], None] | None = None,
    ) -> None:
        self._options = options
        self._clock = clock
        self._rng = random.Random()
        self._posts = Posts(options, author_key, met)
        self._away: set[str] = set()  # hosts that did not answer however often they were asked
        self._poller = Poller(network, clock, options, hosts, lambda *_: None)

    async def run(self, since_ns: int, put: Callable[[Post], None], say: Callable[[Told], None]) -> None:
        options = self._options
        if options.fear_greed:
            days = (self._clock.now() - since_ns) // _DAY_NS + 2
            url = f"{options.fear_greed}{'&' if '?' in options.fear_greed else '?'}limit={days}"
            say(await self._pages("fear-greed", url, read_fear_greed, since_ns, put))
        for url in options.news:
            name = news_name(url)
            say(await self._pages(name, url, partial(read_news, name=name), since_ns, put))
        keys = options.keys
        for name in options.subreddits if options.reddit else ():
            if keys is not None:
                told = await self._by_api(name, keys, since_ns, put)
                say(told)
                if told.refused is None or told.refused.answer is not Answer.FINAL:
                    continue
                keys = None
            url = f"{options.reddit.rstrip('/')}/r/{name}/new/.rss?limit={PAGE}"
            say(await self._pages(f"r/{name}", url, read_subreddit, since_ns, put, "after"))

    async def _by_api(self, name: str, keys: RedditKeys, since_ns: int, put: Callable[[Post], None]) -> Told:
        count, dates = Count(name), [self._clock.now()]

        def take(items: list[Item]) -> None:
            dates.extend(item.written_ns for item in items if item.written_ns is not None)
            for post in self._posts.take(items, self._clock.now(), since_ns, count):
                put(post)

        api = RedditApi(self._options, keys, Backoff(self._rng, 0.0, 0.0))
        refused = await api.past(name, since_ns, take)
        return Told(f"r/{name}", count.posts, min(dates) if count.posts else None, refused)

    async def _pages(
        self,
        label: str,
        url: str,
        read: Read,
        since_ns: int,
        put: Callable[[Post], None],
        cursor: str = "",
    ) -> Told:
        """`cursor` is the parameter that asks for what follows an id; without one there is a single page."""
        count, oldest = Count(label), None
        page_url = url
        for _ in range(PAGES if cursor else 1):
            received = await self._page(label, page_url, read)
            dates = [item.written_ns for item in received.items if item.written_ns is not None]
            oldest = min([*dates, *([] if oldest is None else [oldest])], default=None)
            known = count.ignored
            for post in self._posts.take(received.items, self._clock.now(), since_ns, count, first=True):
                put(post)
            if received.refused is not None:
                return Told(label, count.posts, oldest, received.refused)
            all_known = count.ignored - known == len(received.items)
            if not cursor or all_known or not dates or min(dates) < since_ns:
                break
            page_url = f"{url}&{cursor}={received.items[-1].id}"
        return Told(label, count.posts, oldest, None)

    async def _page(self, label: str, url: str, read: Read) -> Received:
        """A page, asked for again where that helps, redirects followed."""
        feed = TextFeed("", label, url, read, 0.0, 0.0, self._options, self._rng)
        host = host_of(url)
        tries = TRIES - 1 if host in self._away else 0
        while True:
            received = await self._poller.ask(feed)
            refused = received.refused
            if refused is None and feed.answered:
                return received
            if refused is not None:
                tries += 1
                wait_s = (feed.due - self._clock.now()) / 1e9
                if tries >= TRIES or refused.answer is Answer.FINAL or wait_s > PATIENCE_S:
                    if tries >= TRIES:
                        self._away.add(host)
                    return received
                await self._clock.sleep(max(0.0, wait_s))
