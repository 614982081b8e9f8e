"""What the driver adds for feeds: headers of their own, bounds on what comes, and packing it can bound too."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.feeds.driver import Internet
from engine.feeds.errors import Refused
from engine.feeds.network import Reply
from engine.feeds.options import FeedOptions


@asynccontextmanager
async def answering(body: bytes, headers: str = "") -> AsyncIterator[tuple[str, list[bytes]]]:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 200 OK\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


async def fetched(host: str, max_bytes: int = 1000, **headers: str) -> Reply:
    network = Internet(FeedOptions(request_timeout_s=5.0))
    try:
        return await network.fetch(f"http://{host}/", headers, max_bytes)
    finally:
        await network.close()


async def test_a_feeds_headers_are_sent():
    async with answering(b"x") as (host, heard):
        await fetched(host, **{"User-Agent": "me", "If-None-Match": '"a"'})
    lines = heard[0].decode().split("\r\n")
    assert {"User-Agent: me", 'If-None-Match: "a"', "Accept-Encoding: gzip"} <= set(lines)


@pytest.mark.parametrize("packing", ["gzip", "x-gzip", " GZIP "])
async def test_what_is_packed_is_unpacked(packing: str):
    packed = gzip.compress(b"words " * 100)
    async with answering(packed, f"Content-Encoding: {packing}\r\n") as (host, _):
        assert (await fetched(host)).body == b"words " * 100


@pytest.mark.parametrize("plain", [b"", b"x" * 1000])
async def test_up_to_the_bound_all_is_taken(plain: bytes):
    async with answering(plain) as (host, _):
        assert (await fetched(host)).body == plain
    async with answering(gzip.compress(plain), "Content-Encoding: gzip\r\n") as (host, _):
        assert (await fetched(host)).body == plain


@pytest.mark.parametrize(
    ("body", "packing", "reason"),
    [
        (b"x" * 1001, "identity", "answered with more than 1000 bytes"),
        (gzip.compress(b"x" * 1001), "gzip", "answered with more than 1000 bytes"),
        (gzip.compress(b"x" * 3 * 10**7, 1), "gzip", "answered with more than 1000 bytes"),
        (gzip.compress(b"words " * 100)[:-9], "gzip", "answered with gzip that breaks off"),
        (b"not packed at all", "gzip", "answered with gzip that cannot be unpacked: "),
        (b"x", "br", "answered in br, expected gzip or plain"),
    ],
)
async def test_beyond_it_nothing(body: bytes, packing: str, reason: str):
    async with answering(body, f"Content-Encoding: {packing}\r\n") as (host, _):
        with pytest.raises(Refused) as caught:
            await fetched(host)
    assert caught.value.reason.startswith(f"{host} {reason}")


async def test_a_bomb_is_not_unpacked_further_than_the_bound():
    bomb = gzip.compress(b"x" * 3 * 10**7, 1)
    async with answering(bomb, "Content-Encoding: gzip\r\n") as (host, _):
        with pytest.raises(Refused):  # whatever is loaded at first is loaded now
            await fetched(host)
        tracemalloc.start()
        try:
            with pytest.raises(Refused):
                await fetched(host)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 5 * 10**6
