"""Proof of a recording: the file is sound, no event is missing unsaid, every piece can be read.

Whether a replay computes the same again is for those who know the core: they pass a function that folds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from engine.batch import Batch
from engine.events import Kind
from engine.text import clean
from store.errors import BadRecording
from store.recording import Recording

Refold = Callable[[Recording], list[str]]  # problems found by folding it again, none if the laws hold

MAX_PROBLEMS = 50


class Verification(msgspec.Struct, frozen=True):
    """What was checked, and each problem as a sentence. `note`: how it ended, if not as one ends."""

    problems: tuple[str, ...]
    events: int
    ticks: int
    checkpoints: int
    gaps: int
    note: str = ""

    @property
    def good(self) -> bool:
        return not self.problems


def verify(path: Path, refold: Refold | None = None) -> Verification:
    """Read everything in the recording. Raises StoreError only where it cannot be opened at all."""
    with Recording(path) as recording:
        problems = [recording.lost] if recording.cut else []
        problems += _file(recording)
        events, ticks, trades = 0, 0, 0
        for item in _blocks(recording):
            if isinstance(item, str):
                problems.append(item)
                if len(problems) >= MAX_PROBLEMS:
                    break
                continue
            events += len(item)
            ticks += int((item.rows["kind"] == Kind.TICK).sum())
            trades += int((item.rows["kind"] == Kind.TRADE).sum())
        problems += _trades(recording, trades) if not problems else []
        checkpoints, bad = _checkpoints(recording)
        problems += bad
        if refold is not None and not problems:
            problems += refold(recording)
        gaps, note = len(recording.gaps), "" if recording.cut else recording.lost
        return Verification(tuple(problems[:MAX_PROBLEMS]), events, ticks, checkpoints, gaps, note)


def _file(recording: Recording) -> list[str]:
    try:
        rows = recording.query("pragma integrity_check(10)")
    except BadRecording as error:
        return [str(error)]
    return [f"the file is damaged: {clean(str(text))}" for (text,) in rows if text != "ok"]


def _blocks(recording: Recording) -> Iterator[Batch | str]:
    """Every piece of events, and a sentence where one is missing, damaged or steps back in time."""
    said = {gap.seq: gap.last_seq for gap in recording.gaps}
    seq, ts, first = 0, 0, True
    while True:
        try:
            block = recording.block_from(seq)
        except BadRecording as error:
            yield str(error)
            behind = recording.query("select min(last_seq) from chunk where last_seq >= ?", (seq,))[0][0]
            if not isinstance(behind, int):
                return
            seq = behind + 1
            continue
        if block is None:
            return
        while seq in said and said[seq] >= seq:
            seq = said[seq] + 1
        if block.seq != seq and not first:
            yield f"events {seq} to {block.seq - 1} are missing, and no gap was noted"
        rows = block.batch.rows
        ticks = rows["ts_recv"][rows["kind"] == Kind.TICK]
        if (np.diff(ticks, prepend=ts) < 0).any():
            yield f"the clock steps back among the events from {block.seq} on"
        yield block.batch
        first = False
        ts = int(ticks[-1]) if len(ticks) else ts
        seq = block.seq + len(block.batch)


def _trades(recording: Recording, expected: int) -> list[str]:
    (found,) = recording.query("select count(*) from trades")[0]
    return [] if found == expected else [f"the table of trades has {found} rows, the events have {expected}"]


def _checkpoints(recording: Recording) -> tuple[int, list[str]]:
    numbers = [seq for (seq,) in recording.query("select seq from checkpoint order by seq")]
    problems = []
    for seq in numbers:
        found = recording.checkpoint_after(seq)
        if found is None or found.seq != seq:
            problems.append(f"the checkpoint at event {seq} cannot be read")
        elif seq > recording.next_seq:
            problems.append(f"the checkpoint at event {seq} lies behind the last event")
    return len(numbers), problems
