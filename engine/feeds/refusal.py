"""An HTTP answer that is not what was asked for: what it means, and what it asks of us.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api#http-return-codes
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.feeds.errors import Answer, Refused
from engine.text import clean

_MOST_SECONDS = 3 * 24 * 3600.0  # the longest ban that Binance documents
_UNKNOWN_SYMBOL = {-1121, -1100}  # invalid symbol; illegal characters in one


class _Error(msgspec.Struct):
    code: int
    msg: str


def refusal(
    host: str, status: int, headers: Mapping[str, str], body: bytes, firewall_wait_s: float
) -> Refused | None:
    """None for a good answer (2xx that is no HTML page)."""
    if status == 429:
        seconds = _retry_after(headers, 60.0)
        return Refused(
            f"429: too many requests, {host} asks for {seconds:g} s of silence", Answer.WAIT, seconds
        )
    if status == 418:
        seconds = _retry_after(headers, 120.0)
        return Refused(f"418: {host} has banned this address for {seconds:g} s", Answer.WAIT, seconds)
    if status == 451:
        return Refused(f"451: {host} does not serve this region", Answer.FINAL)
    if status == 403:
        reason = f"403: the firewall of {host} refuses this address"
        return Refused(reason, Answer.WAIT, _retry_after(headers, firewall_wait_s), elsewhere=True)
    if status >= 500:
        return Refused(f"{status}: {host} has trouble of its own")
    if body.lstrip()[:1] == b"<" or "text/html" in headers.get("content-type", ""):
        return Refused(
            f"{status}: {host} answered with an HTML page, expected JSON; is a proxy or a login page between?"
        )
    if 200 <= status < 300:
        return None
    try:
        error = msgspec.json.decode(body, type=_Error)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refused(f"{status}: {host} refused the request")
    answer = Answer.SYMBOL if error.code in _UNKNOWN_SYMBOL else Answer.RETRY
    return Refused(f"{status}: {host} answered {error.code}, {clean(error.msg, 100)}", answer)


def _retry_after(headers: Mapping[str, str], default: float) -> float:
    text = headers.get("retry-after", "").strip()
    seconds = float(text) if text.isascii() and text.isdigit() else 0.0
    return min(seconds, _MOST_SECONDS) or default  # to ask again at once, for ever, is what zero would mean
