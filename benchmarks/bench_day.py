"""A whole simulated day on each venue's feed, with random troubles of fixed seeds: what it came to.

    python -m benchmarks day [--venue kraken] [--seed 3] [--hours 24]

A book that is called good and is not the exchange's, or trouble that does not heal, ends it with an error.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from engine.feeds.fake_day import Day, spend_a_day
from engine.feeds.fake_venues import DIALECTS
from engine.kernels import warm


def run(options: Sequence[str] = ()) -> dict[str, float]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks day")
    parser.add_argument("--venue", choices=DIALECTS, help="all, unless one is named")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=24.0)
    chosen = parser.parse_args(options)
    assert list(warm.warm())
    figures: dict[str, float] = {}
    for venue in (chosen.venue,) if chosen.venue else DIALECTS:
        began = time.process_time()
        day = spend_a_day(venue, chosen.seed, chosen.hours)
        figures |= {f"{venue}: {name}": value for name, value in _figures(day).items()}
        figures[f"{venue}: CPU, s"] = time.process_time() - began
        told = ", ".join(f"{name} {count}" for name, count in sorted(day.troubles.items()))
        print(f"  {venue}, seed {day.seed}: {told}", flush=True)
    return figures


def _figures(day: Day) -> dict[str, float]:
    return {
        "troubles": sum(day.troubles.values()),
        "books compared with the exchange's, all equal": day.compared,
        "fresh books": day.snapshots,
        "connects": day.connects,
        "shortest time between two, s": day.shortest_gap_s,
        "hand-overs": day.hand_overs,
        "longest time to heal, s": day.longest_heal_s,
        "books good between troubles, %": 100 * day.synced_share,
        "objects, last quarter against second, %": 100 * (day.blocks[-1] / day.blocks[1] - 1),
    }
