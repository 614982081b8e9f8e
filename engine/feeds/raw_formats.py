"""The captures that others make, read as raw captures of ours: hftbacktest's and cryptofeed's.

hftbacktest: gzipped lines `receive_ns json`, one symbol of Binance, REST snapshots among the messages.
cryptofeed: JSON lines with `t` = header, http, connect, send or recv, a file an exchange, its connections one after
another (https://github.com/bmoscon/cryptofeed, tools/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from engine.feeds.capture import capture_lines, is_usdm
from engine.feeds.errors import FeedError
from engine.feeds.network import host_of
from engine.feeds.raw import EARLIEST_NS, IN, LATEST_NS, OPEN, OUT, REST, RawMessage, lines_of, raw_messages
from engine.feeds.raw import decode as decode_raw
from engine.feeds.venues import VENUES
from engine.text import clean

HFT: Final = "hftbacktest"
CRYPTOFEED: Final = "cryptofeed"
OURS: Final = "microtui"

_MOST_BYTES = 2 << 30  # of a cryptofeed capture, which is put in order in memory
_EXCHANGES = {
    "BINANCE": "binance",
    "BINANCE_FUTURES": "binance-usdm",
    "COINBASE": "coinbase",
    "KRAKEN": "kraken",
}
_HFT_LINE = re.compile(rb"\d{19} \{")
_STREAM = re.compile(rb'\{"stream":"([a-z0-9]+)@')
_SNAPSHOT = b'{"lastUpdateId":'
_HFT_DEPTH = {"binance": "/api/v3/depth", "binance-usdm": "/fapi/v1/depth"}
_HFT_LIMIT = 1000  # levels a side of its snapshots


class _Record(msgspec.Struct):
    t: str
    ts: float = 0.0
    exchange: str = ""
    url: str = ""
    addr: str = ""
    data: str = ""


_record = msgspec.json.Decoder(_Record)


def format_of(path: Path) -> str | None:
    """Which kind of capture a file is, by its first line; None for all else. Raises FeedError where it breaks."""
    for _, line in lines_of(path):
        if _HFT_LINE.match(line):
            return HFT
        try:
            decode_raw(line)
        except ValueError:
            pass
        else:
            return OURS
        try:
            return CRYPTOFEED if _record.decode(line).t == "header" else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
    return None


def messages_of(path: Path) -> Iterator[RawMessage]:
    """What any capture holds, in the order in which it came, each message with its venue. Raises FeedError."""
    kind = format_of(path)
    if kind == HFT:
        return _of_hft(path)
    if kind == CRYPTOFEED:
        return iter(_of_cryptofeed(path))
    if kind == OURS:
        return (one if one.venue else one._replace(venue=venue_of(one.url)) for one in raw_messages(path))
    if not path.stat().st_size:
        raise FeedError(f"{clean(path.name, 100)} is empty: a capture writes half a second after it begins")
    raise FeedError(
        f"{clean(path.name, 100)} is no capture: expected lines of microtui live --raw, of hftbacktest "
        "(`receive_ns json`) or of cryptofeed"
    )


def venue_of(url: str) -> str:
    """The venue whose own endpoint an address is, empty where it is nobody's."""
    return _by_host().get(host_of(url), "")


@cache
def _by_host() -> dict[str, str]:
    return {
        host_of(url): info.name for info in VENUES.values() for url in (*info.options.rest, *info.options.ws)
    }


def _of_hft(path: Path) -> Iterator[RawMessage]:
    venue = "binance-usdm" if is_usdm(message for _, message in capture_lines(path)) else "binance"
    symbols = (found[1].decode().upper() for _, line in capture_lines(path) if (found := _STREAM.match(line)))
    symbol = next(symbols, "")
    depth = f"https://{venue}{_HFT_DEPTH[venue]}?symbol={symbol}&limit={_HFT_LIMIT}"
    opened = False
    for ts, message in capture_lines(path):
        if not EARLIEST_NS <= ts <= LATEST_NS:
            raise FeedError(f"{clean(path.name, 100)}: expected a time in ns since 1970, found {ts}")
        if not opened:
            opened = True
            yield RawMessage(ts, 0, 1, "", OPEN, b"", venue)
        if message.startswith(_SNAPSHOT):
            yield RawMessage(ts, 0, 0, depth, REST, message, venue, 200)
        else:
            yield RawMessage(ts, 0, 1, "", IN, message, venue)


def _of_cryptofeed(path: Path) -> list[RawMessage]:
    """All of it, put in order of time; its connections, which spoke side by side, become one."""
    name = clean(path.name, 100)
    messages: list[RawMessage] = []
    venue, size, opened = "", 0, False
    for number, line in lines_of(path):
        size += len(line)
        if size > _MOST_BYTES:
            raise FeedError(f"{name} unpacks to more than {_MOST_BYTES:,} bytes: cut it into several")
        try:
            record = _record.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FeedError(f"{name}, line {number}: {clean(str(error), 100)}") from None
        if record.t == "header":
            if record.exchange not in _EXCHANGES:
                known = ", ".join(_EXCHANGES)
                raise FeedError(f"{name}: expected one of {known}, found {clean(record.exchange, 40)}")
            venue = _EXCHANGES[record.exchange]
            continue
        ts = round(record.ts * 1e6) * 1000  # as a float it is not exact below a microsecond
        if not EARLIEST_NS <= ts <= LATEST_NS:
            raise FeedError(f"{name}, line {number}: expected ts in seconds since 1970, found {record.ts}")
        kinds = {"http": REST, "connect": OPEN, "send": OUT, "recv": IN}
        kind = kinds.get(record.t)
        if kind is None or (kind == OPEN and opened):
            continue
        if kind == OPEN and venue == "kraken" and not record.addr.rstrip("/").endswith("/v2"):
            found_at = clean(record.addr, 60)
            raise FeedError(f"{name}: expected version 2 of Kraken's protocol, found version 1 at {found_at}")
        opened |= kind == OPEN
        conn, url = (0, record.url) if kind == REST else (1, record.addr)
        status = 200 if kind == REST else 0
        messages.append(
            RawMessage(ts, 0, conn, url, kind, record.data.encode("utf-8", "replace"), venue, status)
        )
    return sorted(messages, key=lambda message: message.recv_ns)
