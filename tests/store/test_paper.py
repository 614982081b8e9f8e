"""What the store keeps of a paper world: fills, shocks, and a child's parent; and bounds for strangers."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.batch import OWN, Batch, BatchBuilder
from engine.events import Kind, Listed, Note, Post, Scored, SentimentRecord, Shock
from store.codec import decode, encode
from store.errors import BadRecording
from store.header import new_header
from store.plain import PlainTables
from store.recorder import Recorder
from store.recording import Recording
from store.schema import open_writer
from store.sessions import Catalogue
from tests.store.made import BTC, START_NS, TICK_NS

FILL = {"symbol": 0, "side": -1, "price_ticks": 6_123_456, "size_lots": 70, "ask_ticks": -31, "flags": 1}


def session() -> Batch:
    out = BatchBuilder(8, 8)
    out.add_note(Listed(0, BTC), START_NS, 0)
    out.add_note(Shock("programme", 5.0, -1, 30.0, 0, START_NS + 7), START_NS + 8)
    out.add(Kind.FILL, START_NS + 9, first_id=4, last_id=OWN, **FILL)
    order = FILL | {"ask_ticks": 0, "flags": 0, "ask_lots": 12}
    out.add(Kind.ORDER, START_NS + 9, first_id=4, last_id=OWN, **order)
    out.add(Kind.TICK, START_NS + TICK_NS, symbol=-1)
    return out.take()


def kept(path: Path, parent: tuple[str, int] | None = None) -> Path:
    recorder = Recorder(path, new_header("made", START_NS, parent=parent))
    recorder.put(0, session(), [])
    recorder.close()
    return path


def test_fills_and_shocks_are_rows_for_people_who_query(tmp_path: Path) -> None:
    with Recording(kept(tmp_path / "a.sqlite")) as recording:
        assert recording.query("select * from fills") == [
            (START_NS + 9, 2, 0, 4, OWN, -1, 6_123_456, 70, -31, 1)
        ]
        assert recording.query("select * from shocks") == [(START_NS + 7, 0, "programme", 5.0, -1, 30.0)]
        ((time,),) = recording.query("select time from fills_iso")
        assert time.endswith(f".{(START_NS + 9) % 10**9:09d}Z")


def test_a_child_names_its_parent_in_its_header_and_in_the_list(tmp_path: Path) -> None:
    kept(tmp_path / "parent.sqlite")
    with Recording(tmp_path / "parent.sqlite") as recording:
        origin = recording.header.id
        assert (recording.header.parent, recording.header.parent_seq) == ("", None)
    kept(tmp_path / "child.sqlite", (origin, 1234))
    with Recording(tmp_path / "child.sqlite") as recording:
        assert (recording.header.parent, recording.header.parent_seq) == (origin, 1234)
    for _ in range(2):  # read, then remembered
        parents = {s.name: s.parent for s in Catalogue(tmp_path).sessions()}
        assert parents == {"parent": "", "child": origin}


def test_a_post_has_one_row_that_is_written_over_in_its_place(tmp_path: Path) -> None:
    def said(post: str, polarity: float, depth_after: float | None) -> SentimentRecord:
        known = (0.8, 0.4, None, "embedded", "m", 0.1, 0, 0.2, 3.0, 0.2, depth_after, 0)
        return SentimentRecord(START_NS, post, "news:wire", "", "BTC", "up", polarity, *known)

    connection, tables, empty = open_writer(tmp_path / "x.sqlite"), PlainTables(), BatchBuilder(1, 1).take()
    for rows in (
        [said("a", 0.5, None), said("b", 0.1, None)],
        [said("a", -0.2, None)],
        [said("a", -0.2, 7.0)],
    ):
        tables.add(0, empty, rows)
        tables.write(connection)
    found = connection.execute("select rowid, post, polarity, depth_after from sentiment").fetchall()
    connection.close()
    assert found == [(1, "a", -0.2, 7.0), (2, "b", 0.1, None)]


def with_note(note: Note) -> bytes:
    out = BatchBuilder(2, 2)
    out.add_note(note, START_NS)
    return encode(out.take())


SCORE = Scored("p", START_NS, ("BTC",), 0.5, 0.9, 0.2, None, 0.6, "embedded")


@pytest.mark.parametrize(
    ("note", "sentence"),
    [
        (Shock("earthquake"), "expected a shock of programme"),
        (Shock("programme", 1e300, -1, 30.0), "expected a size of"),
        (Shock("programme", float("nan"), -1, 30.0), "expected a size of"),
        (Shock("halt", duration_s=float("inf")), "expected a duration of"),
        (Shock("halt", duration_s=1.0, symbol=-1), "expected a symbol's index"),
        (
            Scored("p", 0, (), 40.0, 0.9, None, None, None, "x"),
            "a score with polarity from -1 to 1, found 40",
        ),
        (
            Scored("p", 0, (), 0.1, float("nan"), None, None, None, "x"),
            "with confidence from 0 to 1, found nan",
        ),
        (Scored("p", 0, (), 0.1, 0.9, 1e9, None, None, "x"), "with aleatoric from 0 to 2"),
        (Scored("p", 0, (), 0.1, 0.9, None, None, float("inf"), "x"), "with entropy from 0 to 2"),
        (Scored("p", 0, (), 0.1, 0.9, None, None, None, "x", 1.5), "with bot from 0 to 1"),
        (Scored("p", 0, (), 0.1, 0.9, None, None, None, "x", cost_micro=2**63), "with cost_micro from 0"),
        (Scored("p", 0, (), 0.1, 0.9, None, None, None, "x", took_ms=-1), "with took_ms from 0"),
        (Post("p", "x", 2**63, "x"), "expected a post with ts_event from 0"),
        (Post("p", "x", -1, "x"), "expected a post with ts_event from 0"),
    ],
)
def test_numbers_that_no_session_could_have_used_are_refused(note: Note, sentence: str) -> None:
    with pytest.raises(BadRecording, match=sentence):
        decode(with_note(note))


def test_posts_are_cleaned_and_sound_scores_and_shocks_pass() -> None:
    post = Post("id", "reddit:\x1bBitcoin", START_NS, "to the\u202e moon", assets=("BTC\x07",))
    (found,) = decode(with_note(post)).notes
    assert found == Post("id", "reddit:Bitcoin", START_NS, "to the moon", assets=("BTC",))
    for note in (SCORE, Shock("cascade", 200.0, 1, 120.0, 3, 9)):
        assert decode(with_note(note)).notes == (note,)
