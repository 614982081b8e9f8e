"""A recorded session played again: every message byte for byte, in its own rhythm or faster.

The file holds lines of `receive_ns json`: combined-stream messages of one symbol and the REST snapshot that
the recording client was given. The exchange serves that very snapshot to whoever asks before the recording
goes on from it, and the book as of the last diff to whoever comes later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.feeds.capture import capture_lines
from engine.feeds.errors import FeedError
from engine.feeds.fake_book import Change, Oracle, PlainBook, to_units
from engine.feeds.fake_wire import DEPTH, TOP, TRADE, Listing, Wire

_CHANNELS = {"depth": DEPTH, "bookTicker": TOP, "trade": TRADE}
_HEAD = re.compile(rb'\{"stream":"([a-z0-9]+)@([A-Za-z]+)(?:@100ms)?","data":')


PATIENCE_S = 3.0


class CapturePlayback:
    """A market that is one capture. `speed` 1 is the original rhythm.

    It begins with the first subscriber, and stands still at the recorded snapshot until that client has asked
    for one, as the recorder had, or for `PATIENCE_S` at most. A file that is something else raises FeedError, at
    once or when the playback comes to it.
    """

    needs_audience = True

    def __init__(
        self, path: Path | str, speed: float = 1.0, tick_size: str = "0.01", lot_size: str = "0.00001"
    ) -> None:
        self.speed = speed
        self.finished = False
        self._name = Path(path).name
        self._lines = capture_lines(Path(path))
        self._next: tuple[int, bytes] | None = next(self._lines, None)
        first = _HEAD.match(self._next[1]) if self._next is not None else None
        if self._next is None or first is None:
            found = "an empty file" if self._next is None else repr(self._next[1][:40])
            raise FeedError(f"{self._name}: expected combined-stream messages of Binance spot, found {found}")
        self._clock_ns = self._next[0]
        self.symbol = first[1].decode().upper()
        self._listing = Listing(self.symbol, self.symbol.removesuffix("USDT"), "USDT", tick_size, lot_size)
        self._oracle: Oracle | None = None
        self._at_snapshot = False
        self._stood_s = 0.0
        self._early: list[dict[str, Any]] = []  # diffs that came before the snapshot

    @property
    def listings(self) -> Mapping[str, Listing]:
        return {self.symbol: self._listing}

    def oracle(self, symbol: str) -> Oracle:
        if symbol != self.symbol:
            raise KeyError(symbol)
        if self._oracle is None:
            raise LookupError(f"the capture has not come to the snapshot of {symbol} yet")
        return self._oracle

    def snapshot(self, symbol: str) -> PlainBook | None:
        if self._oracle is None:
            if not self._at_snapshot or self._next is None:
                return None
            book = self._start(self._next[1])
            self._next = next(self._lines, None)
            return book
        return self._oracle.now

    def advance(self, elapsed_s: float, now_ms: int) -> list[Wire]:
        self._clock_ns += round(elapsed_s * self.speed * 1e9)
        out: list[Wire] = []
        while self._next is not None and self._next[0] <= self._clock_ns:
            received_ns, message = self._next
            head = _HEAD.match(message)
            if head is None:
                self._at_snapshot = True
                self._clock_ns = received_ns
                self._stood_s += elapsed_s
                if self._stood_s < PATIENCE_S:
                    return out
                self.snapshot(self.symbol)
                continue
            out.append(self._wire(head, message))
            self._next = next(self._lines, None)
        self.finished = self._next is None
        return out

    def _start(self, message: bytes) -> PlainBook:
        try:
            snapshot = json.loads(message)
            book = PlainBook(
                snapshot["lastUpdateId"],
                {to_units(price): to_units(size) for price, size in snapshot["bids"]},
                {to_units(price): to_units(size) for price, size in snapshot["asks"]},
            )
        except (ValueError, KeyError, TypeError):
            expected = "a spot stream's message or a depth snapshot"
            raise FeedError(f"{self._name}: expected {expected}, found {message[:40]!r}") from None
        self._oracle = Oracle(book)
        for diff in self._early:
            self._record(self._oracle, diff)
        return book

    @staticmethod
    def _record(oracle: Oracle, diff: dict[str, Any]) -> None:
        if diff["u"] <= oracle.now.update_id:
            return
        for is_ask, side in ((False, "b"), (True, "a")):
            for price, size in diff[side]:
                oracle.record(Change(diff["u"], is_ask, to_units(price), to_units(size)))
        oracle.reach(diff["u"])

    def _wire(self, head: re.Match[bytes], message: bytes) -> Wire:
        channel = _CHANNELS.get(head[2].decode())
        if channel is None:
            known = ", ".join(_CHANNELS)
            raise FeedError(f"{self._name}: expected a stream of {known}, found {head[2].decode()}")
        payload = message[head.end() : -1]
        at_us = self._clock_ns // 1000
        if channel != DEPTH:
            return Wire(self.symbol, channel, at_us, recorded=payload)
        diff = json.loads(payload)
        if self._oracle is None:
            self._early.append(diff)
        else:
            self._record(self._oracle, diff)
        return Wire(self.symbol, channel, at_us, diff["U"], diff["u"], recorded=payload)
