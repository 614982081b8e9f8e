"""Real sockets on loopback: what a person is told of each way in which they can fail."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from engine.feeds.driver import Internet
from engine.feeds.errors import Answer, Refused
from engine.feeds.options import FeedOptions

QUICK = FeedOptions(connect_timeout_s=0.5, request_timeout_s=0.5, ping_every_s=0.2, max_frame_bytes=1000)
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(raw: bytes, wait_s: float = 0.0) -> AsyncIterator[str]:
    """A port that reads a request, waits, and says `raw`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(wait_s)
        writer.write(raw)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def internet() -> AsyncIterator[Internet]:
    network = Internet(QUICK)
    try:
        yield network
    finally:
        await network.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_good_answer():
    raw = b"HTTP/1.1 200 OK\r\nX-MBX-USED-WEIGHT-1M: 20\r\nContent-Length: 2\r\n\r\n{}"
    async with internet() as network, answering(raw) as host:
        reply = await network.get(f"http://{host}/api/v3/depth")
        assert (reply.status, reply.body, reply.headers["x-mbx-used-weight-1m"]) == (200, b"{}", "20")


@pytest.mark.parametrize(
    ("raw", "wait_s", "message"),
    [
        (b"", 3.0, "did not answer within 0.5 s"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 0.0, "cannot be reached: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", 0.0, "cannot be reached: peer closed connection"),
    ],
)
async def test_no_answer(raw: bytes, wait_s: float, message: str):
    async with internet() as network, answering(raw, wait_s) as host:
        with pytest.raises(Refused) as caught:
            await network.get(f"http://{host}/api/v3/depth")
        assert caught.value.reason.startswith(f"{host} {message}")
        assert caught.value.answer is Answer.RETRY


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_nobody_listens(scheme: str):
    host = f"127.0.0.1:{free_port()}"
    async with internet() as network:
        with pytest.raises(Refused) as caught:
            await (network.get if scheme == "http" else network.connect)(f"{scheme}://{host}/stream")
        assert caught.value.reason == f"{host} cannot be reached: Connection refused"


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("socks5://me:secret@127.0.0.1:1080", "socks5://127.0.0.1:1080"),
        ("foo://me:secret@127.0.0.1:1080", "foo://127.0.0.1:1080"),
        ("http://me:secret@127.0.0.1:port", "http://127.0.0.1:port"),
    ],
)
async def test_a_proxy_that_cannot_be_used(proxy: str, shown: str, monkeypatch: pytest.MonkeyPatch):
    for other in [known for known in os.environ if known.lower().endswith("_proxy")]:
        monkeypatch.delenv(other)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    host = f"127.0.0.1:{free_port()}"
    async with internet() as network:
        for attempt in (network.get(f"https://{host}/"), network.connect(f"wss://{host}/stream")):
            with pytest.raises(Refused) as caught:
                await attempt
            assert caught.value.reason == (
                f"the proxy on the way to {host} cannot be used: expected http://host:port, "
                f"found HTTPS_PROXY={shown}"
            )


async def test_certificates_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    async with internet() as network:
        with pytest.raises(Refused) as caught:
            await network.get("https://127.0.0.1/")
    assert caught.value.reason == (
        "the certificates in SSL_CERT_FILE or SSL_CERT_DIR cannot be read: No such file or directory"
    )


@pytest.mark.parametrize(
    ("raw", "wait_s", "message", "answer"),
    [
        (
            b"HTTP/1.1 451 No\r\nContent-Length: 2\r\n\r\n{}",
            0.0,
            "451: {host} does not serve this region",
            Answer.FINAL,
        ),
        (
            b"HTTP/1.1 429 No\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n",
            0.0,
            "429: too many requests, {host} asks for 9 s of silence",
            Answer.WAIT,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
            0.0,
            "200: {host} answered with an HTML page, expected JSON; is a proxy or a login page between?",
            Answer.RETRY,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            0.0,
            "200: {host} does not serve a WebSocket there",
            Answer.RETRY,
        ),
        (b"", 3.0, "{host} did not answer within 0.5 s", Answer.RETRY),
        (b"nonsense\r\n", 0.0, "{host} does not speak WebSocket there: ", Answer.RETRY),
    ],
)
async def test_a_handshake_that_fails(raw: bytes, wait_s: float, message: str, answer: Answer):
    async with internet() as network, answering(raw, wait_s) as host:
        with pytest.raises(Refused) as caught:
            await network.connect(f"ws://{host}/stream")
        assert caught.value.reason.startswith(message.format(host=host))
        assert caught.value.answer is answer


@asynccontextmanager
async def serving(talk: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    async with serve(talk, "127.0.0.1", 0, close_timeout=0.1, ping_interval=None) as server:
        yield f"127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def ended(talk: Callable[[ServerConnection], Awaitable[None]]) -> tuple[str, list[bytes]]:
    """What was received and why it ended; the host's name is taken out of the reason."""
    messages: list[bytes] = []
    async with internet() as network, serving(talk) as host:
        line = await network.connect(f"ws://{host}/stream")
        await line.send(b'{"method":"SUBSCRIBE"}')
        reason = ""
        while not reason:
            try:
                messages.append(await line.receive())
            except Refused as refused:
                reason = refused.reason.replace(host, "HOST")
        with pytest.raises(Refused):
            await line.send(b"too late")
        await line.close()
        return reason, messages


async def test_text_and_bytes_come_as_they_are_even_where_the_text_is_none():
    async def talk(connection: ServerConnection) -> None:
        assert await connection.recv() == '{"method":"SUBSCRIBE"}'
        await connection.send('{"a":"ü"}')
        await connection.send(["{", "}"])  # in fragments
        await connection.send(b"\xff\xfe", text=True)
        await connection.close(1008, "enough\x1b[2J")

    reason, messages = await ended(talk)
    assert messages == ['{"a":"ü"}'.encode(), b"{}", b"\xff\xfe"]
    assert reason == "HOST closed the connection: 1008 enough[2J"


async def test_a_frame_that_is_too_big_is_refused():
    async def talk(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send("x" * 1000)
        await connection.send("x" * 1001)
        await connection.wait_closed()

    reason, messages = await ended(talk)
    assert [len(message) for message in messages] == [1000]
    assert reason == "HOST sent a message of more than 1000 bytes"


async def test_a_line_that_is_cut():
    async def talk(connection: ServerConnection) -> None:
        await connection.recv()
        connection.transport.abort()

    reason, messages = await ended(talk)
    assert (reason, messages) == ("the connection to HOST broke", [])


async def test_a_peer_that_answers_no_pings():
    async def talk(connection: ServerConnection) -> None:
        await connection.recv()
        connection.transport.pause_reading()
        await asyncio.sleep(1.0)

    reason, _ = await ended(talk)
    assert reason == "HOST left a ping unanswered for 0.2 s"


async def test_pongs_are_sent_while_nobody_takes_the_messages():
    """The queue behind the socket has no bound, so that a consumer who is late never stops the pongs."""
    ponged: list[bool] = []

    async def talk(connection: ServerConnection) -> None:
        for _ in range(300):
            await connection.send("x" * 500)
        pong = await connection.ping()
        await asyncio.wait_for(pong, 2.0)
        ponged.append(True)

    async with internet() as network, serving(talk) as host:
        line = await network.connect(f"ws://{host}/stream")
        for _ in range(100):
            if ponged:
                break
            await asyncio.sleep(0.02)
        assert ponged
        assert [len(await line.receive()) for _ in range(300)] == [500] * 300
        await line.close()
