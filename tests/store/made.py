"""Sessions made for the store's tests: any events, in any order, without a market behind them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.batch import OWN, ROW, Batch, BatchBuilder, Levels, no_levels
from engine.events import (
    Advice,
    Alert,
    BookMetrics,
    ChainTransfer,
    Decision,
    Derived,
    FactorTick,
    FeedCount,
    FeedStatus,
    Kind,
    Listed,
    Mark,
    Note,
    Outcome,
    SentimentRecord,
    Shock,
    Signal,
)
from engine.instrument import Instrument
from engine.ports import Checkpoint
from store.header import new_header
from store.recorder import Recorder

START_NS = 1_723_161_254_000_000_000
TICK_NS = 100_000_000
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
ETH = Instrument("binance", "ETHUSDT", "ETH", "USDT", "0.10", "0.0001")


def made_batches(ticks: int, seed: int = 1, start_ns: int = START_NS, rows_a_tick: int = 6) -> list[Batch]:
    """`ticks` x 100 ms of two symbols, the same for the same seed; the first batch lists the instruments."""
    rng = random.Random(seed)
    out = BatchBuilder(16, 64)
    batches = []
    mids = [6_183_763, 34_211]
    for number in range(ticks):
        ts = start_ns + number * TICK_NS
        if number == 0:
            out.add_note(FeedStatus("binance", "LIVE"), ts)
            for symbol, instrument in enumerate((BTC, ETH)):
                out.add_note(Listed(symbol, instrument, 1000), ts, symbol)
        if number % 50 == 7:
            out.add_note(FeedCount("binance", number, number * 100), ts)
            out.add_note(FeedStatus("binance", "GAP", 1, "an update is missing"), ts, 1)
        if number % 40 == 9:
            out.add_note(Mark(f"mark {number}", ts), ts)
        if number % 60 == 11:
            out.add_note(ChainTransfer(f"tx{number}", ts - 7, "BTC", 250.0, None, "", "Kraken", "made"), ts)
            out.add_note(Shock("programme", 5.0, -1, 30.0, 0, ts), ts, 0)
            sold = {"price_ticks": mids[0], "size_lots": number + 1, "ask_ticks": -number, "flags": 1}
            out.add(Kind.FILL, ts, symbol=0, first_id=number, last_id=OWN, side=-1, **sold)
        for row in range(rng.randint(0, rows_a_tick)):
            _add_event(out, rng, mids, ts + 1 + row * 1000 + rng.randint(0, 900))
        out.add(Kind.TICK, ts + TICK_NS, symbol=-1)
        batches.append(out.take())
    return batches


def _add_event(out: BatchBuilder, rng: random.Random, mids: list[int], ts: int) -> None:
    symbol = rng.randint(0, 1)
    mid = mids[symbol] = mids[symbol] + rng.choice((-1, 0, 0, 1))
    match rng.choice((Kind.SNAPSHOT, Kind.DELTA, Kind.DELTA, Kind.TRADE, Kind.TOP, Kind.TOP)):
        case Kind.TRADE:
            size, side = rng.randint(1, 10**6), rng.choice((-1, 1))
            out.add(
                Kind.TRADE, ts, symbol=symbol, last_id=ts // 1000, price_ticks=mid, size_lots=size, side=side
            )
        case Kind.TOP:
            sizes = {"size_lots": rng.randint(1, 10**7), "ask_lots": rng.randint(1, 10**7)}
            out.add(Kind.TOP, ts, symbol=symbol, last_id=ts, price_ticks=mid, ask_ticks=mid + 1, **sizes)
        case kind:
            bids = [(mid - i * rng.randint(1, 4), rng.randint(0, 10**6)) for i in range(rng.randint(0, 9))]
            asks = [
                (mid + 1 + i * rng.randint(1, 4), rng.randint(0, 10**6)) for i in range(rng.randint(0, 9))
            ]
            out.add_levels(
                kind, ts, bids, asks, symbol=symbol, first_id=ts, last_id=ts + 3, ts_event=ts - 1234
            )


def derived_of(batch: Batch) -> list[Derived]:
    """Something derived at every tenth tick or so, made of the tick's own time."""
    ts = int(batch.rows[-1]["ts_recv"])
    number = (ts - START_NS) // TICK_NS
    rows: list[Derived] = []
    if number % 10 == 0:
        rows.append(BookMetrics(ts, "BTCUSDT", "binance", 1.25, 0.1, 61_837.63, None, 2.5, 2.0, 34.5))
    if number % 30 == 0:
        rows.append(Signal(ts, 0, "LONG", 0.5, 2.1, 61.0, "bids outweigh asks"))
        rows.append(Alert(ts, 0, "LONG", 0.5, "bids outweigh asks"))
        doubts = (0.4, None, "embedded", "a model", 0.05, 0)
        rows.append(
            SentimentRecord(
                ts, f"p{number}", "news:wire", "ab12", "BTC", "up", 0.5, 0.8, *doubts, 0.1, 12.5, 0.2, None, 0
            )
        )
        rows.append(FactorTick(ts, 0, "STRESSED", 0.1, 0.2, 0.6, 0.1, -1.5, None))
        rows.append(Advice(ts, 1, "technical", -1, 0.55, 60.0, "below its average"))
        rows.append(
            Outcome(ts, 1, "technical", ts - 60 * 10**9, 60.0, -1, 0.55, "STRESSED", 2.5, 0.5, number % 2)
        )
        rows.append(Decision(ts, 1, 0, None, 60.0, "advisers disagree", "technical -0.10"))
    return rows


def state_after(seq: int) -> bytes:
    """Bytes that stand in for a session's state: mostly the same from one to the next, as states are."""
    steady = np.random.default_rng(7).integers(0, 256, 20_000, np.uint8)
    steady[:8] = np.frombuffer(seq.to_bytes(8, "little"), np.uint8)
    return steady.tobytes()


def record(path: Path, batches: Sequence[Batch], *, first_seq: int = 0, flush_every: int = 0) -> Recorder:
    """Record as a session does, with checkpoints whenever they are wanted. Not closed."""
    recorder = Recorder(path, new_header("made", START_NS))
    put_all(recorder, batches, first_seq, flush_every)
    return recorder


def put_all(recorder: Recorder, batches: Sequence[Batch], first_seq: int = 0, flush_every: int = 0) -> int:
    """Returns the number behind the last event."""
    seq, ts = first_seq, 0
    for number, batch in enumerate(batches):
        if recorder.wants_checkpoint:
            recorder.checkpoint(Checkpoint(seq, ts or int(batch.rows[0]["ts_recv"]), state_after(seq)))
        recorder.put(seq, batch, derived_of(batch))
        seq += len(batch)
        ts = int(batch.rows[-1]["ts_recv"])
        if flush_every and number % flush_every == flush_every - 1:
            recorder.flush()
    recorder.flush()
    return seq


def assert_same_events(found: Batch, expected: Batch) -> None:
    """Bit for bit: every field of every row, its levels and its note. Where these lie may differ."""
    assert len(found) == len(expected)
    for name in ROW.names or ():
        if name != "level_start":
            np.testing.assert_array_equal(found.rows[name], expected.rows[name], name)
    for a, b in zip(notes_of(found), notes_of(expected), strict=True):
        assert a == b
    np.testing.assert_array_equal(levels_of(found), levels_of(expected))


def notes_of(batch: Batch) -> list[Note]:
    return [batch.notes[i] for i in batch.rows["level_start"][batch.rows["kind"] == Kind.NOTE]]


def levels_of(batch: Batch) -> Levels:
    """The levels of all rows, in the order of the rows."""
    rows = batch.rows
    starts, counts = rows["level_start"].tolist(), (rows["bid_count"] + rows["ask_count"]).tolist()
    runs = [batch.levels[start : start + n] for start, n in zip(starts, counts, strict=True) if n]
    return np.concatenate(runs) if runs else no_levels()
