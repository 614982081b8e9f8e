"""What the feeds ask of a network, so that their tests can bring their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Reply(NamedTuple):
    """An HTTP answer; header names are lowercase."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Socket(Protocol):
    """One WebSocket."""

    async def receive(self) -> bytes:
        """The next whole message. Raises Refused when there will be none, with the reason in words."""

    async def send(self, text: bytes) -> None:
        """Raises Refused."""

    async def close(self) -> None: ...


class Network(Protocol):
    async def connect(self, url: str) -> Socket:
        """Raises Refused."""

    async def get(self, url: str) -> Reply:
        """Raises Refused where no HTTP answer came; every answer that came is returned."""

    async def close(self) -> None: ...


class Fetcher(Protocol):
    async def fetch(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Reply:
        """GET with these headers. Redirects are answers like any other.

        Raises Refused where no HTTP answer came, or one of more than `max_bytes` once it is unpacked.
        """

    async def close(self) -> None: ...


def host_of(url: str) -> str:
    """Host and port: what a refusal and a ban are about. A user's name and password are left out."""
    return urlsplit(url).netloc.rpartition("@")[2]


def is_here(url: str) -> bool:
    """Whether an address is this machine's own: what is served there is made up."""
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False
