"""A book that is told again to say how far it is known: all else that is measured goes on as if it had not been."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.batch import GOES_ON, Batch
from engine.core import State, apply
from engine.data.lobster import pair_of, read
from engine.data.lobster_rows import LobsterDay
from engine.events import Kind, Setup
from engine.kernels.fold import FEATURES
from tests.data.lobster_files import made

# The id of the latest message, which may have left the book alone, comes with it.
RANGE = {"known_low_ticks", "known_high_ticks", "round_trip_bps", "update_id"}


def without_reminders(batch: Batch) -> Batch:
    again = (batch.rows["kind"] == Kind.SNAPSHOT) & (batch.rows["flags"] & GOES_ON > 0)
    return Batch(batch.rows[~again], batch.levels, batch.notes)


def test_only_the_known_range_differs(tmp_path: Path) -> None:
    levels = 5
    written = made(21, 800, levels)
    path, _ = written.write(tmp_path, levels)
    pair = pair_of(path)
    assert pair is not None
    day = LobsterDay(pair, read(pair), Setup())
    reminded, left = State(), State()
    differed = reminders = 0
    for batch in day.batches():
        apply(reminded, batch)
        bare = without_reminders(batch)
        reminders += len(batch) - len(bare)
        apply(left, bare)
        if not reminded.symbols:
            continue
        one, other = reminded.symbols[0].market, left.symbols[0].market
        for name, a, b in zip(FEATURES, one.features, other.features, strict=True):
            if name in RANGE:
                differed += not np.array_equal(a, b, equal_nan=True)
            else:
                np.testing.assert_equal(a, b, err_msg=name)
    assert reminders > 20
    assert differed > 0
    symbol = reminded.symbols[0]
    tick = round(float(symbol.instrument.tick.value) * 10_000)
    bids, asks = written.books[-1]
    if len(bids) == levels:
        assert symbol.feature("known_low_ticks") == bids[-1][0] // tick
    if len(asks) == levels:
        assert symbol.feature("known_high_ticks") == asks[-1][0] // tick
