"""Troubles of feeds and books: what a connection or a book says of itself, and what a book's proof says of it.

A book that lost updates or fails its proof is emptied, for that symbol alone, and a person is told, but not
again and again of an outage that flaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.alerts.gate import told_of
from engine.events import Alert, Derived, FeedCount, FeedStatus
from engine.frame.feeds import BESIDE_FEEDS, Feed
from engine.kernels import fold as fold_kernel
from engine.ports import Resync
from engine.telling import tell

if TYPE_CHECKING:
    from engine.core import State
    from engine.symbol import SymbolState

FEED_QUIET_NS = 30_000_000_000  # an outage that flaps is told of once
# A site beside the market that answers every other question fails every few minutes; nothing is traded on one answer.
TEXT_QUIET_NS = 3600_000_000_000
# What a kernel may find wrong, the gravest first: the state that is shown and why.
_DOUBTS = {
    fold_kernel.OVERFLOW: ("MISMATCH", "a level lies beyond what the book can hold"),
    fold_kernel.CROSSED: ("CROSSED", "the best bid reached the best ask"),
    fold_kernel.MISMATCH: ("MISMATCH", "its top differs from the venue's at the same update"),
    fold_kernel.WRONG_SUM: ("MISMATCH", "its best levels do not have the venue's checksum"),
}
# States in which updates are missing. A STALE book is not among them: its feed goes on where it stopped.
_LOST = frozenset({"EMPTY", "BUFFERING", "SNAPSHOT_WAIT", "GAP"})


def connection_said(state: State, note: FeedStatus, ts: int, derived: list[Derived]) -> None:
    """Enter how a connection does."""
    feed = state.feeds.get(note.venue, Feed(note.venue))
    was_live, is_live = feed.state == "LIVE", note.state == "LIVE"
    state.feeds[note.venue] = Feed(
        note.venue,
        note.state,
        note.reason,
        note.retry_at_ns,
        feed.messages,
        feed.bytes,
        feed.malformed,
        feed.ignored,
        feed.resyncs,
        feed.reconnects,
    )
    if was_live and not is_live:
        alert = Alert(ts, None, "FEED", None, f"{note.venue} {note.state.lower()}: {note.reason}")
        quiet_ns = TEXT_QUIET_NS if note.venue in BESIDE_FEEDS else 0
        _tell_of_trouble(state, note.venue, alert, derived, quiet_ns)


def connection_counted(state: State, note: FeedCount) -> None:
    """Enter what a connection has carried so far."""
    feed = state.feeds.get(note.venue, Feed(note.venue))
    state.feeds[note.venue] = Feed(
        note.venue,
        feed.state,
        feed.reason,
        feed.retry_at_ns,
        note.messages,
        note.bytes,
        note.malformed,
        note.ignored,
        note.resyncs,
        note.reconnects,
    )


def book_said(state: State, note: FeedStatus, ts: int, derived: list[Derived]) -> None:
    """Enter how a symbol's book does, as its feed says."""
    symbol = state.symbols.get(-1 if note.symbol is None else note.symbol)
    if symbol is None:
        return
    was = symbol.book_state
    symbol.book_state, symbol.reason = note.state, note.reason
    symbol.trading = note.trading or symbol.trading
    if was in ("SYNCED", "STALE") and note.state in _LOST:
        fold_kernel.reset_book(symbol.market)
    if was == "SYNCED" and note.state != "SYNCED":
        text = f"{symbol.instrument.symbol} book {note.state.lower()}: {note.reason}"
        alert = Alert(ts, note.symbol, "FEED", None, text)
        _tell_of_trouble(state, symbol.instrument.key, alert, derived, FEED_QUIET_NS)


def doubt_book(
    state: State, index: int, symbol: SymbolState, flags: int, ts: int, derived: list[Derived]
) -> Resync:
    """A book that fails its proof is not drawn as good again before a new snapshot, which is asked for here."""
    symbol.doubt, why = next(said for flag, said in _DOUBTS.items() if flags & flag)
    fold_kernel.reset_book(symbol.market)
    text = f"{symbol.instrument.symbol} book resyncs: {why}"
    alert = Alert(ts, index, "BOOK", None, text)
    _tell_of_trouble(state, symbol.instrument.key, alert, derived, FEED_QUIET_NS)
    return Resync(index, why)


def _tell_of_trouble(state: State, whose: str, alert: Alert, derived: list[Derived], quiet_ns: int) -> None:
    """Tell of it as far as a rule asks for that, unless the same was in trouble `quiet_ns` before."""
    last = state.told.get(whose)
    state.told[whose] = alert.ts
    rule = told_of(state.setup.alerts, whose)
    if rule is not None and (last is None or alert.ts - last >= quiet_ns):
        tell(state, alert, derived, rule)
