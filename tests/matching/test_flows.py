"""The kernel beside its twin over random flows: outcomes, trades and every queue equal, nothing lost or made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.kernels.matching_exchange import Exchange
from engine.kernels.matching_state import BID, MESSAGE, REMOVED, TRADED, Do, Outcome, Prevention
from tests.matching.reading import happened, queues, rows
from tests.matching.twin import Message, Twin

KINDS = list(Do)


def random_flow(seed: int, count: int, step: float) -> list[Message]:
    """All kinds around a price that wanders by `step` ticks a message; some handles, sides and sizes are wrong."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(KINDS, count, p=[0.4, 0.08, 0.06, 0.06, 0.1, 0.14, 0.08, 0.08])
    middle = 20_000 + np.cumsum(rng.normal(0, step, count)).astype(int)
    away = np.where(rng.random(count) < 0.05, rng.integers(-9000, 9000, count), rng.integers(-12, 13, count))
    qty = np.minimum(1 + rng.pareto(1.5, count) * 4, 400).astype(int) - (rng.random(count) < 0.01)
    handle = rng.integers(-1, 150, count)
    owner = rng.integers(-1, 6, count)
    side = np.where(rng.random(count) < 0.01, 2, rng.integers(0, 2, count))
    return [
        Message(*(int(x) for x in values))
        for values in zip(kinds, side, middle + away, qty, handle, owner, strict=True)
    ]


def run_both(exchange: Exchange, twin: Twin, flow: list[Message], batch: int) -> None:
    for at in range(0, len(flow), batch):
        part = flow[at : at + batch]
        messages = rows(part)
        trades = exchange.process(messages)
        for i, message in enumerate(part):
            outcome, expected = twin.submit(message)
            assert (at + i, messages["outcome"][i]) == (at + i, outcome), message
            assert happened(trades[trades["message"] == i]) == expected
        assert (np.diff(trades["message"]) >= 0).all()
        assert queues(exchange.state) == twin.queues()


@pytest.mark.parametrize("prevention", list(Prevention))
@pytest.mark.parametrize("step", [0.3, 60.0])
def test_equal_to_the_twin(prevention: Prevention, step: float) -> None:
    exchange = Exchange(prevention, nodes=4, handles=1, levels=1, trades=1)
    flow = random_flow(int(prevention) + int(step), 4000, step)
    run_both(exchange, Twin(prevention), flow, 200)


def test_quantity_is_conserved() -> None:
    """Lots that entered = lots traded twice + lots taken back + lots that rest."""
    exchange = Exchange(Prevention.CANCEL_RESTING)
    rng = np.random.default_rng(5)
    count = 50_000
    flow = np.zeros(count, MESSAGE)
    flow["kind"] = rng.choice([Do.LIMIT, Do.IOC], count, p=[0.85, 0.15])
    flow["side"] = rng.integers(0, 2, count)
    flow["price"] = rng.integers(1, 200, count)
    flow["qty"] = rng.integers(1, 2**39, count)
    flow["handle"] = np.arange(count)
    flow["owner"] = rng.integers(0, 30, count)
    trades = exchange.process(flow)
    traded = trades[trades["kind"] == TRADED]["qty"]
    removed = trades[trades["kind"] == REMOVED]["qty"]
    resting = sum(qty for queue in queues(exchange.state).values() for _, _, qty in queue)
    filled = np.zeros(count, np.int64)
    np.add.at(filled, trades["taker"], np.where(trades["kind"] == TRADED, trades["qty"], 0))
    expired = flow["outcome"] == Outcome.EXPIRED
    dropped = (flow["qty"] - filled)[expired]
    assert sum(flow["qty"].tolist()) == 2 * sum(traded.tolist()) + sum(removed.tolist()) + resting + sum(
        dropped.tolist()
    )
    assert len(removed) > 100


def test_a_fork_goes_its_own_way() -> None:
    flow = random_flow(3, 3000, 1.0)
    original, twin = Exchange(Prevention.NONE), Twin(Prevention.NONE)
    run_both(original, twin, flow[:1000], 250)
    before = twin.queues()
    forked = original.fork()
    forked.process(rows(flow[2000:]))
    assert queues(original.state) == before
    assert queues(forked.state) != before
    run_both(original, twin, flow[1000:2000], 250)


def test_window_moves_lose_nothing() -> None:
    """Levels strewn far wider than the window, while the best goes through all of them and back."""
    exchange, twin = Exchange(Prevention.NONE, levels=1), Twin(Prevention.NONE)
    flow = []
    for i in range(1200):
        price = (i * 7919) % 60_000
        flow.append(Message(Do.LIMIT, BID, price, 1 + i % 5, 2 * i))
        flow.append(Message(Do.LIMIT, 1, 100_000 + price, 1 + i % 5, 2 * i + 1))
    for i in range(1200):
        flow.append(Message(Do.MARKET, i % 2, 0, 2))
        flow.append(Message(Do.LIMIT, i % 2, 60_000 + 33 * i, 1, 5000 + i))
    run_both(exchange, twin, flow, 480)


@pytest.mark.skipif("NUMBA_BOUNDSCHECK" in os.environ, reason="this is the checked run")
def test_the_same_under_bounds_checks() -> None:
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-v",
            "-p",
            "no:cacheprovider",
            __file__,
            "-k",
            "twin or window or checked",
        ],
        env=environment,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout, done.stdout


@pytest.mark.skipif(
    "NUMBA_BOUNDSCHECK" not in os.environ, reason="without checks this would read beyond an array"
)
def test_bounds_are_checked() -> None:
    exchange = Exchange(nodes=4, handles=8, levels=8)
    exchange.state.slots[1] = 2
    exchange.state.nodes["level"][2] = 17
    with pytest.raises(IndexError):
        exchange.process(rows([Message(Do.CANCEL, handle=1)]))
