"""What the store keeps of a paper world: fills, shocks, and a child's parent; and bounds for strangers."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.batch import OWN, Batch, BatchBuilder
from engine.events import Kind, Listed, Note, Post, Scored, Shock
from store.codec import decode, encode
from store.errors import BadRecording
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
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
        (Scored("p", 0, (), 40.0, 0.9, None, None, None, "x"), "expected a score's numbers"),
        (Scored("p", 0, (), 0.1, float("nan"), None, None, None, "x"), "expected a score's numbers"),
        (Scored("p", 0, (), 0.1, 0.9, 1e9, None, None, "x"), "expected a score's doubts"),
        (Scored("p", 0, (), 0.1, 0.9, None, None, float("inf"), "x"), "expected a score's doubts"),
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
