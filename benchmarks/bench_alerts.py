"""Alerts and risk: what a second of them costs, how quiet a calm market is, and how soon a planted imbalance is told.

CPU a symbol and second of alert rules (budget with all else of a second: 30 us of it), and a session and second of
risk, with the families of a session beside a real market. Alerts an hour are of the calm scenario, all kinds, on seeds
that no threshold was chosen on.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import numpy as np

from engine.alerts import families
from engine.alerts.watch import watch
from engine.core import State, apply, fold_all
from engine.events import AgentFamily, AgentLine, Agents, Alert
from engine.feeds.clock import SystemClock
from engine.kernels import seconds as grid
from engine.market.source import SimSource
from engine.scenario import read
from tests.alerts.planted import delay_s
from tests.laws.generated import generated_batches

SCENARIO = Path(__file__).parents[1] / "replays" / "calm.toml"
START_NS = 1_767_225_600_000_000_000
SECONDS = 20_000
LONG_S = 1800
SEEDS = range(21, 26)
COUNTS = {"maker": 10, "informed": 20, "arbitrage": 5, "you": 1}


def run() -> dict[str, float]:
    """Each figure by name; CPU time of one core."""
    figures = {"rules_us_a_symbol_and_second": _rules_us(), "risk_us_a_session_and_second": _risk_us()}
    kinds: Counter[str] = Counter()
    for seed in SEEDS:
        kinds.update(asyncio.run(_calm(seed)))
    hours = len(SEEDS) * LONG_S / 3600.0
    print(f"  calm, {hours:g} hours: {dict(kinds)}")
    figures["alerts_an_hour_calm"] = sum(kinds.values()) / hours
    figures["imbalance_told_s_after_its_minute"] = delay_s()
    return figures


def _rules_us() -> float:
    """Default rules on a market that moves, with a second symbol beside it; rows are written outside of the clock."""
    state = fold_all(State(), list(generated_batches(3, 60)))
    symbol, rng = state.symbols[0], np.random.default_rng(1)
    symbol.book_state, symbol.doubt = "SYNCED", ""
    mids = 60_000.0 * np.exp(np.cumsum(rng.normal(0, 1e-4, SECONDS)))
    spreads, depths = 0.1 * np.exp(rng.normal(0, 0.5, SECONDS)), 50.0 * np.exp(rng.normal(0, 0.3, SECONDS))
    second, spent = state.ts // grid.SECOND_NS, 0.0
    for i in range(SECONDS):
        second += 1
        row = symbol.seconds.rows[second % grid.KEPT]
        row[:] = mids[i]
        row[grid.SPREAD_BPS], row[grid.BID_DEPTH], row[grid.ASK_DEPTH] = spreads[i], depths[i], depths[-i]
        row[grid.SENTIMENT], row[grid.DOUBT] = 0.1 * np.sin(i / 100.0), 0.1
        symbol.seconds.clock[grid.LATEST] = second
        began = time.process_time()
        watch(state, 0, symbol, second * grid.SECOND_NS)
        spent += time.process_time() - began
    return spent / SECONDS * 1e6


def _risk_us() -> float:
    state = fold_all(State(), list(generated_batches(3, 60)))
    rng, spent = np.random.default_rng(2), 0.0
    walks = np.cumsum(rng.normal(0, 1e6, (SECONDS, len(COUNTS))), axis=0).astype(int).tolist()
    for second, walk in enumerate(walks, state.ts // grid.SECOND_NS + 1):
        note, ts = _note(walk), second * grid.SECOND_NS
        state.agents = note
        began = time.process_time()
        state.risk.on_agents(note, state.symbols[0].instrument, ts, state.setup.risk)
        families.second(state, ts)
        spent += time.process_time() - began
    return spent / SECONDS * 1e6


def _note(walk: list[int]) -> Agents:
    told = tuple(
        AgentFamily(name, count, 1000, equity, 0, 0, 1, 1)
        for (name, count), equity in zip(COUNTS.items(), walk, strict=True)
    )
    lines = [
        AgentLine(place, 100, 1, 1, 1, 1, 1, 1, 1)
        for place, count in enumerate(COUNTS.values())
        for _ in range(count)
    ]
    return Agents(0, told, tuple(lines), True)


async def _calm(seed: int) -> list[str]:
    source = SimSource(read(SCENARIO), seed, SystemClock(), speed=0.0, seconds=LONG_S, started=START_NS)
    state, kinds = State(), list[str]()
    async for batch in source.batches():
        kinds += [item.kind for item in apply(state, batch)[0] if isinstance(item, Alert)]
    return kinds
