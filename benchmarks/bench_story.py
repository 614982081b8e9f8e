"""How fast March 2020 is made: its rows alone, and folded as a session does, on one core. To reach: 15 s and 45 s."""

from __future__ import annotations

import time

from cli import paths
from engine.core import State, apply
from engine.past.source import PastSource
from engine.past.story import read

FOLDED = 20_000  # ticks from the beginning, before and in the first chapter's quiet


def run() -> dict[str, float]:
    story = read(paths.built_in("replays") / "march2020.toml")
    next(PastSource(story).made())  # loads the kernels
    began, ticks, rows = time.process_time(), 0, 0
    for batch in PastSource(story).made():
        ticks += 1
        rows += len(batch)
    made_s = time.process_time() - began
    state, source = State(), PastSource(story).made()
    apply(state, next(source))
    began = time.process_time()
    for _ in range(FOLDED):
        apply(state, next(source))
    folded_s = time.process_time() - began
    return {
        "ticks": float(ticks),
        "rows": float(rows),
        "made, s": made_s,
        "made, us a tick": made_s / ticks * 1e6,
        "made and folded, us a tick": folded_s / FOLDED * 1e6,
        "made and folded, s for all ticks at that rate": folded_s / FOLDED * ticks,
    }
