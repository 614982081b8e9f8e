"""One depth message of 20 levels: bytes -> applied -> best, depth in the 1 % band, imbalance.

Beside it `orjson.loads` alone on the same bytes, which yields neither integers nor a book. One by one, Python
hands over each message in a call of its own; in batches, a run of messages goes over in one call and the answer
after each of them comes back.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson

from engine.batch import ROW
from engine.kernels import helper, jit
from engine.kernels.binance_json import read, read_many
from engine.kernels.level_book import ASK, BEST, BID, Ints, apply_side, depth, fill, new_book, window_for

MESSAGES = 2_000
RUN = 100
ROUNDS = 30
MID = 6_000_000  # ticks of 0.01
GRID = np.array([1, 2, 1, 5], np.int64)
NAME = np.frombuffer(b"BTCUSDT", np.uint8).copy()


def depth_messages(count: int, seed: int = 1) -> list[bytes]:
    """Binance's own layout: ten bids and ten asks near the touch, three in ten of them removals."""
    rng = random.Random(seed)

    def side(outward: int) -> str:
        levels = []
        for _ in range(10):
            ticks = MID + outward * (1 + int(rng.expovariate(1 / 1500)))
            lots = 0 if rng.random() < 0.3 else int(rng.paretovariate(1.2) * 2000)
            levels.append(f'["{ticks / 100:.2f}000000","{lots / 100_000:.5f}000"]')
        return ",".join(levels)

    return [
        (
            f'{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{1723161255208 + 100 * i},'
            f'"s":"BTCUSDT","U":{50093239189 + 10 * i},"u":{50093239198 + 10 * i},'
            f'"b":[{side(-1)}],"a":[{side(1)}]}}}}'
        ).encode()
        for i in range(count)
    ]


def resting_book() -> tuple[Ints, Ints, Ints]:
    """A thousand levels a side, in a window that suits the price."""
    book = new_book(window_for(MID))
    steps = np.arange(1, 3001, 3)
    for side, outward in ((BID, -1), (ASK, 1)):
        fill(book, side, np.column_stack([MID + outward * steps, 1000 + steps]))
    return book


@helper
def _answer(row: Any, levels: Ints, head: Ints, cells: Ints, far: Ints) -> tuple[int, int, int, int, float]:
    """Best bid and ask (ticks), depth of either side within 1 % of the mid (lots), imbalance of the two."""
    start, turn = np.int64(row.level_start), np.int64(row.level_start) + row.bid_count
    apply_side(head, cells, far, BID, levels, start, turn)
    apply_side(head, cells, far, ASK, levels, turn, turn + row.ask_count)
    bid, ask = -head[BID, BEST], head[ASK, BEST]
    mid = (bid + ask) * 0.5
    bids = depth(head, cells, far, BID, -bid, -math.ceil(mid * 0.99))
    asks = depth(head, cells, far, ASK, ask, math.floor(mid * 1.01))
    return bid, ask, bids, asks, (bids - asks) / (bids + asks)


@jit
def one_message(
    message: bytes, name: Any, grid: Ints, rows: Any, levels: Ints, head: Ints, cells: Ints, far: Ints
) -> tuple[int, int, int, int, float]:
    read(message, 0, len(message), name, grid, 0, 0, rows, 0, levels, 0)
    return _answer(rows[0], levels, head, cells, far)


@jit
def answers(rows: Any, levels: Ints, head: Ints, cells: Ints, far: Ints, said: Any) -> None:
    """Apply row after row; said[i] is the answer behind row i."""
    for i in range(len(rows)):
        said[i, 0], said[i, 1], said[i, 2], said[i, 3], said[i, 4] = _answer(
            rows[i], levels, head, cells, far
        )


def quietest(works: Sequence[Callable[[int], None]]) -> list[float]:
    """Microseconds a message of each work: every run of messages at its fastest, so that neighbours on the
    machine count little. The works take turns."""
    best = np.full((len(works), MESSAGES // RUN), np.inf)
    for _ in range(ROUNDS):
        for run_number in range(MESSAGES // RUN):
            for i, work in enumerate(works):
                began = time.perf_counter()
                work(run_number)
                best[i, run_number] = min(best[i, run_number], time.perf_counter() - began)
    us: list[float] = (best.sum(axis=1) / MESSAGES * 1e6).tolist()
    return us


def run() -> dict[str, float]:
    """Microseconds a message, and how many times as fast as `orjson.loads` that is."""
    messages = depth_messages(MESSAGES)
    runs = [messages[at : at + RUN] for at in range(0, MESSAGES, RUN)]
    texts = [b"".join(part) for part in runs]
    ends = [np.cumsum([len(message) for message in part]) for part in runs]
    received, codes, said = np.zeros(RUN, np.int64), np.zeros(RUN, np.int8), np.empty((RUN, 5))
    rows, levels = np.zeros(RUN, ROW), np.empty((RUN * 20, 2), np.int64)
    book, batch_book = resting_book(), resting_book()

    def loads(number: int) -> None:
        for message in runs[number]:
            orjson.loads(message)

    def one_by_one(number: int) -> None:
        head, cells, far = book
        for message in runs[number]:
            one_message(message, NAME, GRID, rows, levels, head, cells, far)

    def in_a_batch(number: int) -> None:
        read_many(texts[number], ends[number], received, NAME, GRID, 0, rows, 0, levels, 0, codes)
        answers(rows, levels, *batch_book, said)

    in_a_batch(0)
    alone = [one_message(message, NAME, GRID, rows, levels, *book) for message in runs[0]]
    assert alone == [tuple(answer) for answer in said.tolist()]
    json_us, one_us, batch_us = quietest([loads, one_by_one, in_a_batch])
    return {
        "orjson.loads us": json_us,
        "one by one us": one_us,
        "in batches us": batch_us,
        "one by one, times as fast (>= 1)": json_us / one_us,
        "in batches, times as fast (>= 2.5)": json_us / batch_us,
    }


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name:36} {value:8.3f}")
