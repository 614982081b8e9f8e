"""One address that is asked again and again: what to send and when, and what to make of the answer. No I/O."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import NamedTuple

from engine.feeds.errors import Answer, Refused
from engine.feeds.network import Reply, host_of
from engine.feeds.text_answers import moved_to, refusal
from engine.feeds.text_options import TextOptions
from engine.feeds.text_pages import Item, Read
from engine.text import clean

_NS = 1_000_000_000
_FOR_GOOD = (301, 308)  # redirects that need not be asked for again
_VALIDATORS = (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since"))


class Request(NamedTuple):
    url: str
    headers: Mapping[str, str]


class Received(NamedTuple):
    """What an answer brought. `refused` is why it brought nothing, or not all."""

    items: tuple[Item, ...] = ()
    malformed: int = 0
    refused: Refused | None = None
    first: bool = False  # the first good answer: what it holds was written before we came


class TextFeed:
    """`due` (ns) is when it may be asked next; `trouble` what the last answer was refused for.

    `venue` is the health panel's line that it counts for, `label` its name there. Items older than
    `max_age_s` say nothing of now.
    """

    def __init__(
        self,
        venue: str,
        label: str,
        url: str,
        read: Read,
        every_s: float,
        max_age_s: float,
        options: TextOptions,
        rng: random.Random,
    ) -> None:
        self.venue = venue
        self.label = label
        self.max_age_s = max_age_s
        self.due = 0
        self.trouble: Refused | None = None
        self.answered = False  # at least once, and well
        self._first_home = self._home = self._url = url
        self._read = read
        self._every_s = every_s
        self._options = options
        self._rng = rng
        self._validators: dict[str, str] = {}
        self._failures = 0
        self._hops = 0

    @property
    def ended(self) -> bool:
        """Whether it was refused for good."""
        return self.trouble is not None and self.trouble.answer is Answer.FINAL

    def request(self) -> Request:
        headers = {"User-Agent": self._options.user_agent, **self._validators}
        return Request(self._url, headers)

    def receive(self, reply: Reply, now: int) -> Received:
        """An HTTP answer that arrived at `now`."""
        host = host_of(self._url)
        refused = refusal(host, reply, now, self._options)
        if refused is not None:
            return self.failed(refused, now)
        try:
            target = moved_to(self._url, reply)
        except Refused as nowhere:
            return self.failed(nowhere, now)
        if target is not None:
            return self._moved(target, reply.status, now)
        if reply.status == 304:
            self._succeeded(now)
            return Received()
        return self._read_body(host, reply, now)

    def failed(self, refused: Refused, now: int) -> Received:
        """No answer came, or none that can be used."""
        self._failures += 1
        self._hops = 0
        self._url = self._home = self._first_home
        self._validators = {}
        self.trouble = refused
        options = self._options
        if refused.seconds > 0:
            # A little later than asked for, each by its own measure: never earlier.
            wait_s = refused.seconds * (1 + self._rng.uniform(0, options.jitter)) + self._rng.uniform(0, 1)
        else:
            bound = options.backoff_min_s * 2.0 ** min(self._failures - 1, 30)
            wait_s = self._rng.uniform(0.5, 1.0) * min(options.backoff_max_s, bound)
        self.due = now + int(wait_s * _NS)
        return Received(refused=refused)

    def _read_body(self, host: str, reply: Reply, now: int) -> Received:
        media = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media in ("text/html", "application/xhtml+xml"):
            return self.failed(
                Refused(f"{host} answered with a web page, expected a feed; is a login page between?"), now
            )
        page = self._read(reply.body)
        first = not self.answered
        if page.fault:
            refused = Refused(f"{host} sent what cannot be read: {clean(page.fault, 120)}")
            self.failed(refused, now)
            self.answered = self.answered or bool(page.items)
            return Received(page.items, page.malformed + 1, refused, first)
        if self._url == self._home:
            self._validators = {
                ours: value
                for theirs, ours in _VALIDATORS
                if (value := _echoed(reply.headers.get(theirs, "")))
            }
        self._succeeded(now)
        return Received(page.items, page.malformed, first=first)

    def _succeeded(self, now: int) -> None:
        self._failures = self._hops = 0
        self._url = self._home
        self.trouble = None
        self.answered = True
        jitter = self._options.jitter
        self.due = now + int(self._every_s * self._rng.uniform(1 - jitter, 1 + jitter) * _NS)

    def _moved(self, target: str, status: int, now: int) -> Received:
        self._hops += 1
        if self._hops > self._options.max_redirects:
            host = host_of(self._url)
            return self.failed(
                Refused(f"{status}: {host} redirects more than {self._options.max_redirects} times"), now
            )
        if status in _FOR_GOOD and self._url == self._home:
            self._home = target
        self._url = target
        self._validators = {}
        self.due = now
        return Received()


def _echoed(value: str) -> str:
    """A validator that can be sent back as it came."""
    return value if len(value) <= 512 and value.isascii() and value.isprintable() else ""
