"""The books of a story in dictionaries, level by level: what the engine's own are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from engine.batch import Batch
from engine.events import Kind

Sides = tuple[dict[int, int], dict[int, int]]


def followed(batches: Sequence[Batch], venues: int = 2) -> Iterator[tuple[np.void, Sides]]:
    """Every row, with bids and asks of its venue after it; only what stands is ever taken away."""
    books: dict[int, Sides] = {venue: ({}, {}) for venue in range(venues)}
    for batch in batches:
        for row in batch.rows:
            sides = books.get(int(row["symbol"]), ({}, {}))
            if row["kind"] in (Kind.SNAPSHOT, Kind.DELTA):
                start = int(row["level_start"])
                turn, stop = start + int(row["bid_count"]), start + int(row["bid_count"] + row["ask_count"])
                for book, part in zip(
                    sides, (batch.levels[start:turn], batch.levels[turn:stop]), strict=True
                ):
                    for ticks, lots in part.tolist():
                        assert lots >= 0
                        if lots:
                            book[ticks] = lots
                        else:
                            del book[ticks]
            yield row, sides


def top(sides: Sides) -> tuple[int, int, int, int]:
    """Best bid and its lots, best ask and its lots."""
    bid, ask = max(sides[0]), min(sides[1])
    return bid, sides[0][bid], ask, sides[1][ask]
