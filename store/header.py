"""What a recording says of itself: which session, begun when, made by what. Nothing secret."""

from __future__ import annotations

import platform
import secrets
import sqlite3
import time
from importlib import metadata

import msgspec

from engine.text import clean

_PARTS = ("numpy", "numba", "msgspec", "zstandard")


class Header(msgspec.Struct, frozen=True):
    """`versions` has microtui, python, machine and the parts that arithmetic depends on.

    `closed_ns` is the session's last moment, or None while it is written and after it was cut short.
    `ending` says how it ended where that is not plain: a recovered or a failed recording.
    A child session goes on from event `parent_seq` of the session with id `parent`.
    """

    id: str
    source: str
    started_ns: int
    versions: dict[str, str]
    closed_ns: int | None = None
    ending: str = ""
    parent: str = ""
    parent_seq: int | None = None


def new_header(source: str, started_ns: int, *, parent: tuple[str, int] | None = None) -> Header:
    """The header of a session that begins at `started_ns` (UTC), with this machine's versions.

    `parent` is the id of the session that it goes on from, and the number of the first event it has of its own.
    """
    versions = {
        "microtui": _version("microtui"),
        "python": platform.python_version(),
        "machine": clean(f"{platform.system()} {platform.machine()} {_processor()}".strip()),
    }
    versions |= {part: _version(part) for part in _PARTS}
    origin, seq = parent or ("", None)
    return Header(uuid7(), clean(source), started_ns, versions, parent=origin, parent_seq=seq)


def uuid7(now_ms: int | None = None) -> str:
    """A UUID whose text sorts by time (RFC 9562, section 5.7)."""
    moment = int(time.time() * 1000) if now_ms is None else now_ms
    value = (
        (moment & (1 << 48) - 1) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    )
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def write_header(connection: sqlite3.Connection, header: Header) -> None:
    rows = {"id": header.id, "source": header.source, "started_ns": str(header.started_ns), **header.versions}
    if header.parent_seq is not None:
        rows |= {"parent": header.parent, "parent_seq": str(header.parent_seq)}
    connection.executemany("insert or replace into header values (?, ?)", rows.items())


def write_ending(connection: sqlite3.Connection, closed_ns: int, ending: str = "") -> None:
    rows = {"closed_ns": str(closed_ns), "ending": ending}
    connection.executemany("insert or replace into header values (?, ?)", rows.items())


def read_header(connection: sqlite3.Connection) -> Header:
    """The header as found; text is cleaned and what is missing is empty."""
    rows = connection.execute("select key, value from header limit 100").fetchall()
    found = {clean(str(key), 40): clean(str(value)) for key, value in rows}
    own = ("id", "source", "started_ns", "closed_ns", "ending", "parent", "parent_seq")
    return Header(
        found.get("id", ""),
        found.get("source", ""),
        _number(found.get("started_ns")) or 0,
        {key: value for key, value in found.items() if key not in own},
        _number(found.get("closed_ns")),
        found.get("ending", ""),
        found.get("parent", ""),
        _number(found.get("parent_seq")),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 19 else None


def _version(part: str) -> str:
    try:
        return metadata.version(part)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    """The processor's family where the system tells: bit-equal replays are promised within one."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor()
