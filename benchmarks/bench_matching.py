"""What one message costs the matching engine, and how long its compiler takes.

`python -m benchmarks.bench_matching` prints nanoseconds a message over two million of them at 1k, 10k and 100k live
orders, with the SHA-256 of all trades, so that another engine fed with the same flow can be held against it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import matching_flow
from engine.kernels.matching import process
from engine.kernels.matching_state import TRADE, Need, new_state

LIVE_ORDERS = (1_000, 10_000, 100_000)
ROUNDS = 5
CHUNK = 8192  # messages a call: trades stay in the cache, as they do in a session


def _run_once(flow: matching_flow.Flow, trades: npt.NDArray[np.void]) -> tuple[float, list[npt.NDArray[np.void]]]:
    """Nanoseconds a message, and the trades."""
    state = new_state(nodes=flow.handles + 16_384, handles=flow.handles, levels=8192)
    opening, messages = flow.opening.copy(), flow.messages.copy()
    process(opening, state, trades)
    spent = 0
    found = []
    for at in range(0, len(messages), CHUNK):
        chunk = messages[at : at + CHUNK]
        start = time.perf_counter_ns()
        consumed, count, need = process(chunk, state, trades)
        spent += time.perf_counter_ns() - start
        if need != Need.NOTHING or consumed != len(chunk):
            raise RuntimeError(f"the flow fits its book, found a need for {Need(need).name}")
        part = trades[:count].copy()
        part["message"] += at
        found.append(part)
    return spent / len(messages), found


def digest(trades: npt.NDArray[np.void]) -> str:
    """SHA-256 over price, size, maker, taker and message of every trade, as little-endian int64."""
    columns = [trades[name].astype("<i8") for name in ("price", "qty", "maker", "taker", "message")]
    return hashlib.sha256(np.stack(columns, axis=1).tobytes()).hexdigest()


def _compile_seconds(cache: Path) -> float:
    """Import and first call of the kernels in a fresh process, numba's own import left out."""
    code = (
        "import time, numba, numpy; start = time.perf_counter(); from engine.kernels.matching import warm; warm(); "
        "print(time.perf_counter() - start)"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def run() -> dict[str, float]:
    """Each figure by name; the best of a few rounds, for the machine may be busy."""
    results: dict[str, float] = {}
    trades = np.zeros(1 << 18, TRADE)
    for live in LIVE_ORDERS:
        flow = matching_flow.make(live)
        best, found = min((_run_once(flow, trades) for _ in range(ROUNDS)), key=lambda timed: timed[0])
        results[f"matching_{live // 1000}k_ns_per_message"] = round(best, 2)
        everything = np.concatenate(found)
        print(
            f"{live:>7,} live orders ({flow.live:,} on average): {best:5.1f} ns a message, "
            f"{len(everything):,} trades {digest(everything)[:16]}"
        )
    with tempfile.TemporaryDirectory() as cache:
        for name in ("matching_cold_compile_s", "matching_cached_load_s"):
            results[name] = round(_compile_seconds(Path(cache)), 2)
            print(f"{name}: {results[name]}")
    return results


if __name__ == "__main__":
    run()
