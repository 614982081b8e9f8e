"""How fast the simulated market runs: simulated seconds a second on one core, and its cost as it grows old."""

from __future__ import annotations

import time

from engine.market.kernel import run_steps
from engine.market.report import conserved
from engine.market.source import NO_STATISTICS
from engine.market.state import new_market
from engine.scenario import Scenario, with_counts

ROUNDS = 3
SECONDS = 2_000


def _rate(scenario: Scenario, seconds: int) -> tuple[float, float]:
    """Simulated seconds a second over the first and over the last of `ROUNDS` runs after one another."""
    market = new_market(scenario, 1)
    run_steps(market, 6_000, NO_STATISTICS)
    rates = []
    for _ in range(ROUNDS):
        start = time.process_time()
        run_steps(market, seconds * 10, NO_STATISTICS)
        rates.append(seconds / (time.process_time() - start))
    if any(conserved(market).values()):
        raise RuntimeError(f"cash, inventory and fees are conserved, found {conserved(market)}")
    return rates[0], rates[-1]


def run() -> dict[str, float]:
    """Each figure by name; two venues, ten steps a simulated second, CPU time of one core."""
    scenario = Scenario()
    fresh, old = _rate(scenario, SECONDS)
    many = with_counts(scenario, maker=118, informed=235, noise=588, arbitrage=59)
    thousand, _ = _rate(many, SECONDS // 20)
    start = time.perf_counter()
    for seed in range(20):
        new_market(scenario, seed)
    return {
        "85_agents_simulated_s_per_s": max(fresh, old),
        "85_agents_last_over_first": old / fresh,
        "1000_agents_simulated_s_per_s": thousand,
        "new_market_ms": (time.perf_counter() - start) / 20 * 1e3,
    }
