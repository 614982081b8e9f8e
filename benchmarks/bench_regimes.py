"""Regimes: what a second of them costs, how long a fit takes, how soon a planted change is seen, and false alarms.

Delays are in seconds of simulated time from the start of a shock to the first other label than CALM, in the calm
scenario after ten quiet minutes; false alarms are changes of label in half an hour of it. A shock that is not seen
within two minutes counts as missed.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median

import msgspec
import numpy as np

from engine.core import State, apply
from engine.events import Alert, FactorTick, RegimeRule
from engine.feeds.clock import SystemClock
from engine.kernels import kalman
from engine.kernels import seconds as grid
from engine.market.source import SimSource
from engine.regimes.fit import fit
from engine.regimes.live import Regime
from engine.regimes.model import arrays_of
from engine.regimes.service import ask
from engine.scenario import Planned, read

SCENARIO = Path(__file__).parents[1] / "replays" / "calm.toml"
START_NS = 1_767_225_600_000_000_000
QUIET_S, WITHIN_S, LONG_S = 600, 120, 1800
SHOCKS = ("volatility:20/120s", "withdrawal:0.9/120s", "sell:150/120s")
SEEDS = range(11, 16)  # thresholds were chosen on 1 to 3


async def _folded(shock: str, seed: int, seconds: int) -> tuple[list[FactorTick], int, grid.SecondArrays]:
    """The first venue's rows, its alerts, and its grid at the end."""
    scenario = read(SCENARIO)
    if shock:
        scenario = msgspec.structs.replace(scenario, shocks=(Planned(float(QUIET_S), shock),))
    source = SimSource(scenario, seed, SystemClock(), speed=0.0, seconds=seconds, started=START_NS)
    state, ticks, alerts = State(), list[FactorTick](), 0
    async for batch in source.batches():
        for item in apply(state, batch)[0]:
            if isinstance(item, FactorTick) and item.symbol == 0:
                ticks.append(item)
            alerts += isinstance(item, Alert) and item.kind == "REGIME" and item.symbol == 0
    return ticks, alerts, state.symbols[0].seconds


def _delays() -> dict[str, float]:
    figures: dict[str, float] = {}
    begun = START_NS + QUIET_S * 10**9
    for shock in SHOCKS:
        name, found = shock.partition(":")[0], list[float]()
        for seed in SEEDS:
            ticks, _, _ = asyncio.run(_folded(shock, seed, QUIET_S + WITHIN_S + 5))
            seen = next((t.ts for t in ticks if t.ts >= begun and t.regime != "CALM"), 0)
            if seen:
                found.append((seen - begun) / 1e9)
        figures[f"{name}_seen_of_{len(SEEDS)}"] = len(found)
        if found:
            figures[f"{name}_delay_s_median"] = median(found)
            figures[f"{name}_delay_s_max"] = max(found)
    return figures


def _second_us(seconds: grid.SecondArrays, regime: Regime) -> float:
    """Of everything that regimes cost a symbol once a second."""
    rows, rule, count = seconds.rows.copy(), RegimeRule(), 5000
    start = time.process_time()
    for i in range(count):
        second = int(seconds.clock[grid.LATEST]) + 1
        seconds.rows[second % grid.KEPT] = rows[i % grid.KEPT]
        seconds.clock[grid.LATEST] = second
        regime.second(seconds, 0, second * 10**9, rule)
    return (time.process_time() - start) / count * 1e6


def run() -> dict[str, float]:
    """Each figure by name; CPU time of one core."""
    figures, false = {}, 0
    for seed in SEEDS:
        _, alerts, seconds = asyncio.run(_folded("", seed, LONG_S))
        false += alerts
    figures["false_alarms_in_150_calm_minutes"] = float(false)
    figures |= _delays()
    figures["second_us_labels_alone"] = _second_us(seconds.copy(), Regime())
    start = time.process_time()
    cold = fit(ask(0, seconds, None))
    figures["cold_fit_ms"] = (time.process_time() - start) * 1e3
    start = time.process_time()
    fit(ask(0, seconds, cold))
    figures["cold_and_warm_fit_ms"] = (time.process_time() - start) * 1e3
    regime = Regime()
    regime.on_fit(cold, seconds)
    figures["second_us_labels_and_factors"] = _second_us(seconds.copy(), regime)
    assert cold.model is not None
    _, filter_ = arrays_of(cold.model)
    row, count = np.zeros(len(cold.model.series)), 20_000
    start = time.process_time()
    for _ in range(count):
        kalman.step(row, filter_)
    figures["kalman_step_us"] = (time.process_time() - start) / count * 1e6
    return figures
