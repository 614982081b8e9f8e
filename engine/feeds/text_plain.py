"""What a feed wraps its words in, taken off: HTML in a text, and the two ways in which feeds write a date."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_MARKUP = 20_000  # characters of HTML that are looked at for one text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
# A tag begins with a letter, "/", "!" or "?": "a < b" is none. No "<" inside keeps the search linear.
_TAG = re.compile(r"<[A-Za-z/!?][^<>]*>")
_HIDDEN = tuple(
    (re.compile(begin, re.IGNORECASE), re.compile(end, re.IGNORECASE))
    for begin, end in (("<!--", "-->"), ("<script", "</script>"), ("<style", "</style>"))
)


def plain(markup: str) -> str:
    """The words of an HTML fragment.

    >>> plain("<p>Bitcoin &amp; Ether<br/>rise</p><!-- really --> if 1 < 2")
    'Bitcoin & Ether rise if 1 < 2'
    """
    text = markup[:MAX_MARKUP]
    if "<" in text:
        for begin, end in _HIDDEN:
            text = _without(text, begin, end)
        text = _TAG.sub(" ", text)
    return " ".join(html.unescape(text).split())


def between(text: str, begin: str, end: str) -> str:
    """What stands between two marks, nothing where the first is missing."""
    _, found, rest = text.partition(begin)
    return rest.partition(end)[0] if found else ""


def when_ns(text: str) -> int | None:
    """A date as RFC 3339 (Atom) or RFC 822 (RSS) write it -> ns UTC; None where it is none, or before 2000.

    >>> when_ns("2026-11-20T10:00:00+01:00") == when_ns("Fri, 20 Nov 2026 09:00:00 GMT")
    True
    """
    text = text.strip()[:64]
    try:
        moment = datetime.fromisoformat(text) if text[:4].isdecimal() else parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        if moment < _OLDEST:
            return None
        return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _without(text: str, begin: re.Pattern[str], end: re.Pattern[str]) -> str:
    """The text without what stands between the marks; from a mark that is never closed on, without all."""
    kept: list[str] = []
    at = 0
    while start := begin.search(text, at):
        kept.append(text[at : start.start()])
        stop = end.search(text, start.end())
        if stop is None:
            return " ".join(kept)
        at = stop.end()
    kept.append(text[at:])
    return " ".join(kept)
