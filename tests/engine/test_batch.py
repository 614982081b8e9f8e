"""Batches: builder, concatenation and cutting at ticks keep every row's levels and notes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.batch import MISSING, Batch, BatchBuilder, concat
from engine.events import Kind, Mark

levels = st.lists(st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 2**60)), max_size=5)
rows = st.lists(
    st.one_of(
        st.tuples(st.just("delta"), levels, levels),
        st.tuples(st.just("trade"), st.integers(0, 2**62), st.integers(0, 2**62)),
        st.tuples(st.just("mark"), st.text(max_size=5), st.none()),
        st.tuples(st.just("tick"), st.none(), st.none()),
    ),
    max_size=12,
)


def build(items: list, builder: BatchBuilder | None = None) -> Batch:
    out = builder or BatchBuilder(1, 1)
    for number, (what, a, b) in enumerate(items):
        if what == "delta":
            out.add_levels(Kind.DELTA, number, a, b, first_id=1, last_id=2)
        elif what == "trade":
            out.add(Kind.TRADE, number, price_ticks=a, size_lots=b)
        elif what == "mark":
            out.add_note(Mark(a, number), number)
        else:
            out.add(Kind.TICK, number)
    return out.take()


def read(batch: Batch) -> list:
    """What a batch says, as plain values."""
    said = []
    for row in batch.rows:
        start, bids, asks = int(row["level_start"]), int(row["bid_count"]), int(row["ask_count"])
        if row["kind"] == Kind.DELTA:
            pairs = [tuple(p) for p in batch.levels[start : start + bids + asks].tolist()]
            said.append(("delta", pairs[:bids], pairs[bids:]))
        elif row["kind"] == Kind.TRADE:
            said.append(("trade", int(row["price_ticks"]), int(row["size_lots"])))
        elif row["kind"] == Kind.NOTE:
            said.append(("mark", batch.notes[start].text, None))
        else:
            said.append(("tick", None, None))
    return said


@given(st.lists(rows, max_size=4))
def test_what_goes_in_comes_out_of_every_arrangement(parts: list) -> None:
    everything = [item for part in parts for item in part]
    builder = BatchBuilder(1, 1)
    joined = concat([build(part, builder) for part in parts])
    assert read(joined) == everything
    cut = list(joined.split_at_ticks())
    assert [item for piece in cut for item in read(piece)] == everything
    assert all(piece.ends_at_tick for piece in cut[:-1])
    assert all((piece.rows["kind"][:-1] != Kind.TICK).all() for piece in cut)
    assert read(concat(cut)) == everything


def test_unnamed_ids_are_missing_and_unnamed_numbers_zero() -> None:
    row = build([("trade", 5, 6)]).rows[0]
    assert row["ts_event"] == MISSING
    assert row["first_id"] == MISSING
    assert row["last_id"] == MISSING
    assert row["ask_ticks"] == 0
