"""The same plain market in microtui's kernels and in Mesa: steps a second of both, and how many times as many.

Given the same random numbers both show the same prices and make the same trades, which is checked first. Mesa's book
keeps its best prices and looks for them only where one has gone, which made that side a third to a half faster. Mesa
is needed for this alone: `pip install -r benchmarks/requirements.txt`.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable

import numpy as np

from benchmarks.plain_rules import new_run
from benchmarks.plain_rules import run as run_rules
from engine.kernels.matching_state import EMPTY

ROUNDS = 5
_MASK = 2**64 - 1


def _draws(state: list[int]) -> Callable[[], float]:
    """A stream of `engine.rng` in plain Python."""

    def turned(x: int, by: int) -> int:
        return ((x << by) | (x >> (64 - by))) & _MASK

    def draw() -> float:
        result = (turned((state[0] + state[3]) & _MASK, 23) + state[0]) & _MASK
        shifted = (state[1] << 17) & _MASK
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= shifted
        state[3] = turned(state[3], 45)
        return (result >> 11) * 2.0**-53

    return draw


def _check(agents: int, steps: int) -> int:
    """Trades that both made, from the same numbers."""
    from benchmarks.mesa_rules import Market

    ours = new_run(agents)
    model = Market(agents, draws=[_draws([int(word) for word in row]) for row in ours[2]])
    seen = np.zeros((steps, 3), np.int64)
    run_rules(*ours, seen)
    for _ in range(steps):
        model.step()
    held = [[agent.held, agent.cash] for agent in model.agents]
    theirs = model.seen.get_model_vars_dataframe().fillna(EMPTY).to_numpy(np.int64)
    seen[:, 0] = np.where(seen[:, 0] == -EMPTY, EMPTY, seen[:, 0])
    if held != ours[4].tolist() or (theirs != seen).any():
        raise RuntimeError(f"expected the same market, found {model.trades} trades and {seen[-1, 2]}")
    return model.trades


def run() -> dict[str, float]:
    """Each figure by name; CPU time of one core, best of rounds that take turns."""
    if importlib.util.find_spec("mesa") is None:
        raise FileNotFoundError("it needs Mesa: pip install -r benchmarks/requirements.txt")
    from benchmarks.mesa_rules import Market

    found: dict[str, float] = {}
    for agents, our_steps, mesa_steps in ((85, 200_000, 1_000), (1_000, 20_000, 100)):
        found[f"{agents}_agents_equal_trades"] = _check(agents, 200)
        ours, model = new_run(agents), Market(agents)
        seen = np.zeros((our_steps, 3), np.int64)
        run_rules(*ours, seen)
        for _ in range(100):
            model.step()
        best = [0.0, 0.0]
        for _ in range(ROUNDS):
            start = time.process_time()
            run_rules(*ours, seen)
            middle = time.process_time()
            for _ in range(mesa_steps):
                model.step()
            end = time.process_time()
            best = [max(best[0], our_steps / (middle - start)), max(best[1], mesa_steps / (end - middle))]
        found[f"{agents}_agents_steps_per_s"] = best[0]
        found[f"{agents}_agents_mesa_steps_per_s"] = best[1]
        found[f"{agents}_agents_times_mesa"] = best[0] / best[1]
    return found
