"""How well known constants are recovered from a simulated market, and how fast a trial of the search is."""

from __future__ import annotations

import time

from engine.lab import calibration_known as known
from engine.lab.calibration import runs
from engine.scenario import Scenario

TRUTHS = 20
SECONDS = 3000


def run() -> dict[str, float]:
    """Each figure by name: share of 95 % intervals that hold the truth, their deviation over that of no knowledge."""
    figures: dict[str, float] = {}
    start = time.process_time()
    runs(Scenario(), range(3100, 3104), SECONDS, 100_000.0)
    figures["cpu_s_per_1000_simulated_s"] = (time.process_time() - start) / (4 * SECONDS) * 1e3
    _, found = known.recover(Scenario(), TRUTHS, SECONDS, lambda _: None)
    for constant, held, of, width in known.coverage(found):
        name = constant.key.rpartition(".")[2]
        figures[f"{name}_held"] = held / of
        figures[f"{name}_width"] = width
    return figures
