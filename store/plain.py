# ruff: noqa: S608 (names of tables and columns are this package's own; values are always bound)
"""The plain tables beside the events: for people who query with SQL, filled as the session goes on.

They follow from the events and are never read back by a replay.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from engine.batch import Batch
from engine.events import (
    Advice,
    Alert,
    BookMetrics,
    ChainTransfer,
    Decision,
    Derived,
    FactorTick,
    FeedCount,
    FeedStatus,
    Kind,
    Listed,
    Mark,
    Outcome,
    SentimentRecord,
    Shock,
    Signal,
)
from engine.instrument import Instrument
from store.tables import PLAIN

_INSERT = {
    name: f"insert or replace into {name} values ({', '.join('?' * len(columns))})"
    for name, columns in PLAIN.items()
}
# A row that is written over stays where it is, for whoever reads the table meanwhile.
_INSERT["sentiment"] = (
    _INSERT["sentiment"].replace(" or replace", "")
    + " on conflict (post) do update set "
    + ", ".join(f"{name} = excluded.{name}" for name in PLAIN["sentiment"])
)
_TABLE_OF: dict[type, str] = {
    BookMetrics: "book_metrics",
    Signal: "signals",
    Alert: "alerts",
    SentimentRecord: "sentiment",
    FactorTick: "factors",
    Advice: "advice",
    Outcome: "outcomes",
    Decision: "decisions",
}

# The fields of a row, in the order of the table's columns without `seq`.
_TRADE = ("ts_recv", "symbol", "last_id", "price_ticks", "size_lots", "side")
_FILL = (
    "ts_recv", "symbol", "first_id", "last_id", "side", "price_ticks", "size_lots", "ask_ticks", "flags",
)  # fmt: skip

# numpy compares a column with plain numbers five times as fast as with members of an enum.
_NOTE, _TRADES, _FILLS = int(Kind.NOTE), int(Kind.TRADE), int(Kind.FILL)

Row = tuple[Any, ...]


class PlainTables:
    """Collects rows of batches and of what was derived from them; `write` puts them into the file."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {name: [] for name in PLAIN}
        self._counts: dict[str, FeedCount] = {}
        self._listed: dict[int, Instrument] = {}  # by symbol index, as listed last

    def add(self, seq: int, batch: Batch, derived: Sequence[Derived]) -> None:
        """`seq` is the number of the batch's first row."""
        self._add_rows("trades", _TRADES, _TRADE, seq, batch)
        self._add_rows("fills", _FILLS, _FILL, seq, batch)
        for at in (batch.rows["kind"] == _NOTE).nonzero()[0].tolist():
            row = batch.rows[at]
            self._add_note(seq + at, int(row["ts_recv"]), batch.notes[int(row["level_start"])])
        for item in derived:
            self._rows[_TABLE_OF[type(item)]].append(msgspec.structs.astuple(item))

    def _add_rows(self, table: str, kind: int, fields: tuple[str, ...], seq: int, batch: Batch) -> None:
        at = (batch.rows["kind"] == kind).nonzero()[0]
        if len(at):
            columns = [batch.rows[name][at].tolist() for name in fields]
            columns.insert(list(PLAIN[table]).index("seq"), (at + seq).tolist())
            self._rows[table] += zip(*columns, strict=True)

    def add_listed(self, seq: int, listed: Listed) -> None:
        """From event `seq` on this is the instrument; nothing where it was that before.

        Said by the events, and by a checkpoint where recording begins or goes on behind a gap.
        """
        i = listed.instrument
        if self._listed.get(listed.symbol) == i:
            return
        self._listed[listed.symbol] = i
        names = (i.venue, i.symbol, i.base, i.quote, i.tick_size, i.lot_size, i.kind, i.multiplier)
        self._rows["instruments"].append((listed.symbol, seq, *names, i.tick.decimals, i.lot.decimals))

    def _add_note(self, seq: int, ts: int, note: object) -> None:
        match note:
            case Listed():
                self.add_listed(seq, note)
            case Mark(text=text, ts=at):
                self._rows["marks"].append((at, text))
            case Shock(kind=kind, size=size, side=side):
                at = note.ts or ts
                self._rows["shocks"].append((at, note.symbol, kind, size, side, note.duration_s))
            case ChainTransfer():
                amounts = (note.asset, note.amount, note.value_quote, note.sender, note.receiver)
                row = (note.ts_event, note.id, *amounts, note.source, int(note.confirmed))
                self._rows["transfers"].append(row)
            case FeedCount(venue=venue):
                self._counts[venue] = note
            case FeedStatus(venue=venue):
                count = self._counts.get(venue)
                totals = msgspec.structs.astuple(count)[1:] if count else (None,) * 6
                state = (note.symbol, note.state, note.reason, note.trading, note.retry_at_ns)
                self._rows["health"].append((ts, venue, *state, *totals))

    def write(self, connection: sqlite3.Connection) -> None:
        for name, rows in self._rows.items():
            if rows:
                connection.executemany(_INSERT[name], rows)
                rows.clear()
