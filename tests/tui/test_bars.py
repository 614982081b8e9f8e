"""The lines across the screen: what stays when it gets narrow, and what the header dares to call live."""

import frames
import msgspec
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.geometry import Size

from engine.frame import Frame, View
from engine.frame.host import Recording
from tui.bars.base import Bar, Part, fit
from tui.bars.header import Header, Symbols
from tui.bars.transport import TransportLine
from tui.look import plain_look

LOOK = plain_look()


def changed(frame: Frame, **host: object) -> Frame:
    return msgspec.structs.replace(frame, host=msgspec.structs.replace(frame.host, **host))


def test_the_change_beside_the_price_is_that_prices_change() -> None:
    """The last trade is shown, and the line's own change is the mid's."""
    frame = frames.live()
    (line,) = frame.market.lines
    detail, mid = frame.market.detail, 61_000.0
    assert detail.last is not None
    traded = line.instrument.tick.to_float(detail.last.ticks)
    moved = msgspec.structs.replace(line, mid=mid, change_pct=-25.0)
    first = mid / 0.75
    market = msgspec.structs.replace(frame.market, lines=(moved,))
    text = drawn(Header(LOOK), msgspec.structs.replace(frame, market=market), 160)
    assert f"{(traded / first - 1) * 100:.2f} %".replace("-", "−") in text


def without_events(frame: Frame) -> Frame:
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, events=()))


def drawn(bar: Bar, frame: Frame, width: int) -> str:
    bar._size = Size(width, 1)
    bar.show(frame)
    line = bar.render_line(0)
    assert line.cell_length == width
    return line.text


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 30), st.integers(1, 3)), max_size=8),
    st.integers(0, 120),
)
def test_the_least_important_part_goes_first(shapes: list[tuple[int, int, int]], width: int) -> None:
    parts = [Part(rank, (Segment("x" * size),), gap=gap) for rank, size, gap in shapes]
    kept = fit(parts, width)
    used = sum(part.width + part.gap for part in kept) - (kept[0].gap if kept else 0)
    assert used <= width or all(part.rank == 0 for part in kept)
    gone = [part for part in parts if not any(part is other for other in kept)]
    if gone and kept:
        assert max(part.rank for part in kept) <= min(part.rank for part in gone) or used <= width
    assert all(part.rank for part in gone)
    assert [part for part in parts if any(part is other for other in kept)] == kept


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [
        (160, ["Binance spot", "10.0/s +4 ms", "✓ book 6 489/6 489", "00:12:31", "since 23:47", "UTC"], []),
        (100, ["Binance spot", "✓ book 6 489/6 489", "61 693.73 +0.31 %", "00:12:31"], ["since", "UTC"]),
        (
            80,
            ["BTCUSDT", "● LIVE", "✓ book 6 489/6 489", "● rec", "61 693.73 +0.31 %"],
            ["00:12:31", "10.0/s"],
        ),
        (50, ["BTCUSDT", "● LIVE", "61 693.73 +0.31 %"], ["✓ book", "Binance"]),
    ],
)
def test_the_header_keeps_what_matters(width: int, there: list[str], gone: list[str]) -> None:
    text = drawn(Header(LOOK), frames.live(), width)
    assert all(part in text for part in there), text
    assert not any(part in text for part in gone), text


@pytest.mark.parametrize(
    ("make", "there"),
    [
        (frames.stale, "✗ book stale"),
        (frames.crossed, "✗ book crossed, resyncing"),
        (frames.unproven, "✗ book 6 489/6 491"),
        (frames.offline, "○ BACKOFF"),
        (frames.empty, "○ waiting for the snapshot"),
        (frames.replay, "▶ REPLAY"),
        (frames.rewind, "▶ REWIND"),
    ],
)
def test_trouble_is_said_even_when_narrow(make: object, there: str) -> None:
    for width in (160, 80):
        text = drawn(Header(LOOK), make(), width)  # type: ignore[operator]
        assert there in text
        assert "✓" not in text or make in (frames.replay, frames.rewind)


@pytest.mark.parametrize("width", [160, 80])
def test_before_the_first_symbol_the_header_says_what_it_waits_for(width: int) -> None:
    frame = frames.offline()
    bare = msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, lines=()))
    assert "binance: cannot resolve stream.binance.com" in drawn(Header(LOOK), bare, width)
    quiet = msgspec.structs.replace(bare, market=msgspec.structs.replace(bare.market, feeds=()))
    assert "waiting for the first symbol" in drawn(Header(LOOK), quiet, width)


def test_a_failed_comparison_is_in_the_warning_colour() -> None:
    header = Header(LOOK)
    drawn(header, frames.unproven(), 160)
    (count,) = [part for part in header.render_line(0) if "6 491" in part.text]
    assert count.style is not None
    assert count.style.color == LOOK.palette.warning.color


def test_live_is_only_what_trades() -> None:
    halted = drawn(Header(LOOK), frames.live(trading="HALT"), 160)
    assert "LIVE" not in halted
    assert "○ HALT" in halted


def test_a_recording_that_fails_or_loses_is_said() -> None:
    def recorded(recording: Recording) -> str:
        frame = frames.live()
        host = msgspec.structs.replace(frame.host, recording=recording)
        return drawn(Header(LOOK), msgspec.structs.replace(frame, host=host), 160)

    assert "✗ recording stopped" in recorded(Recording("FAILED", reason="disk full"))
    assert "1 200 events not recorded" in recorded(Recording("ON", bytes=10, lost_events=1200))


@pytest.mark.parametrize("width", [160, 80])
def test_a_session_that_could_be_recorded_and_is_not_says_so(width: int) -> None:
    header = Header(LOOK)
    text = drawn(header, changed(frames.live(), recording=Recording("OFF")), width)
    assert "○ NOT RECORDING" in text
    assert "✓ book" in text
    (said,) = [part for part in header.render_line(0) if "NOT RECORDING" in part.text]
    assert said.style is not None
    assert said.style.color == LOOK.palette.warning.color
    assert "RECORDING" not in drawn(header, frames.replay(), width)


def test_the_header_says_paused() -> None:
    for width in (160, 80):
        assert "‖ REPLAY paused" in drawn(Header(LOOK), frames.replay(paused=True), width)
        assert "paused" not in drawn(Header(LOOK), frames.replay(), width)


def test_a_long_note_is_cut_before_the_track() -> None:
    note = "reconstructed book: the venue's own depth is not known before 10:41"
    transport = msgspec.structs.replace(frames.replay().host.transport, note=note)
    frame = changed(frames.replay(), transport=transport)
    for width in range(56, 161):
        text = drawn(TransportLine(LOOK), frame, width)
        assert sum(text.count(c) for c in "━─●◆▼") >= 16, text
        assert ("reconst" in text) == ("…" in text) == (width >= 58), text
    assert note[:59] in drawn(TransportLine(LOOK), frame, 160)


def test_symbols_say_which_is_chosen_and_which_is_in_doubt() -> None:
    bar = Symbols(LOOK)
    text = drawn(bar, frames.several(), 160)
    assert text.strip() == "BTCUSDT 61 693.72 +0.31 %  ETHUSDT 2 513.45 −0.12 %  SOLUSDT 141.28 stale"
    assert drawn(bar, frames.several(), 32).strip() == "BTCUSDT 61 693.72 +0.31 %  +2"


@given(st.integers(1, 130), st.integers(2, 12), st.data())
def test_symbols_without_room_are_counted_and_the_chosen_one_stays(
    width: int, count: int, data: st.DataObject
) -> None:
    chosen = data.draw(st.integers(0, count - 1))
    frame = frames.several()
    names = [f"{chr(65 + number)}COINUSDT" for number in range(count)]
    lines = tuple(
        msgspec.structs.replace(
            frame.market.lines[number % 3],
            instrument=msgspec.structs.replace(frame.market.lines[number % 3].instrument, symbol=name),
        )
        for number, name in enumerate(names)
    )
    market = msgspec.structs.replace(frame.market, lines=lines, symbol=chosen)
    text = drawn(Symbols(LOOK), msgspec.structs.replace(frame, market=market), width)
    if width >= 40:  # else not even the chosen one has room
        shown = [name for name in names if name in text]
        assert names[chosen] in shown
        assert text.split()[-1] == f"+{count - len(shown)}" or len(shown) == count


def test_the_knob_and_the_marks_stand_where_time_says() -> None:
    frame = without_events(frames.replay(View()))
    transport, ts = frame.host.transport, frame.market.ts
    text = drawn(TransportLine(LOOK), frame, 160)
    first = text.index("━")
    last = max(text.rindex("─"), text.rindex("━"))
    width = last + 1 - first

    def share(at: int) -> float:
        return (at - first) / width

    def at_time(moment: int) -> float:
        return (moment - transport.start) / (transport.end - transport.start)

    assert share(text.index("●", text.index("●") + 1)) == pytest.approx(at_time(ts), abs=1.1 / width)
    assert share(text.index("◆")) == pytest.approx(at_time(transport.marks[0][0]), abs=1.1 / width)
    assert share(text.index("▼")) == pytest.approx(at_time(transport.marks[1][0]), abs=1.1 / width)
    assert "▶ 4×" in text
    assert "2025-11-20 23:59:44.0" in text
    assert "‖ paused 4×" in drawn(TransportLine(LOOK), frames.replay(paused=True), 160)


def test_the_track_shows_every_kind_of_mark_as_the_chart_does() -> None:
    transport = frames.replay().host.transport
    length = transport.end - transport.start
    kinds = ("SHOCK", "LONG", "SHORT", "MARK", "FILL")
    marks = tuple((transport.start + (i + 1) * length // 7, kind) for i, kind in enumerate(kinds))
    quiet = without_events(frames.replay())
    marked = changed(quiet, transport=msgspec.structs.replace(transport, marks=marks))
    line = drawn(TransportLine(LOOK), marked, 120)
    assert [c for c in line.partition("━")[2] if c in "↯▲▼◆◂"] == ["↯", "▲", "▼", "◆", "◂"]


@pytest.mark.parametrize(
    ("make", "paper"),
    [(worlds.simulated, False), (worlds.on_paper, True), (worlds.child, True), (frames.live, False)],
)
def test_paper_is_said_where_something_of_ours_trades_beside_a_real_market(make: object, paper: bool) -> None:
    header = drawn(Header(LOOK), make(frames.ANY), 140)  # type: ignore[operator]
    assert ("PAPER" in header) == paper


def test_a_child_session_says_what_it_is_and_where_it_came_from() -> None:
    frame = worlds.child()
    assert "CHILD" in drawn(Header(LOOK), frame, 140)
    assert "goes on from BTCUSDT at 23:51:02" in drawn(TransportLine(LOOK), frame, 140)


def test_what_happened_is_on_the_track_of_a_session_that_knows_no_marks_of_its_own() -> None:
    frame = worlds.simulated()
    bare = changed(frame, transport=msgspec.structs.replace(frame.host.transport, marks=()))
    line = drawn(TransportLine(LOOK), bare, 160)
    start, length = frame.market.started, frame.market.ts - frame.market.started
    first, width = line.index("━"), line.rindex("●") - line.index("━") + 1
    at = first + (next(e.ts for e in frame.market.events if e.kind == "SHOCK") - start) * width // length
    assert "↯" in line[at - 1 : at + 2]
    long_ago = tuple(msgspec.structs.replace(event, ts=start - 10**9) for event in frame.market.events)
    old = msgspec.structs.replace(bare, market=msgspec.structs.replace(frame.market, events=long_ago))
    assert not set(drawn(TransportLine(LOOK), old, 160)) & set("↯◂◆▼")
