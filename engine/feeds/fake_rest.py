"""The fake exchange's REST in the shape that is every venue's: a question read, an answer, a web page instead."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

# What a question is about, by whatever path a venue has for it:
LISTING: Final = "listing"
DEPTH: Final = "depth"
TIME: Final = "time"
PING: Final = "ping"
NOTHING: Final = ""  # the venue has no such path

WEB_PAGE = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please sign in.</body></html>"


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=UTF-8"

    @property
    def reason(self) -> str:
        # 418 is what Binance sends to a banned address; 403 comes from its firewall.
        return HTTPStatus(self.status).phrase

    def head(self) -> list[tuple[str, str]]:
        told = [("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))]
        of_content = told if self.status != HTTPStatus.NOT_MODIFIED else []
        return [*of_content, ("Connection", "close"), *self.headers.items()]

    def serialize(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {self.reason}", *(f"{k}: {v}" for k, v in self.head()), "", ""]
        return "\r\n".join(lines).encode() + self.body


@dataclass
class Query:
    """A question, read: what it is `about` (LISTING, DEPTH …), of which symbols (none: all), how many levels.

    `weight` is what it takes of the venue's budget.
    """

    about: str
    symbols: list[str] = field(default_factory=list)
    limit: int = 100
    weight: int = 1


@dataclass(frozen=True)
class Broken:
    """No answer: `head` of it arrives and the line is cut; where there is no head, it hangs for ever."""

    head: bytes | None = None


def blocked(status: int, retry_after_s: int | None) -> Answer:
    """A refusal without words of the venue's own, as from a firewall or a server that is down."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    if status == HTTPStatus.FORBIDDEN:
        page = b"<html><body><h1>403 ERROR</h1>Request blocked.</body></html>"
        return Answer(status, page, headers, "text/html")
    return Answer(status, b"", headers)


def compact(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
