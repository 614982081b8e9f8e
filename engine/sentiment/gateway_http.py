"""One request to the endpoint and its answer, bounded in time and size. The only file of the tier that dials out."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, NamedTuple

import httpx
import msgspec

from engine.feeds.proxies import unusable_proxy
from engine.sentiment.gateway_options import GatewayOptions
from engine.text import clean

MAX_BODY = 256 * 1024  # bytes; the longest honest answer is a tenth of that
READ = {200, 400, 422}  # an answer, or what is wrong with the question; others say all in their status
CONNECT_S = 10.0
LONGEST_S = 3600.0  # of a wait that an endpoint may ask for


class NotSent(Exception):
    """The endpoint has not seen the request."""


class Lost(Exception):
    """The request left, and no whole answer came: it may have been billed."""


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Choices(msgspec.Struct):
    choices: Annotated[list[_Choice], msgspec.Meta(max_length=64)]


Count = Annotated[int, msgspec.Meta(ge=0)]


class _Usage(msgspec.Struct):
    prompt_tokens: Count
    completion_tokens: Count


class _Used(msgspec.Struct):
    usage: _Usage


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def contents(self) -> list[str]:
        """What the model wrote, once a sample; nothing of an answer that is none."""
        try:
            found = msgspec.json.decode(self.body, type=_Choices)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return []
        return [choice.message.content for choice in found.choices if choice.message.content]

    def cost_micro(self, options: GatewayOptions) -> int | None:
        """What the endpoint says that it counted; None where it does not say."""
        try:
            usage = msgspec.json.decode(self.body, type=_Used).usage
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        return options.cost_micro(usage.prompt_tokens, usage.completion_tokens)

    @property
    def retry_after_s(self) -> float | None:
        """Seconds of silence that it asks for, as a number or a date (RFC 9110, 10.2.3), LONGEST_S at most."""
        said = self.headers.get("retry-after", "").strip()
        try:
            seconds = float(said)
        except ValueError:
            try:
                at = parsedate_to_datetime(said)
            except (ValueError, OverflowError):
                return None
            at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
            seconds = (at - datetime.now(UTC)).total_seconds()
        return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_S)


class Http:
    """Connections to one endpoint. For one asyncio loop."""

    def __init__(self, options: GatewayOptions) -> None:
        self._options = options
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def post(self, body: bytes, within_s: float) -> Reply:
        """The answer, whatever its status. Raises NotSent and Lost, with words for people."""
        host = self._options.host
        client = await self._opened()
        if within_s <= 0:
            raise NotSent(f"there was no time left to ask {host}")
        # Shorter than the whole, so that who cannot be reached is known not to have been.
        timeout = httpx.Timeout(None, connect=min(CONNECT_S, 0.8 * within_s))
        try:
            async with (
                asyncio.timeout(within_s),
                client.stream("POST", self._options.endpoint, content=body, timeout=timeout) as answer,
            ):
                headers = {name.lower(): value for name, value in answer.headers.items()}
                if answer.status_code not in READ:
                    return Reply(answer.status_code, headers, b"")
                packing = headers.get("content-encoding", "identity").strip().lower()
                if packing not in ("identity", ""):
                    raise Lost(f"{host} answered in {clean(packing, 20)}, expected plain")
                received = bytearray()
                async for part in answer.aiter_raw():
                    received += part
                    if len(received) > MAX_BODY:
                        raise Lost(f"{host} answered with more than {MAX_BODY} bytes")
                return Reply(answer.status_code, headers, bytes(received))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise NotSent(f"{host} cannot be reached: {clean(str(error), 100)}") from None
        except TimeoutError:
            raise Lost(f"{host} did not answer in time") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise Lost(f"the connection to {host} broke: {type(error).__name__}") from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _opened(self) -> httpx.AsyncClient:
        """Made in a thread: reading the system's certificates takes a quarter of a second."""
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(_client, self._options)
            return self._client


def _client(options: GatewayOptions) -> httpx.AsyncClient:
    headers = {"User-Agent": "microtui", "Accept-Encoding": "identity", "Content-Type": "application/json"}
    if options.key is not None:
        headers["Authorization"] = f"Bearer {options.key.value}"
    try:
        return httpx.AsyncClient(
            headers=headers,
            follow_redirects=False,  # the key is for this address alone
            trust_env=not options.here,  # no proxy has any business between this machine and itself
        )
    except (OSError, ImportError, ValueError, httpx.InvalidURL):
        why = unusable_proxy(options.host)
        raise NotSent(str(why or f"no connection to {options.host} can be prepared")) from None
