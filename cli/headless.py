"""A session without a screen: one JSON object a line, for servers, pipes and systemd."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from engine.asked import told
from engine.core import State
from engine.events import Derived
from engine.frame.feeds import BESIDE_FEEDS
from engine.frame.host import Recording
from engine.session import Session
from engine.symbol import SymbolState

_ROUND = {
    "latency_ms": 1,
    "spread_bps": 4,
    "bid_ask_ratio": 4,
    "depth_imbalance": 4,
    "depth_band_bps": 1,
    "regime_probability": 3,
}


class LinePrinter:
    """Observes a session and prints each symbol's row every `interval_s` of session time.

    `from_ts`: ticks before it are what leads there, as a seek folds them; times and sums count from it.
    """

    def __init__(
        self, interval_s: float, for_s: float | None = None, out: Any = None, from_ts: int | None = None
    ) -> None:
        self._interval_ns = int(interval_s * 1e9)
        self._for_ns = None if for_s is None else int(for_s * 1e9)
        self._out = out or sys.stdout
        self._from_ts = from_ts
        self._began = self._next_ts = 0
        self._end: dict[str, Any] | None = None  # what the last line says, as of when the time was up
        self._trades: dict[int, int] = {}
        self._volume: dict[int, float] = {}
        self.done = asyncio.Event()
        self.lines = 0

    def __call__(self, state: State, derived: Sequence[Derived]) -> None:
        if self.done.is_set() or (self._from_ts is not None and state.ts < self._from_ts):
            return
        if not self._began:
            self._begin(state)
        if state.ts >= self._next_ts:
            for index, symbol in sorted(state.symbols.items()):
                self._print(self._row(state, index, symbol))
            if not state.symbols:
                self._print(self._waiting(state))
            self._next_ts += self._interval_ns * (1 + (state.ts - self._next_ts) // self._interval_ns)
        if self._for_ns is not None and state.ts - self._began >= self._for_ns:
            self._end = self._ended(state)
            self.done.set()

    def _begin(self, state: State) -> None:
        self._began = state.started if self._from_ts is None else state.ts
        self._next_ts = self._began + self._interval_ns
        if self._from_ts is not None:
            for index, symbol in state.symbols.items():
                self._trades[index] = symbol.trade_count
                self._volume[index] = symbol.feature("volume") or 0.0

    def last(self, state: State, recording: Recording, notes: Sequence[str] = ()) -> None:
        """The line that ends a run. `notes`: what was passed over or lost on the way."""
        kept = {
            "recording": recording.path or None,
            "recording_state": recording.state,
            "lost_events": recording.lost_events,
            "notes": list(notes),
        }
        self._print((self._end or self._ended(state)) | kept)

    def _ended(self, state: State) -> dict[str, Any]:
        began = self._began or state.started
        several = len(_venues(state)) > 1
        return {
            "end": True,
            "ts": iso(state.ts),
            "seconds": round((state.ts - began) / 1e9, 1) if began else 0.0,
            "events": state.seq,
            "symbols": {
                s.instrument.key if several else s.instrument.symbol: {
                    "state": s.shown_state,
                    "update_id": _whole(s.feature("update_id")),
                    "verified": _proof(s),
                }
                for _, s in sorted(state.symbols.items())
            },
        }

    def _row(self, state: State, index: int, symbol: SymbolState) -> dict[str, Any]:
        instrument, feature = symbol.instrument, symbol.feature
        volume, trades = feature("volume") or 0.0, symbol.trade_count
        bid, ask = _whole(feature("best_bid_ticks")), _whole(feature("best_ask_ticks"))
        row = {
            "ts": iso(state.ts),
            "asset": instrument.symbol,
            "exchange": instrument.venue,
            "state": symbol.shown_state,
            "update_id": _whole(feature("update_id")),
            "best_bid": None if bid is None else float(instrument.tick.text_of(bid)),
            "best_ask": None if ask is None else float(instrument.tick.text_of(ask)),
            "mid_price": feature("mid"),
            "microprice": feature("microprice"),
            "spread_bps": feature("spread_bps"),
            "bid_depth_1pct": symbol.band(0, "bid_depth"),
            "ask_depth_1pct": symbol.band(0, "ask_depth"),
            "depth_band_bps": symbol.band(0, "reach_bps"),
            "bid_ask_ratio": symbol.band(0, "ratio"),
            "depth_imbalance": symbol.band(0, "imbalance"),
            "ofi": feature("ofi"),
            "trades": trades - self._trades.get(index, 0),
            "volume": round(volume - self._volume.get(index, 0.0), 10),
            "verified": _proof(symbol),
            "latency_ms": feature("latency_ms"),
            "signal": {
                "direction": symbol.signal.now.direction,
                "confidence": symbol.signal.now.confidence,
                "reason": symbol.signal.now.reason,
            },
        }
        mood = state.sentiment.assets.get(instrument.base)
        if mood is not None:
            swift = mood.mood.swift
            row["sentiment"], row["sentiment_doubt"], row["posts"] = swift.mean, swift.doubt, mood.mood.posts
        if symbol.regime.label:
            row["regime"], row["regime_probability"] = symbol.regime.label, symbol.regime.probability
        self._trades[index], self._volume[index] = trades, volume
        decimals = instrument.tick.decimals + 3
        for name, value in row.items():
            if isinstance(value, float):
                row[name] = round(value, _ROUND.get(name, max(decimals, 8)))
        return row

    def _waiting(self, state: State) -> dict[str, Any]:
        feed = next((feed for feed in state.feeds.values() if feed.venue not in BESIDE_FEEDS), None)
        return {
            "ts": iso(state.ts),
            "asset": None,
            "exchange": feed.venue if feed else None,
            "state": feed.state if feed else "IDLE",
            "reason": feed.reason if feed else "",
        }

    def _print(self, row: dict[str, Any]) -> None:
        self._out.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
        self._out.flush()
        self.lines += 1


def run(make_session: Callable[[], Session], printer: LinePrinter) -> None:
    """A whole headless run in this thread. Raises UserError for what a person can act on."""
    from cli.errors import UserError, explained
    from cli.kernels import warm_kernels
    from cli.memory import hold_mmap_threshold
    from cli.screen import log_to_file

    async def main() -> None:
        await warm_kernels(partial(print, file=sys.stderr))
        await run_headless(make_session(), printer)

    log_to_file()
    hold_mmap_threshold()
    try:
        asyncio.run(main())
    except Exception as error:
        if (text := explained(error)) is not None:
            raise UserError(text) from None
        raise


class Notes:
    """Observes what a person should hear of on stderr, once each: a failed recording, a gap, a damaged piece, a symbol
    that a venue does not trade as it was asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.recording = Recording()
        self.said: list[str] = []

    def __call__(self, state: State, derived: Sequence[Derived]) -> None:
        self.look()

    def look(self) -> None:
        if self._session.sink is not None:
            self.recording = self._session.sink.status
        failed = f"recording stopped: {self.recording.reason}" if self.recording.state == "FAILED" else ""
        asked = (told(note) for note in self._session.state.asked)
        for note in (self._session.source.transport.note, failed, *asked):
            if note and note not in self.said:
                self.said.append(note)
                print(f"microtui: {note}", file=sys.stderr, flush=True)


async def run_headless(session: Session, printer: LinePrinter) -> None:
    """Until the source ends, the time is up, or SIGINT or SIGTERM comes; the recording is closed then."""
    session.observers.append(printer)
    running = asyncio.create_task(session.run())
    done = asyncio.create_task(printer.done.wait())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, printer.done.set)
    notes = Notes(session)
    session.observers.append(notes)
    try:
        await asyncio.wait({running, done}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        done.cancel()
        running.cancel()
        await asyncio.wait({running})
        notes.look()
        printer.last(session.state, notes.recording, notes.said)
    if not running.cancelled():
        running.result()


def iso(ts: int) -> str | None:
    """ns UTC -> ISO 8601 with milliseconds."""
    if not ts:
        return None
    return datetime.fromtimestamp(ts / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _venues(state: State) -> set[str]:
    """Those that are watched, whether or not they have a symbol by now."""
    named = {symbol.instrument.venue for symbol in state.symbols.values()}
    return named | {venue for venue in state.feeds if venue not in BESIDE_FEEDS}


def _proof(symbol: SymbolState) -> list[int]:
    return [int(symbol.feature("verified") or 0), int(symbol.feature("decided") or 0)]


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
