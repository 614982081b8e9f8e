"""Rows of a file as a session: cut at ticks, begun with who is listed, played as fast as they are asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

import numpy as np

from engine.batch import MISSING, ROW, Batch, BatchBuilder, Levels, Rows, no_levels
from engine.data.exact import Ints
from engine.events import FeedStatus, Kind, Listed, Note, Said, Setup
from engine.feeds.clock import TICK_NS
from engine.frame.host import Transport
from engine.instrument import Instrument
from engine.ports import Command

QUIET_NS = 1_000_000_000  # between ticks in which nothing came: what a chart still takes for a quiet market


def blank(count: int, kind: Kind, ts: Ints) -> Rows:
    """So many rows of one kind, with ids missing and all else zero."""
    rows = np.zeros(count, ROW)
    rows["kind"], rows["ts_recv"], rows["ts_event"] = kind, ts, ts
    rows["first_id"] = rows["last_id"] = MISSING
    return rows


def tick_of(ts: Ints) -> Ints:
    """The tick that each moment belongs to: the first at or behind it."""
    ticks: Ints = -(-ts // TICK_NS) * TICK_NS
    return ticks


def in_order(parts: Sequence[tuple[Ints, Rows]], pool: Levels | None = None) -> tuple[Rows, Levels]:
    """One array of many, by each row's rank, equal ranks in the order of `parts`; levels and notes in that order."""
    ranks = np.concatenate([rank for rank, _ in parts])
    rows = np.concatenate([part for _, part in parts])[np.argsort(ranks, kind="stable")]
    notes = rows["kind"] == Kind.NOTE
    rows["level_start"][notes] = np.arange(int(notes.sum()))
    if pool is None:
        return rows, no_levels()
    counts = (rows["bid_count"] + rows["ask_count"]).astype(np.int64)
    starts = np.cumsum(counts) - counts
    index = np.repeat(rows["level_start"] - starts, counts) + np.arange(int(counts.sum()))
    has = counts > 0
    rows["level_start"][has] = starts[has]
    return rows, pool[index]


def cut(
    rows: Rows,
    levels: Levels,
    notes: Sequence[Note],
    after_ts: int,
    *,
    until_ts: int = 0,
    quiet_ns: int | None = QUIET_NS,
) -> Iterator[Batch]:
    """Batches to their ticks; a tick each second too, up to the last row or `until_ts`, unless `quiet_ns` is None.

    rows: in the order of `ts_recv`, levels and notes in theirs. What came before `after_ts` comes right behind it.
    """
    ts = np.maximum(rows["ts_recv"], after_ts + 1)
    rows["ts_recv"] = ts
    ticks = tick_of(ts)
    wanted = np.unique(ticks)
    if quiet_ns is not None:
        stop = max(until_ts + 1, int(ticks[-1]) if len(ticks) else 0)
        wanted = np.union1d(wanted, np.arange(after_ts // quiet_ns * quiet_ns + quiet_ns, stop, quiet_ns))
    stops = np.searchsorted(ticks, wanted, side="right")
    whole = np.zeros(len(rows) + len(wanted), ROW)
    at = stops + np.arange(len(wanted))
    is_tick = np.zeros(len(whole), bool)
    is_tick[at] = True
    whole[~is_tick] = rows
    whole["kind"][at], whole["ts_recv"][at], whole["symbol"][at] = Kind.TICK, wanted, -1
    for name in ("ts_event", "first_id", "last_id"):
        whole[name][at] = MISSING
    counts = (whole["bid_count"] + whole["ask_count"]).astype(np.int64)
    level_ends = np.cumsum(counts)
    is_note = whole["kind"] == Kind.NOTE
    note_ends = np.cumsum(is_note)
    begin = level_begin = note_begin = 0
    for end in (at + 1).tolist():
        part = whole[begin:end]
        level_end, note_end = int(level_ends[end - 1]), int(note_ends[end - 1])
        if level_end > level_begin:
            part["level_start"][counts[begin:end] > 0] -= level_begin
        if note_end > note_begin:
            part["level_start"][is_note[begin:end]] -= note_begin
        yield Batch(part, levels[level_begin:level_end], tuple(notes[note_begin:note_end]))
        begin, level_begin, note_begin = end, level_end, note_end


def beginning(
    instrument: Instrument,
    ts: int,
    setup: Setup,
    said: str,
    *,
    depth_limit: int = 0,
    book: tuple[Sequence[tuple[int, int]], Sequence[tuple[int, int]]] = ((), ()),
    flags: int = 0,
    update_id: int = MISSING,
) -> Batch:
    """What comes before the first row, at the tick `ts`: who is listed, the book, and what is said of the session."""
    out = BatchBuilder()
    out.add_note(setup, ts)
    out.add_note(FeedStatus(instrument.venue, "LIVE", reason=said), ts)
    out.add_note(Listed(0, instrument, depth_limit), ts, 0)
    out.add_levels(Kind.SNAPSHOT, ts, *book, symbol=0, last_id=update_id, flags=flags, ts_event=ts)
    out.add_note(FeedStatus(instrument.venue, "SYNCED", 0, said, trading="TRADING"), ts, 0)
    out.add_note(Said(said, ts), ts, 0)
    out.add(Kind.TICK, ts, symbol=-1)
    return out.take()


class Offline:
    """`engine.ports.Source` of batches that are made from files; it takes no command.

    `ends` is told with every batch, so that progress can be shown.
    """

    accepts: frozenset[str] = frozenset()

    def __init__(
        self, batches: Iterable[Batch], note: str, ends: Callable[[int], None] = lambda ts: None
    ) -> None:
        self._batches, self._note, self._ends = batches, note, ends
        self._start = self._at = 0
        self._closed = False

    @property
    def transport(self) -> Transport:
        return Transport("IMPORT", 0.0, False, self._start, self._at, note=self._note)

    async def batches(self) -> AsyncIterator[Batch]:
        for batch in self._batches:
            if self._closed:
                return
            self._at = int(batch.rows[-1]["ts_recv"])
            self._start = self._start or self._at
            self._ends(self._at)
            yield batch

    async def command(self, command: Command) -> None:
        """It takes none."""

    async def close(self) -> None:
        self._closed = True
