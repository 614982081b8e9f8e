"""CPU a symbol and second of the advisers, coordinator and track record; 40 us are theirs of a second."""

from __future__ import annotations

import time

import numpy as np

from engine.advisers.each_second import AdvisersState
from engine.advisers.gather import advise
from engine.core import State, fold_all
from engine.events import Post, Scored
from engine.kernels import seconds as grid
from engine.symbol import SymbolState
from tests.laws.generated import START_NS, generated_batches

SECONDS = 20_000


def run() -> dict[str, float]:
    state = fold_all(State(), list(generated_batches(3, 60)))
    symbol = state.symbols[0]
    symbol.book_state, symbol.doubt = "SYNCED", ""
    _people(state)
    rng = np.random.default_rng(1)
    mids = 60_000.0 * np.exp(np.cumsum(rng.normal(0, 1e-4, SECONDS)))
    flows = rng.normal(0, 1, SECONDS) + 2.0 * np.sin(np.arange(SECONDS) / 40.0)
    quiet = _timed(state, symbol, mids[:2000], flows[:2000] * 0.0)
    symbol.advisers = AdvisersState()
    busy = _timed(state, symbol, mids, flows)
    pieces = sum(stance.record.count for stance in symbol.advisers.stances.values())
    print(
        f"advisers: {busy:.1f} us a symbol and second while they speak ({pieces} pieces marked in {SECONDS} s), "
        f"{quiet:.1f} us in silence (budget: 40)"
    )
    return {"us_a_second": busy, "us_a_quiet_second": quiet}


def _timed(
    state: State, symbol: SymbolState, mids: np.ndarray[tuple[int], np.dtype[np.float64]], flows: np.ndarray
) -> float:
    """Microseconds a second of one symbol over these seconds; the rows are written outside of the clock."""
    spent = 0.0
    second = state.ts // grid.SECOND_NS
    for mid, flow in zip(mids, flows, strict=True):
        second += 1
        row = symbol.seconds.rows[second % grid.KEPT]
        row[: grid.VOLATILITY_BPS] = mid
        row[grid.SPREAD_BPS], row[grid.ORDER_FLOW] = 0.1, flow
        row[grid.VOLUME], row[grid.FLOW_SIGNED] = 3.0, flow
        symbol.seconds.clock[grid.LATEST] = second
        began = time.process_time()
        advise(state, 0, symbol, second * grid.SECOND_NS)
        spent += time.process_time() - began
    return spent / len(mids) * 1e6


def _people(state: State) -> None:
    """Some scored posts, so that the sentiment adviser has something to weigh."""
    rule = state.setup.sentiment
    for number in range(20):
        name, ts = f"p{number}", START_NS
        state.sentiment.on_post(Post(name, "news:x", ts, "text", "a", ("BTC",)))
        scored = Scored(name, ts, ("BTC",), 0.4, 0.9, 0.2, 0.1, 0.5, "embedded")
        state.sentiment.on_scored(scored, ts, dict, rule)
