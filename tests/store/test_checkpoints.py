"""Checkpoints packed as differences against the states themselves."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ports import Checkpoint
from store.checkpoints import CheckpointReader, CheckpointWriter, unpack
from store.errors import BadRecording


def table(rows: list[tuple[int, int, int | None, bytes]]) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("create table checkpoint (seq integer primary key, ts, base, size, blob)")
    db.executemany("insert into checkpoint values (?, ?, ?, 0, ?)", rows)
    return db


def states(count: int, seed: int = 1) -> list[Checkpoint]:
    """A state of 20 kB that changes by a hundred bytes from one to the next, and grows now and then."""
    rng = np.random.default_rng(seed)
    state = rng.integers(0, 256, 20_000, np.uint8)
    found = []
    for number in range(count):
        state[rng.integers(0, len(state), 100)] = rng.integers(0, 256, 100)
        if number % 30 == 29:
            state = np.concatenate([state, rng.integers(0, 256, 500, np.uint8)])
        found.append(Checkpoint(number * 10 + 5, 1000 + number * 7, state.tobytes()))
    return found


def packed(checkpoints: list[Checkpoint]) -> list[tuple[int, int, int | None, bytes]]:
    writer = CheckpointWriter()
    return [(c.seq, c.ts, *writer.pack(c)) for c in checkpoints]


def test_each_is_found_again_forwards_backwards_and_at_random() -> None:
    made = states(100)
    rows = packed(made)
    reader = CheckpointReader(table(rows))
    order = [*range(100), *range(99, -1, -1), *np.random.default_rng(2).permutation(100).tolist()]
    for number in order:
        assert reader.before(made[number].ts) == made[number]
        assert reader.before(made[number].ts + 6) == made[number]
        assert reader.after(made[number].seq) == made[number]
        assert reader.after(made[number].seq - 9) == made[number]
    assert reader.before(999) is None
    assert reader.after(1000) is None


def test_what_changes_little_takes_little_and_none_is_far_from_a_whole_one() -> None:
    made = states(200)
    rows = packed(made)
    bases = {seq: base for seq, _, base, _ in rows}
    whole = [blob for _, _, base, blob in rows if base is None]
    differences = [blob for _, _, base, blob in rows if base is not None]
    assert len(whole) == pytest.approx(200 / 32, abs=1)
    assert sum(map(len, differences)) / len(differences) < 0.1 * len(whole[0])
    for seq in bases:
        steps, at = 0, bases[seq]
        while at is not None:
            steps, at = steps + 1, bases[at]
        assert steps <= 5


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=40))
def test_any_states_come_back(blobs: list[bytes]) -> None:
    made = [Checkpoint(n + 1, n, blob) for n, blob in enumerate(blobs)]
    reader = CheckpointReader(table(packed(made)))
    assert [reader.before(c.ts) for c in made] == made


def test_references_that_lead_nowhere_or_in_a_circle_are_passed_over() -> None:
    made = states(3)
    rows = packed(made)
    good = rows[0]
    for base in (999, rows[2][0], rows[1][0]):
        circle = [
            good,
            (rows[1][0], rows[1][1], base, rows[1][3]),
            (rows[2][0], rows[2][1], rows[1][0], rows[2][3]),
        ]
        assert CheckpointReader(table(circle)).before(10**6) == made[0]
    odd = [good, (20, 2000, None, "text")]
    assert CheckpointReader(table(odd)).before(10**6) == made[0]  # type: ignore[arg-type]


def test_a_state_that_declares_too_much_is_refused() -> None:
    with pytest.raises(BadRecording, match="at most 134217728 bytes"):
        unpack(zstandard.ZstdCompressor().compressobj(size=1 << 40).compress(b"x" * 200_000), None)
    with pytest.raises(BadRecording, match="cannot be unpacked"):
        unpack(b"\x28\xb5\x2f\xfd\x20\x05rubbish", None)
