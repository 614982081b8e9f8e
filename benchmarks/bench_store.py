"""What a recording costs: bytes beside the gzip of the same messages, milliseconds to write, read and seek.

Sizes are of the captured BTCUSDT session, recorded with its real checkpoints. Seeks are in that session
played over and over for ten hours, and in one of ten symbols at once; each ends with a state as it is drawn.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.where import capture
from engine.batch import ROW, Batch, concat
from engine.checkpoint import pack, unpack
from engine.core import State, apply
from engine.events import FeedStatus, Kind, Listed, Note
from engine.feeds.capture import capture_batches
from engine.instrument import Instrument
from engine.ports import Checkpoint
from store.codec import decode, encode
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
TICK_NS = 100_000_000
HOURS = 10
SEEKS = 150


def run() -> dict[str, float]:
    file = capture("binance_spot_btcusdt_20240808.gz")
    batches = list(capture_batches(file, BTC))
    figures = _codec(batches)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures |= _sizes(_record(folder / "one.sqlite", batches), file.stat().st_size)
        rounds = HOURS * 36_000 // len(batches) + 1
        long = _record(folder / "long.sqlite", _repeated(batches, rounds))
        figures |= _seeks(long, f"seek in {HOURS} hours, one symbol")
        figures["megabytes an hour, one busy symbol"] = long.stat().st_size / 1e6 / HOURS
        figures |= _seeks(_record(folder / "ten.sqlite", map(_tenfold, batches)), "seek, ten symbols")
    return figures


def _codec(batches: list[Batch]) -> dict[str, float]:
    """Milliseconds for ten seconds of events, the median over the capture."""
    encode_s, decode_s = [], []
    for at in range(0, len(batches), 100):
        part = concat(batches[at : at + 100])
        began = time.perf_counter()
        blob = encode(part)
        between = time.perf_counter()
        decode(blob)
        encode_s.append(between - began)
        decode_s.append(time.perf_counter() - between)
    return {
        "encode 10 s of events, ms": statistics.median(encode_s) * 1e3,
        "decode 10 s of events, ms": statistics.median(decode_s) * 1e3,
    }


def _record(path: Path, batches: Iterable[Batch]) -> Path:
    """Fold and record as a session does, without losing anything however fast it goes."""
    recorder = Recorder(path, new_header("benchmark", 0))
    state = State()
    for number, batch in enumerate(batches):
        if recorder.wants_checkpoint:
            recorder.checkpoint(Checkpoint(state.seq, state.ts, pack(state)))
        seq = state.seq
        derived, _ = apply(state, batch)
        recorder.put(seq, batch, derived)
        if number % 50 == 49:
            recorder.flush()
    recorder.close()
    if recorder.status.state != "OFF" or recorder.status.lost_events:
        raise RuntimeError(f"the benchmark's recording failed: {recorder.status}")
    return path


def _sizes(path: Path, gzip_bytes: int) -> dict[str, float]:
    with Recording(path) as recording:
        (events,) = recording.query("select sum(length(blob)) from chunk")[0]
        (checkpoints,) = recording.query("select sum(length(blob)) from checkpoint")[0]
    return {
        "events / gzip": events / gzip_bytes,
        "events and checkpoints / gzip (1.0)": (events + checkpoints) / gzip_bytes,
        "the whole file / gzip (1.3)": path.stat().st_size / gzip_bytes,
    }


def _seeks(path: Path, name: str) -> dict[str, float]:
    """From asking to the state at that tick: a checkpoint found and unpacked, and events folded up to it."""
    rng = random.Random(3)
    took, folded = [], []
    with Recording(path) as recording:
        for _ in range(SEEKS):
            target = rng.randrange(recording.start, recording.end)
            began = time.perf_counter()
            checkpoint = recording.checkpoint_before(target)
            state = unpack(checkpoint.blob) if checkpoint is not None else State()
            first = state.seq
            for _, batch in recording.batches_from(first):
                apply(state, batch)
                if state.ts >= target:
                    break
            took.append((time.perf_counter() - began) * 1e3)
            folded.append(state.seq - first)
    took.sort()
    return {
        f"{name}, p50 ms": took[SEEKS // 2],
        f"{name}, p99 ms": took[int(SEEKS * 0.99)],
        f"{name}, most events folded": float(max(folded)),
    }


def _repeated(batches: list[Batch], rounds: int) -> Iterator[Batch]:
    """The session again and again, later each time, as if the market did the same all day."""
    first, last = int(batches[0].rows[0]["ts_recv"]), int(batches[-1].rows[-1]["ts_recv"])
    span = last // TICK_NS * TICK_NS - first // TICK_NS * TICK_NS
    for number in range(rounds):
        for batch in batches:
            rows = batch.rows.copy()
            rows["ts_recv"] += number * span
            yield Batch(rows, batch.levels, batch.notes)


def _tenfold(batch: Batch) -> Batch:
    """The same events of ten symbols, one after the other, up to one tick."""
    market = batch.rows[batch.rows["kind"] != Kind.TICK]
    copies = []
    for symbol in range(10):
        rows = market.copy()
        rows["symbol"][market["symbol"] >= 0] = symbol
        rows["level_start"][market["kind"] == Kind.NOTE] += symbol * len(batch.notes)
        copies.append(rows)
    order = np.argsort(np.concatenate([c["ts_recv"] for c in copies]), kind="stable")
    rows = np.concatenate([*copies, np.empty(0, ROW)])[order]
    notes = tuple(_of_symbol(note, symbol) for symbol in range(10) for note in batch.notes)
    return Batch(np.concatenate([rows, batch.rows[batch.rows["kind"] == Kind.TICK]]), batch.levels, notes)


def _of_symbol(note: Note, symbol: int) -> Note:
    if isinstance(note, Listed):
        other = msgspec.structs.replace(note.instrument, symbol=f"{note.instrument.symbol}{symbol}")
        return Listed(symbol, other, note.depth_limit)
    if isinstance(note, FeedStatus) and note.symbol is not None:
        return msgspec.structs.replace(note, symbol=symbol)
    return note
