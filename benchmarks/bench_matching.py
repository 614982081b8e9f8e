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
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import matching_flow
from engine.kernels.matching import process
from engine.kernels.matching_state import TRADE, Need, new_state

# Live orders, and the digest of what CppTrader traded when it was given this flow (November 2026).
REFERENCE = {
    1_000: "4712f96368bfc5084d18b45c46bfdde6e55007038ee05150433685383014ca89",
    10_000: "f9e5a16b9e9459460c311764cdb71a94768b8dd4f49916cfbf36740e4b750a99",
    100_000: "278dced4a09d32e98dde68da3f5b1e939b4bcbc331458d26fe731ec18ce9afb2",
}
Records = npt.NDArray[Any]

ROUNDS = 5
CHUNK = 8192  # messages a call: trades stay in the cache, as they do in a session


def _time_chunks(flow: matching_flow.Flow, trades: Records) -> tuple[Records, Records]:
    """Nanoseconds of each chunk of messages, and all trades."""
    state = new_state(handles=flow.handles, levels=16_384)
    opening, messages = flow.opening.copy(), flow.messages.copy()
    process(opening, state, trades)
    spent, found = [], []
    for at in range(0, len(messages), CHUNK):
        chunk = messages[at : at + CHUNK]
        start = time.perf_counter_ns()
        consumed, count, need = process(chunk, state, trades)
        spent.append(time.perf_counter_ns() - start)
        if need != Need.NOTHING or consumed != len(chunk):
            raise RuntimeError(f"the flow fits its book, found a need for {Need(need).name}")
        part = trades[:count].copy()
        part["message"] += at
        found.append(part)
    return np.array(spent), np.concatenate(found)


def digest(trades: Records) -> str:
    """SHA-256 over price, size, maker's handle and message of every trade, as little-endian int64."""
    columns = [trades[name].astype("<i8") for name in ("price", "qty", "maker", "message")]
    return hashlib.sha256(np.stack(columns, axis=1).tobytes()).hexdigest()


def _compile_seconds(cache: Path) -> float:
    """CPU seconds of import and first call in a fresh process, numba's own import left out."""
    code = (
        "import time, numba, numpy; start = time.process_time(); from engine.kernels.matching import warm; warm(); "
        "print(time.process_time() - start)"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def run() -> dict[str, float]:
    """Each figure by name. A chunk counts with its fastest round, for the machine may be busy with other things."""
    results: dict[str, float] = {}
    trades = np.zeros(1 << 18, TRADE)
    for live, reference in REFERENCE.items():
        flow = matching_flow.make(live)
        fastest, everything = _time_chunks(flow, trades)
        for _ in range(ROUNDS - 1):
            fastest = np.minimum(fastest, _time_chunks(flow, trades)[0])
        ns = float(fastest.sum()) / len(flow.messages)
        results[f"matching_{live // 1000}k_ns_per_message"] = round(ns, 2)
        found = digest(everything)
        print(
            f"{live:>7,} live orders ({flow.live:,} on average): {ns:5.1f} ns a message, {len(everything):,} trades "
            f"{found[:16]}, {'equal to' if found == reference else 'NOT THOSE OF'} CppTrader"
        )
    with tempfile.TemporaryDirectory() as cache:
        for name in ("matching_cold_compile_cpu_s", "matching_cached_load_cpu_s"):
            results[name] = round(_compile_seconds(Path(cache)), 2)
            print(f"{name}: {results[name]}")
    return results


if __name__ == "__main__":
    run()
