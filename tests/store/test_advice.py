"""Records of advisers across sessions: added up, each session once, whatever the file is like."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Baseline, Tally
from store.advice import AdviceShelf

counts = st.integers(0, 1000)
tallies = st.builds(
    Tally,
    st.sampled_from(("news", "technical")),
    st.sampled_from((60.0, 120.0)),
    st.tuples(counts, counts, counts).map(lambda c: (c[0] + 1000, c[1] + 1000, c[2] + 1000)),
    st.tuples(counts, counts, counts),
    counts,
    counts,
    st.floats(0, 1e3),
    st.floats(-1e3, 1e3),
    st.floats(0, 1e6),
)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(st.sampled_from("abc"), tallies), max_size=6))
def test_sessions_add_up_and_a_session_counts_as_it_ended(drawn: list[tuple[str, Tally]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shelf = AdviceShelf(Path(folder) / "state.db")
        last: dict[tuple[str, str, float], Tally] = {}
        for session, tally in drawn:
            shelf.put(session, [tally])
            last[session, tally.adviser, tally.horizon_s] = tally
        found = shelf.read()
    assert shelf.reason == ""
    assert found.sessions == len({session for session, _, _ in last})
    assert {(t.adviser, t.horizon_s) for t in found.tallies} == {(a, h) for _, a, h in last}
    for tally in found.tallies:
        parts = [t for (_, a, h), t in last.items() if (a, h) == (tally.adviser, tally.horizon_s)]
        assert tally.pieces == tuple(sum(t.pieces[i] for t in parts) for i in range(3))
        assert tally.hits == tuple(sum(t.hits[i] for t in parts) for i in range(3))
        assert abs(tally.net - sum(t.net for t in parts)) < 1e-6


def test_no_file_is_an_empty_record_and_is_not_made(tmp_path: Path) -> None:
    shelf = AdviceShelf(tmp_path / "state.db")
    assert shelf.read() == Baseline()
    shelf.put("a", [])
    assert not (tmp_path / "state.db").exists()


def test_a_damaged_file_is_said_and_nothing_raises(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"no database at all" * 100)
    shelf = AdviceShelf(path)
    assert shelf.read() == Baseline()
    assert "state.db" in shelf.reason
    shelf.put("a", [Tally("news", 60.0, (1, 0, 0), (1, 0, 0))])
    assert "state.db" in shelf.reason


def test_records_that_cannot_be_are_left_out(tmp_path: Path) -> None:
    shelf = AdviceShelf(tmp_path / "state.db")
    tally = Tally("news", 60.0, (1, 0, 0), (1, 0, 0))
    shelf.put("a", [tally])
    assert shelf.read().tallies == (tally,)
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("update advice_tally set weak_hits = 7")
    assert shelf.read() == Baseline()
    assert "hits" in shelf.reason
    shelf.put("a", [msgspec.structs.replace(tally, pieces=(9, 0, 0))])
    assert shelf.read().tallies[0].pieces == (9, 0, 0)
