"""Reddit's API through praw, for those who have keys: new posts and comments, read only, in a thread of its own.

praw does its own blocking I/O, so it lives in a thread and hands items over through a bounded queue: when
nobody takes them, it waits and asks later. It is imported in that thread, when there are keys.

After each round of posts the same thread asks about some of their authors, the latest first: what an account is like
says whether a person is behind it. Posts never wait for that, and trouble with it is no trouble of theirs.
"""

from __future__ import annotations

import asyncio
import html
import logging
import math
import os
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.feeds.backoff import Backoff
from engine.feeds.errors import Answer, Refused
from engine.feeds.network import host_of
from engine.feeds.text_answers import retry_after_s
from engine.feeds.text_options import RedditKeys, TextOptions
from engine.feeds.text_pages import Item, joined
from engine.sentiment.authors import Authors, Profile, reddit_profile

if TYPE_CHECKING:
    import praw

_ID = re.compile(r"t[13]_[0-9a-z]{1,13}")
_NAME = re.compile(r"[A-Za-z0-9_-]{3,20}")
# With two requests for posts every 5 s that makes 72 of the hundred a minute.
AUTHORS_A_ROUND = 4
AUTHORS_WAITING = 500  # beyond them the one who waits longest is not asked about
_AUTHORS_REST_S = (60.0, 3600.0)  # after trouble: at first, and at most
_AT_ONCE = 50  # items between two looks at the loop: some 3 ms
_CLOSE_S = 1.0  # a request under way is not waited for any longer

# What goes wrong is said on the screen; without handlers these would write it across it.
for _name in ("praw", "prawcore", "urllib3"):
    logging.getLogger(_name).addHandler(logging.NullHandler())

Take = Callable[[list[Item]], None]
Say = Callable[[Refused | None], None]


class _Learned(NamedTuple):
    author: str  # the hash
    profile: Profile


class _End(NamedTuple):
    """The thread has nothing more to say; why, if not because all was said."""

    refused: Refused | None


_Message = Item | Refused | _Learned | _End | None


class RedditApi:
    """One use of the API: `run` for what is written from now on, or `past` for what was.

    Accounts that `ask_about` names are told to `authors`, with `run` alone.
    """

    def __init__(
        self, options: TextOptions, keys: RedditKeys, backoff: Backoff, authors: Authors | None = None
    ) -> None:
        self._options = options
        self._keys = keys
        self._backoff = backoff
        self._authors = authors
        self._wanted: deque[tuple[str, str]] = deque(maxlen=AUTHORS_WAITING)  # hash and name
        self._rest_s, self._resting_until = 0.0, 0.0  # of asking about authors, on the monotonic clock
        self._queue: queue.Queue[_Message] = queue.Queue(options.queue_posts)
        self._stop = threading.Event()
        self._wake = asyncio.Event()

    async def run(self, take: Take, say: Say) -> Refused | None:
        """Items to `take`; after every round, what went wrong (None: nothing) to `say`.

        Until cancelled, or refused for good: what for is returned.
        """
        return await self._listen(self._follow, take, say)

    def ask_about(self, author: str, name: str) -> None:
        """What Reddit tells of an account is wanted, as soon as there is time. The name is forgotten thereafter."""
        if _NAME.fullmatch(name):
            self._wanted.append((author, name))

    async def past(self, place: str, since_ns: int, take: Take) -> Refused | None:
        """The posts and comments of a subreddit since then, as far as Reddit has them; what went wrong."""
        return await self._listen(partial(self._look_back, place, since_ns), take, lambda _: None)

    async def _listen(self, work: Callable[[], Refused | None], take: Take, say: Say) -> Refused | None:
        self._loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._work, args=(work,), name="reddit-api", daemon=True)
        thread.start()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while not self._queue.empty():
                    if end := self._hand_over(take, say):
                        return end.refused
                    await asyncio.sleep(0)
        finally:
            self._stop.set()
            await asyncio.shield(asyncio.to_thread(thread.join, _CLOSE_S))

    def _hand_over(self, take: Take, say: Say) -> _End | None:
        """Some of what is in the queue."""
        items: list[Item] = []
        for _ in range(min(_AT_ONCE, self._queue.qsize())):
            found = self._queue.get_nowait()
            if isinstance(found, Item):
                items.append(found)
                continue
            take(items)
            items = []
            if isinstance(found, _End):
                return found
            if isinstance(found, _Learned):
                if self._authors is not None:
                    self._authors.learned(*found)
                continue
            say(found)
        take(items)
        return None

    # In the thread --------------------------------------------------------------------------------

    def _work(self, work: Callable[[], Refused | None]) -> None:
        self._put(_End(work()))

    def _follow(self) -> Refused | None:
        """Round after round, until it is refused for good or told to stop."""
        streams: list[Iterator[Any]] = []
        client: praw.Reddit | None = None
        while not self._stop.is_set():
            try:
                client = client or self._client()
                streams = streams or self._streams(client)
                for stream in streams:
                    self._put_all(stream)
                self._look_at_authors(client)
            except Exception as error:
                # praw, prawcore and requests raise of many kinds, and a stream that raised has ended.
                streams = []
                refused = explained(error, self._options)
                wait_s = refused.seconds or self._backoff.next_s() + self._options.backoff_min_s
                told = Refused(refused.reason, refused.answer, wait_s)
                self._put(told)
                if told.answer is Answer.FINAL:
                    return told
                self._stop.wait(wait_s)
            else:
                self._backoff.reset()
                self._put(None)
                self._stop.wait(self._options.api_every_s)
        return None

    def _look_back(self, name: str, since_ns: int) -> Refused | None:
        try:
            place = self._client().subreddit(name)
            for listing in (place.new(limit=None), place.comments(limit=None)):
                self._put_all(listing, since_ns)
        except Exception as error:
            return explained(error, self._options)
        return None

    def _put_all(self, things: Iterator[Any], since_ns: int = 0) -> None:
        """Up to a None, which ends a stream's response, or up to what is older."""
        for thing in things:
            if thing is None or self._stop.is_set():
                return
            item = item_of(vars(thing))
            if item is not None and (item.written_ns or 0) < since_ns:
                return
            if item is not None:
                self._put(item)

    def _look_at_authors(self, client: praw.Reddit) -> None:
        """Of some who wait. Raises what means that Reddit wants to hear nothing at all."""
        for _ in range(AUTHORS_A_ROUND):
            if self._stop.is_set() or not self._wanted or time.monotonic() < self._resting_until:
                return
            author, name = self._wanted.pop()
            try:
                told = client.request(method="GET", path=f"user/{name}/about")
            except Exception as error:
                status = getattr(getattr(error, "response", None), "status_code", None)
                if status in (401, 429):
                    raise
                if status not in (403, 404):  # those mean an account that is gone, or hidden
                    first_s, most_s = _AUTHORS_REST_S
                    self._rest_s = min(most_s, max(first_s, 2 * self._rest_s))
                    self._resting_until = time.monotonic() + self._rest_s
                    return
                told = {}
            self._rest_s = 0.0
            data = told.get("data") if isinstance(told, Mapping) else None
            profile = reddit_profile(data if isinstance(data, Mapping) else {})
            if self._authors is not None:
                self._authors.keep(author, profile)
            self._put(_Learned(author, profile))

    def _client(self) -> praw.Reddit:
        # praw warns on stderr, across the screen, of a praw.ini that names other endpoints. Those are not
        # used: ours are passed below, and what is passed wins.
        os.environ.setdefault("PRAW_ALLOW_ENDPOINT_OVERRIDE", "1")
        import praw

        options = self._options
        client = praw.Reddit(
            client_id=self._keys.client_id,
            client_secret=self._keys.client_secret,
            user_agent=options.user_agent,
            reddit_url=options.reddit.rstrip("/"),
            oauth_url=options.reddit_oauth.rstrip("/"),
            timeout=math.ceil(options.request_timeout_s),
            check_for_updates=False,
            check_for_async=False,
        )
        client.read_only = True  # whatever a praw.ini or the environment may say of a user
        return client

    def _streams(self, client: praw.Reddit) -> list[Iterator[Any]]:
        place = client.subreddit("+".join(self._options.subreddits))
        # -1: give None after every response, so that one thread can serve both in turn.
        return [place.stream.submissions(pause_after=-1), place.stream.comments(pause_after=-1)]

    def _put(self, message: _Message) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(message, timeout=0.1)
                self._loop.call_soon_threadsafe(self._wake.set)
            except queue.Full:
                continue
            except RuntimeError:  # the loop has gone, and with it whoever would listen
                self._stop.set()
            return


def item_of(thing: dict[str, Any]) -> Item | None:
    """A submission or comment from what the listing said of it: nothing here makes praw ask again."""
    name, at, score = thing.get("name"), thing.get("created_utc"), thing.get("score")
    place = getattr(thing.get("subreddit"), "display_name", None)
    if not isinstance(name, str) or not _ID.fullmatch(name) or not isinstance(place, str):
        return None
    if not isinstance(at, int | float) or not 0 < at < 1e11:
        return None
    author = getattr(thing.get("author"), "name", None)  # None: deleted
    title, text = (_text(thing.get("title")), _text(thing.get("selftext")))
    return Item(
        id=name,
        source=f"reddit:{place}",
        written_ns=int(at * 1000) * 1_000_000,
        author=author if isinstance(author, str) else "",
        text=_text(thing.get("body")) if name.startswith("t1_") else joined(title, text),
        score=score if isinstance(score, int) else None,
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or value in ("[deleted]", "[removed]"):
        return ""
    return " ".join(html.unescape(value).split())


def explained(error: Exception, options: TextOptions) -> Refused:
    """What praw's error means, in words that hold no key: the error's own text may name the request."""
    host = host_of(options.reddit_oauth)
    if isinstance(error, ImportError):
        return Refused(
            "Reddit keys are set, but praw is not installed: pip install 'microtui[reddit]'", Answer.FINAL
        )
    kind = type(error).__name__
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if kind in ("OAuthException", "InvalidToken") or status in (400, 401):
        return Refused(
            f"{status}: {host_of(options.reddit)} refuses the keys; check sources.reddit.client_id and "
            "client_secret (new keys need Reddit's approval)",
            Answer.FINAL,
        )
    if response is not None and status == 429:
        asked_s = retry_after_s(response.headers, time.time_ns())
        wait_s = options.refused_wait_s if asked_s is None else asked_s
        return Refused(
            f"429: too many requests, {host} asks for {wait_s:.0f} s of silence", Answer.WAIT, wait_s
        )
    if status == 403:
        return Refused(
            f"403: {host} refuses; is one of the subreddits private?", Answer.WAIT, options.refused_wait_s
        )
    if status in (302, 404):
        return Refused(f"{status}: {host} does not know one of the subreddits", seconds=options.gone_wait_s)
    if kind == "BadJSON":
        return Refused(f"{host} answered with something else than JSON")
    if status is not None:
        return Refused(f"{status}: {host} has trouble of its own")
    if kind == "RequestException":
        why = type(getattr(error, "original_exception", error)).__name__
        return Refused(f"{host} cannot be reached: {why}")
    return Refused(f"the Reddit client failed: {kind}")
