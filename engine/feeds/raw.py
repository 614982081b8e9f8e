"""Raw capture: what went over the wire, byte for byte, as JSON lines. See docs/raw.md.

A line is one message of a socket, one request or answer of REST, or one thing that happened to a connection, with
session time and the monotonic clock of the machine that heard it. What is text stands in `data`, what is not UTF-8 in
`base64`.
"""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import GzipFile
from pathlib import Path
from typing import IO, Final, NamedTuple, cast
from urllib.parse import urlsplit, urlunsplit

import msgspec
import zstandard

from engine.feeds.errors import FeedError
from engine.text import clean

# What a line tells of.
OPEN: Final = "open"  # a WebSocket was opened
CLOSE: Final = "close"  # … and ended; data: why, in words
REFUSED: Final = "refused"  # a WebSocket or a request was refused; data: why, in words
IN: Final = "in"  # a message came
OUT: Final = "out"  # a message was sent
ASK: Final = "ask"  # a REST request was sent
REST: Final = "rest"  # … and answered; data: the body
LOST: Final = "lost"  # messages came faster than they could be written; data: how many
DIRECTIONS: Final = (OPEN, CLOSE, REFUSED, IN, OUT, ASK, REST, LOST)

MAX_LINE_BYTES = 128 * 2**20  # the longest body that is taken has 64 MiB, and JSON may double it
EARLIEST_NS, LATEST_NS = 946_684_800_000_000_000, 4_102_444_800_000_000_000  # 2000 to 2100
_ZSTD, _GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
_BLOCK = 1 << 20
PART = 1 << 16  # of a long message, written at a time
_SECRETS = ("key", "secret", "token", "signature", "password", "auth")


class RawMessage(NamedTuple):
    """One line. `conn` numbers the sockets of a capture from 1 on; requests have 0."""

    recv_ns: int  # session time, ns UTC
    mono_ns: int  # a clock that nobody sets; 0 where a capture has none
    conn: int
    url: str
    dir: str
    data: bytes = b""
    venue: str = ""
    status: int = 0  # of an HTTP answer


class _Line(msgspec.Struct, omit_defaults=True):
    recv_ns: int
    mono_ns: int
    conn: int
    url: str
    dir: str
    venue: str = ""
    status: int = 0
    data: str = ""
    base64: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)


def encode(message: RawMessage) -> bytes:
    """The message as a line, with its newline."""
    text, packed = "", ""
    try:
        text = message.data.decode("utf-8")
    except UnicodeDecodeError:
        packed = base64.b64encode(message.data).decode("ascii")
    recv_ns, mono_ns, conn, url, kind, _, venue, status = message
    return _encoder.encode(_Line(recv_ns, mono_ns, conn, url, kind, venue, status, text, packed)) + b"\n"


def encode_parts(message: RawMessage) -> Iterator[bytes]:
    """The same line in parts: a snapshot of megabytes is not to hold the interpreter for all of its length."""
    try:
        text = message.data.decode("utf-8") if len(message.data) > PART else ""
    except UnicodeDecodeError:
        text = ""
    if not text:
        yield encode(message)
        return
    recv_ns, mono_ns, conn, url, kind, _, venue, status = message
    yield _encoder.encode(_Line(recv_ns, mono_ns, conn, url, kind, venue, status))[:-1] + b',"data":"'
    for at in range(0, len(text), PART):
        yield _encoder.encode(text[at : at + PART])[1:-1]
    yield b'"}\n'


def decode(line: bytes) -> RawMessage:
    """Raises ValueError where the line is something else; the text says what was expected."""
    try:
        found = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"expected a line of a raw capture: {clean(str(error), 100)}") from None
    if found.dir not in DIRECTIONS:
        raise ValueError(f"expected dir to be one of {', '.join(DIRECTIONS)}, found {clean(found.dir, 20)!r}")
    if not EARLIEST_NS <= found.recv_ns <= LATEST_NS:
        raise ValueError(f"expected recv_ns in ns since 1970, found {found.recv_ns}")
    if found.base64:
        try:
            data = base64.b64decode(found.base64, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("expected base64") from None
    else:
        data = found.data.encode("utf-8")
    return RawMessage(
        found.recv_ns, found.mono_ns, found.conn, found.url, found.dir, data, found.venue, found.status
    )


def raw_messages(path: Path) -> Iterator[RawMessage]:
    """Every whole line of a capture, in its order. Raises FeedError with the file and line of what is wrong.

    A capture that was cut off, as by a kill, ends with its last whole line.
    """
    for number, line in lines_of(path):
        try:
            yield decode(line)
        except ValueError as error:
            raise FeedError(f"{clean(path.name, 100)}, line {number}: {error}") from None


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number, text) of every line but empty ones, unpacked from zstd, gzip or nothing.

    Of a zstd stream that was cut off the last, unfinished line is left out. Raises FeedError.
    """
    name = clean(path.name, 100)
    number = 0
    try:
        with _unpacked(path) as (stream, may_break_off):
            while line := stream.readline(MAX_LINE_BYTES):
                number += 1
                if not line.endswith(b"\n"):
                    if len(line) == MAX_LINE_BYTES:
                        raise FeedError(f"{name}, line {number}: longer than {MAX_LINE_BYTES:,} bytes")
                    if may_break_off and not _is_whole(line):
                        return
                if not line.isspace():
                    yield number, line
    except FileNotFoundError:
        raise FeedError(f"there is no file {clean(str(path))}") from None
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        after = f" behind line {number}" if number else ""
        raise FeedError(f"{name} cannot be read{after}: {clean(str(error), 100)}") from None


def _is_whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[IO[bytes], bool]]:
    """The file's text, and whether it may be the beginning of a capture only."""
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic == _ZSTD:
            unpacker = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            yield cast(IO[bytes], io.BufferedReader(cast(io.RawIOBase, unpacker), _BLOCK)), True
        elif magic[:2] == _GZIP:
            with GzipFile(fileobj=file) as unpacked:
                yield cast(IO[bytes], io.BufferedReader(unpacked, _BLOCK)), False
        else:
            yield file, True


def without_secrets(url: str) -> str:
    """The address as it may be kept: without a user's name and password, and without keys among its parameters."""
    try:
        parts = urlsplit(url)
    except ValueError:  # of brackets that hold no address
        return url.rpartition("@")[2].partition("?")[0]
    query = "&".join(
        f"{name}=hidden" if found and any(word in name.lower() for word in _SECRETS) else pair
        for pair in parts.query.split("&")
        for name, found, _ in [pair.partition("=")]
    )
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))
