"""Captured messages of Binance's USDⓈ-M futures, said in the words of its spot market.

The two differ in how a diff names the one before it: futures give its last id outright (`pu`), spot lets ids follow
one another. With U = pu + 1 the one rule is the other: a diff goes on from id L exactly where pu ≤ L < u.
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.feeds.errors import FeedError

_MARK = b'"pu":'  # nothing of the spot market has this field
_ON_BOOK = "MARKET"  # other trades are the insurance fund's and no order's


class _Diff(msgspec.Struct):
    E: int
    s: str
    u: int
    pu: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class _Trade(msgspec.Struct):
    E: int
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool
    X: str = _ON_BOOK


class _Top(msgspec.Struct):
    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class _Wrapped(msgspec.Struct):
    stream: str
    data: msgspec.Raw


_wrapped = msgspec.json.Decoder(_Wrapped)
_diff = msgspec.json.Decoder(_Diff)
_trade = msgspec.json.Decoder(_Trade)
_top = msgspec.json.Decoder(_Top)


def is_usdm(messages: Iterable[bytes]) -> bool:
    """Whether the first diff among these messages is one of the futures."""
    diff = next((message for message in messages if b"depthUpdate" in message[:100]), b"")
    return _MARK in diff[:400]


def as_spot(message: bytes) -> bytes | None:
    """The same message as the spot market would send it; None for a trade off the book. Raises FeedError."""
    try:
        wrapped = _wrapped.decode(message)
        symbol, _, kind = wrapped.stream.partition("@")
        if kind.startswith("depth"):
            diff = _diff.decode(wrapped.data)
            data = {
                "e": "depthUpdate", "E": diff.E, "s": diff.s, "U": diff.pu + 1, "u": diff.u, "b": diff.b, "a": diff.a,
            }  # fmt: skip
            return _said(f"{symbol}@depth@100ms", data)
        if kind == "trade":
            trade = _trade.decode(wrapped.data)
            if trade.X != _ON_BOOK:
                return None
            data = {
                "e": "trade", "E": trade.E, "s": trade.s, "t": trade.t, "p": trade.p, "q": trade.q, "T": trade.T,
                "m": trade.m, "M": True,
            }  # fmt: skip
            return _said(f"{symbol}@trade", data)
        return _said(f"{symbol}@bookTicker", msgspec.structs.asdict(_top.decode(wrapped.data)))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FeedError(f"expected a USDⓈ-M stream's message, found {message[:40]!r}: {error}") from None


def _said(stream: str, data: dict[str, object]) -> bytes:
    return msgspec.json.encode({"stream": stream, "data": data})


def snapshot_as_spot(message: bytes) -> bytes:
    """A depth reply without the times that only futures give. Raises FeedError."""
    try:
        reply = msgspec.json.decode(message)
        kept = {name: reply[name] for name in ("lastUpdateId", "bids", "asks")}
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise FeedError(f"expected a USDⓈ-M depth snapshot, found {message[:40]!r}") from None
    return msgspec.json.encode(kept)
