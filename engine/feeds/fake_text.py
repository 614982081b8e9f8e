"""A fake Reddit, news desk and Fear & Greed index on loopback, that can be told to misbehave.

By hand, with no network at all:

    python -m engine.feeds.fake_text --port 9011

Faults are those of `engine.feeds.fake_faults.OnRequest`, with the kinds below; `path` is "reddit", "news",
"index", "token", "api" or "user", and `symbol` a subreddit or a name.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import gzip
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from hashlib import blake2b
from types import TracebackType
from typing import NoReturn, Self
from urllib.parse import parse_qs, urlsplit

from engine.feeds import fake_faults as ff
from engine.feeds import fake_text_site as site
from engine.feeds.fake_rest import WEB_PAGE, Answer
from engine.feeds.fake_site import go_on, serve_by_hand

# Beside a plain HTTP status and `fake_faults`' HTML, HANG, CUT_SHORT and SLOW:
LORIS = "slow loris"  # the true answer, a byte every `delay_s`
TRUNCATED = "truncated"  # an orderly answer that holds half of the document
WRONG_TYPE = "wrong type"  # the true document, said to be a web page
NONSENSE = "nonsense"  # bytes that are no document
HUGE = "huge"  # a document of 50 MB
BOMB = "bomb"  # 50 MB that pack into 50 kB
LAUGHS = "laughs"  # entities that expand into entities
TWICE = "twice"  # every entry comes twice
FUTURE = "future"  # every entry is dated an hour ahead
BACK = "back"  # the document as it was half its entries ago
REDIRECT = "redirect"  # to the same document elsewhere on this server, for good
LOOP = "loop"  # to itself, by two addresses in turn
OUTSIDE = "outside"  # to an address that no feed leads to

HUGE_BYTES = 50 * 2**20
_BEAT_S = 0.05
_TOKEN = "a-token-of-the-fake"  # noqa: S105
_MOVED = "/moved"


@dataclass(frozen=True)
class Asked:
    """A request that came: when on the monotonic clock, what for, with which headers, and what it was given."""

    at_s: float
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    status: int | str
    open_at_once: int  # requests under way, this one included


@dataclass
class _Query:
    method: str
    route: str  # reddit, news, index, token, api, user
    place: str  # the subreddits, with + between them, or a name
    path: str
    values: dict[str, str]
    headers: dict[str, str]


class FakeText:
    """The server, as an async context manager. `text` is what people wrote, `requests` what clients did."""

    def __init__(
        self,
        text: site.MadeUpText | None = None,
        faults: ff.Faults | None = None,
        port: int = 0,
        keys: tuple[str, str] = ("an-id", "a-secret"),
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.text = text if text is not None else site.MadeUpText(rate_hz=0)
        self.faults = faults if faults is not None else ff.Faults()
        self.requests: list[Asked] = []
        self._port = port
        self._keys = keys
        self._now_ns = now_ns
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def news(self) -> str:
        return f"{self.url}/news/rss"

    @property
    def index(self) -> str:
        return f"{self.url}/fng/"

    _server: asyncio.Server
    _pump: asyncio.Task[NoReturn]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self._pump = asyncio.create_task(go_on(self._advance, _BEAT_S))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, found: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._pump.cancel()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.wait({self._pump, *self._tasks})

    def _advance(self, seconds: float) -> None:
        self.text.advance(seconds, self._now_ns())

    # One request a connection --------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            await self._reply(await _read(reader), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _reply(self, query: _Query, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self.faults.for_request(query.route, query.place)
        kind = fault.kind if fault is not None else None
        answer = self._spoiled(query, fault) if fault is not None else self._answer(query)
        asked = Asked(
            *(time.monotonic(), query.path, query.values, query.headers),
            *(kind if kind is not None else answer.status, len(self._writers)),
        )
        self.requests.append(asked)
        raw = answer.serialize()
        if kind == ff.HANG:
            await reader.read()  # until whoever asked goes
            return
        if kind == ff.SLOW and fault is not None:
            await asyncio.sleep(fault.delay_s)
        if kind == LORIS and fault is not None:
            for at in range(len(raw)):
                writer.write(raw[at : at + 1])
                await writer.drain()
                await asyncio.sleep(fault.delay_s)
        writer.write(raw[: len(raw) // 2] if kind == ff.CUT_SHORT else raw)
        await writer.drain()

    # What is answered ----------------------------------------------------------------------------

    def _answer(self, query: _Query) -> Answer:
        if query.route == "token":
            return self._token(query)
        if query.route in ("api", "user") and query.headers.get("authorization") != f"bearer {_TOKEN}":
            return Answer(401, b'{"message":"Unauthorized","error":401}', {}, "application/json")
        answer = self._document(query)
        etag = f'"{blake2b(answer.body, digest_size=8).hexdigest()}"'
        answer.headers |= {"ETag": etag, "Last-Modified": formatdate(self._written_s(query), usegmt=True)}
        if query.headers.get("if-none-match") == etag:
            return Answer(304, b"", answer.headers)
        return answer

    def _token(self, query: _Query) -> Answer:
        if query.headers.get("authorization") != _basic(*self._keys):
            return Answer(401, b'{"message":"Unauthorized","error":401}', {}, "application/json")
        body = f'{{"access_token":"{_TOKEN}","token_type":"bearer","expires_in":86400,"scope":"*"}}'
        return Answer(200, body.encode(), {}, "application/json")

    def _document(self, query: _Query) -> Answer:
        limit = min(100, int(query.values.get("limit", "25")))
        found = self._posts(query, limit + 1)
        posts = found[:limit]
        if query.route == "index":
            days = max(1, int(query.values.get("limit", "1")))
            return Answer(200, site.index(days, self._now_ns()), {}, "application/json")
        if query.route == "user":
            known = self.text.account(query.place)
            return Answer(200, site.about(query.place, known, self._now_ns()), {}, "application/json")
        if query.route == "api":
            return Answer(
                200, site.listing(posts, whole=len(found) <= limit), {}, "application/json; charset=UTF-8"
            )
        if query.route == "news":
            return Answer(200, site.rss(posts), {}, "application/rss+xml")
        if query.route == "reddit" and query.place in self.text.posts:
            return Answer(200, site.atom(query.place, posts), {}, "application/atom+xml; charset=UTF-8")
        return Answer(404, b"<html>page not found</html>", {}, "text/html")

    def _posts(self, query: _Query, limit: int) -> list[site.Written]:
        if query.route == "news":
            return self.text.newest("news", limit)
        places = query.place.split("+")
        if query.route == "api" and query.path.rstrip("/").endswith("/comments"):
            posts = [comment for comment in self.text.comments if comment.place in places]
        else:
            posts = [p for place in places for p in self.text.newest(place, site.KEPT)]
        posts.sort(key=lambda p: (p.written_ns, p.number), reverse=True)
        names = [post.fullname for post in posts]
        if (after := query.values.get("after")) is not None:
            posts = posts[names.index(after) + 1 :] if after in names else []
        if (before := query.values.get("before")) in names:
            posts = posts[: names.index(before)]
        return posts[:limit]

    def _written_s(self, query: _Query) -> float:
        posts = self._posts(query, 1)
        return posts[0].written_ns / 1e9 if posts else 0.0

    # What goes wrong -----------------------------------------------------------------------------

    def _spoiled(self, query: _Query, fault: ff.OnRequest) -> Answer:
        kind = fault.kind
        if isinstance(kind, int):
            headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
            return Answer(kind, b"<html>no</html>", headers, "text/html")
        if kind in (REDIRECT, LOOP, OUTSIDE):
            here = query.path.removeprefix(_MOVED)
            there = here if query.path.startswith(_MOVED) else f"{_MOVED}{here}"
            target = "file:///etc/passwd" if kind == OUTSIDE else f"{self.url}{there}"
            return Answer(301 if kind == REDIRECT else 302, b"", {"Location": target})
        answer = self._answer(query)
        if kind == TRUNCATED:
            return replace(answer, body=answer.body[: len(answer.body) * 2 // 3])
        if kind == WRONG_TYPE:
            return replace(answer, content_type="text/html; charset=utf-8")
        if kind == ff.HTML:
            return Answer(200, WEB_PAGE, {}, "text/html")
        if kind == NONSENSE:
            return replace(answer, body=bytes(range(256)) * 4)
        if kind == HUGE:
            return replace(answer, body=answer.body[:200].ljust(HUGE_BYTES, b"x"))
        if kind == BOMB:
            packed = gzip.compress(answer.body[:200].ljust(HUGE_BYTES, b"x"), 1)
            return replace(answer, body=packed, headers={"Content-Encoding": "gzip"})
        if kind == LAUGHS:
            return replace(answer, body=_laughs())
        return self._rewritten(str(kind), query, answer)

    def _rewritten(self, kind: str, query: _Query, answer: Answer) -> Answer:
        """The same kind of document, of other posts."""
        posts = self._posts(query, 100)
        if kind == TWICE:
            posts = [post for post in posts for _ in range(2)]
        elif kind == FUTURE:
            posts = [replace(post, written_ns=post.written_ns + 3600 * 10**9) for post in posts]
        elif kind == BACK:
            posts = posts[len(posts) // 2 :]
        else:
            return answer
        body = site.rss(posts) if query.route == "news" else site.atom(query.place, posts)
        return replace(answer, body=body, headers={})


def _laughs() -> bytes:
    entities = '<!ENTITY a0 "lol">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    feed = "<feed><entry><id>t3_1</id><title>&a9;</title></entry></feed>"
    return f'<?xml version="1.0"?><!DOCTYPE feed [{entities}]>{feed}'.encode()


def _basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


async def _read(reader: asyncio.StreamReader) -> _Query:
    """Raises IncompleteReadError where no whole request comes."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, _, rest = first.partition(" ")
    target = rest.partition(" ")[0]
    headers = {
        name.lower(): value.strip() for name, found, value in (line.partition(":") for line in lines) if found
    }
    length = headers.get("content-length", "0")
    await reader.readexactly(int(length) if length.isdigit() else 0)
    parts = urlsplit(target)
    values = {name: value[-1] for name, value in parse_qs(parts.query).items()}
    names = parts.path.removeprefix(_MOVED).strip("/").split("/")
    place = names[1] if len(names) > 1 else ""
    if names[-1] == "access_token":
        route = "token"
    elif names[0] == "user":
        route = "user"
    elif names[0] == "r":
        route = "reddit" if names[-1] == ".rss" else "api"
    else:
        route = {"news": "news", "fng": "index"}.get(names[0], "")
    return _Query(method, route, place, parts.path, values, headers)


def settings_of(server: FakeText) -> dict[str, str]:
    """What a terminal must be told to read from this server: settings by their keys."""
    return {
        "sources.reddit.url": server.url,
        "sources.reddit.oauth_url": server.url,
        "sources.news.feeds": server.news,
        "sources.fear_greed.url": server.index,
        "sources.reddit.every_s": "5",
        "sources.news.every_s": "5",
        "sources.gap_s": "0.1",  # this machine needs no sparing
    }


async def serve(port: int, seed: int = 1, rate_hz: float = 0.2) -> None:
    """Run the server until cancelled. Raises OSError where the port cannot be had."""
    async with FakeText(site.MadeUpText(seed, rate_hz), port=port) as server:
        flags = " ".join(f"--set {key}={value}" for key, value in settings_of(server).items())
        print(f"made-up posts on {server.url}\nmicrotui live BTCUSDT {flags}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m engine.feeds.fake_text", description="A fake Reddit, news desk and index."
    )
    parser.add_argument("--port", type=int, default=9011)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.2, help="posts a second, everywhere together")
    serve_by_hand(parser, lambda chosen: serve(chosen.port, chosen.seed, chosen.rate))


if __name__ == "__main__":
    main()
