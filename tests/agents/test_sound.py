"""Whatever a person's family writes, only orders that a book can be given are left, the others are counted."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.agents.others import FAULTS, MOST_MONEY, sound
from engine.agents.trading import (
    FAIR,
    MEMORY,
    ORDERS,
    SIGHT,
    SLOTS,
    STEP,
    TRANSFER,
    VENUES,
    Floats,
    Ints,
)
from engine.kernels import jit
from engine.kernels.matching_state import Do

WHOLE = st.integers(-(2**63), 2**63 - 1)
FAIR_TICKS = 60_000


def near(*values: int) -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from(values), st.sampled_from(values), WHOLE)


ROWS = st.lists(
    st.tuples(
        near(-1, 0, 1, 2),
        near(*Do, TRANSFER),
        near(-1, 0, 1, 2),
        near(-1, 0, 1, FAIR_TICKS, 10 * FAIR_TICKS, 10 * FAIR_TICKS + 1),
        near(-1, 0, 1, 5000, 10**6, 10**12),
        near(-2, -1, 0, SLOTS - 1, SLOTS),
    ),
    min_size=ORDERS,
    max_size=ORDERS,
)


@jit
def _sound(sight: Floats, memory: Floats, agent: int, held: Ints, out: Ints, count: int) -> int:
    return sound(sight, memory, agent, held, out, count)


def kept(row: list[int], venues: int, held: int) -> list[int] | None:
    """The row as a book gets it, or None: written after the rules of docs/agents.md, in whole numbers of Python."""
    venue, kind, side, price, lots, slot = row
    if venue not in range(venues) or side not in (0, 1) or slot not in range(-1, SLOTS) or lots < 0:
        return None
    if lots == 0:
        return [venue, Do.LIMIT, side, price, 0, slot] if slot >= 0 else None
    room = MOST_MONEY / (10 * FAIR_TICKS)
    if lots * 4 * SLOTS > room or (held if side == 0 else -held) > room / 2:
        return None
    priced = 1 <= price <= 10 * FAIR_TICKS
    if kind in (Do.LIMIT, Do.POST_ONLY):
        return row if priced and slot >= 0 else None
    if kind == Do.MARKET or (kind in (Do.IOC, Do.FOK) and priced):
        return [*row[:5], -1]
    return None


@settings(deadline=None, max_examples=100)
@given(
    ROWS,
    st.one_of(st.integers(0, ORDERS), WHOLE),
    st.integers(1, VENUES),
    st.sampled_from([0, 10**7, -(10**7), 10**9, -(10**9)]),
)
def test_what_is_left_is_what_the_rules_allow(
    rows: list[tuple[int, ...]], count: int, venues: int, held: int
) -> None:
    sight = np.zeros((VENUES, SIGHT))
    sight[:venues, STEP], sight[:venues, FAIR] = 0.1, FAIR_TICKS
    memory, holds = np.zeros((2, MEMORY)), np.array([[0, 0], [held - 7, 7]])
    out = np.array(rows, np.int64)
    left = _sound(sight, memory, 1, holds, out, count)
    if not 0 <= count <= ORDERS:
        assert (left, memory[1, FAULTS]) == (0, 1.0)
        return
    found = [kept([int(n) for n in row], venues, held) for row in rows[:count]]
    assert out[:left].tolist() == [row for row in found if row is not None]
    assert memory[1, FAULTS] == found.count(None)
    assert not memory[0].any()
