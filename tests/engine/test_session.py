"""Sessions and the desk: commands, drawing, recording and rewinding, on sources made for the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.batch import Batch, BatchBuilder
from engine.core import State, apply
from engine.desk import Desk
from engine.events import Alert, FeedStatus, Kind, Listed
from engine.frame import Frame, View
from engine.frame.host import Host, Transport
from engine.kernels.ladder import MAX_GROUP
from engine.picture import auto_group, picture
from engine.ports import AddMark, Command, GoLive, Jump, Pause, Record, Resync, Seek, SetView, Sink, StepBy
from engine.session import DAY_NS, Session
from store.header import new_header
from store.recorder import Recorder
from store.recording import Recording
from store.replay import ReplaySource
from tests.laws.generated import BTC, START_NS, TICK_NS, generated_batches


class Paced:
    """Generated batches, one whenever the test says so. Takes resync and mark, as a live source does."""

    accepts = frozenset({"resync", "mark", "record", "view"})

    def __init__(self, batches: list[Batch]) -> None:
        self.waiting: asyncio.Queue[Batch | None] = asyncio.Queue()
        for batch in batches:
            self.waiting.put_nowait(batch)
        self.commands: list[Command] = []
        self.closed = False

    @property
    def transport(self) -> Transport:
        return Transport()

    async def batches(self) -> AsyncIterator[Batch | Jump]:
        while (batch := await self.waiting.get()) is not None:
            yield batch

    async def command(self, command: Command) -> None:
        self.commands.append(command)

    async def close(self) -> None:
        self.closed = True


def opening(book: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]) -> list[Batch]:
    """A listed, synced symbol whose book takes the given levels, one step a tick; the first is a snapshot."""
    out, batches = BatchBuilder(), []
    ts = START_NS
    out.add_note(Listed(0, BTC, 1000), ts, 0)
    out.add_note(FeedStatus("binance", "LIVE"), ts)
    for number, (bids, asks) in enumerate(book):
        kind = Kind.DELTA if number else Kind.SNAPSHOT
        out.add_levels(kind, ts, bids, asks, symbol=0, first_id=number, last_id=number)
        if not number:
            out.add_note(FeedStatus("binance", "SYNCED", 0), ts, 0)
        ts += TICK_NS
        out.add(Kind.TICK, ts)
        batches.append(out.take())
    return batches


CROSSED = [([(100, 5)], [(101, 5)]), ([(103, 2)], []), ([(99, 1)], [])]


async def test_a_crossed_book_is_flagged_and_its_symbol_resynced_once() -> None:
    source = Paced(opening(CROSSED))
    source.waiting.put_nowait(None)
    session = Session(source)
    states: list[str] = []
    session.observers.append(lambda state, _: states.append(state.symbols[0].shown_state))
    await session.run()
    assert states == ["SYNCED", "CROSSED", "CROSSED"]
    assert source.commands == [Resync(0, "the best bid reached the best ask")]
    line = session.frame().market.lines[0]
    assert (line.state, line.mid, line.top.bid_ticks) == ("CROSSED", None, None)
    assert session.frame().market.events[0].kind == "BOOK"
    assert source.closed


async def test_a_level_that_no_book_can_hold_is_called_that() -> None:
    source = Paced(opening([CROSSED[0], ([(2**62, 5)], [])]))
    source.waiting.put_nowait(None)
    session = Session(source)
    await session.run()
    assert source.commands == [Resync(0, "a level lies beyond what the book can hold")]
    assert session.state.symbols[0].shown_state == "MISMATCH"


async def test_a_new_snapshot_ends_the_doubt() -> None:
    batches = opening(CROSSED)
    out = BatchBuilder()
    out.add_levels(Kind.SNAPSHOT, START_NS, [(90, 1)], [(95, 1)], symbol=0, last_id=50)
    out.add(Kind.TICK, START_NS + 10 * TICK_NS)
    state = State()
    for batch in (*batches, out.take()):
        apply(state, batch)
    assert state.symbols[0].shown_state == "SYNCED"
    assert state.symbols[0].feature("mid") == pytest.approx(0.925)


def test_a_gap_is_told_and_hides_the_numbers_but_not_the_ladder() -> None:
    state = State()
    for batch in opening(CROSSED[:1]):
        apply(state, batch)
    out = BatchBuilder()
    out.add_note(FeedStatus("binance", "GAP", 0, "updates 7 to 9 are missing"), START_NS, 0)
    out.add(Kind.TICK, START_NS + 5 * TICK_NS)
    derived, _ = apply(state, out.take())
    assert [d.text for d in derived if isinstance(d, Alert)] == [
        "BTCUSDT book gap: updates 7 to 9 are missing"
    ]
    market = picture(state, View())
    assert (market.lines[0].state, market.lines[0].mid) == ("GAP", None)
    assert [level.ticks for level in market.detail.bids] == [100]


async def test_the_view_is_drawn_at_once_and_the_last_tick_is_always_drawn() -> None:
    source = Paced(list(generated_batches(1, 30)))
    frames: list[Frame] = []
    session = Session(source, publish=frames.append)
    running = asyncio.create_task(session.run())
    while session.state.ts < START_NS + 30 * TICK_NS:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.15)
    assert frames[-1].market.ts == session.state.ts
    assert len(frames) < 30
    await session.command(SetView(View(symbol=1, ladder_rows=3)))
    assert frames[-1].view.ladder_rows == 3
    assert frames[-1].market.symbol == 1
    assert len(frames[-1].market.detail.bids) <= 3
    source.waiting.put_nowait(None)
    await running


async def test_recording_can_be_switched_off_and_on_and_begins_with_a_checkpoint(tmp_path: Path) -> None:
    source = Paced(list(generated_batches(2, 40)))
    made: list[Path] = []

    def make() -> Sink:
        made.append(tmp_path / f"{len(made)}.sqlite")
        return Recorder(made[-1], new_header("test", START_NS))

    session = Session(source, make_sink=make)
    running = asyncio.create_task(session.run())
    await asyncio.sleep(0.2)
    await session.command(Record())
    for batch in generated_batches(3, 20):
        rows = batch.rows[batch.rows["kind"] == Kind.TICK].copy()
        rows["ts_recv"] += 100 * TICK_NS
        source.waiting.put_nowait(Batch(rows))
    await asyncio.sleep(0.2)
    await session.command(Record(False))
    source.waiting.put_nowait(None)
    await running
    assert len(made) == 1
    with Recording(made[0]) as recording:
        first = recording.checkpoint_after(0)
        assert first is not None
        assert first.seq > 0
        assert sum(len(batch) for _, batch in recording.batches_from(first.seq)) == 20


async def test_a_live_session_is_rewound_over_its_own_recording_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    source = Paced(list(generated_batches(4, 120)))
    frames: list[Frame] = []

    def make_session(publish: object, host: object) -> Session:
        sink = Recorder(path, new_header("test", START_NS))
        return Session(source, publish=publish, host=host, sink=sink)  # type: ignore[arg-type]

    desk = Desk(
        frames.append,
        make_session,
        lambda host: msgspec.structs.replace(host, cpu_pct=1.0),
        lambda: ReplaySource(Recording(path), label="REWIND", follow=True),
    )
    running = asyncio.create_task(desk.run())
    while desk.main.state.ts < START_NS + 120 * TICK_NS:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.6)  # the recorder commits every 250 ms
    live = frames[-1]
    assert {"seek", "step", "pause"} <= live.host.accepts
    assert "now" not in live.host.accepts

    target = START_NS + 40 * TICK_NS
    await desk.command(Pause(True))
    await desk.command(Seek(target))
    await _until(lambda: frames[-1].market.ts == target)
    assert frames[-1].host.transport.label == "REWIND"
    assert frames[-1].host.cpu_pct == 1.0
    assert "now" in frames[-1].host.accepts
    straight = State()
    for batch in list(generated_batches(4, 120))[:40]:
        apply(straight, batch)
    assert frames[-1].market == picture(straight, frames[-1].view)

    await desk.command(StepBy(-3))
    await _until(lambda: frames[-1].market.ts == target - 3 * TICK_NS)
    await desk.command(AddMark("here"))
    assert source.commands == [AddMark("here", target - 3 * TICK_NS)]
    await desk.command(GoLive())
    assert frames[-1].market.ts == live.market.ts
    assert frames[-1].host.transport.label == "LIVE"
    source.waiting.put_nowait(None)
    await running


async def _until(true: object) -> None:
    for _ in range(400):
        if true():  # type: ignore[operator]
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


def test_the_ladder_steps_in_ones_twos_and_fives() -> None:
    assert [auto_group(mid) for mid in (1, 80_000, 83_000, 400_000, 6_169_373, 12_000_000)] == [
        1,
        1,
        1,
        5,
        100,
        200,
    ]


def test_host_is_no_part_of_the_market() -> None:
    assert Host() != Host(cpu_pct=2.0)
    assert Frame(host=Host()).market == Frame(host=Host(cpu_pct=2.0)).market


def told(states: list[str], apart_ns: int) -> list[str]:
    """The alerts of a book that goes through these states, one each `apart_ns`."""
    state = State()
    for batch in opening(CROSSED[:1]):
        apply(state, batch)
    out, ts, texts = BatchBuilder(), START_NS + TICK_NS, []
    for name in states:
        ts += apart_ns
        out.add_note(FeedStatus("binance", name, 0, "silence"), ts, 0)
        out.add(Kind.TICK, ts)
        derived, _ = apply(state, out.take())
        texts += [d.text for d in derived if isinstance(d, Alert)]
    return texts


def test_an_outage_that_flaps_is_told_of_once_and_a_later_one_again() -> None:
    assert told(["STALE", "SYNCED"] * 50, TICK_NS) == ["BTCUSDT book stale: silence"]
    assert told(["STALE", "SYNCED"] * 3, 20_000_000_000) == ["BTCUSDT book stale: silence"] * 3


def test_a_stale_book_goes_on_where_its_feed_goes_on() -> None:
    state = State()
    for batch in opening(CROSSED[:1]):
        apply(state, batch)
    out = BatchBuilder()
    ts = START_NS + 50 * TICK_NS
    out.add_note(FeedStatus("binance", "STALE", 0, "silence"), ts, 0)
    out.add(Kind.TICK, ts)
    apply(state, out.take())
    assert picture(state, View()).lines[0].state == "STALE"
    out.add_levels(Kind.DELTA, ts, [(99, 7)], [(102, 3)], symbol=0, first_id=1, last_id=4)
    out.add_note(FeedStatus("binance", "SYNCED", 0), ts, 0)
    out.add(Kind.TICK, ts + TICK_NS)
    apply(state, out.take())
    market = picture(state, View())
    assert (market.lines[0].state, market.lines[0].update_id) == ("SYNCED", 4)
    assert market.lines[0].mid == pytest.approx(1.005)
    assert [tuple(level)[:2] for level in map(msgspec.structs.astuple, market.detail.bids)] == [
        (100, 5),
        (99, 7),
    ]


def test_a_chart_goes_on_with_trades_while_a_side_of_the_book_is_empty() -> None:
    state = State()
    for batch in opening([([(100, 5)], [(102, 5)]), ([(100, 0)], [])]):
        apply(state, batch)
    market = picture(state, View())
    assert market.lines[0].mid is None
    out, ts = BatchBuilder(), START_NS + 20 * TICK_NS
    out.add(Kind.TRADE, ts, symbol=0, last_id=1, price_ticks=90, size_lots=1, side=-1)
    out.add(Kind.TICK, ts)
    apply(state, out.take())
    market = picture(state, View())
    assert market.lines[0].mid is None
    assert memoryview(market.detail.chart.close).cast("d")[-1] == pytest.approx(0.90)
    assert memoryview(market.detail.chart.low).cast("d")[-1] == pytest.approx(0.90)


def test_where_spreads_are_wide_a_ladder_row_is_a_sixth_of_one() -> None:
    assert auto_group(600_000, 10.0) == auto_group(600_000)  # price alone asks for 10 ticks
    assert auto_group(600_000, 2_700.0) == 500
    assert auto_group(50, 7.0) == 2
    for far in (1e13, 1e17, 2.0**60):  # of a stranger's recording
        assert auto_group(far, far) == auto_group(1e30) <= MAX_GROUP


async def test_a_file_turns_at_midnight_and_both_halves_replay_to_what_was_seen(tmp_path: Path) -> None:
    """The second begins with a checkpoint at the first's last event, and names it; nothing is lost between them."""
    midnight = (START_NS // DAY_NS + 1) * DAY_NS
    batches = []
    for batch in generated_batches(5, 40):  # the last twenty ticks come after midnight
        rows = batch.rows.copy()
        rows["ts_recv"] += midnight - START_NS - 20 * TICK_NS
        batches.append(Batch(rows, batch.levels, batch.notes))
    source, made = Paced(batches), [Recorder(tmp_path / "0.sqlite", new_header("test", START_NS))]

    def follow(before: Sink, seq: int) -> Sink:
        assert before is made[-1]
        header = new_header("test", midnight, parent=(made[-1].header.id, seq))
        made.append(Recorder(tmp_path / f"{len(made)}.sqlite", header))
        return made[-1]

    seen: dict[int, bytes] = {}

    def keep(frames: dict[int, bytes], state: State) -> None:
        frames[state.ts] = msgspec.msgpack.encode(picture(state, View()))

    session = Session(source, sink=made[0], next_sink=follow)
    session.observers.append(lambda state, _: keep(seen, state))
    source.waiting.put_nowait(None)
    await session.run()
    assert len(made) == 2
    again: dict[int, bytes] = {}
    with Recording(tmp_path / "0.sqlite") as one, Recording(tmp_path / "1.sqlite") as other:
        assert (other.header.parent, other.header.parent_seq) == (one.header.id, one.next_seq)
        assert (one.header.ending, other.header.ending, other.gaps) == ("", "", ())
        assert abs(one.end - midnight) <= TICK_NS >= abs(other.start - midnight)
        for recording in (one, other):
            replay = Session(ReplaySource(recording, speed=0.0, hold_at_end=False))
            replay.observers.append(lambda state, _: keep(again, state))
            await replay.run()
    assert again == seen
