"""From an item of a site to the note that is recorded: known before or not, dated, cleaned, without names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from hashlib import blake2b

from engine.events import Post
from engine.feeds.text_health import Count
from engine.feeds.text_options import TextOptions
from engine.feeds.text_pages import Item
from engine.sentiment.assets import assets_of, implied_by
from engine.sentiment.duplicates import SeenIds
from engine.sentiment.posts import post_text
from engine.text import clean

_NS = 1_000_000_000
_MENTION = re.compile(r"(?:reddit\.com/u(?:ser)?/|(?<![\w/])/?u/)[A-Za-z0-9_-]{3,20}", re.IGNORECASE)


class Posts:
    """Remembers what came before. `author_key` makes the hash of a name: with another key, another hash.

    `met` hears the hash and the name of whoever wrote a Reddit post that is kept; elsewhere authors are people's
    names, or newsrooms, and say nothing of an account.
    """

    def __init__(
        self, options: TextOptions, author_key: bytes, met: Callable[[str, str], None] | None = None
    ) -> None:
        self._options = options
        self._key = author_key
        self._met = met
        self._seen: dict[str, SeenIds] = {}  # by site: none can make us forget another's

    def take(
        self, items: Iterable[Item], now: int, oldest: int, count: Count, first: bool = False
    ) -> list[Post]:
        """The posts that are new, oldest first. Written before `oldest` (ns UTC), an item is passed over.

        An item without a date is as old as its arrival, except in a `first` answer, where nobody knows. One
        dated in the future is dated by its arrival, and counted as malformed where no clock is so wrong.
        """
        posts: list[Post] = []
        for item in items:
            written = None if self._known(item) else self._when(item, now, first, count)
            text = "" if written is None or written < oldest else self._text(item)
            if written is None or not text:
                count.ignored += 1
                continue
            posts.append(self._post(item, text, written))
        posts.sort(key=lambda post: post.ts_event)
        count.posts += len(posts)
        return posts

    def _known(self, item: Item) -> bool:
        site = item.source.partition(":")[0]
        return self._seen.setdefault(site, SeenIds(self._options.ids_kept)).add(item.id)

    def _when(self, item: Item, now: int, first: bool, count: Count) -> int | None:
        if item.written_ns is None:
            return None if first else now
        count.malformed += item.written_ns - now > self._options.ahead_s * _NS
        return min(item.written_ns, now)

    def _text(self, item: Item) -> str:
        # A name that somebody is called by in a text is as much a name as the author's.
        line = _MENTION.sub("u/…", post_text(item.text))
        limit = self._options.max_text
        return line if len(line) <= limit else line[: limit - 1] + "…"

    def _post(self, item: Item, text: str, written_ns: int) -> Post:
        author = self.author(item)
        if author and self._met is not None and item.source.startswith("reddit:"):
            self._met(author, item.author.strip())
        return Post(
            id=item.id,
            source=clean(item.source, 60),
            ts_event=written_ns,
            text=text,
            author=author,
            assets=assets_of(text) or implied_by(item.source),
            score=item.score,
        )

    def author(self, item: Item) -> str:
        """The same 16 digits for the same name at the same site; empty where there is no name."""
        name = item.author.strip().lower()
        if not name:
            return ""
        site = item.source.partition(":")[0]
        whole = f"{site}:{name}".encode("utf-8", "replace")
        return blake2b(whole, key=self._key[:64], digest_size=8).hexdigest()
