"""What a site's HTTP status asks of us: come back later, much later, elsewhere, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from engine.feeds.errors import Answer, Refused
from engine.feeds.network import Reply, host_of
from engine.feeds.text_options import TextOptions
from engine.feeds.text_plain import when_ns

MOST_WAIT_S = 3 * 24 * 3600.0
_REDIRECTS = (301, 302, 303, 307, 308)


def refusal(host: str, reply: Reply, now: int, options: TextOptions) -> Refused | None:
    """None for an answer that may be read: 200, 304 or a redirect. `now` is in ns UTC.

    A RETRY with seconds is about this address alone; a WAIT is about the whole host.
    """
    status = reply.status
    if status in (200, 304) or status in _REDIRECTS:
        return None
    asked_s = retry_after_s(reply.headers, now)
    wait_s = options.refused_wait_s if asked_s is None else asked_s
    if status == 429:
        return Refused(
            f"429: too many requests, {host} asks for {wait_s:.0f} s of silence", Answer.WAIT, wait_s
        )
    if status == 403 and asked_s is None:
        # A private subreddit answers so too: the others of the host may still be asked.
        return Refused(f"403: {host} refuses this client, or this address", seconds=wait_s)
    if status == 403:
        return Refused(f"403: {host} refuses this client", Answer.WAIT, wait_s)
    if status == 451:
        return Refused(f"451: {host} does not serve this region", Answer.FINAL)
    if status in (404, 410):
        return Refused(
            f"{status}: {host} does not have it (private, renamed or gone?)", seconds=options.gone_wait_s
        )
    if status >= 500 and asked_s is not None:
        return Refused(f"{status}: {host} asks for {asked_s:.0f} s of silence", Answer.WAIT, asked_s)
    if status >= 500:
        return Refused(f"{status}: {host} has trouble of its own")
    return Refused(f"{status}: {host} refused the request")


def moved_to(url: str, reply: Reply) -> str | None:
    """Where a redirect leads; None where the answer is none. Raises Refused for a place not to go to."""
    if reply.status not in _REDIRECTS:
        return None
    host = host_of(url)
    try:
        target = urljoin(url, reply.headers.get("location", "").strip())
        parts = urlsplit(target)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named or len(target) > 2000 or target == url or not target.isascii() or not target.isprintable():
        raise Refused(f"{reply.status}: {host} redirects to no usable address")
    if parts.scheme != "https" and parts.scheme != urlsplit(url).scheme:
        raise Refused(f"{reply.status}: {host} redirects to an address that is not https")
    return target


def retry_after_s(headers: Mapping[str, str], now: int) -> float | None:
    """Retry-After, as seconds or as a date (RFC 9110, 10.2.3); None where it does not say."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MOST_WAIT_S)
    at = when_ns(text) if text else None
    return None if at is None else min(max(0.0, (at - now) / 1e9), MOST_WAIT_S)


def quota_wait_s(headers: Mapping[str, str]) -> float:
    """Seconds of silence when Reddit's own count says that this window's requests are used up."""
    try:
        left = float(headers.get("x-ratelimit-remaining", "1"))
        reset_s = float(headers.get("x-ratelimit-reset", "0"))
    except ValueError:
        return 0.0
    return min(reset_s, 900.0) if left < 1 and reset_s > 0 else 0.0
