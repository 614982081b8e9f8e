"""How an endpoint answers, and how fast: name, connection, encryption, first byte. For the doctor."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from engine.feeds.driver import Internet
from engine.feeds.errors import Refused
from engine.feeds.network import host_of
from engine.feeds.options import FeedOptions
from engine.text import clean

MAX_BODY_BYTES = 4 * 2**20


class Probed(NamedTuple):
    """Times in ms, None where that step was not seen. `reason`: what went wrong, empty where nothing did."""

    url: str
    reason: str = ""
    status: int = 0  # of an HTTP answer
    dns_ms: float | None = None
    tcp_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = (
        None  # from the request to the answer's head; of a WebSocket all of its opening
    )
    sent_ns: int = 0  # our clock when the request went out
    answered_ns: int = 0  # and when its answer's head was there
    date: str = ""  # the answer's Date header
    body: bytes = b""


class _Steps:
    """What httpcore tells of a request's way, as times on the monotonic clock."""

    def __init__(self) -> None:
        self.took_ms: dict[str, float] = {}
        self.sent_ns = self.answered_ns = 0
        self._began: dict[str, int] = {}

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        step, _, what = event.rpartition(".")
        step = step.rpartition(".")[2]
        now = time.monotonic_ns()
        if what == "started":
            self._began[step] = now
            if step == "send_request_headers":
                self.sent_ns = time.time_ns()
        elif what == "complete" and step in self._began:
            self.took_ms[step] = (now - self._began[step]) / 1e6
            if step == "receive_response_headers":
                self.answered_ns = time.time_ns()


async def probe_rest(internet: Internet, url: str, wait_s: float, agent: str = "") -> Probed:
    """One GET; `agent`: who asks, where the site wants to know. Never raises, and takes little more than `wait_s`."""
    deadline = asyncio.get_running_loop().time() + wait_s
    dns_ms, failed = await _resolve(url, wait_s)
    if failed:
        return Probed(url, failed)
    steps = _Steps()
    try:
        async with asyncio.timeout_at(deadline):
            reply = await internet.fetch(url, {"User-Agent": agent} if agent else {}, MAX_BODY_BYTES, steps)
    except TimeoutError:
        return Probed(url, f"{host_of(url)} did not answer within {wait_s:g} s", dns_ms=dns_ms)
    except Refused as refused:
        return Probed(url, refused.reason, dns_ms=dns_ms)
    took = steps.took_ms
    return Probed(
        url,
        "" if reply.status < 400 else f"{reply.status} from {host_of(url)}",
        reply.status,
        dns_ms,
        took.get("connect_tcp"),
        took.get("start_tls"),
        (steps.answered_ns - steps.sent_ns) / 1e6 if steps.answered_ns else None,
        steps.sent_ns,
        steps.answered_ns,
        clean(reply.headers.get("date", ""), 60),
        reply.body,
    )


async def probe_socket(internet: Internet, url: str, wait_s: float) -> Probed:
    """Open a WebSocket and leave it. Never raises, and takes little more than `wait_s`."""
    deadline = asyncio.get_running_loop().time() + wait_s
    dns_ms, failed = await _resolve(url, wait_s)
    if failed:
        return Probed(url, failed)
    began = time.monotonic_ns()
    try:
        async with asyncio.timeout_at(deadline):
            opened = await internet.connect(url)
    except TimeoutError:
        return Probed(url, f"{host_of(url)} did not answer within {wait_s:g} s", dns_ms=dns_ms)
    except Refused as refused:
        return Probed(url, refused.reason, dns_ms=dns_ms)
    took_ms = (time.monotonic_ns() - began) / 1e6
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await opened.close()
    return Probed(url, dns_ms=dns_ms, first_byte_ms=took_ms)


def patience(wait_s: float) -> FeedOptions:
    """For an `Internet` that gives up after so long."""
    return FeedOptions(connect_timeout_s=wait_s, request_timeout_s=wait_s)


async def _resolve(url: str, wait_s: float) -> tuple[float | None, str]:
    """How long the name took, and why it failed. With a proxy the name is the proxy's business.

    In a thread that nobody waits for: the system's resolver can take half a minute and cannot be called off.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    if any(scheme in proxies for scheme in ("http", "https", "all", "socks")) and not proxy_bypass(host):
        return None, ""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str] = loop.create_future()

    def tell(reason: str) -> None:
        if not done.done():
            done.set_result(reason)

    def resolve() -> None:
        try:
            socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
            reason = ""
        except (OSError, UnicodeError) as error:
            reason = (
                f"no address is known for {host}: {clean(getattr(error, 'strerror', None) or str(error), 80)}"
            )
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waited so long
            loop.call_soon_threadsafe(tell, reason)

    began = time.monotonic_ns()
    threading.Thread(target=resolve, daemon=True).start()
    try:
        reason = await asyncio.wait_for(done, wait_s)
    except TimeoutError:
        return None, f"no answer about the address of {host} within {wait_s:g} s"
    return (time.monotonic_ns() - began) / 1e6, reason
