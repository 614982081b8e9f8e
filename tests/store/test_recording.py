"""Reading what is damaged, foreign, newer or hostile: what can be read is, the rest is said in a sentence."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from store import schema
from store.codec import encode
from store.errors import BadRecording, NewerRecording, NotARecording, StoreError
from store.header import uuid7
from store.recording import Recording
from store.verify import verify
from tests.store.made import (
    BTC,
    ETH,
    START_NS,
    TICK_NS,
    assert_same_events,
    made_batches,
    put_all,
    record,
    state_after,
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "whole.sqlite"
    record(path, made_batches(1000, rows_a_tick=12), flush_every=20).close()
    return path


@pytest.fixture
def whole(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(recorded, tmp_path / "whole.sqlite"))


def changed(path: Path, change: Callable[[sqlite3.Connection], object]) -> Path:
    copy = path.with_name("changed.sqlite")
    shutil.copy(path, copy)
    connection = sqlite3.connect(copy, isolation_level=None)
    change(connection)
    connection.close()
    return copy


def test_a_recording_tells_what_it_is(whole: Path) -> None:
    with Recording(whole) as recording:
        assert (recording.start, recording.end) == (START_NS, START_NS + 1000 * TICK_NS)
        assert recording.instruments == (BTC, ETH)
        assert recording.lost == ""
        assert recording.header.closed_ns == recording.end
        assert recording.header.source == "made"
        assert set(recording.header.versions) >= {"microtui", "python", "numpy", "numba", "machine"}
        marks = [(START_NS + n * TICK_NS, "MARK") for n in range(9, 1000, 40)]
        assert [m for m in recording.marks if m[1] == "MARK"] == marks
        assert list(recording.marks) == sorted(recording.marks)


def test_ticks_are_found_backwards_across_pieces(whole: Path) -> None:
    with Recording(whole) as recording:
        for ticks in (1, 2, 99, 100, 101, 350, 998):
            assert recording.tick_before(recording.end, ticks) == recording.end - ticks * TICK_NS
        assert recording.tick_before(recording.end, 5000) == recording.start


def test_a_reader_beside_the_writer_never_misses_an_event_that_moves_into_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    batches = made_batches(250)
    recorder = record(path, batches[:1])
    with Recording(path) as reader:
        seen, seq = [], 0
        put = len(batches[0])
        for at in range(1, 250, 7):
            put = put_all(recorder, batches[at : at + 7], put)
            while (block := reader.block_from(seq)) is not None:
                assert block.seq == seq
                seen.append(block.batch)
                seq += len(block.batch)
    recorder.close()
    assert sum(map(len, seen)) == sum(map(len, batches))
    with Recording(path) as closed:
        found = [b for _, b in closed.batches_from(0)]
    for batch, expected in zip(found, batches, strict=True):
        assert_same_events(batch, expected)


class Pages(NamedTuple):
    """Where SQLite's own table of its pages says that the rows of a recording lie."""

    to_open: int  # the last page without which nothing can be said
    of_chunk: dict[int, int]  # by the number of its first event: the last page that it takes to read it
    of_checkpoint: dict[int, int]


def pages_of(path: Path) -> Pages:
    db = sqlite3.connect(path)
    roots = "select max(pageno) from dbstat where name = 'sqlite_schema' or path = '/'"
    (to_open,) = db.execute(roots).fetchone()
    checkpoints = last_pages(db, "checkpoint")
    for seq, base in db.execute("select seq, base from checkpoint where base is not null order by seq"):
        checkpoints[seq] = max(checkpoints[seq], checkpoints[base])
    found = Pages(to_open, last_pages(db, "chunk"), checkpoints)
    db.close()
    return found


def last_pages(db: sqlite3.Connection, table: str) -> dict[int, int]:
    pages = db.execute(
        "select path, pageno, pagetype, ncell from dbstat where name = ? order by path", (table,)
    ).fetchall()
    over: dict[str, int] = {}  # "/003/001", a leaf and the place of a row in it, to the row's last page
    for place, page, kind, _ in pages:
        if kind == "overflow":
            row = place.partition("+")[0]
            over[row] = max(page, over.get(row, 0))
    root = next(page for place, page, _, _ in pages if place == "/")
    lasts = [
        max(root, leaf, over.get(f"{place}{row:03x}", 0))
        for place, leaf, kind, rows in pages
        if kind == "leaf"
        for row in range(rows)
    ]
    seqs = [seq for (seq,) in db.execute(f"select seq from {table} order by seq")]
    return dict(zip(seqs, lasts, strict=True))


@pytest.mark.parametrize("part", [0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97])
def test_of_a_file_cut_anywhere_every_piece_that_is_all_there_is_read(
    whole: Path, tmp_path: Path, part: float
) -> None:
    data, pages = whole.read_bytes(), pages_of(whole)
    cut = tmp_path / "cut.sqlite"
    size = int(part * len(data))
    cut.write_bytes(data[:size])
    there = size // schema.PAGE_BYTES  # whole pages; one behind them may hold enough and may not
    if there < pages.to_open:
        with pytest.raises(StoreError, match=r"cut\.sqlite"):
            Recording(cut)
        return
    with Recording(whole) as good, Recording(cut) as recording:
        assert f"{size:,} of {len(data):,} bytes are there" in recording.lost
        for seq, last_page in pages.of_chunk.items():
            try:
                found = recording.block_from(seq)
            except BadRecording:
                assert last_page > there
                continue
            expected = good.block_from(seq)
            assert last_page <= there + 1
            assert found is not None
            assert expected is not None
            assert_same_events(found.batch, expected.batch)
        kept = [seq for seq, last_page in pages.of_checkpoint.items() if last_page <= there]
        for checkpoint in (recording.checkpoint_before(good.end), recording.checkpoint_after(0)):
            assert checkpoint is not None or not kept
            assert checkpoint is None or checkpoint.blob == state_after(checkpoint.seq)


def test_half_a_file_still_gives_nearly_half_the_session(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.sqlite", tmp_path / "cut.sqlite"
    record(whole, made_batches(4000, rows_a_tick=8), flush_every=50).close()
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with Recording(cut) as recording:
        assert "what can be read ends at 2024-08-0" in recording.lost
        assert recording.end > START_NS + 1000 * TICK_NS
        block = recording.block_from(0)
        assert block is not None
        assert_same_events(next(block.batch.split_at_ticks()), made_batches(1, rows_a_tick=8)[0])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "something else"),
        (b"PK\x03\x04" * 100, "something else"),
        (b"SQLite format 3\0", "something else"),
    ],
)
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)
    with pytest.raises(NotARecording, match=says):
        Recording(path)


def test_no_file_a_folder_and_a_strange_database_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotARecording, match="there is no file"):
        Recording(tmp_path / "none.sqlite")
    with pytest.raises(NotARecording, match="cannot be read"):
        Recording(tmp_path)
    strange = tmp_path / "strange.sqlite"
    sqlite3.connect(strange).execute("create table t (x)").connection.close()
    with pytest.raises(NotARecording, match="not a recording of microtui"):
        Recording(strange)
    garbage = tmp_path / "garbage.sqlite"
    garbage.write_bytes(b"SQLite format 3\0" + random.Random(1).randbytes(8000))
    with pytest.raises(StoreError, match=r"garbage\.sqlite"):
        Recording(garbage)


def test_a_newer_form_is_refused_with_the_version_to_install(whole: Path) -> None:
    def newer(db: sqlite3.Connection) -> None:
        db.execute("pragma user_version = 7")
        db.execute("update header set value = '3.2.1' where key = 'microtui'")

    with pytest.raises(NewerRecording, match=r"form 7.*up to form 5.*install microtui 3\.2\.1 or later"):
        Recording(changed(whole, newer))


def first_form(db: sqlite3.Connection) -> None:
    """As recordings were when a symbol had one listing and nobody wrote or traded beside the market."""
    for table in (*schema._SINCE_THIRD, *schema._SINCE_FIFTH):
        db.execute(f"drop view {table}_iso")
        db.execute(f"drop table {table}")
    db.execute("drop view trades_iso")
    db.execute("alter table instruments rename to listings")
    db.execute(
        "create table instruments (symbol integer primary key, venue text, name text, base text, quote text, "
        "tick_size text, lot_size text, kind text, multiplier text, price_decimals integer, size_decimals integer)"
    )
    kept = "symbol, venue, name, base, quote, tick_size, lot_size, kind, multiplier, price_decimals, size_decimals"
    db.execute(f"insert into instruments select {kept} from listings")
    db.execute("drop table listings")
    db.execute(
        "create view trades_iso as select t.ts from trades t join instruments i on i.symbol = t.symbol"
    )
    db.execute("pragma user_version = 1")


def test_an_older_form_migrates_and_keeps_its_events(whole: Path) -> None:
    with Recording(whole) as recording:
        expected = [recording.query(sql) for sql in ("select * from trades_iso", "select * from marks")]
    older = changed(whole, first_form)
    with Recording(older) as recording:
        assert recording.query("pragma user_version") == [(5,)]
        assert [
            recording.query(sql) for sql in ("select * from trades_iso", "select * from marks")
        ] == expected
        assert recording.instruments == (BTC, ETH)
        assert recording.listings[1] == ((0, ETH),)
    assert verify(older, refold=lambda recording: []).problems == ()


def hostile_view(db: sqlite3.Connection) -> None:
    db.execute("alter table trades rename to real_trades")
    db.execute("create view trades as select * from real_trades, (select randomblob(100000000))")


def generated_column(db: sqlite3.Connection) -> None:
    db.execute("drop table marks")
    db.execute("create table marks (ts integer, text text as (hex(zeroblob(100000000))))")


def other_columns(db: sqlite3.Connection) -> None:
    db.execute("alter table chunk add column more")


def wrong_types(db: sqlite3.Connection) -> None:
    db.execute("pragma writable_schema = on")
    db.execute("update chunk set blob = 'text'")


def huge_frame(db: sqlite3.Connection) -> None:
    blob = b"\x01" + (2**31).to_bytes(4, "little") + bytes(100)
    db.execute("update chunk set blob = ?", (blob,))


def instruments_of_text(db: sqlite3.Connection) -> None:
    columns = ", ".join(schema.INSTRUMENTS)
    db.execute("alter table instruments rename to own")
    db.execute(f"create table instruments ({columns})")
    db.execute("insert into instruments select * from own")
    db.execute("drop table own")
    db.execute("update instruments set symbol = 'abc\x1b[2J'")


def numbers_of_text(db: sqlite3.Connection) -> None:
    db.execute("alter table chunk rename to own")
    db.execute(f"create table chunk ({', '.join(schema.BLOCK)})")
    db.execute("insert into chunk select 'a' || seq, last_seq, ts, last_ts, rows, blob from own")
    db.execute("drop table own")


def swapped(db: sqlite3.Connection) -> None:
    db.execute("update chunk set blob = ?", (encode(made_batches(1)[0]),))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (hostile_view, "no table trades"),
        (generated_column, "table marks of"),
        (other_columns, "table chunk of"),
        (wrong_types, "numbers and bytes"),
        (numbers_of_text, "numbers and bytes"),
        (instruments_of_text, r"expected a symbol index .* found \('abc\\x1b"),
        (huge_frame, "at most 524288 rows"),
        (swapped, "are damaged"),
    ],
)
def test_a_hostile_file_is_refused_in_a_sentence(
    whole: Path, change: Callable[[sqlite3.Connection], None], says: str
) -> None:
    path = changed(whole, change)
    with pytest.raises(BadRecording, match=says), Recording(path) as recording:
        list(recording.batches_from(0))


def test_hostile_text_never_reaches_the_screen(whole: Path) -> None:
    def escape(db: sqlite3.Connection) -> None:
        db.execute("update alerts set kind = ?", ("\x1b[2J",))
        db.execute("update instruments set name = ?", ("\x1b]0;x\x07BTC\u202eUSDT",))
        db.execute("update header set value = ? where key = 'source'", ("a\x1bb",))

    with Recording(changed(whole, escape)) as recording:
        assert recording.header.source == "ab"
        assert {kind for _, kind in recording.marks} == {"[2J", "MARK"}
        assert recording.instruments[0].symbol == "]0;xBTCUSDT"


def test_triggers_in_a_file_do_not_fire(whole: Path) -> None:
    def trap(db: sqlite3.Connection) -> None:
        db.execute("create trigger trap after insert on header begin delete from chunk; end")

    with Recording(changed(whole, trap)) as recording:
        assert recording.next_seq > 0
        with pytest.raises(BadRecording, match="readonly"):
            recording.query("insert into header values ('a', 'b')")


def test_damaged_checkpoints_are_passed_over(whole: Path) -> None:
    numbers = []

    def damage(db: sqlite3.Connection) -> None:
        numbers.extend(n for (n,) in db.execute("select seq from checkpoint order by seq"))
        db.execute("update checkpoint set blob = x'28b52ffd' where seq = ?", (numbers[-1],))

    with Recording(changed(whole, damage)) as recording:
        found = recording.checkpoint_before(recording.end)
        assert found is not None
        assert (found.seq, found.blob) == (numbers[-2], state_after(numbers[-2]))


def test_verify_finds_nothing_wrong_with_what_the_recorder_wrote(whole: Path) -> None:
    found = verify(whole, refold=lambda recording: [])
    assert found.problems == ()
    assert found.ticks == 1000
    assert found.events == sum(map(len, made_batches(1000, rows_a_tick=12)))
    assert found.checkpoints > 0


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        (
            "delete from chunk where seq = (select seq from chunk order by seq limit 1 offset 3)",
            "are missing",
        ),
        ("delete from trades where rowid = (select max(rowid) from trades)", "table of trades has"),
        (
            "update checkpoint set blob = x'00' where seq = (select max(seq) from checkpoint)",
            "cannot be read",
        ),
        ("update chunk set blob = substr(blob, 1, 500) where seq = 0", "are damaged"),
    ],
)
def test_verify_finds_what_was_done_to_it(whole: Path, sql: str, says: str) -> None:
    found = verify(changed(whole, lambda db: db.execute(sql)))
    assert not found.good
    assert says in found.problems[0]


def test_verify_passes_on_what_folding_again_finds(whole: Path) -> None:
    assert (
        verify(whole, refold=lambda recording: [f"differs at {recording.next_seq}"])
        .problems[0]
        .startswith("differs at ")
    )


def test_uuid7_sorts_by_time() -> None:
    ids = [uuid7(ms) for ms in (0, 1, 1_700_000_000_000, 1_700_000_000_001, (1 << 48) - 1)]
    assert ids == sorted(ids)
    assert all(len(i) == 36 and i[14] == "7" and i[19] in "89ab" for i in ids)


def test_verify_finds_a_clock_that_steps_back(tmp_path: Path) -> None:
    path = tmp_path / "back.sqlite"
    record(path, [*made_batches(5), *made_batches(5)]).close()
    assert "the clock steps back among the events from 0 on" in verify(path).problems
