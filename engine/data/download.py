"""Files over HTTP: small ones at once, large ones in pieces that outlast a broken connection.

The only file of this room that dials out. One request at a time over one connection; a host that asks for silence
(429, 503 with Retry-After) gets it.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx

from engine.data.errors import DataError, NotThere
from engine.data.fetch import Progress
from engine.feeds.network import host_of
from engine.feeds.proxies import unusable_proxy
from engine.text import clean

AGENT = "microtui"
TIMEOUT_S = 20.0  # for a connection, and between two pieces of a file
MAX_SMALL_BYTES = 4096
MAX_LARGE_BYTES = 4 << 30
TRIES = 5  # in a row that bring nothing
LONGEST_WAIT_S = 60.0
T = TypeVar("T")


class _Again(Exception):
    """The request may be answered later; after so many seconds."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Downloads:
    """HTTP GET with patience. Raises DataError, with the host and the reason in words."""

    def __init__(self, wait: Callable[[float], None] = time.sleep, timeout_s: float = TIMEOUT_S) -> None:
        self._wait = wait
        headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
        try:
            self._client = httpx.Client(headers=headers, timeout=timeout_s)
        except OSError as error:
            raise DataError(f"the certificates of this machine cannot be read: {error}") from None
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise DataError(str(unusable_proxy("the dumps") or error)) from None

    def close(self) -> None:
        self._client.close()

    def small(self, url: str) -> bytes:
        """A whole answer of at most 4 KB."""

        def ask() -> bytes:
            with self._answer(url, {}) as answer:
                body = b""
                for piece in answer.iter_raw():
                    body += piece
                    if len(body) > MAX_SMALL_BYTES:
                        raise DataError(f"{host_of(url)} answered with more than {MAX_SMALL_BYTES} bytes")
                return body

        return self._asked(url, ask)

    def there(self, url: str) -> bool:
        """Whether the host has such a file, of which no more than the beginning is asked for."""

        def ask() -> bool:
            try:
                with self._answer(url, {}):
                    return True
            except NotThere:
                return False

        return self._asked(url, ask)

    def _asked(self, url: str, ask: Callable[[], T]) -> T:
        """What it gives, with patience."""
        for number in range(TRIES):
            try:
                return ask()
            except _Again as again:
                self._rest(url, number, again)
        raise AssertionError  # the last rest raises

    def large(self, url: str, part: Path, progress: Progress) -> bool:
        """Fetch into `part`, going on behind what it holds. True where it held something."""
        went_on = part.exists() and part.stat().st_size > 0
        tries = 0
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                self._piecewise(url, part, before, progress)
                return went_on
            except _Again as again:
                came = part.exists() and part.stat().st_size > before
                tries = 0 if came else tries + 1
                self._rest(url, tries, again)

    def _piecewise(self, url: str, part: Path, held: int, progress: Progress) -> None:
        headers = {"Range": f"bytes={held}-"} if held else {}
        with self._answer(url, headers) as answer:
            if answer.status_code == 416:
                if _total(answer) == held:
                    return
                part.unlink()
                raise _Again("what was here does not fit what is there", 0.0)
            at = held if answer.status_code == 206 and _begins_at(answer) == held else 0
            if answer.status_code == 206 and at != held:
                raise DataError(f"{host_of(url)} answered another part of the file than was asked for")
            total = _total(answer) if answer.status_code == 206 else _length(answer)
            if max(total or 0, at) > MAX_LARGE_BYTES:
                raise DataError(f"{url} is larger than {MAX_LARGE_BYTES:,} bytes, which no dump is")
            with part.open("r+b" if at else "wb") as file:
                file.seek(at)
                for piece in answer.iter_raw():
                    file.write(piece)
                    at += len(piece)
                    if at > MAX_LARGE_BYTES:
                        raise DataError(f"{url} is larger than {MAX_LARGE_BYTES:,} bytes, which no dump is")
                    progress(at, total)
                file.flush()

    @contextmanager
    def _answer(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """A good answer, still to be read. What goes wrong, then or while it is read, is _Again or DataError."""
        host = host_of(url)
        try:
            with self._client.stream("GET", url, headers=headers) as answer:
                _refuse(answer, host)
                yield answer
        except httpx.TimeoutException:
            raise _Again(f"{host} did not answer in time") from None
        except httpx.RemoteProtocolError:
            raise _Again(f"the connection to {host} broke") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            cause = _cause(error)
            if isinstance(cause, ssl.SSLCertVerificationError):
                why = clean(cause.verify_message, 100)
                raise DataError(f"the certificate of {host} is not valid: {why}") from None
            why = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
            raise _Again(f"{host} cannot be reached: {clean(why, 100)}") from None

    def _rest(self, url: str, tries: int, again: _Again) -> None:
        """Before the next try; raises after the last one."""
        if tries >= TRIES - 1:
            raise DataError(
                f"{again}; {TRIES} tries in a row brought nothing. What came is kept: run it again to go on"
            )
        if again.after_s is not None and again.after_s > LONGEST_WAIT_S:
            raise DataError(f"{again}; it asks to be left alone for {again.after_s:.0f} s: run it again then")
        self._wait(again.after_s if again.after_s is not None else min(0.5 * 2**tries, LONGEST_WAIT_S))


def _refuse(answer: httpx.Response, host: str) -> None:
    """Raises what an answer means that brings no file."""
    status = answer.status_code
    if status in (200, 206, 416):
        return
    if status == 404:
        raise NotThere(f"404 from {host}")
    if status in (403, 451):
        raise DataError(f"{status}: {host} refuses this machine or its region; set data.url to a mirror")
    if status == 429 or status >= 500:
        raise _Again(f"{status}: {host} cannot answer now", _retry_after_s(answer))
    where = answer.headers.get("location", "")
    to = f", which points to {clean(where, 80)}" if where else ""
    raise DataError(f"expected a file from {host}, found status {status}{to}; check data.url")


def _retry_after_s(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if re.fullmatch(r"\d{1,6}", text) else None


def _length(answer: httpx.Response) -> int | None:
    text = answer.headers.get("content-length", "")
    return int(text) if re.fullmatch(r"\d{1,15}", text) else None


def _content_range(answer: httpx.Response) -> tuple[int | None, int | None]:
    """(first byte, bytes in all) of `bytes 100-199/1000` or `bytes */1000`."""
    found = re.fullmatch(
        r"bytes (?:(\d{1,15})-\d{1,15}|\*)/(\d{1,15}|\*)", answer.headers.get("content-range", "")
    )
    if found is None:
        return None, None
    first, total = found[1], found[2]
    return (int(first) if first else None), (int(total) if total != "*" else None)


def _begins_at(answer: httpx.Response) -> int | None:
    return _content_range(answer)[0]


def _total(answer: httpx.Response) -> int | None:
    return _content_range(answer)[1]


def _cause(error: BaseException) -> BaseException:
    """The system's own error, which httpx and httpcore wrap several times; else the outermost."""
    inner: BaseException | None = error
    found = error
    while inner is not None:
        if isinstance(inner, OSError) and (inner.strerror or isinstance(inner, ssl.SSLError)):
            found = inner
        inner = inner.__cause__ or inner.__context__
    return found
