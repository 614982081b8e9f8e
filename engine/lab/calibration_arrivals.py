"""Market orders of a simulated market with their times: trades of one taker in one step are one order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.kernels import jit
from engine.lab.sampling import warmed
from engine.market.kernel import STEPS_A_SECOND, run_steps
from engine.market.source import NO_STATISTICS
from engine.market.state import T_SIDE, T_TAKER, T_VENUE, TRADES, Market
from engine.scenario import STEP_S, Scenario

Floats = npt.NDArray[np.float64]

MOST_A_SECOND = 200  # orders that are kept, on average over a run


@jit
def note_orders(m: Market, none: Floats, steps: int, step: Floats, side: Floats) -> int:
    """Go on for so many steps; each order on venue 0 goes to `step` (its number) and `side` (+1 bought, -1 sold).

    `none` is an array of shape (0, SEEN). Returns how many were written, at most as many as fit.
    """
    count = 0
    for now in range(steps):
        run_steps(m, 1, none)
        last = -1
        for i in range(m.counts[TRADES]):
            if m.tape[i, T_VENUE] != 0:
                continue
            taker = 2 * m.tape[i, T_TAKER] + m.tape[i, T_SIDE]
            if taker != last and count < len(step):
                step[count] = now
                side[count] = 1.0 - 2.0 * m.tape[i, T_SIDE]
                count += 1
            last = taker
    return count


def arrivals(scenario: Scenario, seed: int, seconds: int) -> tuple[Floats, Floats]:
    """(times in s, sides) of the market orders that `sampling.simulated` of the same seed sees.

    Orders of one step come one after another, evenly over its tenth of a second: a venue's clock is as coarse as that.
    """
    market = warmed(scenario, seed)
    step, side = np.zeros(MOST_A_SECOND * seconds), np.zeros(MOST_A_SECOND * seconds)
    count = note_orders(market, NO_STATISTICS, seconds * STEPS_A_SECOND, step, side)
    step, side = step[:count], side[:count]
    first = np.searchsorted(step, step, side="left")
    many = np.searchsorted(step, step, side="right") - first
    return STEP_S * (step + (np.arange(count) - first + 0.5) / many), side
