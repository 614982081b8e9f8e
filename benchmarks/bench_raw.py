"""What a raw capture costs: time of whoever hears a message, bytes on disk, and how fast it is read and imported.

The messages are the captured BTCUSDT session's, 41,249 in 346 s.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.where import capture
from engine.data.raw_tape import RawTape
from engine.events import Setup
from engine.feeds.raw import IN, OUT, RawMessage, encode, raw_messages
from engine.feeds.raw_formats import messages_of
from engine.feeds.raw_writer import RawWriter

ROUNDS = 5
GROUP = 1000  # messages whose puts are timed together


def run() -> dict[str, float]:
    file = capture("binance_spot_btcusdt_20240808.gz")
    told = [
        one._replace(url="wss://stream.binance.com:9443/stream" if one.conn else one.url)
        for one in messages_of(file)
        if one.dir != OUT
    ]
    plain = sum(len(one.data) for one in told if one.dir == IN)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        put_ns, write_s, path = _written(folder, told)
        figures["put of a message, ns, median"] = statistics.median(put_ns)
        figures["put of a message, ns, worst thousand"] = max(put_ns)
        figures["written, messages a second"] = len(told) / write_s
        figures["bytes on disk a byte of messages"] = path.stat().st_size / plain
        figures["bytes on disk beside the gzip of the same"] = path.stat().st_size / file.stat().st_size
        began = time.perf_counter()
        encoded = sum(len(encode(one)) for one in told)
        figures["line of a message, ns"] = (time.perf_counter() - began) / len(told) * 1e9
        figures["bytes of lines a byte of messages"] = encoded / plain
        began = time.perf_counter()
        count = sum(1 for _ in raw_messages(path))
        assert count == len(told)
        figures["read, messages a second"] = count / (time.perf_counter() - began)
    began = time.perf_counter()
    for _ in RawTape(file, Setup()).batches():
        pass
    seconds = (told[-1].recv_ns - told[0].recv_ns) / 1e9
    figures["through the protocol, times real time"] = seconds / (time.perf_counter() - began)
    return figures


def _written(folder: Path, told: list[RawMessage]) -> tuple[list[float], float, Path]:
    """ns a put, in groups of `GROUP`; seconds until all were in the file; the last file."""
    put_ns: list[float] = []
    took: list[float] = []
    for number in range(ROUNDS):
        path = folder / f"{number}.jsonl.zst"
        writer = RawWriter(path, print)
        began = time.perf_counter()
        for at in range(0, len(told), GROUP):
            part = told[at : at + GROUP]
            before = time.perf_counter()
            for one in part:
                writer.put(one)
            put_ns.append((time.perf_counter() - before) / len(part) * 1e9)
        writer.close()
        took.append(time.perf_counter() - began)
        assert writer.lost == 0
    return put_ns, statistics.median(took), path
