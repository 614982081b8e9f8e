"""The sockets and requests themselves; nothing else in the engine's feeds touches the network."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    ProxyError,
    WebSocketException,
)

from engine.feeds.errors import Refused
from engine.feeds.network import Reply, host_of
from engine.feeds.options import FeedOptions
from engine.feeds.proxies import unusable_proxy
from engine.feeds.refusal import refusal
from engine.text import clean

Trace = Callable[[str, dict[str, Any]], Awaitable[None]]

_AGENT = "microtui"
_MAX_BODY_BYTES = 64 * 2**20  # a whole exchangeInfo is some 20 MB
_CLOSE_TIMEOUT_S = 1.0
_TOO_BIG = 1009

# What goes wrong is said on the screen; without a handler the library would write it across it.
logging.getLogger("websockets").addHandler(logging.NullHandler())


class WebSocket:
    """One connection. Its queue has no bound here: whoever receives has to keep up, and does nothing else."""

    def __init__(self, connection: ClientConnection, host: str, options: FeedOptions) -> None:
        self._connection = connection
        self._host = host
        self._options = options

    async def receive(self) -> bytes:
        try:
            message = await self._connection.recv(decode=False)
        except ConnectionClosed as closed:
            raise Refused(self._why(closed)) from None
        return bytes(message)

    async def send(self, text: bytes) -> None:
        try:
            await self._connection.send(text, text=True)
        except ConnectionClosed as closed:
            raise Refused(self._why(closed)) from None

    async def close(self) -> None:
        await self._connection.close()

    def _why(self, closed: ConnectionClosed) -> str:
        sent, received = closed.sent, closed.rcvd
        if sent is not None and not closed.rcvd_then_sent:
            if sent.code == _TOO_BIG:
                return f"{self._host} sent a message of more than {self._options.max_frame_bytes} bytes"
            if "ping timeout" in sent.reason:
                return f"{self._host} left a ping unanswered for {self._options.ping_every_s:g} s"
            if received is None:
                return f"{self._host} did not speak WebSocket: {sent.code} {clean(sent.reason, 80)}".rstrip()
        if received is not None:
            return (
                f"{self._host} closed the connection: {received.code} {clean(received.reason, 80)}".rstrip()
            )
        return f"the connection to {self._host} broke"


class Internet:
    """`engine.feeds.network.Network` over websockets and httpx."""

    def __init__(self, options: FeedOptions) -> None:
        self._options = options
        self._http: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def connect(self, url: str) -> WebSocket:
        options, host = self._options, host_of(url)
        try:
            connection = await connect(
                url,
                compression=None,  # the exchange sends plain frames; inflating costs more than it saves
                max_size=options.max_frame_bytes,
                max_queue=None,  # a full queue would stop the pongs too
                open_timeout=options.connect_timeout_s,
                ping_interval=options.ping_every_s,
                ping_timeout=options.ping_every_s,
                close_timeout=_CLOSE_TIMEOUT_S,
                user_agent_header=_AGENT,
            )
        except InvalidStatus as error:
            answer = error.response
            headers = {name.lower(): value for name, value in answer.headers.raw_items()}
            body = bytes(answer.body or b"")
            refused = refusal(host, answer.status_code, headers, body, options.firewall_wait_s)
            raise refused or Refused(
                f"{answer.status_code}: {host} does not serve a WebSocket there"
            ) from None
        except TimeoutError:
            raise Refused(f"{host} did not answer within {options.connect_timeout_s:g} s") from None
        except ProxyError as error:
            raise Refused(f"the proxy on the way to {host} refused: {clean(str(error), 100)}") from None
        except OSError as error:  # before ValueError: a refused certificate is both
            raise Refused(_unreachable(host, error)) from None
        except (ImportError, ValueError, InvalidProxy) as error:
            raise unusable_proxy(host) or Refused(_unreachable(host, error)) from None
        except (InvalidMessage, InvalidHandshake, InvalidURI, WebSocketException) as error:
            raise Refused(f"{host} does not speak WebSocket there: {clean(str(error), 100)}") from None
        return WebSocket(connection, host, options)

    async def get(self, url: str) -> Reply:
        return await self.fetch(url, {}, _MAX_BODY_BYTES)

    async def fetch(
        self, url: str, headers: Mapping[str, str], max_bytes: int, trace: Trace | None = None
    ) -> Reply:
        """`trace` is told of every step of the way (https://www.python-httpx.org/advanced/extensions/#trace)."""
        options, host = self._options, host_of(url)
        extensions = {} if trace is None else {"trace": trace}
        client = await self._client(host)
        try:
            async with (
                asyncio.timeout(options.request_timeout_s),
                client.stream("GET", url, headers=dict(headers), extensions=extensions) as answer,
            ):
                body = await _body(answer, host, max_bytes)
                found = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(answer.status_code, found, body)
        except (TimeoutError, httpx.TimeoutException):
            raise Refused(f"{host} did not answer within {options.request_timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Refused(_unreachable(host, _cause(error))) from None

    async def _client(self, host: str) -> httpx.AsyncClient:
        """Made in a thread: reading the system's certificates takes a quarter of a second."""
        async with self._opening:
            if self._http is None:
                self._http = await asyncio.to_thread(_new_client, host, self._options)
            return self._http

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None


def _new_client(host: str, options: FeedOptions) -> httpx.AsyncClient:
    """It reads proxies and certificates from the environment at once. Raises Refused."""
    try:
        headers = {"User-Agent": _AGENT, "Accept-Encoding": "gzip"}
        return httpx.AsyncClient(headers=headers, timeout=options.request_timeout_s)
    except OSError as error:
        why = clean(error.strerror or str(error), 100)
        raise Refused(f"the certificates in SSL_CERT_FILE or SSL_CERT_DIR cannot be read: {why}") from None
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise unusable_proxy(host) or Refused(_unreachable(host, error)) from None


async def _body(answer: httpx.Response, host: str, max_bytes: int) -> bytes:
    """The whole body, unpacked here: the library would unpack a small bomb to any size before we see it."""
    packing = answer.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip", "x-gzip", ""):
        raise Refused(f"{host} answered in {clean(packing, 20)}, expected gzip or plain")
    unpacker = zlib.decompressobj(wbits=31) if "gzip" in packing else None
    body = bytearray()
    try:
        async for part in answer.aiter_raw():
            body += part if unpacker is None else unpacker.decompress(part, max_bytes + 1 - len(body))
            if len(body) > max_bytes:
                raise Refused(f"{host} answered with more than {max_bytes} bytes")
    except zlib.error as error:
        raise Refused(f"{host} answered with gzip that cannot be unpacked: {clean(str(error), 80)}") from None
    if unpacker is not None and body and not unpacker.eof:
        raise Refused(f"{host} answered with gzip that breaks off")
    return bytes(body)


def _cause(error: BaseException) -> BaseException:
    """The system's own error, which httpx and httpcore wrap several times; else the outermost."""
    inner: BaseException | None = error
    found = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            found = inner
        inner = inner.__cause__ or inner.__context__
    return found


def _unreachable(host: str, error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {host} is not valid: {clean(error.verify_message, 100)}"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and (error.errno or 0) > 0:
        text = os.strerror(error.errno or 0)  # asyncio puts the socket's address in its place
    return f"{host} cannot be reached: {clean(str(text), 100)}"
