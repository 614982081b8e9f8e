"""An alert to a person's own webhook: one POST of JSON, its answer's status and nothing more. The only file that dials.

The address and the header are secrets: neither is logged, recorded or repeated in words, but for the host's name.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from cli.outlets import Failed
from engine.feeds.network import LOOPBACK
from engine.text import clean


class Webhook:
    """An address that was checked in the settings: https, or http to this machine."""

    def __init__(self, url: str, header: str, timeout_s: float) -> None:
        self._url = url
        self._host = clean(urlsplit(url).hostname or "", 80)
        name, _, value = header.partition(":")
        self._headers = {"Content-Type": "application/json", "User-Agent": "microtui"}
        if name.strip():
            self._headers[name.strip()] = value.strip()
        self._timeout_s = timeout_s
        self._client: httpx.Client | None = None

    def __repr__(self) -> str:
        return f"Webhook({self._host!r})"

    def tell(self, payload: bytes) -> None:
        """Raises Failed. Its body is not read: no answer is of any use."""
        try:
            client = self._opened()
            with client.stream("POST", self._url, content=payload, headers=self._headers) as answer:
                status = answer.status_code
        except httpx.TimeoutException:
            raise Failed(f"the alert webhook at {self._host} did not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError) as error:
            raise Failed(f"the alert webhook at {self._host} failed: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise Failed(f"the alert webhook at {self._host} answered with {status}")

    def _opened(self) -> httpx.Client:
        """Made once, for it reads the system's certificates; connections are not kept between alerts."""
        if self._client is None:
            self._client = httpx.Client(
                timeout=self._timeout_s,
                follow_redirects=False,  # what is sent is for this address alone
                trust_env=self._host not in LOOPBACK,  # no proxy has any business there
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        return self._client
