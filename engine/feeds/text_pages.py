"""What each site's answers hold: a body in, items out. Bytes only, no network and no clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from engine.feeds.text_plain import between, plain, when_ns
from engine.feeds.text_xml import Entry, read_entries
from engine.text import clean

_REDDIT_ID = re.compile(r"t[13]_[0-9a-z]{1,13}")  # t3: a post, t1: a comment
_SUBREDDIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{1,20}")
_BETWEEN_TITLE_AND_TEXT = ".!?…:"


class Item(NamedTuple):
    """Something that was written, as its site tells of it."""

    id: str
    source: str
    written_ns: int | None  # ns UTC, None where the site does not say
    author: str  # the name: it leaves this process only as a keyed hash
    text: str  # plain, but neither cleaned nor cut
    score: int | None = None


class Page(NamedTuple):
    """An answer, read. `fault` says what was wrong with the document, `malformed` counts unreadable entries."""

    items: tuple[Item, ...]
    malformed: int = 0
    fault: str = ""


Read = Callable[[bytes], Page]


def read_subreddit(body: bytes) -> Page:
    """The Atom feed of a subreddit's newest posts: `/r/NAME/new/.rss`. Votes are not in it."""
    document = read_entries(body)
    items = [item for entry in document.entries if (item := _reddit_item(entry)) is not None]
    return Page(tuple(items), len(document.entries) - len(items), document.fault)


def read_news(body: bytes, name: str) -> Page:
    """An RSS or Atom feed of articles; `name` is what the source is called."""
    document = read_entries(body)
    items = [item for entry in document.entries if (item := _news_item(entry, name)) is not None]
    return Page(tuple(items), len(document.entries) - len(items), document.fault)


class _Day(msgspec.Struct):
    value: str
    value_classification: str
    timestamp: str


class _Index(msgspec.Struct):
    data: list[_Day]


def read_fear_greed(body: bytes) -> Page:
    """The Fear & Greed index of https://alternative.me/crypto/fear-and-greed-index/: 0 to 100, one a day."""
    try:
        days = msgspec.json.decode(body, type=_Index).data
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Page((), 1, f"expected the index as JSON: {clean(str(error), 80)}")
    items = [item for day in days if (item := _index_item(day)) is not None]
    return Page(tuple(items), len(days) - len(items))


def joined(title: str, text: str) -> str:
    """A title and the text under it as one."""
    if not title or not text:
        return title or text
    return f"{title} {text}" if title[-1] in _BETWEEN_TITLE_AND_TEXT else f"{title}. {text}"


def _reddit_item(entry: Entry) -> Item | None:
    if not _REDDIT_ID.fullmatch(entry.get("id")) or not _SUBREDDIT.fullmatch(entry.category):
        return None
    # Outside these marks stand a thumbnail, links, and "submitted by" with the author's name.
    text = plain(between(entry.get("body"), "<!-- SC_OFF -->", "<!-- SC_ON -->"))
    author = entry.get("author").removeprefix("/u/")
    written = when_ns(entry.get("published") or entry.get("updated"))
    whole = joined(" ".join(entry.get("title").split()), text)  # a title is no HTML there
    return Item(entry.get("id"), f"reddit:{entry.category}", written, author, whole)


def _news_item(entry: Entry, name: str) -> Item | None:
    title = plain(entry.get("title"))
    key = entry.get("id") or entry.get("link") or title
    if not key:
        return None
    digest = blake2b(f"{name}\n{key}".encode("utf-8", "replace"), digest_size=10).hexdigest()
    written = when_ns(entry.get("published") or entry.get("updated"))
    text = joined(title, plain(entry.get("summary") or entry.get("body")))
    return Item(f"news:{digest}", f"news:{name}", written, plain(entry.get("author")), text)


def _index_item(day: _Day) -> Item | None:
    value, at = day.value, day.timestamp
    if not (value.isascii() and value.isdigit() and len(value) <= 3 and int(value) <= 100):
        return None
    if not (at.isascii() and at.isdigit() and len(at) <= 10):
        return None
    text = f"Crypto Fear & Greed Index: {value}, {plain(day.value_classification)[:40]}"
    return Item(f"fng:{at}", "fear-greed", int(at) * 10**9, "", text, int(value))
