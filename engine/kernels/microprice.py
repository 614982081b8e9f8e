"""Stoikov's microprice: where the mid is expected to settle, given queue imbalance and spread.

Source: S. Stoikov, "The micro-price: a high-frequency estimator of future prices", Quantitative Finance 18
(2018). The top of the book is a Markov chain over 10 buckets of imbalance and two spreads (one tick, wider).
Each book change is a transition, with the mid still (Q) or moved (T), and R is the mean jump of a state. The
market has no preferred side, so every transition is counted together with its mirror image. Then

    G1 = (I - Q)^-1 R,   B = (I - Q)^-1 T,   microprice - mid = G1 + B G1 + B^2 G1 + ...

A jump counts as one tick at most: where the mid leaps over a hundred empty ticks, the leap measures gaps
between levels, and a few of them would drown what the queues say. Sixteen terms: after six minutes of BTCUSDT
the sum is then within 0.003 half ticks of its limit. Each state starts with one imagined change of the mid
that favours no side, so that a state seen once says little and one never left does not make I - Q singular.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import helper, jit
from engine.kernels.level_book import Ints
from engine.kernels.market import JUMP, MID_CHANGES, STATE, STATES, Floats

BUCKETS = STATES // 2
TERMS = 16
MAX_JUMP = 2  # half ticks
MIN_MID_CHANGES = 50
SOLVE_TICKS = 100  # solved anew every 10 s


@helper
def state_of(bid_lots: int, ask_lots: int, spread_ticks: int) -> int:
    bucket = min(BUCKETS - 1, int(BUCKETS * (bid_lots / (bid_lots + ask_lots))))
    return bucket if spread_ticks <= 1 else BUCKETS + bucket


@helper
def mirror(state: int) -> int:
    """The same top seen from the other side."""
    return (state // BUCKETS) * BUCKETS + BUCKETS - 1 - state % BUCKETS


@helper
def count_move(now: Ints, moves: Ints, state: int, jump: int) -> None:
    """One book change: from the state remembered to `state`, the mid moved by `jump` half ticks."""
    before = now[STATE]
    now[STATE] = state
    if before < 0:
        return
    if jump == 0:
        moves[before, state] += 1
    else:
        moves[before, STATES + state] += 1
        moves[before, JUMP] += max(-MAX_JUMP, min(MAX_JUMP, jump))
        now[MID_CHANGES] += 1


@jit
def solve(moves: Ints, edge: Floats) -> None:
    """Fill `edge` with microprice minus mid, in half ticks, by state."""
    # One elimination for T and R together: columns 0..19 are I - Q, then T, then R.
    system = np.zeros((STATES, JUMP + 1))
    for x in range(STATES):
        other = mirror(x)
        seen = 1.0
        for y in range(STATES):
            still = moves[x, y] + moves[other, mirror(y)]
            moved = moves[x, STATES + y] + moves[other, STATES + mirror(y)]
            seen += still + moved
            system[x, y] = -still
            system[x, STATES + y] = moved
        system[x, STATES + x] += 0.5
        system[x, STATES + other] += 0.5
        system[x, JUMP] = moves[x, JUMP] - moves[other, JUMP]
        system[x, x] += seen
    # Rows dominate their diagonal, so no pivoting is needed.
    for pivot in range(STATES):
        for row in range(STATES):
            if row != pivot and system[row, pivot] != 0.0:
                factor = system[row, pivot] / system[pivot, pivot]
                for column in range(pivot, JUMP + 1):
                    system[row, column] -= factor * system[pivot, column]
    term = np.empty(STATES)
    for x in range(STATES):
        for column in range(STATES, JUMP + 1):
            system[x, column] /= system[x, x]
        term[x] = system[x, JUMP]
        edge[x] = term[x]
    for _ in range(TERMS - 1):
        following = np.zeros(STATES)
        for x in range(STATES):
            for y in range(STATES):
                following[x] += system[x, STATES + y] * term[y]
        term = following
        for x in range(STATES):
            edge[x] += term[x]
