"""The codec against its input, bit for bit, and against bytes that were made to do harm."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.batch import MISSING, ROW, Batch, concat, no_levels
from engine.events import (
    AgentFamily,
    AgentLine,
    Agents,
    FeedCount,
    FeedStatus,
    Kind,
    Listed,
    Mark,
    Note,
    Setup,
    SignalRule,
)
from engine.instrument import Instrument
from engine.text import clean
from store import codec
from store.codec import LEVEL_HOT, decode, encode
from store.errors import BadRecording
from tests.store.made import BTC, START_NS, assert_same_events, made_batches

GOOD = encode(concat(made_batches(30)))
INT64 = st.integers(-(2**63), 2**63 - 1) | st.sampled_from((0, 1, -1, MISSING, 2**63 - 1))
TEXT = st.text(max_size=40).map(clean)
NOTES: st.SearchStrategy[Note] = st.one_of(
    st.builds(Mark, TEXT, INT64),
    st.builds(FeedStatus, TEXT, TEXT, st.none() | st.integers(0, 99), TEXT, st.none() | INT64, TEXT),
    st.builds(FeedCount, TEXT, INT64, INT64),
    st.just(Listed(3, BTC, 100)),
    st.just(Setup()),
)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Any values in any field, near one another or far apart, levels in any row of the market's kinds."""
    kinds = draw(st.lists(st.sampled_from(tuple(Kind)), max_size=30))
    rows = np.zeros(len(kinds), ROW)
    near = draw(st.booleans())
    values = st.integers(-300, 300).map(lambda v: v + START_NS) if near else INT64
    notes: list[Note] = []
    levels: list[tuple[int, int]] = []
    for row, kind in zip(rows, kinds, strict=True):
        row["kind"] = kind
        row["symbol"] = draw(st.integers(-1 if kind in (Kind.TICK, Kind.NOTE) else 0, 3))
        for name in (
            "ts_recv",
            "ts_event",
            "first_id",
            "last_id",
            "price_ticks",
            "size_lots",
            "ask_ticks",
            "ask_lots",
        ):
            row[name] = draw(values)
        row["side"], row["flags"], row["spare"] = draw(
            st.tuples(st.integers(-128, 127), st.integers(-(2**31), 2**31 - 1), st.integers(0, 1))
        )
        if kind == Kind.NOTE:
            row["level_start"] = len(notes)
            notes.append(draw(NOTES))
        elif kind in (Kind.SNAPSHOT, Kind.DELTA):
            row["level_start"] = len(levels)
            own = draw(st.lists(st.tuples(values, values), max_size=6))
            row["bid_count"] = draw(st.integers(0, len(own)))
            row["ask_count"] = len(own) - row["bid_count"]
            levels += own
    return Batch(rows, np.array(levels, np.int64).reshape(-1, 2), tuple(notes))


@settings(max_examples=60)
@given(batches(), st.sampled_from((LEVEL_HOT, codec.LEVEL_SEALED)))
def test_every_event_comes_back_bit_for_bit(batch: Batch, level: int) -> None:
    assert_same_events(decode(encode(batch, level)), batch)


@settings(max_examples=40)
@given(batches())
def test_decoded_events_encode_to_the_same_bytes(batch: Batch) -> None:
    blob = encode(batch)
    assert encode(decode(blob)) == blob


def test_parts_that_share_levels_and_notes_come_back() -> None:
    whole = concat(made_batches(300))
    for part in whole.split_at_ticks():
        assert_same_events(decode(encode(part)), part)


@settings(max_examples=150)
@given(st.binary(max_size=200), st.integers(0, 10_000), st.integers(1, 200))
@example(b"", 0, 10_000)
def test_damaged_bytes_are_refused_or_harmless(noise: bytes, at: int, length: int) -> None:
    good = GOOD
    at %= len(good)
    damaged = good[:at] + noise + good[at + length :]
    try:
        batch = decode(damaged)
    except BadRecording:
        return
    # What did decode must be safe to fold: every pointer inside, every kind known.
    counts = batch.rows["bid_count"].astype(int) + batch.rows["ask_count"]
    assert (batch.rows["level_start"] >= 0).all()
    assert (batch.rows["level_start"] + counts)[counts > 0].max(initial=0) <= len(batch.levels)
    assert set(batch.rows["kind"].tolist()) <= set(Kind)
    assert (batch.rows["level_start"][batch.rows["kind"] == Kind.NOTE] < len(batch.notes)).all()


@settings(max_examples=60)
@given(st.integers(0, 10_000))
def test_a_cut_piece_is_refused(length: int) -> None:
    good = GOOD
    with pytest.raises(BadRecording):
        decode(good[: length % len(good)])


def _bomb(rows: int) -> bytes:
    """One column that says it unpacks to 4 GB."""
    frame = zstandard.ZstdCompressor(level=19).compress(bytes(4 << 20))
    declared = zstandard.ZstdCompressor(level=1).compressobj(size=4 << 30).compress(b"x" * 10)
    column = bytes((codec._PACKED | 1,)) + codec._U4.pack(len(frame)) + (declared or frame)
    return codec._HEAD.pack(1, rows, 0, 0, 1) + codec._GROUP.pack(Kind.TOP, 0, rows) + column


@pytest.mark.parametrize(
    ("blob", "says"),
    [
        (codec._HEAD.pack(1, 2**32 - 1, 0, 0, 1), "at most 524288 rows"),
        (codec._HEAD.pack(1, 1, 2**31, 0, 1), "at most 2097152 levels"),
        (codec._HEAD.pack(1, 1, 0, 2**31, 1), "at most 65536 notes"),
        (codec._HEAD.pack(9, 0, 0, 0, 0), "found form 9"),
        (codec._HEAD.pack(1, 1, 0, 0, 1) + codec._GROUP.pack(77, 0, 1) + b"\0", "kind of event from 0 to 7"),
        (codec._HEAD.pack(1, 1, 0, 0, 1) + codec._GROUP.pack(2, -1, 1) + b"\0", "symbol index from 0"),
        (
            codec._HEAD.pack(1, 5, 0, 0, 1) + codec._GROUP.pack(2, 0, 4) + b"\0",
            "as many rows as they declare",
        ),
        (_bomb(1000), "packed"),
    ],
)
def test_declared_sizes_are_checked_before_anything_is_allocated(blob: bytes, says: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(BadRecording, match=says):
            decode(blob)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def one_note(note: Note) -> bytes:
    rows = np.zeros(1, ROW)
    rows["kind"] = Kind.NOTE
    return encode(Batch(rows, no_levels(), (note,)))


def test_text_is_cleaned_and_instruments_are_proved() -> None:
    (note,) = decode(one_note(Mark("a\x1b]0;evil\x07b", 1))).notes
    assert note == Mark("a]0;evilb", 1)
    with pytest.raises(BadRecording, match="a step is a positive decimal"):
        decode(one_note(Listed(0, Instrument("v", "S", "B", "Q", "zero", "1"))))
    with pytest.raises(BadRecording, match="symbol index from 0 to 4095, found -1"):
        decode(one_note(Listed(-1, BTC)))


@pytest.mark.parametrize(
    ("setup", "says"),
    [
        (Setup(metrics_every_s=0.0), "metrics_every_s from 0.1 to 3600, found 0"),
        (Setup(metrics_every_s=math.inf), "metrics_every_s"),
        (Setup(bands_bps=()), "1 to 8 bands, found 0"),
        (Setup(bands_bps=(100.0,) * 9), "1 to 8 bands, found 9"),
        (Setup(bands_bps=(100.0, math.nan)), "bands_bps"),
        (Setup(bands_bps=(0.0,)), "bands_bps"),
        (Setup(round_trip_quote=math.inf), "round_trip_quote"),
        (Setup(signal=SignalRule(long_ratio=0.0)), "long_ratio"),
        (Setup(signal=SignalRule(long_ratio=1.0)), "long_ratio"),
        (Setup(signal=SignalRule(short_ratio=-1.0)), "short_ratio"),
        (Setup(signal=SignalRule(short_ratio=math.nan)), "short_ratio"),
        (Setup(signal=SignalRule(hold_s=0.0)), "hold_s"),
        (Setup(signal=SignalRule(gate_quantile=1.0)), "gate_quantile"),
        (Setup(signal=SignalRule(gate_window_s=0)), "gate_window_s"),
        (Setup(signal=SignalRule(gate_window_s=1 << 40)), "gate_window_s"),
        (Setup(taker_bps={"binance": math.nan}), "taker_bps"),
        (Setup(taker_bps={"binance": 1e300}), "taker_bps"),
    ],
)
def test_a_setup_that_nothing_can_be_computed_with_is_refused(setup: Setup, says: str) -> None:
    with pytest.raises(BadRecording, match=f"expected a setup with .*{says}"):
        decode(one_note(setup))


def test_agents_of_a_stranger_are_cleaned_and_belong_to_a_family() -> None:
    family = AgentFamily("a\x1b[2J", 1, 0, 0, 0, 0, 0, 0)
    line = AgentLine(0, 0, 0, 0, 0, 0, 0, 0, 0)
    (note,) = decode(one_note(Agents(0, (family,), (line,)))).notes
    assert isinstance(note, Agents)
    assert note.families[0].name == "a[2J"
    with pytest.raises(BadRecording, match="none of the 1 families"):
        decode(one_note(Agents(0, (family,), (msgspec.structs.replace(line, family=1),))))


@pytest.mark.parametrize("name", ["position_lots", "realised", "unrealised", "fees", "fills"])
def test_amounts_that_no_checkpoint_could_hold_are_refused(name: str) -> None:
    family = msgspec.structs.replace(AgentFamily("a", 1, 0, 0, 0, 0, 0, 0), **{name: 2**63 - 1})
    with pytest.raises(BadRecording, match=f"expected agents with {name}"):
        decode(one_note(Agents(0, (family,), ())))


def test_too_much_for_one_piece_is_refused_when_written() -> None:
    with pytest.raises(ValueError, match="at most 524288 rows"):
        encode(Batch(np.zeros(codec.MAX_ROWS + 1, ROW)))


def test_the_capture_is_smaller_than_its_gzip(captures: Path) -> None:
    from engine.feeds.capture import capture_batches

    file = captures / "binance_spot_btcusdt_20240808.gz"
    parts = list(capture_batches(file, BTC))
    size = 0
    for at in range(0, len(parts), 100):
        ten_seconds = concat(parts[at : at + 100])
        blob = encode(ten_seconds)
        assert_same_events(decode(blob), ten_seconds)
        size += len(blob)
    assert size < 0.6 * file.stat().st_size
