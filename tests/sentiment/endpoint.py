"""A local endpoint that speaks chat completions, well or badly, as a test tells it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

HANG, DROP = 0, -1  # instead of a status: never answer; close the connection


@dataclass
class Said:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    trickle_s: float = 0.0  # between two bytes of the body


@dataclass
class Asked:
    """A request as the endpoint saw it."""

    headers: dict[str, str]
    raw: bytes
    json: dict[str, Any]

    @property
    def posts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.json["messages"][1]["content"])["posts"]
        return found

    @property
    def texts(self) -> list[str]:
        return [post["text"] for post in self.posts]


Answers = Callable[[Asked, int], Said]


def label_of(text: str) -> str:
    """What an honest model would say of the tests' posts and of the tier's own."""
    low = text.lower()
    if "+" in low or "breakout" in low:
        return "bullish"
    return "bearish" if "-" in low or "panic" in low else "neutral"


def entries(asked: Asked) -> list[dict[str, Any]]:
    return [{"i": post["i"], "label": label_of(post["text"])} for post in asked.posts]


def completion(
    content: str | None, *, used: tuple[int, int] | None = (100, 20), more: list[str] | None = None
) -> Said:
    choices = [{"index": 0, "message": {"role": "assistant", "content": c}} for c in [content, *(more or [])]]
    body: dict[str, Any] = {"id": "x", "object": "chat.completion", "choices": choices}
    if used is not None:
        body["usage"] = {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": sum(used)}
    return Said(200, json.dumps(body).encode())


def honest(asked: Asked, number: int = 0) -> Said:
    return completion(json.dumps({"answers": entries(asked)}))


class Endpoint:
    """Runs in a thread of its own, so that tests with and without a loop can ask it."""

    def __init__(self, answers: Answers = honest) -> None:
        self.answers = answers
        self.asked: list[Asked] = []
        self.now = self.most = 0  # requests under way
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Endpoint:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._over.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                assert head[0] == "POST /v1/chat/completions HTTP/1.1"
                headers = {
                    name.lower(): value
                    for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                raw = await reader.readexactly(int(headers["content-length"]))
                asked = Asked(headers, raw, json.loads(raw))
                self.asked.append(asked)
                self.now += 1
                self.most = max(self.most, self.now)
                try:
                    await asyncio.sleep(0.005)
                    if not await self._say(self.answers(asked, len(self.asked) - 1), writer):
                        return
                finally:
                    self.now -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _say(self, said: Said, writer: asyncio.StreamWriter) -> bool:
        if said.status == HANG:
            await asyncio.sleep(60)
        if said.status in (HANG, DROP):
            return False
        head = {"Content-Length": str(len(said.body)), "Content-Type": "application/json", **said.headers}
        lines = [f"HTTP/1.1 {said.status} X", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode("latin-1"))
        if said.trickle_s:
            for byte in said.body:
                writer.write(bytes([byte]))
                await asyncio.sleep(said.trickle_s)
        else:
            writer.write(said.body)
        await writer.drain()
        return True
