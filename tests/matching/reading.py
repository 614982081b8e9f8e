"""Reads a State with numpy and plain loops, and checks everything that must hold between its arrays."""

from __future__ import annotations

import numpy as np

from engine.kernels.matching_state import (
    ASK,
    EMPTY,
    FREE,
    LAST,
    LEFT,
    LIVE,
    MESSAGE,
    WINDOW,
    WORD,
    State,
)
from tests.matching.twin import Happened, Message

Queues = dict[tuple[int, int], list[tuple[int, int, int]]]


def rows(messages: list[Message]) -> np.ndarray:
    out = np.zeros(len(messages), MESSAGE)
    for name in Message._fields:
        out[name] = [getattr(m, name) for m in messages]
    return out


def happened(trades: np.ndarray) -> list[Happened]:
    return [Happened(*(int(row[name]) for name in Happened._fields)) for row in trades]


def _levels(state: State, side: int) -> dict[int, int]:
    """Key -> sentinel, near and far, after checking table, bitset and far arrays against each other."""
    here = state.sides[side]
    start = int(here["start"])
    table = state.table[side * WINDOW : (side + 1) * WINDOW]
    near = np.flatnonzero(table)
    words = [0] * WORD
    for offset in near.tolist():
        words[offset // WORD] |= 1 << offset % WORD
    assert state.words[side * WORD : (side + 1) * WORD].tolist() == words
    assert int(here["words"]) == sum(1 << i for i in range(WORD) if words[i])
    far_count = int(here["far"])
    far_keys, far_sentinels = state.far[side, 0, :far_count], state.far[side, 1, :far_count]
    assert (np.diff(far_keys) > 0).all()
    assert ((far_keys < start) | (far_keys >= start + WINDOW)).all()
    found = {start + offset: int(table[offset]) for offset in near.tolist()}
    found.update(zip(far_keys.tolist(), far_sentinels.tolist(), strict=True))
    assert len(found) == here["levels"] == len(near) + far_count
    best = min(found, default=EMPTY)
    assert here["best"] == best
    assert here["best_level"] == found.get(best, 0)
    assert best == EMPTY or 0 <= best - start < WINDOW // 2
    return found


def _queue(state: State, level: int) -> list[int]:
    """Nodes of a level, walked forwards and checked backwards."""
    walked = []
    node = int(state.nodes["next"][level])
    while node != level:
        walked.append(node)
        assert int(state.nodes["level"][node]) == level
        node = int(state.nodes["next"][node])
    back = []
    node = int(state.nodes["prev"][level])
    while node != level:
        back.append(node)
        node = int(state.nodes["prev"][node])
    assert back == walked[::-1]
    return walked


def queues(state: State) -> Queues:
    """(side, price) -> (handle, owner, qty) of each order, as the twin gives it."""
    assert state.head[LEFT] == 0
    last = int(state.head[LAST])
    assert len(state.slots) == last
    assert len(state.nodes) == 1 + last + state.far.shape[2]
    used: set[int] = set()
    found: Queues = {}
    for side in range(2):
        for key, level in _levels(state, side).items():
            sentinel = state.nodes[level]
            assert (int(sentinel["tag"]), int(sentinel["level"])) == (key, side)
            nodes = _queue(state, level)
            assert nodes
            assert 0 < min(nodes) <= max(nodes) <= last < level
            assert int(sentinel["qty"]) == int(state.nodes["qty"][nodes].sum())
            assert not used & {level, *nodes}
            used |= {level, *nodes}
            tags, lots = (state.nodes[name][nodes].tolist() for name in ("tag", "qty"))
            assert [tag & 0xFFFFFFFF for tag in tags] == [node - 1 for node in nodes]
            found[side, key if side == ASK else -key] = [
                (node - 1, tag >> 32, qty) for node, tag, qty in zip(nodes, tags, lots, strict=True)
            ]
    orders = {node for node in used if node <= last}
    assert state.head[LIVE] == len(orders)
    assert {h: int(state.slots[h]) for h in np.flatnonzero(state.slots).tolist()} == {
        n - 1: n for n in orders
    }
    free = int(state.head[FREE])
    while free:
        assert free > last
        assert free not in used
        used.add(free)
        free = int(state.nodes["next"][free])
    assert used - orders == set(range(last + 1, len(state.nodes)))
    return found
